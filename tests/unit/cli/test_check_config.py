"""`verdigris check-config`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.canned import Terminal

EXAMPLE = Path(__file__).parents[3] / "verdigris.example.yml"

GOOD = """\
tokens:
  - name: ci
    value: {env: CI_TOKEN}
apps:
  shop:
    repository: https://example.com/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "verdigris.yml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_good_file_is_told_in_a_line(bare_terminal: Terminal, file: Path) -> None:
    bare_terminal.environment |= {"CI_TOKEN": "0123456789abcdef"}

    result = bare_terminal.run("check-config", str(file))

    assert result.output == f"{file}: good; apps: shop; secrets: 1, readable\n"
    assert result.exit_code == 0


def test_the_file_is_the_one_that_processes_read(bare_terminal: Terminal, file: Path) -> None:
    bare_terminal.environment |= {"CI_TOKEN": "0123456789abcdef", "VERDIGRIS_CONFIG": str(file)}

    assert bare_terminal.run("check-config").exit_code == 0


def test_every_mistake_is_told_with_its_line(bare_terminal: Terminal, file: Path) -> None:
    file.write_text(f"{GOOD}    nope: 1\n    queue: A\n", encoding="utf-8")

    result = bare_terminal.run("check-config", str(file))

    assert result.exit_code == 1
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first == f"{file}:10: apps.shop.nope: there is no such field"
    assert second.startswith(f"{file}:11: apps.shop.queue: ")


@pytest.mark.parametrize(
    ("token", "message"), [(None, "can't be read: set it"), ("short", "fewer than 16 characters")]
)
def test_a_secret_that_can_not_be_used_is_told_with_its_line(
    bare_terminal: Terminal, file: Path, token: str | None, message: str
) -> None:
    bare_terminal.environment |= {"CI_TOKEN": token}

    result = bare_terminal.run("check-config", str(file))

    assert result.exit_code == 1
    assert result.stderr.startswith(f"{file}:3: tokens.0.value: the secret in environment variable CI_TOKEN")
    assert message in result.stderr


def test_a_secret_that_its_host_can_not_sign_with_is_told(bare_terminal: Terminal, file: Path) -> None:
    hook = "    webhook: {provider: generic, repository: a/b, secrets: [{env: HOOK}]}\n"
    file.write_text(GOOD + hook, encoding="utf-8")
    bare_terminal.environment |= {"CI_TOKEN": "0123456789abcdef", "HOOK": "0123456789abcdef"}

    result = bare_terminal.run("check-config", str(file))

    assert result.exit_code == 1
    assert "apps.shop.webhook.secrets" in result.stderr
    assert "whsec_" in result.stderr


def test_secrets_can_be_left_unread(bare_terminal: Terminal) -> None:
    result = bare_terminal.run("check-config", "--without-secrets", str(EXAMPLE))

    assert result.exit_code == 0
    assert re.search(r"good; apps: shop, addressbook; secrets: [0-9]+, not read\n$", result.stdout)


def test_a_missing_file_is_told(bare_terminal: Terminal, tmp_path: Path) -> None:
    result = bare_terminal.run("check-config", str(tmp_path / "none.yml"))

    assert result.exit_code == 1
    assert "start from verdigris.example.yml" in result.stderr


def test_programs_get_what_a_good_file_holds_and_each_mistake_of_a_bad_one(bare_terminal: Terminal) -> None:
    bad = bare_terminal.home / "bad.yml"
    bad.write_text("apps: {shop: {colour: red}}", encoding="utf-8")

    good = bare_terminal.run("check-config", "--without-secrets", "--json", str(EXAMPLE))
    wrong = bare_terminal.run("check-config", "--json", str(bad))

    found = json.loads(good.stdout)
    assert (found["good"], found["apps"]) == (True, ["shop", "addressbook"])
    assert found["secrets_read"] is False
    told = json.loads(wrong.stdout)
    assert (wrong.exit_code, told["good"]) == (1, False)
    assert any("colour" in mistake for mistake in told["mistakes"])
    assert wrong.stderr.splitlines() == told["mistakes"]
