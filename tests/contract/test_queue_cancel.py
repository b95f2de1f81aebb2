"""Cancelling a job: at once while nothing has begun, by asking once something has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from release.model import VERDIGRIS, JobKind, JobState, StageState, State
from release.queue import Ending
from tests.contract.queue_line import ANNA, PROBLEM, Line, new_job, to


class TestCancel:
    def test_a_job_that_waits_leaves_and_the_head_stays(self, line: Line) -> None:
        line.accept("a", "b", "c")
        gone = (to(State.CANCELLED, "r-b", State.QUEUED),)

        ending = line.queue.cancel("b", actor=ANNA, problem=PROBLEM, moves=gone)

        job = line.job("b")
        assert ending == Ending("cancelled")
        assert line.names() == ["a", "c"]
        assert (job.state, job.problem, line.state("r-b")) == (JobState.CANCELLED, PROBLEM, State.CANCELLED)

    def test_an_offered_head_leaves_and_the_next_is_offered(self, line: Line) -> None:
        line.accept("a", "b")
        fence = line.job("a").fence

        ending = line.queue.cancel("a", actor=ANNA, problem=PROBLEM)

        assert ending.status == "cancelled"
        assert ending.offer is not None
        assert ending.offer.job_id == "b"
        assert line.queue.claim("a", index=0, fence=fence, owner="w1") is None
        assert line.names() == ["b"]

    def test_the_only_job_leaves_an_empty_queue(self, line: Line) -> None:
        line.accept("a")

        assert line.queue.cancel("a", actor=ANNA, problem=PROBLEM) == Ending("cancelled")
        assert line.names() == []
        assert line.queue.reap().overdue == ()

    def test_a_running_stage_is_asked_and_the_first_who_asked_is_kept(self, line: Line) -> None:
        line.accept("a", "b")
        line.claim("a")
        gone = (to(State.CANCELLED, "r-a", State.QUEUED),)

        first = line.queue.cancel("a", actor=ANNA, problem=PROBLEM, moves=gone)
        second = line.queue.cancel("a", actor=VERDIGRIS, problem=PROBLEM, moves=gone)

        assert first == second == Ending("requested")
        assert line.job("a").cancel_requested_by == ANNA
        assert (line.job("a").state, line.state("r-a")) == (JobState.RUNNING, State.QUEUED)

    def test_a_job_that_was_asked_to_stop_keeps_the_cancellers_words(self, line: Line) -> None:
        line.accept("a")
        line.claim("a")
        line.queue.cancel("a", actor=ANNA, problem=PROBLEM)

        line.end("a", StageState.CANCELLED)

        assert line.job("a").problem == PROBLEM

    @pytest.mark.parametrize("outcome", [StageState.FAILED, StageState.CANCELLED])
    def test_a_problem_of_its_own_goes_first(self, line: Line, outcome: StageState) -> None:
        own = replace(PROBLEM, detail="stopped in the middle of a rollout")
        line.accept("a")
        job = line.claim("a")
        line.queue.cancel("a", actor=ANNA, problem=PROBLEM)

        line.queue.done("a", index=0, fence=job.fence, outcome=outcome, problem=own)

        assert line.job("a").problem == own

    def test_a_stage_that_passes_all_the_same_is_no_cancelled_one(self, line: Line) -> None:
        line.queue.accept(new_job("a", kind=JobKind.PROMOTE, release_id=""))
        line.claim("a")
        line.queue.cancel("a", actor=ANNA, problem=PROBLEM)

        line.end("a")

        assert (line.job("a").state, line.job("a").problem) == (JobState.DONE, None)

    def test_between_two_stages_it_is_asked_and_the_next_claim_hears_it(self, line: Line) -> None:
        line.accept("a")
        line.claim("a")
        line.end("a")

        ending = line.queue.cancel("a", actor=ANNA, problem=PROBLEM)

        claim = line.queue.claim("a", index=1, fence=line.job("a").fence, owner="w2")
        assert ending.status == "requested"
        assert claim is not None
        assert claim.cancelled_by == ANNA

    def test_a_stage_that_was_lost_has_begun(self, line: Line) -> None:
        """Its first worker may have touched the cluster, so that the next one has to end it."""
        line.accept("a")
        line.queue.lost("a", fence=line.claim("a").fence, why="gone")

        assert line.queue.cancel("a", actor=ANNA, problem=PROBLEM).status == "requested"
        assert line.names() == ["a"]

    @pytest.mark.parametrize("outcome", [StageState.PASSED, StageState.FAILED, StageState.CANCELLED])
    def test_a_job_that_is_over_stays_as_it_ended(self, line: Line, outcome: StageState) -> None:
        line.queue.accept(new_job("a", kind=JobKind.PROMOTE, release_id=""))
        line.claim("a")
        line.end("a", outcome)
        before = line.job("a")

        assert line.queue.cancel("a", actor=ANNA, problem=PROBLEM) == Ending("over")
        assert line.job("a") == before
