"""From an event to what is told, and to whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from release.channels import Topic
from release.events import Event, EventKind
from release.loading import parse_config
from release.model import Actor, Color, Job, JobKind, JobState, Release, Stage, StageRun, StageState, State
from release.problems import ProblemDocument
from release.signals import (
    LONGEST,
    Facts,
    Signal,
    address,
    dump_message,
    find_signal,
    make_test,
    parse_message,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ANNA = Actor("person", "anna")
RELEASE = Release("r1", "shop", "v2-blue", Color.BLUE, "c0ffee", State.READY, ANNA, NOW, NOW)
JOB = Job(
    id="j1",
    app="shop",
    kind=JobKind.PROMOTE,
    queue="shop",
    state=JobState.FAILED,
    color=Color.BLUE,
    release_id="r1",
    tag="v2-blue",
    stages=(StageRun(Stage.ACTIVATE, StageState.FAILED),),
    stage_index=0,
    fence=1,
    attempt=1,
    actor=ANNA,
    reason="",
    created_at=NOW,
    problem=ProblemDocument("moved", "The route was moved", "shop: by kubectl", "look who did it"),
)
CONFIG = parse_config(
    """
channels:
  chat: {kind: slack, url: {env: CHAT_URL}}
  nobody: {kind: slack, url: {env: CHAT_URL}, apps: [blog]}
  ready: {kind: slack, url: {env: CHAT_URL}, events: [ready]}
  hook: {kind: webhook, url: "https://example.com/in", secret: {env: KEY}, events: [live, stage]}
  commits: {kind: commit-status, host: github, token: {env: TOKEN}}
apps:
  shop:
    repository: https://example.com/shop.git
    namespace: shop
    image: "registry/shop:{tag}"
    gateway: {address: "http://10.0.0.1"}
    webhook: {provider: github, repository: acme/shop, secrets: [{env: S}]}
  blog:
    repository: https://example.com/blog.git
    namespace: shop
    image: "registry/shop:{tag}"
    gateway: {address: "http://10.0.0.1"}
