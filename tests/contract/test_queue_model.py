"""Random requests, workers and deaths over apps that share queues, held against a model in plain Python.

``VERDIGRIS_MODEL``: how many stories of 50 steps each test tells, other ones in each run.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import fakeredis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from release.audit import Audit
from release.events import BEGINNING, EventKind
from release.jobs import DAY, Clash, NewJob, NewRelease, Wait
from release.model import VERDIGRIS, Actor, Color, JobKind, JobState, Stage, StageState, StartWhen, State
from release.problems import ProblemDocument
from release.queue import Queue, Timing
from release.records import Change, Move
from release.store import Store
from release.transitions import FIRST_STATES, TRANSITIONS, sources_of
from tests.contract.queue_model import ModelJob, ModelRelease, Offered, QueueModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from release.model import Job
    from release.records import Offer
    from release.redis_access import Client

QUEUES = {"shop": "shared", "blog": "shared", "docs": "docs"}
BY_TAG = {("shop", "v3-green"): "express", ("docs", "v2-blue"): "shared", ("docs", "v1-blue"): "express"}
"""Tags that have their app's jobs go through another queue than its usual one."""

NAMES = sorted({*QUEUES.values(), *BY_TAG.values()})
TAGS = {"v1-blue": Color.BLUE, "v2-blue": Color.BLUE, "v3-green": Color.GREEN}
FITTING = {
    JobKind.PROMOTE: {State.READY, State.ROLLED_BACK},
    JobKind.ROLLBACK: {State.STANDBY},
    JobKind.DECOMMISSION: {State.STANDBY, State.ROLLED_BACK},
}
"""Releases that each switch is mostly asked for."""

PROBLEM = ProblemDocument("cancelled", "Cancelled", "shop: cancelled", "ask again")
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
WAIT = Wait(StartWhen.CI_PASSED, DAY)
LATE = Timing(lease=0, grace=0, attempts=2)
"""Every claim and offer is past its deadline at once, so that a reap tells all that is active."""

apps = st.sampled_from(sorted(QUEUES))
picks = st.integers(0, 10_000)
off_by = st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1])
outcomes = st.sampled_from(
    [StageState.PASSED, StageState.PASSED, StageState.PASSED, StageState.FAILED, StageState.CANCELLED]
)


def as_moves(steps: Iterable[tuple[str, State]]) -> list[Move]:
    return [Move(one, sources_of(target), target, VERDIGRIS, f"now {target}") for one, target in steps]


