"""A stage in a worker's hands: taken, held, ended, lost; each repeatable after a lost reply."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from release.model import JobState, Stage, StageState, State
from release.queue import Ending, Held
from tests.contract.queue_line import ANNA, PATIENT, PROBLEM, Line, new_job, to


class TestClaim:
    def test_a_claim_tells_attempt_and_owner(self, line: Line) -> None:
        line.accept("a")

        claim = line.queue.claim("a", index=0, fence=line.job("a").fence, owner="w1")

        job = line.job("a")
        assert claim is not None
        assert (claim.attempt, claim.give_up, claim.cancelled_by) == (1, None, None)
        assert (job.state, job.owner, job.stages[0].state) == (JobState.RUNNING, "w1", StageState.RUNNING)
        assert job.started_at == job.stages[0].started_at is not None

    def test_a_second_owner_gets_nothing(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence

        assert line.queue.claim("a", index=0, fence=fence, owner="w2") is None
        assert line.job("a").owner == "w1"

    def test_asked_again_after_a_lost_reply_the_claim_stands(self, line: Line) -> None:
        line.accept("a")
        begun = (to(State.RUNNING, "r-a", State.QUEUED),)

        first, again = line.claim("a", moves=begun), line.claim("a", moves=begun)

        assert first == again
        assert [change.target for change in line.store.changes("r-a")] == [State.QUEUED, State.RUNNING]

    @pytest.mark.parametrize(("index", "off"), [(0, 1), (0, -1), (1, 0)])
    def test_another_fence_or_stage_gets_nothing(self, line: Line, index: int, off: int) -> None:
        line.accept("a")

        assert line.queue.claim("a", index=index, fence=line.job("a").fence + off, owner="w1") is None
        assert line.job("a").state is JobState.OFFERED

    def test_a_job_that_waits_can_not_be_claimed_under_any_fence_it_shows(self, line: Line) -> None:
        line.accept("a", "b")

        assert line.queue.claim("b", index=0, fence=line.job("b").fence, owner="w1") is None

    def test_a_finished_job_can_not_be_claimed(self, line: Line) -> None:
        line.accept("a")
        line.finish("a")
        job = line.job("a")

        assert line.queue.claim("a", index=job.stage_index, fence=job.fence, owner="w1") is None

    def test_of_many_who_claim_at_once_one_gets_it(self, line: Line) -> None:
        line.accept("a")
        fence = line.job("a").fence

        def claim(number: int) -> bool:
            return line.queue.claim("a", index=0, fence=fence, owner=f"w{number}") is not None

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(claim, range(24))).count(True) == 1

    def test_a_move_that_no_longer_fits_is_left_out_of_a_claim(self, line: Line) -> None:
        line.accept("a")

        line.claim("a", moves=(to(State.LIVE, "r-a", State.READY), to(State.RUNNING, "r-a", State.QUEUED)))

        assert line.state("r-a") is State.RUNNING


class TestRenew:
    def test_a_renewed_lease_does_not_expire(self, line: Line, late: Line) -> None:
        line.accept("a")
        fence = late.claim("a").fence

        assert line.queue.renew("a", fence=fence) == Held(None)
        assert late.queue.reap().lost == ()

    def test_a_look_does_not_extend_the_lease(self, line: Line, late: Line) -> None:
        line.accept("a")
        fence = late.claim("a").fence

        assert line.queue.look("a", fence=fence) == Held(None)
        assert [one.job_id for one in late.queue.reap().lost] == ["a"]

    def test_it_tells_who_asked_for_a_cancel(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence

        line.queue.cancel("a", actor=ANNA, problem=PROBLEM)

        assert line.queue.renew("a", fence=fence) == line.queue.look("a", fence=fence) == Held(ANNA)

    def test_a_fence_of_the_past_is_out(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.queue.lost("a", fence=fence, why="gone")

        assert line.queue.renew("a", fence=fence) is line.queue.look("a", fence=fence) is None

    def test_a_stage_that_has_ended_is_out_even_under_the_same_fence(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.end("a")

        assert line.queue.renew("a", fence=fence) is None


class TestDone:
    def test_asked_again_after_a_lost_reply_it_stands(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.end("a")

        again = line.queue.done("a", index=0, fence=fence, outcome=StageState.PASSED)

        assert again == Ending("repeated")
        assert line.job("a").stage_index == 1

    def test_asked_again_after_the_next_stage_was_claimed_it_still_stands(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.end("a")
        line.claim("a", owner="w2")

        again = line.queue.done("a", index=0, fence=fence, outcome=StageState.PASSED)

        assert again.status == "repeated"
        assert (line.job("a").stage_index, line.job("a").state) == (1, JobState.RUNNING)

    def test_the_end_of_a_job_asked_again_does_not_end_the_next(self, line: Line) -> None:
        line.accept("a", "b")
        fence = line.claim("a").fence
        line.end("a", StageState.FAILED)

        again = line.queue.done("a", index=0, fence=fence, outcome=StageState.FAILED)

        assert again == Ending("repeated")
        assert line.names() == ["b"]

    def test_another_outcome_than_the_first_is_not_taken(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.end("a")

        assert line.queue.done("a", index=0, fence=fence, outcome=StageState.FAILED).status == "lost"
        assert line.job("a").stages[0].state is StageState.PASSED

    def test_after_the_stage_was_lost_it_is_not_taken(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.queue.lost("a", fence=fence, why="gone")
        passed = (to(State.READY, "r-a", State.QUEUED),)

        ending = line.queue.done("a", index=0, fence=fence, outcome=StageState.PASSED, moves=passed)

        assert ending == Ending("lost")
        assert (line.job("a").state, line.job("a").stage_index) == (JobState.OFFERED, 0)
        assert line.state("r-a") is State.QUEUED

    def test_a_stage_that_was_not_claimed_can_not_end(self, line: Line) -> None:
        line.accept("a")

        assert line.end("a") == Ending("lost")
        assert line.job("a").state is JobState.OFFERED

    def test_moves_happen_with_the_end_and_those_that_no_longer_fit_are_left_out(self, line: Line) -> None:
        line.accept("a", "b")
        job = line.claim("a", moves=(to(State.RUNNING, "r-a", State.QUEUED),))
        moves = (to(State.RETIRED, "r-b", State.STANDBY), to(State.FAILED, "r-a", State.RUNNING))

        line.queue.done("a", index=0, fence=job.fence, outcome=StageState.FAILED, moves=moves)

        assert (line.state("r-a"), line.state("r-b")) == (State.FAILED, State.QUEUED)

    def test_each_stage_begins_with_its_first_attempt(self, line: Line) -> None:
        line.accept("a")
        line.queue.lost("a", fence=line.claim("a").fence, why="gone")
        assert line.claim("a").attempt == 2

        line.end("a")

        assert line.claim("a").attempt == 1


class TestLost:
    def test_the_stage_is_offered_again_under_a_higher_fence(self, line: Line) -> None:
        line.accept("a", "b")
        line.claim("a")
        line.end("a")
        fence = line.claim("a").fence

        ending = line.queue.lost("a", fence=fence, why="its worker died")

        assert ending.offer is not None
        assert (ending.status, ending.offer.index) == ("next", 1)
        assert ending.offer.fence > fence
        assert line.names() == ["a", "b"]
        claim = line.queue.claim("a", index=1, fence=ending.offer.fence, owner="w2")
        assert claim is not None
        assert (claim.attempt, claim.give_up) == (2, None)

    def test_told_twice_it_counts_once(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.queue.lost("a", fence=fence, why="gone")

        assert line.queue.lost("a", fence=fence, why="gone") == Ending("lost")
        assert line.job("a").attempt == 2

    def test_a_stage_that_nobody_has_claimed_is_not_lost(self, line: Line) -> None:
        line.accept("a")

        assert line.queue.lost("a", fence=line.job("a").fence, why="gone") == Ending("lost")

    def test_past_the_limit_whoever_claims_next_gives_it_up(self, line: Line) -> None:
        line.accept("a")
        give_ups = []
        for number in range(PATIENT.attempts + 1):
            job = line.job("a")
            claim = line.queue.claim("a", index=0, fence=job.fence, owner=f"w{number}")
            assert claim is not None
            give_ups.append(claim.give_up)
            line.queue.lost("a", fence=job.fence, why=f"worker {number} died")

        assert give_ups == [None, None, None, "worker 2 died"]

    def test_who_gives_up_dies_and_the_next_gives_up_too(self, line: Line) -> None:
        line.accept("a", "b")
        for _ in range(PATIENT.attempts + 2):
            line.queue.lost("a", fence=line.claim("a").fence, why="died")

        claim = line.queue.claim("a", index=0, fence=line.job("a").fence, owner="last")
        ending = line.end("a", StageState.FAILED)

        assert claim is not None
        assert claim.give_up == "died"
        assert ending.offer is not None
        assert ending.offer.job_id == "b"

    def test_a_stage_that_must_not_be_repeated_is_given_up_at_once(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), once=Stage.MIGRATE))
        line.queue.lost("a", fence=line.claim("a").fence, why="died in sanity")
        for _ in (Stage.SANITY, Stage.DEPLOY):
            assert line.claim("a").attempt <= 2
            line.end("a")

        line.queue.lost("a", fence=line.claim("a").fence, why="died in migrate")

        claim = line.queue.claim("a", index=2, fence=line.job("a").fence, owner="w2")
        assert claim is not None
        assert claim.give_up == "died in migrate"


class TestMoveAndLog:
    def test_who_holds_the_turn_moves_releases_and_writes_fields(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        begun = [to(State.RUNNING, "r-a", State.QUEUED)]

        held = line.queue.move("a", fence=fence, moves=begun, release_id="r-a", fields={"commit": "decade"})

        release = line.store.find_release("r-a")
        assert held
        assert release is not None
        assert (release.state, release.commit) == (State.RUNNING, "decade")

    def test_a_release_knows_what_it_was_before_its_last_step(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.queue.move("a", fence=fence, moves=[to(State.RUNNING, "r-a", State.QUEUED)])

        release = line.store.find_release("r-a")
        assert release is not None
        assert (release.was, release.state) == (State.QUEUED, State.RUNNING)

    def test_asked_again_it_changes_nothing_more(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence

        for _ in range(2):
            assert line.queue.move("a", fence=fence, moves=[to(State.RUNNING, "r-a", State.QUEUED)])

        assert len(line.store.changes("r-a")) == 2

    def test_who_does_not_hold_it_changes_nothing(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.queue.lost("a", fence=fence, why="gone")
        begun = [to(State.RUNNING, "r-a", State.QUEUED)]

        assert not line.queue.move(
            "a", fence=fence, moves=begun, release_id="r-a", fields={"commit": "decade"}
        )
        assert not line.queue.log("a", fence=fence, subject="r-a", stage="sanity", lines=["late"])

        release = line.store.find_release("r-a")
        assert release is not None
        assert (release.state, release.commit) == (State.QUEUED, "c0ffee")
        assert [one.text for one in line.store.log("r-a")] == ["offered to another worker: gone"]

    def test_a_stage_that_has_ended_changes_nothing_more_under_the_fence_it_had(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence
        line.end("a")

        assert not line.queue.move("a", fence=fence, moves=[to(State.RUNNING, "r-a", State.QUEUED)])
        assert not line.queue.log("a", fence=fence, subject="r-a", stage="sanity", lines=["late"])
        assert line.state("r-a") is State.QUEUED

    def test_fields_of_a_release_that_is_gone_do_not_make_half_a_release(self, line: Line) -> None:
        line.accept("a")
        fence = line.claim("a").fence

        assert line.queue.move("a", fence=fence, release_id="r-none", fields={"commit": "decade"})

        assert line.store.find_release("r-none") is None

    def test_a_log_keeps_about_as_many_lines_as_it_may(self, line: Line) -> None:
        short = line.with_timing(replace(PATIENT, log_lines=10))
        short.accept("a")
        fence = short.claim("a").fence

        for _ in range(5):
            short.queue.log("a", fence=fence, subject="r-a", stage="sanity", lines=["x"] * 100)

        kept = len(line.store.log("r-a"))
        assert 10 <= kept < 300
