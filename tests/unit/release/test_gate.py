"""What an app's rules let through: freezes keep deploys waiting and promotes out, people agree or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.auto_promotion import Block
from release.gate import Gate
from release.loading import parse_config
from release.model import VERDIGRIS, Actor, Color, JobState, StageState, StartWhen, State
from release.observation import ColorObservation, Observation
from release.problems import NotDurable
from release.recovery import find_running
from release.requests import Requests
from tests.unit.release.desk import ANNA, GIT, Desk, refused, step

if TYPE_CHECKING:
    from release.approvals import Verdict
    from release.model import Release
    from release.queue import Queue
    from release.redis_access import Client
    from release.requests import Accepted
    from release.store import Store

BEN = Actor("person", "ben")
NOON = datetime(2026, 12, 24, 12, tzinfo=UTC)
CONFIG = """
people: {octocat: olga}
apps:
  shop:
    repository: https://git.example.com/acme/shop.git
    webhook: {repository: acme/shop, secrets: [{env: SHOP}]}
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
    freezes: [{from: 2026-12-23T00:00, to: 2027-01-02T00:00, zone: UTC, reason: holidays}]
  late:
    repository: https://git.example.com/acme/late.git
    webhook: {repository: acme/late, secrets: [{env: LATE}]}
    namespace: late
    image: registry.example.com/late:{tag}
    gateway: {address: "http://gateway.example.com"}
    start_when: ci-passed
    required_checks: [build]
    freezes: [{from: 2026-12-23T00:00, to: 2027-01-02T00:00, zone: UTC, reason: holidays}]
  quick:
    repository: https://git.example.com/acme/quick.git
    namespace: quick
    image: registry.example.com/quick:{tag}
    gateway: {address: "http://gateway.example.com"}
    auto_promote: 10m
    promote: {approvals: 1}
  own:
    repository: https://git.example.com/acme/own.git
    namespace: own
    image: registry.example.com/own:{tag}
    gateway: {address: "http://gateway.example.com"}
    promote: {pusher: refused}
