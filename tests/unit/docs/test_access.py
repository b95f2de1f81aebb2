"""The page on access against the code: the table of roles, the fields of an entry."""

from __future__ import annotations

import re
from typing import Final

from release.audit_entries import Entry, Outcome
from release.model import VERDIGRIS
from release.roles import NEEDED, RANK, Role
from tests.unit.docs.test_docs import section_of

PAGE: Final = "docs/access.md"


def table_of(heading: str) -> list[list[str]]:
    rows = re.findall(r"^\|(.*)\|$", section_of(PAGE, heading), re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows]


def test_the_table_of_roles_is_that_of_the_code() -> None:
    head, _, *rows = table_of("## Roles")

    assert head[:5] == ["action", *Role]
    assert {row[0].strip("`"): row[1:5] for row in rows} == {
        str(action): ["yes" if RANK[role] >= RANK[needed] else "" for role in Role]
        for action, needed in NEEDED.items()
    }


def test_every_field_of_an_entry_is_explained() -> None:
    section = section_of(PAGE, "## The audit trail")
    names = set(re.findall(r"`([^`]+)`", " ".join(row[0] for row in table_of("## The audit trail"))))
    shown = set(Entry.parse("1-0", RECORD).as_json()) - {"id", "why"}

    assert names == shown
    assert {str(one) for one in Outcome if f"`{one}`" not in section} == set()


RECORD: Final = {
    **dict.fromkeys(("address", "app", "release", "reason", "why"), ""),
    "n": "1",
    "actor": str(VERDIGRIS),
    "action": "change",
    "outcome": "done",
    "before": "{}",
    "after": "{}",
}
