"""The order of a queue, over a fake Redis and a real one: who is let in, and whose turn it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from release.jobs import Clash
from release.model import JobKind, JobState, StageState, State
from release.plan import PLAN
from release.queue import Acceptance, Ending
from tests.contract.queue_line import PROBLEM, Line, new_job, to


class TestOrder:
    def test_only_the_head_is_offered(self, line: Line) -> None:
        first, second = line.accept("a", "b")

        assert first is not None
        assert (first.job_id, first.index, first.stages) == ("a", 0, PLAN[JobKind.DEPLOY])
        assert second is None
        assert [job.state for job in line.store.queue("shared")] == [JobState.OFFERED, JobState.WAITING]

    def test_stages_follow_one_another_under_one_fence(self, line: Line) -> None:
        line.accept("a", "b")

        offered = []
        for _ in PLAN[JobKind.DEPLOY]:
            line.claim("a")
            ending = line.end("a")
            offered.append(ending.offer and (ending.offer.job_id, ending.offer.index))

        assert offered == [("a", 1), ("a", 2), ("a", 3), ("b", 0)]
        assert ending.status == "over"
        assert {run.state for run in line.job("a").stages} == {StageState.PASSED}

    def test_the_end_of_a_job_offers_the_next_under_a_higher_fence(self, line: Line) -> None:
        line.accept("a", "b")

        ending = line.finish("a")

        assert ending.offer is not None
        assert (ending.offer.job_id, ending.offer.index) == ("b", 0)
        assert ending.offer.fence > line.job("a").fence
        assert line.names() == ["b"]

    def test_the_last_job_leaves_nothing_behind_in_the_queue(self, line: Line) -> None:
        line.accept("a")

        assert line.finish("a") == Ending("over")
        assert line.names() == []
        assert not line.client.exists("verdigris:queue:shared")
        assert line.client.smembers("verdigris:queues") == set()
        assert line.client.zcard("verdigris:watch") == 0
        assert line.client.keys("verdigris:app:shop:open:*") == []

    @pytest.mark.parametrize(
        ("outcome", "state"),
        [(StageState.FAILED, JobState.FAILED), (StageState.CANCELLED, JobState.CANCELLED)],
    )
    def test_a_stage_that_does_not_pass_ends_the_job(
        self, line: Line, outcome: StageState, state: JobState
    ) -> None:
        line.accept("a", "b")
        job = line.claim("a")

        ending = line.queue.done("a", index=0, fence=job.fence, outcome=outcome, problem=PROBLEM)

        ended = line.job("a")
        assert ending.status == "over"
        assert ending.offer is not None
        assert ending.offer.job_id == "b"
        assert (ended.state, ended.problem, ended.stages[0].state) == (state, PROBLEM, outcome)
        assert ended.ended_at is not None
        assert {run.state for run in ended.stages[1:]} == {StageState.PENDING}

    def test_a_promote_passes_its_own_apps_waiting_deploys_only(self, line: Line) -> None:
        line.accept("head")
        for name, app in [("b1", "blog"), ("s1", "shop"), ("b2", "blog")]:
            line.queue.accept(new_job(name, app=app))

        line.queue.accept(new_job("go", kind=JobKind.PROMOTE, release_id="r-head"))

        assert line.names() == ["head", "b1", "go", "s1", "b2"]

    def test_a_promote_stays_behind_the_head_and_behind_a_waiting_rollback(self, line: Line) -> None:
        line.accept("head", "s1")
        line.queue.accept(new_job("back", kind=JobKind.ROLLBACK, release_id="r-head"))

        line.queue.accept(new_job("go", kind=JobKind.PROMOTE, release_id="r-head"))

        assert line.names() == ["head", "back", "go", "s1"]

    def test_a_promote_alone_behind_the_head_waits_at_the_end(self, line: Line) -> None:
        line.accept("head")
        line.queue.accept(new_job("go", kind=JobKind.PROMOTE, release_id="r-head"))

        assert line.names() == ["head", "go"]

    def test_a_promote_finds_its_place_in_a_long_queue_of_other_apps(self, line: Line) -> None:
        names = [f"b{number}" for number in range(40)]
        line.accept("head")
        for name in names:
            line.queue.accept(new_job(name, app="blog"))
        line.accept("s1", "s2")

        line.queue.accept(new_job("go", kind=JobKind.PROMOTE, release_id="r-head"))

        assert line.names() == ["head", *names, "go", "s1", "s2"]

    def test_a_rollback_passes_every_app_and_kind_but_the_head_and_rollbacks(self, line: Line) -> None:
        line.accept("head")
        for name, app, kind in [
            ("d", "blog", JobKind.DEPLOY),
            ("x", "blog", JobKind.DECOMMISSION),
            ("p", "shop", JobKind.PROMOTE),
            ("back1", "blog", JobKind.ROLLBACK),
            ("back2", "shop", JobKind.ROLLBACK),
        ]:
            line.queue.accept(new_job(name, app=app, kind=kind, release_id="r-head"))

        assert line.names() == ["head", "back1", "back2", "d", "x", "p"]

    def test_two_apps_that_share_a_queue_take_turns(self, line: Line) -> None:
        line.accept("a")
        line.queue.accept(new_job("b", app="blog"))
        assert line.queue.claim("b", index=0, fence=line.job("b").fence, owner="w2") is None

        offer = line.finish("a").offer

        assert offer is not None
        assert (offer.job_id, offer.app) == ("b", "blog")
        assert line.claim("b").state is JobState.RUNNING

    def test_queues_of_their_own_do_not_wait_for_each_other(self, line: Line) -> None:
        line.accept("a")
        other = line.queue.accept(replace(new_job("b", app="blog"), queue="blog"))

        assert other.offer is not None
        assert line.claim("a").state is line.claim("b").state is JobState.RUNNING


class TestAccept:
    def test_asked_again_after_a_lost_reply_it_answers_the_same(self, line: Line) -> None:
        first = line.queue.accept(new_job("a"))

        assert line.queue.accept(new_job("a")) == first
        assert line.names() == ["a"]
        assert len(line.store.changes("r-a")) == 1
        assert [job.id for job in line.store.jobs_of("r-a")] == ["a"]

    def test_asked_again_after_the_job_has_ended_it_starts_nothing(self, line: Line) -> None:
        line.accept("a")
        line.finish("a")

        assert line.queue.accept(new_job("a")) == Acceptance("accepted", "a", "r-a", None)
        assert line.names() == []

    def test_what_was_seen_is_answered_with_the_first_ids(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), seen={"delivery:1": 60}))
        line.finish("a")

        again = line.queue.accept(replace(new_job("b"), seen={"tag:2": 60, "delivery:1": 60}))

        assert again == Acceptance("duplicate", "a", "r-a", None)
        assert line.store.find_release("r-b") is None
        assert line.store.find_job("b") is None

    def test_a_duplicate_is_not_to_be_published_again(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), seen={"delivery:1": 60}))

        again = line.queue.accept(replace(new_job("b"), seen={"delivery:1": 60}))

        assert line.job("a").state is JobState.OFFERED
        assert again.offer is None

    def test_what_was_seen_is_forgotten_in_time(self, line: Line) -> None:
        line.queue.accept(replace(new_job("a"), seen={"delivery:1": 7_776_000}))

        assert 7_775_000 < line.client.ttl("verdigris:seen:delivery:1") <= 7_776_000

    def test_a_clash_changes_nothing_and_names_the_job_that_stands(self, line: Line) -> None:
        alone = Clash(frozenset({JobKind.PROMOTE}))
        first = replace(new_job("p1", kind=JobKind.PROMOTE, release_id=""), clash=alone)
        line.accept("head")
        line.queue.accept(first)

        second = line.queue.accept(replace(first, id="p2"))

        assert (second.status, second.job_id, second.offer) == ("clash", "p1", None)
        assert line.names() == ["head", "p1"]

    def test_another_app_or_kind_is_no_clash(self, line: Line) -> None:
        alone = Clash(frozenset({JobKind.PROMOTE}))
        line.queue.accept(new_job("p1", app="blog", kind=JobKind.PROMOTE, release_id=""))
        line.queue.accept(new_job("x", kind=JobKind.DECOMMISSION, release_id=""))

        accepted = line.queue.accept(replace(new_job("p2", kind=JobKind.PROMOTE, release_id=""), clash=alone))

        assert accepted.status == "accepted"

    @pytest.mark.parametrize("same_tag", [True, False])
    def test_a_job_that_is_over_or_without_a_record_is_no_clash(self, line: Line, *, same_tag: bool) -> None:
        clash = Clash(frozenset({JobKind.DEPLOY}), same_tag=same_tag)
        jobs = [replace(new_job(name, tag="v1-blue"), clash=clash) for name in ("a", "b", "c")]
        line.queue.accept(jobs[0])
        line.finish("a")

        assert line.queue.accept(jobs[1]).status == "accepted"
        assert line.queue.accept(jobs[2]).status == "clash"
        line.client.delete("verdigris:job:b")

        assert line.queue.accept(jobs[2]).status == "accepted"

    @pytest.mark.parametrize(
        ("tag", "commit", "status"),
        [
            ("v1-blue", "c0ffee", "clash"),
            ("v1-blue", "", "clash"),
            ("v1-blue", "decade", "accepted"),
            ("v2-blue", "c0ffee", "accepted"),
        ],
    )
    def test_a_tag_in_the_queue_is_joined_unless_it_was_moved(
        self, line: Line, tag: str, commit: str, status: str
    ) -> None:
        line.queue.accept(new_job("a", tag="v1-blue", commit="c0ffee"))
        same_tag = Clash(frozenset({JobKind.DEPLOY}), same_tag=True)

        answer = line.queue.accept(replace(new_job("b", tag=tag, commit=commit), clash=same_tag))

        assert answer.status == status

    def test_a_job_of_a_release_that_exists_is_compared_by_its_commit(self, line: Line) -> None:
        line.queue.accept(new_job("a", tag="v1-blue", commit="c0ffee"))
        line.finish("a")
        line.queue.accept(new_job("b", tag="v1-blue", commit="decade"))
        again = replace(
            new_job("c", tag="v1-blue", release_id="r-a"),
            clash=Clash(frozenset({JobKind.DEPLOY}), same_tag=True),
        )

        assert line.queue.accept(again).status == "accepted"

    def test_a_request_that_joined_another_is_remembered_with_it(self, line: Line) -> None:
        same_tag = Clash(frozenset({JobKind.DEPLOY}), same_tag=True)
        line.queue.accept(new_job("a", tag="v1-blue"))
        joining = replace(new_job("b", tag="v1-blue"), clash=same_tag, seen={"delivery:1": 60})
        line.queue.accept(joining)
        line.finish("a")

        again = line.queue.accept(replace(joining, id="c"))

        assert (again.status, again.job_id, again.release_id) == ("duplicate", "a", "r-a")

    def test_moves_that_no_longer_fit_queue_nothing(self, line: Line) -> None:
        line.accept("a")
        fits = to(State.RUNNING, "r-a", State.QUEUED)
        unfit = to(State.QUEUED, "r-a", State.FAILED)
        gone = to(State.QUEUED, "r-none", State.FAILED)

        for moves in ([fits, unfit], [unfit], [gone]):
            retry = replace(new_job("b", release_id="r-a"), moves=moves, seen={"d": 60})
            assert line.queue.accept(retry) == Acceptance("moved", "", None, None)

        assert line.names() == ["a"]
        assert line.state("r-a") is State.QUEUED
        assert not line.client.exists("verdigris:seen:d")

    def test_a_release_that_is_where_the_move_leads_was_moved_by_somebody_else(self, line: Line) -> None:
        """Else two retries at once would both be told that they were the one."""
        line.accept("a")
        retry = replace(new_job("b", release_id="r-a"), moves=[to(State.QUEUED, "r-a", State.FAILED)])

        assert line.state("r-a") is State.QUEUED
        assert line.queue.accept(retry).status == "moved"

    def test_a_job_is_queued_together_with_its_moves(self, line: Line) -> None:
        line.accept("a")
        job = line.claim("a", moves=(to(State.RUNNING, "r-a", State.QUEUED),))
        failed = (to(State.FAILED, "r-a", State.RUNNING),)
        line.queue.done("a", index=0, fence=job.fence, outcome=StageState.FAILED, moves=failed)
        retry = replace(new_job("b", release_id="r-a"), moves=[to(State.QUEUED, "r-a", State.FAILED)])

        accepted = line.queue.accept(retry)

        assert accepted.status == "accepted"
        assert line.state("r-a") is State.QUEUED
        assert [change.target for change in line.store.changes("r-a")] == [
            State.QUEUED,
            State.RUNNING,
            State.FAILED,
            State.QUEUED,
        ]
        assert [job.id for job in line.store.jobs_of("r-a")] == ["a", "b"]

    def test_fifty_copies_at_once_are_one_job(self, line: Line) -> None:
        def deliver(number: int) -> Acceptance:
            return line.queue.accept(replace(new_job(f"j{number}"), seen={"delivery:1": 60}))

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(deliver, range(50)))

        assert len(line.names()) == len(line.store.releases()) == 1
        assert {answer.job_id for answer in answers} == set(line.names())
        assert sorted({answer.status for answer in answers}) == ["accepted", "duplicate"]
