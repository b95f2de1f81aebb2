"""The turn of one stage: kept by a heartbeat, asked for before a write, told about in a log."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import structlog

from release.model import Actor, Stage
from release.problems import NotDurable
from release.queue import Held, Queue, Timing
from release.secret import Redactor, Secret
from release.turn import CancelRequested, LostTurn
from tasks.turn import LINE_LIMIT, StageTurn, patiently

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.model import Job

ANNA = Actor("person", "anna")
DEADLINE = 10.0


@dataclass
class FakeQueue:
    """A claim that a test takes away, cancels, or hides behind an outage."""

    held: Held | None = field(default_factory=lambda: Held(None))
    away: int = 0
    renewals: int = 0
    kept: list[str] = field(default_factory=list)
    timing: Timing = field(default_factory=lambda: Timing(lease=50, log_lines=10))
    renewed: threading.Event = field(default_factory=threading.Event)

    def _ask(self) -> Held | None:
        if self.away:
            self.away -= 1
            raise NotDurable("away")
        return self.held

    def look(self, job_id: str, *, fence: int) -> Held | None:
        assert (job_id, fence) == ("job-1", 7)
        return self._ask()

    def renew(self, job_id: str, *, fence: int) -> Held | None:
        assert (job_id, fence) == ("job-1", 7)
        self.renewals += 1
        self.renewed.set()
        return self._ask()

    def log(self, job_id: str, *, fence: int, subject: str, stage: str, lines: Sequence[str]) -> bool:
        assert (job_id, fence, subject, stage) == ("job-1", 7, "rel-1", "deploy")
        self._ask()
        self.kept += lines
        return True


def turn_of(queue: FakeQueue, *secrets: str, cancellable: bool = True) -> StageTurn:
    job = SimpleNamespace(id="job-1", release_id="rel-1")
    redactor = Redactor([Secret(value) for value in secrets])
    turn = StageTurn(cast("Queue", queue), cast("Job", job), stage=Stage.DEPLOY, fence=7, redactor=redactor)
    if cancellable:
        turn.allow_cancel()
    return turn


def test_a_check_passes_while_the_claim_stands() -> None:
    turn_of(FakeQueue()).check()


def test_a_check_says_that_the_turn_is_lost_and_so_does_every_wait_after_it() -> None:
    turn = turn_of(FakeQueue(held=None))

    with pytest.raises(LostTurn, match="job-1"):
        turn.check()
    with pytest.raises(LostTurn):
        turn.pause(DEADLINE)


def test_a_check_waits_for_redis_and_never_guesses() -> None:
    queue = FakeQueue(away=1)

    turn_of(queue).check()

    assert queue.away == 0


def test_the_claim_is_renewed_while_the_stage_runs_and_not_after() -> None:
    queue = FakeQueue()

    with turn_of(queue).kept():
        assert queue.renewed.wait(DEADLINE)
    count = queue.renewals

    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]
    assert queue.renewals == count


def test_lines_of_the_heartbeat_say_which_stage_they_are_about() -> None:
    queue = FakeQueue(away=1)

    with (
        structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines,
        structlog.contextvars.bound_contextvars(release="rel-1", stage="deploy"),
        turn_of(queue).kept(),
    ):
        assert queue.renewed.wait(DEADLINE)

    told = [line for line in lines if line["event"] == "the claim could not be renewed"]
    assert [(line["release"], line["stage"]) for line in told] == [("rel-1", "deploy")]


def test_a_heartbeat_outlives_an_outage() -> None:
    queue = FakeQueue(away=2)
    turn = turn_of(queue)

    with turn.kept():
        end = time.monotonic() + DEADLINE
        while queue.away and time.monotonic() < end:
            turn.pause(0.01)

    assert queue.away == 0
    turn.check()


def test_a_wait_wakes_when_the_turn_is_lost() -> None:
    queue = FakeQueue(held=None)
    turn = turn_of(queue)
    began = time.monotonic()

    with pytest.raises(LostTurn), turn.kept():
        turn.pause(DEADLINE)

    assert time.monotonic() - began < DEADLINE


def test_a_wait_wakes_when_a_cancel_is_asked() -> None:
    turn = turn_of(FakeQueue(held=Held(ANNA)))
    began = time.monotonic()

    with pytest.raises(CancelRequested), turn.kept():
        turn.pause(DEADLINE)

    assert time.monotonic() - began < DEADLINE
    assert turn.cancelled_by == ANNA


def test_a_cancel_where_none_is_safe_wakes_nobody() -> None:
    turn = turn_of(FakeQueue(held=Held(ANNA)), cancellable=False)

    turn.check()
    turn.pause(0)

    assert turn.cancelled_by == ANNA


def test_a_cancel_that_came_before_it_was_safe_takes_effect_when_it_is() -> None:
    turn = turn_of(FakeQueue(held=Held(ANNA)), cancellable=False)
    turn.check()

    turn.allow_cancel()

    with pytest.raises(CancelRequested):
        turn.pause(DEADLINE)


def test_lines_are_kept_without_secrets_one_by_one_and_cut_where_they_are_too_long() -> None:
    queue = FakeQueue()

    turn_of(queue, "hunter22").log(f"password hunter22\n\n{'x' * (LINE_LIMIT + 5)}")
    turn_of(queue).log("")

    assert queue.kept == ["password [redacted]", "", "x" * LINE_LIMIT + "… [5 cut]", ""]


def test_lines_keep_the_colors_that_a_command_wrote() -> None:
    queue = FakeQueue()

    turn_of(queue).log("\x1b[32mok\x1b[0m\n\x1b]0;title\x07next")

    assert queue.kept == ["\x1b[32mok\x1b[0m", "\x1b]0;title\x07next"]


def test_lines_of_an_outage_arrive_in_their_order_when_it_is_over() -> None:
    queue = FakeQueue(away=2)
    turn = turn_of(queue)

    turn.log("one")
    turn.log("two")
    assert queue.kept == []
    turn.log("three")

    assert queue.kept == ["one", "two", "three"]


def test_lines_of_a_long_outage_don_t_pile_up_beyond_what_a_log_keeps() -> None:
    queue = FakeQueue(away=20)
    turn = turn_of(queue)

    for number in range(20):
        turn.log(f"line {number}")
    queue.away = 0
    with turn.kept():
        pass

    assert queue.kept == [f"line {number}" for number in range(10, 20)]


def test_the_last_lines_are_sent_before_the_stage_ends_however_long_that_takes() -> None:
    queue = FakeQueue(away=2)
    turn = turn_of(queue)

    with turn.kept():
        turn.log("the last words")

    assert queue.kept == ["the last words"]


def test_who_has_lost_the_turn_waits_for_no_log() -> None:
    queue = FakeQueue(held=None)
    turn = turn_of(queue)

    def work() -> None:
        with turn.kept():
            try:
                turn.check()
            finally:
                queue.away = 1_000
                turn.log("nobody reads this")

    with pytest.raises(LostTurn):
        work()
    assert queue.kept == []


def test_asking_patiently_waits_between_two_tries() -> None:
    answers: list[int | Exception] = [NotDurable("away"), NotDurable("away"), 3]
    pauses: list[float] = []

    def call() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(call, pause=pauses.append) == 3
    assert pauses == [0.5, 0.5]
