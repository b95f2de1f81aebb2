"""Whose turn it is where one app has several queues, where a standby is held, and where nobody comes."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from release.jobs import DAY, NewJob, Wait
from release.model import Color, JobKind, JobState, StartWhen, State
from release.queue import Timing
from tests.contract.queue_line import HOUR, PROBLEM, Line, new_job, to

if TYPE_CHECKING:
    from release.records import Offer


def through(queue: str, name: str, **more: str) -> NewJob:
    """A deploy of the shop through another queue."""
    return replace(new_job(name, **more), queue=queue)  # type: ignore[arg-type]


def names(offers: tuple[Offer, ...]) -> list[str]:
    return [offer.job_id for offer in offers]


class TestSeveralQueuesOfAnApp:
    def test_two_jobs_of_an_app_never_run_at_once_whatever_their_queues(self, line: Line) -> None:
        line.accept("a")

        other = line.queue.accept(through("express", "b"))

        assert other.offer is None
        assert line.store.find_active("shop") == line.job("a")
        assert names(line.finish("a").offers) == ["b"]

    def test_the_end_of_a_job_lets_its_queue_and_its_app_go_on(self, line: Line) -> None:
        line.accept("a")
        line.queue.accept(new_job("other", app="blog"))
        line.queue.accept(through("express", "b"))

        assert sorted(names(line.finish("a").offers)) == ["b", "other"]

    def test_a_rollback_at_the_head_of_another_queue_goes_before_the_apps_deploys(self, line: Line) -> None:
        line.accept("a", "b")
        line.queue.accept(replace(new_job("back", kind=JobKind.ROLLBACK, release_id="r-a"), queue="express"))

        assert names(line.finish("a").offers) == ["back"]
        assert names(line.finish("back").offers) == ["b"]

    def test_of_two_deploys_in_two_queues_the_one_accepted_first_goes_first(self, line: Line) -> None:
        line.accept("a")
        line.queue.accept(through("zz", "b"))
        line.queue.accept(through("aa", "c"))

        assert names(line.finish("a").offers) == ["b"]
        assert names(line.finish("b").offers) == ["c"]

    def test_a_head_that_waits_for_its_app_is_overtaken_by_a_rollback(self, line: Line) -> None:
        # given the blog's deploy at the head of a queue, not active, since the blog runs elsewhere
        line.queue.accept(replace(new_job("far", app="blog"), queue="express"))
        line.queue.accept(new_job("near", app="blog"))

        accepted = line.queue.accept(new_job("back", kind=JobKind.ROLLBACK, release_id=""))

        assert line.names() == ["back", "near"]
        assert accepted.offer is not None

    def test_a_record_removed_by_hand_does_not_block_the_app(self, line: Line) -> None:
        line.accept("a")
        line.queue.accept(through("express", "b"))
        line.client.delete("verdigris:job:a")

        assert line.queue.reap().resumed == ()
        assert names(line.queue.reap(sweep=True).resumed) == ["b"]
        assert line.queue.reap(sweep=True).resumed == ()


class TestHold:
    """A deploy whose color is still on standby steps aside."""

    @pytest.fixture
    def held(self, line: Line) -> Line:
        """Release r-old is on standby on blue; job ``next`` wants blue, ``after`` waits behind it."""
        line.accept("old")
        line.finish("old")
        line.queue.settle([to(State.RUNNING, "r-old", State.QUEUED)])
        line.queue.settle([to(State.STANDBY, "r-old", State.RUNNING)])
        line.queue.accept(replace(new_job("next"), keep_rollback_for=DAY))
        line.queue.accept(new_job("after", app="blog"))
        return line

    def test_the_queue_goes_on_without_it_and_says_why(self, held: Line) -> None:
        job = held.job("next")

        assert job.state is JobState.WAITING
        assert job.held_for == "vold-blue"
        assert job.held_until is not None
        assert held.names() == ["after", "next"]
        assert held.job("after").state is JobState.OFFERED
        [line] = held.store.log("r-next")
        assert line.stage == "queue"
        assert line.text == (
            "held for 1440 min: vold-blue can be rolled back to so long. `verdigris decommission shop` gives"
            " it up and lets this release go on"
        )

    def test_a_rollback_is_not_held_up(self, held: Line) -> None:
        held.finish("after")

        back = held.queue.accept(new_job("back", kind=JobKind.ROLLBACK, release_id="r-old"))

        assert back.offer is not None

    def test_it_goes_on_when_the_standby_is_given_up(self, held: Line) -> None:
        held.finish("after")
        assert held.queue.reap().resumed == ()

        held.queue.settle([to(State.RETIRED, "r-old", State.STANDBY)])

        assert names(held.queue.reap().resumed) == ["next"]
        assert held.job("next").held_until is None
        assert held.queue.reap().resumed == ()

    def test_it_goes_on_when_its_time_is_over(self, line: Line) -> None:
        line.accept("old")
        line.finish("old")
        line.queue.settle([to(State.RUNNING, "r-old", State.QUEUED)])
        line.queue.settle([to(State.STANDBY, "r-old", State.RUNNING)])
        line.queue.accept(replace(new_job("next"), keep_rollback_for=1))
        assert line.job("next").held_until

        deadline = time.monotonic() + 10
        while not (resumed := line.queue.reap().resumed) and time.monotonic() < deadline:
            Event().wait(0.02)

        assert names(resumed) == ["next"]

    def test_it_comes_back_ahead_of_deploys_accepted_later_and_behind_a_promote(self, held: Line) -> None:
        for name, app, kind in [
            ("late", "blog", JobKind.DEPLOY),
            ("go", "shop", JobKind.PROMOTE),
        ]:
            held.queue.accept(new_job(name, app=app, kind=kind, release_id="" if name == "go" else None))
        held.queue.settle([to(State.RETIRED, "r-old", State.STANDBY)])

        held.queue.reap()

        assert held.names() == ["after", "next", "late", "go"]

    def test_a_deploy_of_the_other_color_is_not_held(self, held: Line) -> None:
        held.finish("after")
        green = replace(new_job("green", tag="v9-green"), color=Color.GREEN, keep_rollback_for=DAY)

        assert held.queue.accept(green).offer is not None

    def test_it_can_be_cancelled(self, held: Line) -> None:
        ending = held.queue.cancel("next", actor=new_job("x").actor, problem=PROBLEM)

        assert ending.status == "cancelled"
        assert held.names() == ["after"]
        assert held.client.zcard("verdigris:held") == 0


class TestPatience:
    def test_a_job_that_nobody_takes_is_told_as_expired(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), patience=0))
        line.queue.accept(replace(new_job("b"), patience=0))

        assert set(line.queue.reap().expired) == {"a", "b"}

    def test_what_a_worker_has_taken_does_not_expire(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), patience=0))
        line.claim("a")

        assert line.queue.reap().expired == ()

    def test_the_next_stage_has_its_own_time_to_wait(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), patience=0))
        line.claim("a")
        line.end("a")

        assert line.queue.reap().expired == ("a",)

    def test_one_that_was_asked_to_end_is_not_told_again(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), patience=0))
        line.queue.cancel("a", actor=new_job("x").actor, problem=PROBLEM)

        assert line.queue.reap().expired == ()
        assert line.client.zcard("verdigris:deadlines") == 0

    def test_one_whose_record_is_gone_is_dropped(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), patience=0))
        line.client.delete("verdigris:job:a")

        assert line.queue.reap().expired == ()
        assert line.client.zcard("verdigris:deadlines") == 0


class TestWhatWaitedToStart:
    def test_a_promote_goes_ahead_of_every_deploy_of_its_app(self, line: Line) -> None:
        """Also where one that was accepted first stands behind the others: it had waited for CI meanwhile."""
        line.accept("busy")
        waits = replace(new_job("late", app="blog"), wait=Wait(StartWhen.CI_PASSED, HOUR))
        line.queue.accept(waits)
        line.queue.accept(new_job("early", app="blog"))
        line.queue.start("late", moves=(), fields={})

        promote = new_job(
            "promote", app="blog", kind=JobKind.PROMOTE, tag="vearly-blue", release_id="r-early"
        )
        line.queue.accept(promote)

        assert line.names() == ["busy", "promote", "early", "late"]

    def test_whoever_lets_others_in_first_is_told_that_there_are_some(self, line: Line) -> None:
        waits = replace(new_job("waits"), wait=Wait(StartWhen.CI_PASSED, HOUR))
        line.queue.accept(waits)

        looked = line.queue.accept(new_job("late"), looks_first=True)
        other = line.queue.accept(new_job("other", app="blog"), looks_first=True)

        assert (looked.status, looked.job_id, looked.offer) == ("look", "", None)
        assert line.store.find_job("late") is None
        assert other.status == "accepted"
        assert line.queue.accept(new_job("late")).status == "accepted"
        assert line.queue.accept(new_job("late"), looks_first=True).status == "accepted"

    def test_where_very_many_wait_it_is_looked_at_them_whose_ever_they_are(self, line: Line) -> None:
        many = [(f"waits-{number}", HOUR) for number in range(100)]
        line.client.zadd("verdigris:starting", dict(many[1:]))
        assert line.queue.accept(new_job("few"), looks_first=True).status == "accepted"

        line.client.zadd("verdigris:starting", dict(many))

        assert line.queue.accept(new_job("late"), looks_first=True).status == "look"


class TestNotes:
    def test_a_reason_to_wait_is_told_once_for_each_mark(self, line: Line) -> None:
        line.accept("a")

        told = [
            line.queue.tell_of_job("a", mark=mark, text=f"no worker ({mark})") for mark in ("1", "1", "2")
        ]

        assert told == [True, False, True]
        assert [one.text for one in line.store.log("r-a")] == ["no worker (1)", "no worker (2)"]

    def test_a_job_that_is_over_is_told_nothing(self, line: Line) -> None:
        line.accept("a")
        line.finish("a")

        assert not line.queue.tell_of_job("a", mark="1", text="late")
        assert not line.queue.tell_of_job("never-was", mark="1", text="late")
        assert line.store.log("r-a") == []

    def test_a_job_without_a_release_has_a_log_of_its_own(self, line: Line) -> None:
        line.queue.accept(new_job("away", kind=JobKind.DECOMMISSION, release_id=""))

        line.queue.tell_of_job("away", mark="1", text="no worker")

        assert [one.text for one in line.store.log("away")] == ["no worker"]


class TestWhatTheClusterShows:
    """A line in a release's log that no job writes."""

    def test_it_is_told_once_as_long_as_it_is_the_same(self, line: Line) -> None:
        line.accept("a")
        line.finish("a")

        told = [
            line.queue.tell_of_release("r-a", mark=mark, text=f"moved ({mark})")
            for mark in ("1", "1", "2", "2", "1")
        ]

        assert told == [True, False, True, False, True]
        assert [(one.stage, one.text) for one in line.store.log("r-a")] == [
            ("cluster", "moved (1)"),
            ("cluster", "moved (2)"),
            ("cluster", "moved (1)"),
        ]

    def test_a_release_that_is_not_known_has_no_log(self, line: Line) -> None:
        assert not line.queue.tell_of_release("never-was", mark="1", text="moved")
        assert line.store.log("never-was") == []
        assert line.store.find_release("never-was") is None

    def test_the_release_stays_as_it_was(self, line: Line) -> None:
        line.accept("a")
        before = line.store.find_release("r-a")

        line.queue.tell_of_release("r-a", mark="1", text="moved")

        assert line.store.find_release("r-a") == before