class Installation(RuleBasedStateMachine):
    """The scripts on one side, the model on the other; each rule asks both and compares the answers."""

    def __init__(self) -> None:
        super().__init__()
        self.client = client = self.make_client()
        client.set("verdigris:fence", 0)  # so that the model can count them
        self.queue, self.store = Queue(client, LATE), Store(client)
        self.model = QueueModel(LATE.attempts)
        self.count = 0

    def make_client(self) -> Client:
        """An empty Redis."""
        return fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)

    def pick(self, number: int) -> ModelJob:
        """A job of any age; every second time one that is active."""
        active = [job for job in self.model.jobs.values() if job.is_active]
        jobs = active if number % 2 and active else list(self.model.jobs.values())
        return jobs[number // 2 % len(jobs)]

    def ask(self, new: NewJob) -> None:
        """Queue a job on both sides."""
        answer = self.queue.accept(new)
        assert (answer.status, answer.job_id) == self.model.accept(new)
        first = self.model.jobs.get(answer.job_id)
        assert answer.release_id == ((first.new.release_id or None) if first else None)
        is_offered = first is not None and first.state is JobState.OFFERED
        assert (answer.offer is not None) == (is_offered and answer.status == "accepted")
        if answer.offer:
            assert (answer.offer.job_id, answer.offer.fence) == (answer.job_id, self.model.jobs[new.id].fence)

    def job(self, app: str, kind: JobKind, tag: str, release_id: str, **more: object) -> NewJob:
        """A new job with an id of its own."""
        self.count += 1
        return NewJob(
            id=f"j{self.count}",
            app=app,
            kind=kind,
            queue=BY_TAG.get((app, tag), QUEUES[app]),
            color=TAGS.get(tag, Color.BLUE),
            release_id=release_id,
            tag=tag,
            actor=VERDIGRIS,
            **more,  # type: ignore[arg-type]
        )

    @rule(
        app=apps,
        tag=st.sampled_from(sorted(TAGS)),
        commit=st.sampled_from(["", "c0ffee", "decade"]),
        delivery=st.one_of(st.none(), st.integers(1, 5)),
        joins=st.booleans(),
        once=st.sampled_from([None, Stage.MIGRATE]),
        hold=st.sampled_from([0, DAY]),
    )
    def deploy(
        self,
        app: str,
        tag: str,
        commit: str,
        delivery: int | None,
        once: Stage | None,
        hold: int,
        *,
        joins: bool,
    ) -> None:
        release_id = f"r{self.count + 1}"
        new = self.job(
            app,
            JobKind.DEPLOY,
            tag,
            release_id,
            release=NewRelease(release_id, app, tag, TAGS[tag], commit, VERDIGRIS, ""),
            once=once,
            keep_rollback_for=hold,
            seen={f"{app}:{delivery}": 60, f"{app}:{tag}:{commit}": 60} if delivery else {},
            clash=Clash(frozenset({JobKind.DEPLOY}), same_tag=True) if joins else Clash(),
        )
        self.ask(new)

    @rule(app=apps, kind=st.sampled_from(sorted(FITTING)), number=picks, is_alone=st.booleans())
    def switch(self, app: str, kind: JobKind, number: int, *, is_alone: bool) -> None:
        releases = [one for one in self.model.releases.values() if one.app == app]
        fitting = [one for one in releases if one.state in FITTING[kind]] or releases
        release = fitting[number % len(fitting)] if fitting else None
        clash = Clash(frozenset({kind})) if is_alone else Clash()
        self.ask(
            self.job(app, kind, release.tag if release else "", release.id if release else "", clash=clash)
        )

    @precondition(lambda self: self.model.releases)
    @rule(number=picks, waits=st.booleans())
    def retry(self, number: int, *, waits: bool) -> None:
        failed = [one for one in self.model.releases.values() if one.state is State.FAILED]
        candidates = failed or list(self.model.releases.values())
        release = candidates[number % len(candidates)]
        first = State.WAITING if waits else State.QUEUED
        again = Move(release.id, frozenset({State.FAILED}), first, VERDIGRIS, "retried")
        clash = Clash(frozenset({JobKind.DEPLOY}), same_tag=True)
        wait = WAIT if waits else None
        self.ask(
            self.job(
                release.app,
                JobKind.DEPLOY,
                release.tag,
                release.id,
                moves=(again,),
                clash=clash,
                wait=wait,
            )
        )

    @rule(app=apps, tag=st.sampled_from(sorted(TAGS)), commit=st.sampled_from(["", "c0ffee"]))
    def deploy_after_a_wait(self, app: str, tag: str, commit: str) -> None:
        release_id = f"r{self.count + 1}"
        release = NewRelease(release_id, app, tag, TAGS[tag], commit, VERDIGRIS, "", state=State.WAITING)
        clash = Clash(frozenset({JobKind.DEPLOY}), same_tag=True)
        self.ask(self.job(app, JobKind.DEPLOY, tag, release_id, release=release, clash=clash, wait=WAIT))

    @precondition(lambda self: any(job.is_starting for job in self.model.jobs.values()))
    @rule(number=picks, has_come=st.sampled_from([True, True, True, False]), by_hand=st.booleans())
    def end_a_wait(self, number: int, *, has_come: bool, by_hand: bool) -> None:
        starting = [job for job in self.model.jobs.values() if job.is_starting]
        job = starting[number // 2 % len(starting)] if number % 2 else self.pick(number)
        target = State.QUEUED if has_come else State.FAILED
        moves = [Move(job.new.release_id, frozenset({State.WAITING}), target, VERDIGRIS, "the wait is over")]
        before = self.model.offered()

        if has_come:
            fields = {"start_when": "pushed"}
            ending = self.queue.start(job.id, moves=moves, fields=fields, is_past_freeze=by_hand)
            assert ending.status == self.model.start(job, moves, is_past_freeze=by_hand)
        else:
            ending = self.queue.end_wait(job.id, problem=PROBLEM, moves=moves)
            assert ending.status == self.model.end_wait(job, moves)
        self._check_offers(ending.offers, before)

    @precondition(lambda self: any(job.state is JobState.OFFERED for job in self.model.jobs.values()))
    @rule(number=picks, is_late=st.booleans())
    def freeze(self, number: int, *, is_late: bool) -> None:
        """A freeze is on when a deploy's turn comes."""
        offered = [job for job in self.model.jobs.values() if job.state is JobState.OFFERED]
        job = offered[number % len(offered)]
        if job.new.kind is not JobKind.DEPLOY:
            return
        fence = job.fence - is_late
        moves = [Move(job.new.release_id, frozenset({State.QUEUED}), State.WAITING, VERDIGRIS, "frozen")]
        before = self.model.offered()

        ending = self.queue.postpone(
            job.id, fence=fence, moves=moves, fields={}, patience=DAY, reason="frozen"
        )

        assert ending.status == self.model.postpone(job, fence=fence, moves=moves)
        self._check_offers(ending.offers, before)

    @precondition(lambda self: self.model.releases)
    @rule(number=picks)
    def deploy_onto_a_standby(self, number: int) -> None:
        """A release goes as far as standby; the next one of its color has to leave it alone."""
        release = list(self.model.releases.values())[number % len(self.model.releases)]
        self._settle(release, State.STANDBY)
        tag = next(tag for tag, color in TAGS.items() if color is release.color)
        self.deploy(release.app, tag, "", None, None, DAY, joins=False)

    @precondition(lambda self: any(job.is_held for job in self.model.jobs.values()))
    @rule()
    def give_up_the_standby(self) -> None:
        for release in list(self.model.releases.values()):
            self._settle(release, State.RETIRED)
        self.reap(sweep=False)

    def _settle(self, release: ModelRelease, last: State) -> None:
        """What the cluster shows moves a release on, as far as its life allows."""
        life = [State.RUNNING, State.READY, State.LIVE, State.STANDBY, State.RETIRED]
        moves = as_moves([(release.id, state) for state in life[: life.index(last) + 1]])
        self.queue.settle(moves)
        self.model.move(moves)

    @precondition(lambda self: self.model.jobs)
    @rule(number=picks)
    def accept_again(self, number: int) -> None:
        self.ask(self.pick(number).new)

    @precondition(lambda self: self.model.jobs)
    @rule(number=picks, index_off=off_by, fence_off=off_by, owner=st.sampled_from(["w1", "w2"]))
    def claim(self, number: int, index_off: int, fence_off: int, owner: str) -> None:
        job = self.pick(number)
        self._claim(job, job.index + index_off, job.fence + fence_off, owner)

    @precondition(lambda self: self.model.jobs)
    @rule(number=picks, outcome=outcomes, index_off=off_by, fence_off=off_by)
    def done(self, number: int, outcome: StageState, index_off: int, fence_off: int) -> None:
        job = self.pick(number)
        self._done(job, job.index + index_off, job.fence + fence_off, outcome)

    @precondition(lambda self: any(self.model.queues.values()))
    @rule(name=st.sampled_from(NAMES), stages=st.integers(1, 12))
    def work(self, name: str, stages: int) -> None:
        """A worker to which nothing happens, so that jobs get to their ends as well."""
        for _ in range(stages):
            queue = self.model.queues.get(name)
            if queue and queue[0].is_active:
                job = queue[0]
                self._claim(job, job.index, job.fence, job.owner or "w1")
                self._done(job, job.index, job.fence, StageState.PASSED)

    def _claim(self, job: ModelJob, index: int, fence: int, owner: str) -> None:
        is_deploy = job.new.kind is JobKind.DEPLOY
        moves = as_moves(self.model.moves_of(job)) if is_deploy and job.index < 2 else []

        claim = self.queue.claim(job.id, index=index, fence=fence, owner=owner, moves=moves)

        assert (claim is not None) == self.model.claim(job, index=index, fence=fence, owner=owner)
        if claim:
            self.model.move(moves)
            told = (claim.attempt, claim.give_up is not None, claim.cancelled_by is not None)
            assert told == (job.attempt, job.give_up, job.cancelled)

    def _done(self, job: ModelJob, index: int, fence: int, outcome: StageState) -> None:
        moves = self._moves_at_the_end(job, outcome)
        before = self.model.offered()

        ending = self.queue.done(job.id, index=index, fence=fence, outcome=outcome, moves=moves)

        assert ending.status == self.model.done(job, index=index, fence=fence, outcome=outcome, moves=moves)
        self._check_offers(ending.offers, before)

    def _moves_at_the_end(self, job: ModelJob, outcome: StageState) -> list[Move]:
        if outcome is StageState.PASSED:
            return as_moves(self.model.moves_of(job))
        ended = State.FAILED if outcome is StageState.FAILED else State.CANCELLED
        return as_moves([(job.new.release_id, ended)]) if job.new.kind is JobKind.DEPLOY else []

    @precondition(lambda self: self.model.jobs)
    @rule(number=picks, fence_off=off_by)
    def lost(self, number: int, fence_off: int) -> None:
        job = self.pick(number)
        fence = job.fence + fence_off

        before = self.model.offered()
        ending = self.queue.lost(job.id, fence=fence, why="its worker died")

        assert ending.status == self.model.lost(job, fence=fence)
        self._check_offers(ending.offers, before)

    @precondition(lambda self: self.model.jobs)
    @rule(number=picks)
    def cancel(self, number: int) -> None:
        job = self.pick(number)
        gone = as_moves([(job.new.release_id, State.CANCELLED)]) if job.new.kind is JobKind.DEPLOY else []

        before = self.model.offered()
        ending = self.queue.cancel(job.id, actor=VERDIGRIS, problem=PROBLEM, moves=gone)

        assert ending.status == self.model.cancel(job, gone)
        self._check_offers(ending.offers, before)

    @rule(sweep=st.booleans())
    def reap(self, *, sweep: bool) -> None:
        active = [job for job in self.model.jobs.values() if job.is_active]

        self.client.delete("verdigris:looked")  # however slow this test is: Redis was never away
        reaped = self.queue.reap(sweep=sweep)

        resumed = self.model.resume()
        told = [(one.job_id, one.fence) for one in reaped.resumed]
        assert told == [(job.id, job.fence) for job in sorted(resumed, key=lambda job: job.fence)]
        running = {(one.id, one.fence, one.owner) for one in active if one.state is JobState.RUNNING}
        offered = {(one.id, one.fence, one.index) for one in active if one.state is JobState.OFFERED}
        assert {(one.job_id, one.fence, one.owner) for one in reaped.lost} == running
        assert {(one.job_id, one.fence, one.index) for one in reaped.overdue} == offered

    def _check_offers(self, offers: Sequence[Offer], before: set[Offered]) -> None:
        """What was offered by this step is told, and nothing that was offered before."""
        told = [(offer.job_id, offer.index, offer.fence) for offer in offers]
        assert len(told) == len(set(told))
        assert set(told) == self.model.offered() - before

    @invariant()
    def each_queue_is_in_order_and_only_its_head_is_active(self) -> None:
        for name in NAMES:
            jobs = [job for job in self.store.queue(name) if not (job.held_until or job.start_by)]
            expected = self.model.queues.get(name, [])
            assert [job.id for job in jobs] == [job.id for job in expected]
            assert {job.state for job in jobs[1:]} <= {JobState.WAITING}
            for job, model in zip(jobs, expected, strict=True):
                check_same(job, model)

    @invariant()
    def an_app_has_one_active_job_and_nothing_waits_without_a_reason(self) -> None:
        for app in QUEUES:
            active = [job.id for job in self.model.open_jobs(app) if job.is_active]
            assert len(active) <= 1
            found = self.store.find_active(app)
            assert active == ([found.id] if found else [])
        heads = [queue[0] for queue in self.model.queues.values() if queue]
        waiting = [head for head in heads if not head.is_active]
        assert all(self.store.find_active(head.new.app) for head in waiting)

    @invariant()
    def what_is_held_stands_aside_for_a_standby(self) -> None:
        for name in NAMES:
            stored = {job.id for job in self.store.queue(name) if job.held_until is not None}
            assert stored == {
                job.id for job in self.model.jobs.values() if job.is_held and job.new.queue == name
            }

    @invariant()
    def what_waits_to_start_stands_in_no_queue(self) -> None:
        expected = {job.id for job in self.model.jobs.values() if job.is_starting}
        assert {job.id for job in self.store.starting()} == expected

    @invariant()
    def fences_rise(self) -> None:
        every = [fence for job in self.model.jobs.values() for fence in job.fences]
        assert len(every) == len(set(every)) == self.model.fence
        assert all(
            earlier < later for job in self.model.jobs.values() for earlier, later in pairwise(job.fences)
        )

    def teardown(self) -> None:
        """Jobs ended as they should; releases only took steps that their life allows; each is audited."""
        for model in self.model.jobs.values():
            job = self.store.find_job(model.id)
            assert job is not None
            check_same(job, model)
        for release in self.model.releases.values():
            self._check_life(release.id, release.state)
        self._check_trail()

    def _check_trail(self) -> None:
        """One entry a step: of a release in the order of its life, of all in that of their announcement."""
        trail = [json.loads(line) for line in Audit(self.client).export()]
        told = [step_of(one) for one in trail]
        announced = self.store.events.read(after=BEGINNING, limit=10_000)
        assert [(step.release_id, step.target, step.reason) for step in told] == [
            (one.release_id, one.data["to"], one.data["reason"])
            for one in announced
            if one.kind is EventKind.RELEASE
        ]
        for release_id in self.model.releases:
            steps = [step for step in told if step.release_id == release_id]
            assert steps == [replace(one, at=NEVER) for one in self.store.changes(release_id)]
        assert [one["number"] for one in trail] == list(range(1, len(trail) + 1))

    def _check_life(self, release_id: str, state: State) -> None:
        changes = self.store.changes(release_id)
        stored = self.store.find_release(release_id)
        assert stored is not None
        assert stored.state is changes[-1].target is state
        assert changes[0].source is None
        assert changes[0].target in FIRST_STATES
        for earlier, later in pairwise(changes):
            assert later.source is earlier.target
            assert later.target in TRANSITIONS[earlier.target]


def step_of(entry: dict[str, Any]) -> Change:
    """The step that an entry of the audit trail tells of; without its time."""
    assert (entry["action"], entry["outcome"]) == ("change", "done")
    before = entry["before"].get("state")
    return Change(
        release_id=entry["release"],
        app=entry["app"],
        source=State(before) if before else None,
        target=State(entry["after"]["state"]),
        actor=Actor(**entry["actor"]),
        reason=entry["reason"],
        at=NEVER,
    )


def check_same(job: Job, model: ModelJob) -> None:
    """A stored job is as the model has it."""
    stored = (job.state, job.stage_index, job.fence, job.attempt, job.cancel_requested_by is not None)
    assert stored == (model.state, model.index, model.fence, model.attempt, model.cancelled)


LIMITS = settings(
    max_examples=int(os.environ.get("VERDIGRIS_MODEL", "15")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
a_failure_takes_its_time_to_be_made_small = pytest.mark.timeout(600)


@a_failure_takes_its_time_to_be_made_small
def test_random_jobs_go_as_the_model_says() -> None:
    run_state_machine_as_test(Installation, settings=LIMITS)


@a_failure_takes_its_time_to_be_made_small
@pytest.mark.needs_redis
def test_random_jobs_go_as_the_model_says_in_a_real_redis(real_redis: Client) -> None:
    class InRedis(Installation):
        def make_client(self) -> Client:
            real_redis.flushall()
            return real_redis

    run_state_machine_as_test(InRedis, settings=LIMITS)
