"""The page on security against the tests: each rule names one that is there, and so does each point."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import Final

import pytest

from tests.unit.docs.test_docs import ROOT, read
from webhook.security import HEADERS
from webhook.throttle import Allowance

PAGE: Final = "docs/security.md"
NAMED: Final = re.compile(r"`(tests/[^`]*)`")
HOLDING: Final = "tests/unit/webhook/test_requests_that_must_not_get_through.py"


@cache
def functions_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("name", sorted(set(NAMED.findall(read(PAGE)))))
def test_every_test_that_the_page_names_is_there(name: str) -> None:
    file, _, test = name.partition("::")
    assert (ROOT / file).is_file()
    assert test.startswith("test_")
    assert test in functions_in(file)


def test_every_rule_names_its_test() -> None:
    rows = [
        row
        for table in re.findall(r"^\| rule \|.*?\n\|[-|]+\|\n((?:\|.*\n)+)", read(PAGE), re.MULTILINE)
        for row in table.splitlines()
    ]
    assert len(rows) > 40
    assert [row for row in rows if not NAMED.search(row)] == []


@pytest.mark.parametrize("point", range(1, 14))
def test_each_kind_of_request_that_must_not_get_through_has_tests_of_its_own_name(point: int) -> None:
    own = {name for name in functions_in(HOLDING) if name.startswith(f"test_{point}_")}
    assert own
    assert any(f"{HOLDING}::{name}" in read(PAGE) for name in own)


def test_the_limits_on_the_page_are_those_of_the_program() -> None:
    words_of = {
        Allowance.REFUSALS: ("20 per minute", "20 a minute"),
        Allowance.SIGN_INS: ("10 per minute", "10 a minute"),
        Allowance.CALLS: ("600 per 10 seconds", "600 in 10 seconds"),
        Allowance.OVERREACHING: ("60 per minute", "60 a minute"),
        Allowance.LOOKS: ("1 per minute", "once a minute"),
    }
    assert {one: one.value for one in Allowance} == {one: value for one, (value, _) in words_of.items()}
    for _, words in words_of.values():
        assert words in read(PAGE)


def test_every_header_is_on_the_page() -> None:
    short = read(PAGE).replace("Cross-Origin-…-Policy", "")
    for name in HEADERS:
        assert name.startswith("Cross-Origin-") or name in short
    assert "`Cross-Origin-…-Policy`" in read(PAGE)