class TestCutLogs:
    """A log keeps its newest lines, and says how many went."""

    @pytest.fixture
    def long(self, line: Line) -> Line:
        short = line.with_timing(Timing(lease=HOUR, grace=HOUR, log_lines=100))
        short.accept("a")
        fence = short.claim("a").fence
        lines = [f"line {number}" for number in range(1, 1001)]
        short.queue.log("a", fence=fence, subject="r-a", stage="sanity", lines=lines)
        return short

    def test_the_first_line_read_says_how_many_were_cut(self, long: Line) -> None:
        cut, first, *_, last = long.store.log("r-a")

        gone = f"the first {first.number - 1:,} lines of this log"
        assert cut.text == f"[{gone} were cut here: a log keeps its newest lines]"
        assert first.text == f"line {first.number}"
        assert 700 <= first.number <= 901
        assert (last.text, last.number) == ("line 1000", 1000)

    def test_who_reads_on_is_told_of_what_was_cut_meanwhile(self, long: Line) -> None:
        cut, first, *_ = long.store.log("r-a", after="1-0")

        assert cut.text == "[lines were cut here: a log keeps its newest lines]"
        assert first.text == f"line {first.number}"

    def test_who_reads_on_from_a_line_that_is_there_is_told_nothing(self, long: Line) -> None:
        _, first, second, *_ = long.store.log("r-a")

        assert long.store.log("r-a", after=first.id)[0] == second
