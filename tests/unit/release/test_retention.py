"""Finished releases are kept by count and age."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.model import Actor, Color, Release, State
from release.retention import FINISHED, Keep, choose_forgotten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.release.desk import Desk

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEEP = Keep(releases=3, days=10)


def release(number: int, state: State, *, age: float = 0) -> Release:
    at = NOW - timedelta(days=age)
    return Release(
        f"r{number}", "shop", f"v{number}-blue", Color.BLUE, "", state, Actor("git", "joe"), at, at
    )


@pytest.mark.parametrize(
    ("oldest", "known", "expected"),
    [
        pytest.param([], 0, [], id="nothing"),
        pytest.param([release(1, State.RETIRED), release(2, State.FAILED)], 3, [], id="not too many"),
        pytest.param([release(1, State.RETIRED), release(2, State.FAILED)], 5, ["r1", "r2"], id="too many"),
        pytest.param([release(1, State.LIVE), release(2, State.FAILED)], 5, ["r2"], id="one is live"),
        pytest.param(
            [release(1, State.FAILED, age=11), release(2, State.FAILED, age=9)], 2, ["r1"], id="too old"
        ),
        pytest.param([release(1, State.STANDBY, age=99)], 1, [], id="old, but on standby"),
    ],
)
def test_what_is_beyond_count_or_age_and_finished_is_forgotten(
    oldest: Sequence[Release], known: int, expected: list[str]
) -> None:
    assert choose_forgotten(oldest, known=known, keep=KEEP, now=NOW) == expected


@pytest.mark.parametrize("state", [one for one in State if one not in FINISHED])
def test_nothing_that_is_waited_for_or_runs_is_forgotten(state: State) -> None:
    old = replace(release(1, state, age=999))

    assert choose_forgotten([old], known=99, keep=KEEP, now=NOW) == []


def test_forgetting_takes_all_that_belongs_to_a_release_and_nothing_else(desk: Desk) -> None:
    failed = desk.deploy("v1.0-blue", to=State.FAILED)
    ready = desk.deploy("v2.0-blue")
    running = desk.requests.deploy("shop", "v3.0-blue", actor=Actor("git", "joe"))
    ids = [one.release_id or "" for one in (failed, ready, running)]

    oldest, known = desk.store.oldest_releases("shop", limit=10)
    assert ([one.id for one in oldest], known) == (ids, 3)
    assert desk.queue.forget("shop", ids) == 1

    assert desk.store.find_release(ids[0]) is None
    assert desk.store.find_job(failed.job_id) is None
    assert desk.store.changes(ids[0]) == desk.store.jobs_of(ids[0]) == []
    assert [one.id for one in desk.store.releases("shop")] == [ids[2], ids[1]]
    assert failed.job_id not in [job.id for job in desk.store.recent_jobs("shop")]


def test_a_failed_release_that_is_retried_is_not_forgotten_meanwhile(desk: Desk) -> None:
    failed = desk.deploy("v1.0-blue", to=State.FAILED)
    desk.requests.retry(failed.release_id or "", actor=Actor("person", "anna"))

    assert desk.queue.forget("shop", [failed.release_id or ""]) == 0