"""


@dataclass
class Time:
    """A clock that is set by hand."""

    now: datetime = field(default=NOON)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Office(Desk):
    """A desk over apps with rules, and its clock."""

    time: Time


@pytest.fixture
def office(desk: Desk, store: Store, queue: Queue) -> Office:
    config, time = parse_config(CONFIG, name="verdigris.yml"), Time()
    requests = Requests(config, store, queue, desk.sent, Gate(config, store, time))
    return Office(requests, store, queue, desk.sent, time)


def let_the_freeze_end(office: Office) -> None:
    office.time.now = datetime(2027, 1, 2, tzinfo=UTC)


def make_ready(office: Office, app: str) -> Accepted:
    return office.deploy("v1.0-blue", app=app)


class TestFreeze:
    def test_a_deploy_waits_for_its_end(self, office: Office) -> None:
        accepted = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")

        release, job = office.release(accepted), office.job(accepted)
        assert (release.state, release.start_when) == (State.WAITING, StartWhen.FREEZE_ENDS)
        assert release.reason == "waiting: the app is frozen until 2027-01-02 00:00 UTC: holidays"
        assert job.state is JobState.WAITING
        assert job.start_by is not None
        # and what it may wait for else counts from the end of the freeze on
        patience = timedelta(days=8, hours=12) + timedelta(hours=1)
        assert abs(job.start_by - job.created_at - patience) < timedelta(seconds=2)

    def test_it_goes_into_its_queue_when_the_freeze_is_over(self, office: Office) -> None:
        accepted = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")
        let_the_freeze_end(office)

        assert office.requests._starting.look(office.job(accepted))

        assert office.release(accepted).reason == "the freeze is over"
        assert office.job(accepted).state is JobState.OFFERED

    def test_those_that_waited_go_on_in_the_order_in_which_they_came(self, office: Office) -> None:
        first = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")
        # given a clock that is ahead, by which the second may wait less long
        office.time.now = NOON + timedelta(seconds=5)
        second = office.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="decade")
        let_the_freeze_end(office)

        for job in office.store.starting():
            office.requests._starting.look(job)

        assert [job.id for job in office.store.queue("shop")] == [first.job_id, second.job_id]

    def test_one_that_comes_right_after_the_freeze_does_not_go_ahead_of_them(self, office: Office) -> None:
        first = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")
        let_the_freeze_end(office)

        second = office.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="decade")

        assert [job.id for job in office.store.queue("shop")] == [first.job_id, second.job_id]

    def test_a_wait_that_runs_into_a_freeze_gets_the_time_after_it(self, office: Office) -> None:
        accepted = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")

        office.requests.expire(accepted.job_id)

        assert office.release(accepted).state is State.WAITING
        assert office.job(accepted).start_by == datetime(2027, 1, 2, 1, tzinfo=UTC)

    def test_one_that_no_worker_let_in_after_the_freeze_is_not_lost(self, office: Office) -> None:
        accepted = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")
        let_the_freeze_end(office)

        office.requests.expire(accepted.job_id)

        assert office.release(accepted).state is State.QUEUED

    def test_after_the_freeze_a_wait_for_more_ends_as_every_other(self, office: Office) -> None:
        accepted = office.requests.deploy("late", "v1.0-blue", actor=GIT, commit="c0ffee")
        office.requests.expire(accepted.job_id)
        assert office.release(accepted).state is State.WAITING
        let_the_freeze_end(office)

        office.requests.expire(accepted.job_id)

        assert office.release(accepted).state is State.FAILED

    def test_one_whose_turn_comes_in_a_freeze_waits_again(self, office: Office) -> None:
        let_the_freeze_end(office)
        accepted = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")
        behind = office.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="decade")
        office.time.now = NOON

        for each in (accepted, behind):
            job = office.job(each)
            assert office.requests._starting.postpone(job, fence=job.fence)

        release, job = office.release(accepted), office.job(accepted)
        assert (release.state, release.start_when) == (State.WAITING, StartWhen.FREEZE_ENDS)
        assert release.reason == "waiting: the app is frozen until 2027-01-02 00:00 UTC: holidays"
        assert job.state is JobState.WAITING
        assert job.start_by is not None
        assert job.turn_at is None
        assert office.store.find_active("shop") is None
        # and goes on when it is over
        let_the_freeze_end(office)
        assert office.requests._starting.look(job)
        assert office.job(accepted).state is JobState.OFFERED

    def test_no_freeze_keeps_what_has_begun_or_was_let_through(self, office: Office) -> None:
        accepted = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")
        release_id = accepted.release_id or ""
        office.requests.start(release_id, actor=ANNA, reason="a hole in the fence", overrides_freeze=True)
        job = office.job(accepted)

        assert not office.requests._starting.postpone(job, fence=job.fence)
        let_the_freeze_end(office)
        begun = office.requests.deploy("late", "v1.0-blue", actor=GIT, commit="c0ffee")
        assert not office.requests._starting.postpone(office.job(begun), fence=0)
        assert office.job(accepted).state is JobState.OFFERED

    def test_one_that_is_retried_in_a_freeze_starts_when_it_is_over(self, office: Office) -> None:
        let_the_freeze_end(office)
        failed = office.deploy("v1.0-blue", to=State.FAILED)
        office.time.now = NOON
        again = office.requests.retry(failed.release_id or "", actor=ANNA)
        assert office.release(again).start_when is StartWhen.FREEZE_ENDS
        let_the_freeze_end(office)

        assert office.requests._starting.look(office.job(again))

        assert office.release(again).state is State.QUEUED

    def test_a_redeploy_and_a_retry_wait_as_well(self, office: Office) -> None:
        let_the_freeze_end(office)
        failed = office.deploy("v1.0-blue", to=State.FAILED)
        office.time.now = NOON

        again = office.requests.retry(failed.release_id or "", actor=ANNA)
        assert office.release(again).state is State.WAITING
        office.requests.cancel(again.release_id or "", actor=ANNA)
        anew = office.requests.redeploy(failed.release_id or "", actor=ANNA)

        assert office.release(anew).state is State.WAITING

    def test_one_that_waits_is_started_by_hand_only_with_a_reason(self, office: Office) -> None:
        release_id = office.requests.deploy("shop", "v1.0-blue", actor=GIT).release_id or ""

        with refused("app-frozen") as error:
            office.requests.start(release_id, actor=ANNA, reason="now")
        assert error.value.document.next_step.startswith("it goes on by itself then")
        with refused("reason-missing"):
            office.requests.start(release_id, actor=ANNA, overrides_freeze=True)
        office.requests.start(release_id, actor=ANNA, overrides_freeze=True, reason="security fix")

        told = office.store.changes(release_id)[-1].reason
        assert told.startswith("started by hand, in a freeze: security fix (waiting: the app is frozen until")

    def test_a_promote_is_refused_unless_it_is_overridden_with_a_reason(self, office: Office) -> None:
        let_the_freeze_end(office)
        make_ready(office, "shop")
        office.time.now = NOON

        with refused("app-frozen"):
            office.requests.promote("shop", actor=ANNA, reason="but I want to")
        with refused("reason-missing"):
            office.requests.promote("shop", actor=ANNA, overrides_freeze=True, reason="  ")
        promoted = office.requests.promote("shop", actor=ANNA, overrides_freeze=True, reason="security")

        assert office.job(promoted).state is JobState.OFFERED

    def test_a_rollback_is_never_frozen(self, office: Office) -> None:
        let_the_freeze_end(office)
        old = make_ready(office, "shop")
        office.promote(old)
        office.promote(office.deploy("v2.0-green"), step(old.release_id or "", State.STANDBY))
        office.time.now = NOON

        assert office.requests.rollback("shop", actor=ANNA).release_id == old.release_id

    def test_a_promote_by_itself_stays_out_of_one_that_began_since_it_was_asked(self, office: Office) -> None:
        let_the_freeze_end(office)
        ready = office.deploy("v1.0-blue")
        gate, promoted = office.requests.gate, office.requests.promote("shop", actor=VERDIGRIS)
        office.time.now = NOON

        with refused("app-frozen") as refusal:
            gate.check_not_frozen(office.release(ready), actor=VERDIGRIS)
        # and somebody's own was let through when it was asked for
        gate.check_not_frozen(office.release(ready), actor=ANNA)

        # and after it one comes again
        job = office.claim(promoted)
        problem = refusal.value.document
        office.queue.done(job.id, index=0, fence=job.fence, outcome=StageState.FAILED, problem=problem)
        let_the_freeze_end(office)
        assert office.requests.promote("shop", actor=VERDIGRIS).is_new

    def test_an_app_that_is_not_configured_any_more_gets_no_more_time(self, office: Office) -> None:
        accepted = office.requests.deploy("shop", "v1.0-blue", actor=GIT, commit="c0ffee")
        job = office.job(accepted)
        config = parse_config(CONFIG.replace("  shop:", "  shoe:"), name="verdigris.yml")
        requests = Requests(
            config, office.store, office.queue, office.sent, Gate(config, office.store, office.time)
        )

        requests.expire(job.id)

        assert office.release(accepted).state is State.FAILED


class TestApprovals:
    def test_a_promote_needs_as_many_as_the_app_says(self, office: Office) -> None:
        ready = make_ready(office, "quick")
        release_id = ready.release_id or ""

        with refused("approvals-missing"):
            office.requests.promote("quick", actor=ANNA)
        verdict = office.requests.approve(release_id, actor=BEN, comment="looks good")

        assert verdict.is_approved
        assert office.requests.promote("quick", actor=ANNA).release_id == release_id

    def test_who_pushed_the_tag_does_not_count_whatever_their_name(self, office: Office) -> None:
        ready = make_ready(office, "quick")

        with refused("own-release"):
            office.requests.approve(ready.release_id or "", actor=Actor("person", "olga"))

    def test_a_rejection_is_final(self, office: Office) -> None:
        ready = make_ready(office, "quick")
        release_id = ready.release_id or ""
        office.requests.approve(release_id, actor=BEN)

        assert office.requests.reject(release_id, actor=ANNA, comment="slow").rejected_by == ANNA

        with refused("release-rejected"):
            office.requests.promote("quick", actor=BEN)

    def test_a_redeploy_is_no_way_around_a_rejection(self, office: Office) -> None:
        ready = make_ready(office, "quick")
        office.requests.reject(ready.release_id or "", actor=ANNA, comment="slow")
        again = office.requests.redeploy(ready.release_id or "", actor=BEN)
        release_id = again.release_id or ""
        office.run(again, step(release_id, State.RUNNING), step(release_id, State.READY))

        with refused("release-rejected"):
            office.requests.promote("quick", actor=BEN, release_id=release_id)
        third = office.requests.redeploy(release_id, actor=BEN)
        assert office.requests.gate.judge(office.release(third)).rejected_by == ANNA

    def test_of_a_release_that_is_forgotten_nobody_knows_what_was_said(
        self, office: Office, client: Client
    ) -> None:
        ready = make_ready(office, "quick")
        office.requests.reject(ready.release_id or "", actor=ANNA)
        again = office.requests.redeploy(ready.release_id or "", actor=BEN)
        client.delete(f"verdigris:release:{ready.release_id}")

        assert office.requests.gate.judge(office.release(again)).rejected_by is None

    def test_a_vote_that_is_kept_is_never_answered_as_if_it_were_not(self, office: Office) -> None:
        class Losing(Gate):
            def judge(self, release: Release) -> Verdict:
                raise NotDurable(f"away, asked of {release.id}", is_in_doubt=False)

        ready = make_ready(office, "quick")
        config = parse_config(CONFIG, name="verdigris.yml")
        gate = Losing(config, office.store, office.time)
        requests = Requests(config, office.store, office.queue, office.sent, gate)

        with pytest.raises(NotDurable) as lost:
            requests.approve(ready.release_id or "", actor=BEN)

        assert lost.value.is_in_doubt
        assert [vote.actor for vote in office.store.consent.votes(ready.release_id or "")] == [BEN]

    def test_who_pushed_may_be_kept_from_promoting(self, office: Office) -> None:
        make_ready(office, "own")

        with refused("own-release"):
            office.requests.promote("own", actor=Actor("token", "Olga"))
        office.requests.promote("own", actor=ANNA)

    def test_a_rollback_asks_nobody(self, office: Office) -> None:
        old = make_ready(office, "own")
        office.promote(old)
        office.promote(office.deploy("v2.0-green", app="own"), step(old.release_id or "", State.STANDBY))

        rolled_back = office.requests.rollback("own", actor=Actor("token", "Olga"))

        assert rolled_back.release_id == old.release_id


class TestCountdown:
    def test_it_runs_from_ready_on_and_waits_for_approvals(self, office: Office) -> None:
        ready = make_ready(office, "quick")
        release = office.release(ready)
        office.time.now = release.updated_at + timedelta(minutes=11)

        countdown = office.requests.gate.count_down(release)
        assert countdown is not None
        assert not countdown.is_due(office.time.now)
        office.requests.approve(release.id, actor=BEN)
        countdown = office.requests.gate.count_down(release)

        assert countdown is not None
        assert countdown.is_due(office.time.now)

    def test_an_app_without_one_has_none(self, office: Office) -> None:
        assert office.requests.gate.count_down(office.release(make_ready(office, "own"))) is None

    def test_none_is_due_of_what_was_read_back_from_the_cluster_nor_of_its_redeploys(
        self, office: Office
    ) -> None:
        # given a release that was ready when Redis was emptied: somebody may have rejected it
        seen = ColorObservation(
            Color.BLUE, exists=True, release="01READ", tag="v1.0-blue", commit="decade", passed=True
        )
        nothing = ColorObservation(Color.GREEN, exists=False)
        (lost,) = find_running(Observation("quick", NOON, None, seen, nothing))
        office.queue.recover([lost])
        # when it is deployed again, and Redis keeps what is said from now on
        again = office.requests.redeploy(lost.id, actor=ANNA)
        office.run(again, *(step(again.release_id or "", state) for state in (State.RUNNING, State.READY)))

        for release_id in (lost.id, again.release_id):
            release = office.store.find_release(release_id or "")
            assert release
            countdown = office.requests.gate.count_down(release)
            assert countdown
            assert Block.READ_BACK in countdown.blocked_by

    def test_once_stopped_no_promote_comes_by_itself(self, office: Office) -> None:
        ready = make_ready(office, "quick")
        release_id = ready.release_id or ""
        office.requests.approve(release_id, actor=BEN)

        office.requests.stop_countdown(release_id, actor=ANNA, reason="let us look first")

        with refused("countdown-stopped"):
            office.requests.promote("quick", actor=VERDIGRIS)
        assert office.requests.promote("quick", actor=ANNA).release_id == release_id
