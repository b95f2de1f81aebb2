"""The page on troubleshooting against the code: every message has its entry, and every entry its message."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.docs.test_docs import ON_PROBLEMS, ROOT, read, section_of, slugs

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = "docs/troubleshooting.md"
MADE_BY_FLASK: Final = {"not-found", "method-not-allowed"}
PROBLEMS: Final = {"Problem", "ProblemDocument", "Failed", "Finding"}
MESSAGES: Final = {"Failure", "Away", "Refusal", "ConfigError", "_unusable", "UsageError"}
LEVELS: Final = {"warning", "error", "critical", "exception"}


def trees(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for file in sorted((ROOT / folder).glob("**/*.py")):
            if "demo" not in file.parts:
                yield ast.parse(file.read_text(encoding="utf-8"))


def texts_of(value: ast.expr | None) -> list[str]:
    """A text as the page writes it, each part that is filled in as an ellipsis; both of a choice."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in value.values]
        return ["".join(parts)]
    if isinstance(value, ast.IfExp):
        return [*texts_of(value.body), *texts_of(value.orelse)]
    if isinstance(value, ast.BoolOp):
        return [text for one in value.values for text in texts_of(one)]
    return []


def name_of(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


@cache
def entries() -> dict[str, str]:
    """The entries of problems, by name."""
    parts = re.split(r"^###? ", read(PAGE), flags=re.MULTILINE)
    return {found[1]: part for part in parts if (found := re.match(r"`([a-z-]+)`\n", part))}


def test_every_problem_has_its_entry() -> None:
    assert slugs() - set(entries()) == set()


def test_every_entry_is_of_a_problem_that_exists() -> None:
    assert set(entries()) - slugs() == MADE_BY_FLASK


@pytest.mark.parametrize("slug", sorted(entries()))
def test_every_entry_says_more_than_its_title(slug: str) -> None:
    text = entries()[slug].partition("\n")[2].strip()

    assert text.startswith("*"), "an entry begins with its title"
    assert len(re.sub(r"^\*[^*]*\*", "", text).split()) >= 3


def titles() -> Iterator[tuple[str, str]]:
    """What people read, with the name of the problem."""
    for tree in trees(*ON_PROBLEMS):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node) in PROBLEMS and len(node.args) > 1:
                yield from product(texts_of(node.args[0]), texts_of(node.args[1]))
            elif isinstance(node, ast.ClassDef):
                yield from titles_of_class(node)


def titles_of_class(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    found: dict[str, str] = {}
    for part in node.body:
        targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and (texts := texts_of(getattr(part, "value", None))):
                found[target.id] = texts[0]
    if {"slug", "title"} <= set(found):
        yield found["slug"], found["title"]


def test_every_entry_begins_with_the_titles_that_people_see() -> None:
    seen = [(slug, title) for slug, title in titles() if slug in entries()]
    assert ("cluster-forbidden", "Verdigris is not allowed to do this in the cluster") in seen

    missing = [
        (slug, title)
        for slug, title in seen
        if title.casefold() not in re.sub(r"\s+", " ", entries()[slug]).casefold()
    ]

    assert missing == []


def has_words(text: str) -> bool:
    """Whether it can be looked up: a message that is filled in altogether is somebody else's."""
    return len(re.findall(r"[a-zA-Z]{2,}", text.replace("…", " "))) >= 2 or text == "interrupted"


def messages() -> set[str]:
    """How the command line and start-up word their own refusals."""
    calls = [
        node
        for tree in trees("cli", "release")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name_of(node) in MESSAGES and node.args
    ]
    return {text for call in calls for text in texts_of(call.args[0]) if has_words(text)}


def rows_of(heading: str) -> list[str]:
    """The first columns of the table below a heading, without backquotes around them."""
    rows = section_of(PAGE, heading).splitlines()
    found = [re.match(r"\| (`` .*? ``|`[^`]*`)(?: \([^)]*\))? \|", row) for row in rows]
    return [one[1].strip("` ") for one in found if one]


def explained() -> list[str]:
    return [*rows_of("## Start-up"), *rows_of("## The command line")]


def test_every_message_of_start_up_and_command_line_is_explained() -> None:
    rows = explained()
    wanted = {message.strip("` ") for message in messages()}
    assert {"no server is named", "the worker can't start"} <= wanted

    missing = [one for one in sorted(wanted) if not any(one.startswith(row) for row in rows)]

    assert missing == []


def test_every_explained_message_can_be_met() -> None:
    texts = {
        text
        for tree in trees("cli", "release")
        for node in ast.walk(tree)
        if isinstance(node, ast.expr)
        for text in texts_of(node)
    }
    known = [re.sub(r"\s+", " ", text).strip("` ") for text in texts]

    parts = [(row, max(row.split("…"), key=len)) for row in explained()]

    assert [row for row, part in parts if not any(part.strip() in text for text in known)] == []


def events() -> dict[str, set[str]]:
    """What is logged as a warning or worse, with its levels."""
    found: dict[str, set[str]] = {}
    for tree in trees(*ON_PROBLEMS):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                owner, level = node.func.value, node.func.attr
                if isinstance(owner, ast.Name) and owner.id == "log" and level in LEVELS:
                    for text in texts_of(node.args[0]):
                        found.setdefault(text, set()).add("error" if level == "exception" else level)
    return found


def test_every_warning_and_error_in_the_logs_is_explained_and_exists() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \|", section_of(PAGE, "## Log lines"), re.MULTILINE)

    assert dict(rows) == {event: min(levels) for event, levels in events().items()}
