"""What a tag declares, and what stands in the cluster of a migration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from release.model import Migration, MigrationRecord, MigrationState
from release.problems import Problem
from tasks.migration import parse_declaration
from tasks.migration_job import numbered
from tasks.migration_ledger import KEPT, Entry, find_outdated, parse_entry

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
ENTRY = Entry(
    "R1", "v2.0-blue", Migration.CONTRACT, MigrationState.RUNNING, NOON, "J1", 2, ("npm run migrate",)
)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], None),
        (["none"], Migration.NONE),
        (["Contract "], Migration.CONTRACT),
        (["expand", "EXPAND"], Migration.EXPAND),
    ],
)
def test_a_tag_declares_one_of_three_kinds_or_nothing(values: list[str], kind: Migration | None) -> None:
    assert parse_declaration(values, subject="shop v2.0-blue") is kind


@pytest.mark.parametrize("values", [["shrink"], [""], ["expand", "contract"], ["contract, maybe"]])
def test_any_other_word_is_refused_with_the_words_that_there_are(values: list[str]) -> None:
    with pytest.raises(Problem) as caught:
        parse_declaration(values, subject="shop v2.0-blue")

    document = caught.value.document
    assert document.slug == "migration-unknown"
    assert all(f"`Migration: {value}`" in document.detail for value in values)
    assert "none, expand, contract" in document.detail
    assert "git tag -a" in document.next_step


def test_a_hostile_word_is_told_in_plain_signs() -> None:
    with pytest.raises(Problem) as caught:
        parse_declaration(["x\x1b[31m\u202ey"], subject="shop v2.0-blue")

    assert caught.value.document.detail.isprintable()


def test_an_entry_is_read_back_as_it_was_written() -> None:
    assert parse_entry("R1", ENTRY.dump()) == ENTRY
    assert ENTRY.record == MigrationRecord(Migration.CONTRACT, MigrationState.RUNNING, NOON)
    assert ENTRY.moment == "2025-06-01 12:00:00 UTC"


@pytest.mark.parametrize(
    "text", ["", "no", "[]", "{}", ENTRY.dump().replace("contract", "shrink"), "null", '"x"']
)
def test_what_somebody_spoiled_is_no_entry(text: str) -> None:
    assert parse_entry("R1", text) is None


def written(number: int, state: MigrationState) -> tuple[str, str]:
    release = f"R{number:03}"
    entry = Entry(release, "v1-blue", Migration.EXPAND, state, NOON + timedelta(seconds=number))
    return release, entry.dump()


def test_while_there_is_room_nothing_is_dropped() -> None:
    assert find_outdated(dict(written(number, MigrationState.PASSED) for number in range(KEPT - 1))) == []


def test_the_oldest_that_are_over_go_and_what_is_due_stays() -> None:
    texts = dict(written(number, MigrationState.PASSED) for number in range(3, KEPT + 1))
    texts |= dict([written(0, MigrationState.PENDING), written(1, MigrationState.RUNNING)])
    texts["R002"] = "spoiled"

    assert find_outdated(texts) == ["R002", "R003"]


@pytest.mark.parametrize(
    ("run", "name"), [(0, "migrate"), (1, "migrate"), (2, "migrate-2"), (12, "migrate-12")]
)
def test_each_run_of_a_job_has_a_name_of_its_own(run: int, name: str) -> None:
    job = {"kind": "Job", "metadata": {"name": "migrate", "labels": {"a": "b"}}}

    found = numbered(job, run)

    assert found["metadata"] == {"name": name, "labels": {"a": "b"}}
    assert job["metadata"]["name"] == "migrate"
