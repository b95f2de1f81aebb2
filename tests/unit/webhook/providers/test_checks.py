from __future__ import annotations

from datetime import UTC, datetime

import pytest

from release.ci import Check, CheckState
from webhook.providers.checks import find_run_state, read_moment, report
from webhook.providers.events import CheckReport, Ignored

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
PENDING, PASSED, FAILED = CheckState.PENDING, CheckState.PASSED, CheckState.FAILED


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00.000Z",
        "2026-01-01T12:00:00.000000000Z",
        "2026-01-01T12:00:00+00:00",
        "2026-01-01T13:00:00+01:00",
        "2026-01-01 12:00:00 UTC",
        "2026-01-01 14:00:00 +0200",
        "2026-01-01 07:00:00 -0500",
    ],
)
def test_every_form_of_a_time_that_hosts_write_is_read_as_utc(written: str) -> None:
    moment = read_moment(written)
    assert moment == NOON
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    [
        *(None, 0, 1767225600, True, [], {}, "", "noon", "2026-01-01T12:00:00", "2026-13-01T12:00:00Z"),
        *("0001-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00", "9999-12-31T23:59:59-23:59", "é" * 9000),
    ],
)
def test_a_time_that_is_none_or_stands_for_none_is_left_out(written: object) -> None:
    assert read_moment(written) is None


@pytest.mark.parametrize(
    ("status", "conclusion", "expected"),
    [
        ("completed", "success", PASSED),
        ("completed", "neutral", PASSED),
        ("completed", "skipped", None),
        ("completed", "failure", FAILED),
        ("completed", "cancelled", FAILED),
        ("completed", "timed_out", FAILED),
        ("completed", "action_required", FAILED),
        ("completed", "startup_failure", FAILED),
        ("completed", "stale", FAILED),
        ("completed", "Success", FAILED),
        ("completed", "something new", FAILED),
        ("completed", None, PENDING),
        ("completed", "", PENDING),
        ("queued", None, PENDING),
        ("in_progress", "success", PENDING),
        ("Completed", "success", PENDING),
        (None, "success", PENDING),
    ],
)
def test_a_run_passes_by_being_completed_with_success(
    status: str | None, conclusion: str | None, expected: CheckState | None
) -> None:
    assert find_run_state(status, conclusion) is expected


def test_of_checks_of_one_name_the_worst_counts_with_its_time() -> None:
    said = [("a", PASSED, NOON), ("a", FAILED, None), ("a", PENDING, NOON), ("b", PASSED, None)]
    event = report("acme/shop", "c" * 40, said, "id-1")
    assert event == CheckReport("acme/shop", "c" * 40, (Check("a", FAILED), Check("b", PASSED)), "id-1")


@pytest.mark.parametrize("name", [None, "", "x" * 201, "a\n", "a\tb", "\x00", "\u202e", "\u2028", "\x7f"])
def test_a_name_that_could_not_be_told_or_kept_is_no_check(name: str | None) -> None:
    assert isinstance(report("acme/shop", "c" * 40, [(name, PASSED, NOON)], "id-1"), Ignored)


@pytest.mark.parametrize(
    "name", ["x" * 200, "build / image (push)", "test: [3.11, linux]", "prüfen ✅", "<b>"]
)
def test_a_name_is_taken_as_it_is(name: str) -> None:
    event = report("acme/shop", "c" * 40, [(name, PASSED, NOON)], "id-1")
    assert isinstance(event, CheckReport)
    assert event.checks[0].name == name


def test_what_says_nothing_of_a_check_is_ignored_saying_so() -> None:
    for said in ([], [("build", None, NOON)]):
        event = report("acme/shop", "c" * 40, said, "id-1")
        assert isinstance(event, Ignored)
        assert "skipped" in event.reason