""",
    name="verdigris.yml",
)


def event(about: EventKind, /, **data: Any) -> Event:  # noqa: ANN401 -- as an event's data is
    told = {"tag": "v2-blue", **data}
    return Event("17-0", about, "shop", "r1", NOW, told)


def step(source: str | None, target: str, **more: str) -> Event:
    return event(
        EventKind.RELEASE, **{"from": source, "to": target, "actor": "person:anna", "reason": "", **more}
    )


def found(one: Event, **facts: Any) -> Signal:  # noqa: ANN401 -- as ``Facts`` takes them
    signal = find_signal(one, Facts(**facts))
    assert signal is not None
    return signal


def test_a_release_that_becomes_ready_is_told_with_what_to_do() -> None:
    signal = found(step("running", "ready"), release=RELEASE)

    assert signal.topic is Topic.READY
    assert (signal.what, signal.next_step) == (
        "shop: v2-blue is ready, all stages passed.", "verdigris promote shop"
    )  # fmt: skip
    assert (signal.release_id, signal.color, signal.commit, signal.at) == ("r1", "blue", "c0ffee", NOW)


@pytest.mark.parametrize(("missing", "words"), [(1, "waits for 1 approval."), (2, "waits for 2 approvals.")])
def test_one_that_needs_approvals_says_so(missing: int, words: str) -> None:
    signal = found(step("running", "ready"), release=RELEASE, missing=missing)

    assert signal.topics == (Topic.WAITING_FOR_APPROVAL, Topic.READY)
    assert words in signal.what
    assert signal.next_step == "Approve or reject it."


def test_live_and_rolled_back_say_by_whom_and_why() -> None:
    live = found(step("ready", "live"))
    back = found(step("live", "rolled-back", reason="errors"))

    assert (live.topic, live.actor, live.what) == (
        Topic.LIVE, "person:anna", "shop: v2-blue is live, every user gets it."
    )  # fmt: skip
    assert (back.topic, back.actor, back.reason) == (Topic.ROLLED_BACK, "person:anna", "errors")


@pytest.mark.parametrize(
    "quiet",
    [
        step(None, "live"),
        step("queued", "running"),
        step("running", "failed"),
        event(EventKind.JOB, state="done", kind="deploy"),
        event(EventKind.OBSERVED),
        event(EventKind.VOTE, decision="approve"),
    ],
)
def test_of_most_events_nothing_is_told(quiet: Event) -> None:
    assert find_signal(quiet, Facts()) is None


def test_a_job_that_failed_is_told_with_its_reason_and_the_next_step() -> None:
    failed = event(EventKind.JOB, state="failed", kind="promote")

    signal = found(failed, job=JOB, release=RELEASE)

    assert (signal.topic, signal.what) == (Topic.FAILED, "shop: the promote of v2-blue failed.")
    assert signal.reason == "The route was moved: shop: by kubectl"
    assert signal.next_step == "look who did it"
    assert found(failed).reason == "", "also of a job that is forgotten by now"


def test_a_stage_a_revert_and_a_wait_are_told() -> None:
    stage = found(event(EventKind.STAGE, stage="smoke", state="running"))
    ended = found(event(EventKind.STAGE, stage="smoke", state="passed"))
    undone = found(
        event(EventKind.INTERFERENCE, what="Argo CD moved users", users="they get v1", next_step="exclude it")
    )
    stuck = found(event(EventKind.STUCK, kind="deploy", queue="shop", text="no worker for 60 s"))

    assert (stage.stage, stage.state, stage.what) == ("smoke", "running", "shop: smoke of v2-blue runs.")
    assert ended.what == "shop: smoke of v2-blue passed."
    assert (undone.topic, undone.what, undone.reason, undone.next_step) == (
        Topic.GITOPS_REVERT, "shop: Argo CD moved users", "they get v1", "exclude it"
    )  # fmt: skip
    assert (stuck.topic, stuck.reason) == (Topic.QUEUE_STUCK, "no worker for 60 s")


def test_texts_are_one_line_without_control_characters_and_bounded() -> None:
    signal = found(step("live", "rolled-back", reason="a\x1b[2J\n\nb\u202e" + "x" * 1000))

    assert signal.reason.startswith("a\ufffd[2J b\ufffdx")
    assert len(signal.reason) == LONGEST + 1
    assert signal.reason.endswith("…")


def test_a_signal_goes_to_channels_that_ask_for_it_under_what_they_ask_for() -> None:
    signal = found(step("running", "ready"), release=RELEASE, missing=1)

    messages = address(signal, CONFIG)

    told = [(one.channel, one.signal.topic, one.subject) for one in messages]
    assert told == [("chat", Topic.WAITING_FOR_APPROVAL, ""), ("ready", Topic.READY, "")]
    assert [one.id for one in messages] == ["17-0_chat", "17-0_ready"]


def test_states_of_a_stage_have_one_subject_so_that_the_newest_counts() -> None:
    stage = event(EventKind.STAGE, stage="smoke", state="running")

    messages = address(found(stage, release=RELEASE), CONFIG)

    assert [(one.channel, one.subject) for one in messages] == [
        ("hook", "shop c0ffee smoke"), ("commits", "shop c0ffee smoke")
    ]  # fmt: skip
    assert [one.subject for one in address(found(stage), CONFIG)] == ["", ""], "of no commit that is known"


def test_of_an_app_that_is_not_configured_any_more_nothing_is_told() -> None:
    gone = Event("17-0", EventKind.RELEASE, "old", "r1", NOW, step("ready", "live").data)

    assert address(found(gone), CONFIG) == []


def test_a_message_is_read_back_as_it_was_kept() -> None:
    (message, *_) = address(found(step("ready", "live"), release=RELEASE), CONFIG)

    assert parse_message(dump_message(message)) == message


def test_a_test_says_which_channel_and_who_asked() -> None:
    message = make_test("chat", id="01ABC", actor="token:ci\n", at=NOW)

    assert (message.id, message.channel, message.signal.topic) == ("01ABC_chat", "chat", Topic.TEST)
    assert message.signal.actor == "token:ci\\u000a"
    assert parse_message(dump_message(message)) == message
