"""Each refusal tells what happened, to which app and release, and what to do next."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from release import refusals
from release.model import Actor, Color, Job, JobKind, JobState, Release, Stage, StageRun, StageState, State

if TYPE_CHECKING:
    from release.problems import Problem

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
ANNA = Actor("person", "anna")


def a_release(
    *, app: str = "shop", state: State = State.FAILED, reason: str = "", tag: str = "v2.0-blue"
) -> Release:
    return Release(
        id="01REL",
        app=app,
        tag=tag,
        color=Color.BLUE,
        commit="c0ffee",
        state=state,
        actor=ANNA,
        created_at=NOON,
        updated_at=NOON,
        reason=reason,
    )


def a_job(kind: JobKind = JobKind.DEPLOY, *, tag: str = "v2.1-blue") -> Job:
    return Job(
        id="01JOB",
        app="shop",
        kind=kind,
        queue="shop",
        state=JobState.RUNNING,
        color=Color.BLUE,
        release_id="01NEW",
        tag=tag,
        stages=(StageRun(Stage.SANITY, StageState.RUNNING),),
        stage_index=0,
        fence=1,
        attempt=1,
        actor=ANNA,
        reason="",
        created_at=NOON,
    )


EACH = {
    "unknown_app": (refusals.unknown_app("shop"), "unknown-app", 404, "shop"),
    "unknown_release": (refusals.unknown_release("01REL"), "unknown-release", 404, "01REL"),
    "tag_does_not_match": (
        refusals.tag_does_not_match("shop", "v2.0-red"),
        "tag-does-not-match",
        422,
        "shop v2.0-red",
    ),
    "tag_refused": (
        refusals.tag_refused("shop", "v/-blue", "it has a slash"),
        "tag-refused",
        422,
        "shop v/-blue slash",
    ),
    "already_queued": (
        refusals.already_queued("shop", JobKind.PROMOTE, "01JOB"),
        "already-queued",
        409,
        "shop 01JOB",
    ),
    "nothing_ready": (refusals.nothing_ready("shop"), "nothing-ready", 409, "shop"),
    "cannot_promote": (
        refusals.cannot_promote(a_release(reason="smoke failed"), "shop"),
        "not-ready",
        409,
        "shop 01REL v2.0-blue failed: smoke",
    ),
    "color_is_being_deployed": (
        refusals.color_is_being_deployed(a_release(state=State.READY), a_job()),
        "color-being-deployed",
        409,
        "shop v2.0-blue v2.1-blue",
    ),
    "nothing_on_standby": (refusals.nothing_on_standby("shop", None), "nothing-on-standby", 409, "shop"),
    "nothing_live": (refusals.nothing_live("shop"), "nothing-live", 409, "shop"),
    "cannot_retry": (
        refusals.cannot_retry(a_release(state=State.QUEUED)),
        "not-failed",
        409,
        "shop 01REL queued",
    ),
    "no_commit": (
        refusals.no_commit(a_release(tag="live-before")),
        "no-commit",
        409,
        "shop 01REL live-before",
    ),
    "nothing_to_cancel": (
        refusals.nothing_to_cancel(a_release()),
        "nothing-to-cancel",
        409,
        "shop 01REL v2.0-blue",
    ),
    "already_begun": (
        refusals.already_begun(a_job()),
        "already-begun",
        409,
        "shop deploy v2.1-blue",
    ),
    "waited_too_long": (
        refusals.waited_too_long(a_job()),
        "waited-too-long",
        409,
        "shop deploy v2.1-blue deadlines.turn",
    ),
    "reason_missing": (
        refusals.reason_missing(refusals.nothing_live("shop").document),
        "reason-missing",
        422,
        "shop",
    ),
    "not_waiting": (
        refusals.not_waiting(a_release(state=State.RUNNING)),
        "not-waiting",
        409,
        "shop 01REL v2.0-blue running",
    ),
    "start_condition_not_met": (
        refusals.start_condition_not_met(a_job(), a_release(state=State.WAITING, reason="waiting for CI")),
        "start-condition-not-met",
        409,
        "shop v2.1-blue CI deadlines.start",
    ),
    "superseded": (
        refusals.superseded("shop", "v2.1-blue"),
        "superseded",
        409,
        "shop v2.1-blue when_newer",
    ),
    "cancelled": (
        refusals.cancelled(a_job(), ANNA, "wrong tag"),
        "cancelled",
        409,
        "shop deploy v2.1-blue person:anna: wrong",
    ),
}


@pytest.mark.parametrize(("problem", "slug", "status", "words"), EACH.values(), ids=EACH)
def test_a_refusal_names_its_subject_and_what_to_do(
    problem: Problem, slug: str, status: int, words: str
) -> None:
    document = problem.document

    assert (document.slug, document.status) == (slug, status)
    for word in words.split():
        assert word in document.detail
    assert document.title
    assert document.next_step


def test_every_refusal_is_looked_at_here() -> None:
    ours = {
        name
        for name, function in inspect.getmembers(refusals, inspect.isfunction)
        if function.__module__ == refusals.__name__ and not name.startswith("_")
    }

    assert ours == set(EACH)


@pytest.mark.parametrize("hostile", ["\x1b[31mv-blue", "v\n-blue", "v\u202e-blue", "v" * 5000])
def test_hostile_names_are_told_without_their_control_marks(hostile: str) -> None:
    details = [
        refusals.unknown_app(hostile).document.detail,
        refusals.unknown_release(hostile).document.detail,
        refusals.tag_does_not_match("shop", hostile).document.detail,
        refusals.tag_refused("shop", hostile, "why").document.detail,
        refusals.nothing_on_standby("shop", hostile).document.detail,
    ]

    assert all(detail.isprintable() and len(detail) < 300 for detail in details)


def test_a_release_of_another_app_is_told_as_that_and_not_by_its_state() -> None:
    document = refusals.cannot_promote(a_release(app="blog", state=State.READY), "shop").document

    assert document.detail == "shop: release 01REL (v2.0-blue) is of the app blog"


def test_a_state_without_a_reason_is_told_without_one() -> None:
    document = refusals.cannot_promote(a_release(state=State.QUEUED), "shop").document

    assert document.detail == "shop: release 01REL (v2.0-blue) is queued"


def test_a_named_release_that_is_not_on_standby_is_named() -> None:
    assert "release 01REL is not on standby" in refusals.nothing_on_standby("shop", "01REL").document.detail


def test_a_cancel_without_a_reason_names_who_and_what() -> None:
    document = refusals.cancelled(a_job(), ANNA, "").document

    assert document.detail == "shop: deploy of v2.1-blue was cancelled by person:anna"
    assert "verdigris deploy" in document.next_step


def test_a_cancelled_switch_is_asked_for_again_and_not_deployed() -> None:
    document = refusals.cancelled(a_job(JobKind.PROMOTE), ANNA, "").document

    assert document.next_step == "ask again with `verdigris promote shop` when it is wanted"


def test_a_cancelled_decommission_without_a_release_names_its_color() -> None:
    document = refusals.cancelled(a_job(JobKind.DECOMMISSION, tag=""), ANNA, "").document

    assert document.detail == "shop: decommission of blue was cancelled by person:anna"
