"""Releases that are asked for, again or no more: what is queued, and what is refused with which words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from release.jobs import NewRelease
from release.loading import parse_config
from release.model import VERDIGRIS, Color, JobKind, JobState, Stage, StageState, State
from release.problems import NotDurable, Problem
from release.requests import Accepted, Requests
from tests.unit.release.desk import ANNA, CONFIG, GIT, Desk, Sent, refused, step

if TYPE_CHECKING:
    import fakeredis

    from release.model import Release
    from release.queue import Queue
    from release.store import Store


class TestDeploy:
    def test_a_tag_is_queued_published_and_shown(self, desk: Desk) -> None:
        accepted = desk.requests.deploy("shop", "v2.0-blue", actor=GIT, commit="c0ffee", reason="pushed")

        release, job = desk.release(accepted), desk.job(accepted)
        assert accepted.is_new
        assert (release.state, release.color, release.commit) == (State.QUEUED, Color.BLUE, "c0ffee")
        assert (release.image, release.reason) == ("registry.example.com/shop:v2.0-blue", "pushed")
        assert (job.kind, job.queue, job.state) == (JobKind.DEPLOY, "shop", JobState.OFFERED)
        assert [offer.job_id for offer in desk.sent.offers] == [accepted.job_id]
        assert desk.sent.waiting == [(accepted.job_id, "shop", "v2.0-blue", accepted.release_id)]

    def test_a_tag_behind_another_is_shown_and_not_published(self, desk: Desk) -> None:
        first = desk.requests.deploy("shop", "v2.0-blue", actor=GIT)
        second = desk.requests.deploy("shop", "v2.1-blue", actor=GIT)

        assert [offer.job_id for offer in desk.sent.offers] == [first.job_id]
        assert [job_id for job_id, *_ in desk.sent.waiting] == [first.job_id, second.job_id]

    @pytest.mark.parametrize(
        ("commit", "image"), [("", None), ("c0ffee", "registry.example.com/docs:c0ffee")]
    )
    def test_an_image_named_by_commit_is_known_with_the_commit(
        self, desk: Desk, commit: str, image: str | None
    ) -> None:
        accepted = desk.requests.deploy("docs", "v2.0-green", actor=GIT, commit=commit)

        assert desk.release(accepted).image == image

    def test_an_app_that_is_not_configured_is_refused(self, desk: Desk) -> None:
        with refused("unknown-app"):
            desk.requests.deploy("nowhere", "v2.0-blue", actor=GIT)

    @pytest.mark.parametrize(
        ("tag", "slug"),
        [
            ("v2.0", "tag-does-not-match"),
            ("v2.0-blue\n", "tag-does-not-match"),
            ("v2.0/x-blue", "tag-refused"),
            ("v" * 60 + "-blue", "tag-refused"),
        ],
    )
    def test_a_tag_that_is_none_of_ours_leaves_nothing_behind(self, desk: Desk, tag: str, slug: str) -> None:
        with refused(slug):
            desk.requests.deploy("shop", tag, actor=GIT)

        assert desk.store.releases() == []
        assert desk.sent.offers == []

    @pytest.mark.parametrize(("app", "lost_in_migrate"), [("shop", True), ("docs", False)])
    def test_a_lost_migration_is_given_up_unless_the_app_says_it_can_be_repeated(
        self, desk: Desk, app: str, *, lost_in_migrate: bool
    ) -> None:
        accepted = desk.requests.deploy(app, "v2.0-blue", actor=GIT)
        while desk.job(accepted).stage is not Stage.MIGRATE:
            job = desk.claim(accepted)
            desk.queue.done(job.id, index=job.stage_index, fence=job.fence, outcome=StageState.PASSED)

        job = desk.claim(accepted)
        desk.queue.lost(job.id, fence=job.fence, why="its worker died")

        job = desk.job(accepted)
        claim = desk.queue.claim(job.id, index=job.stage_index, fence=job.fence, owner="w2")
        assert claim is not None
        assert (claim.give_up == "its worker died") is lost_in_migrate


class TestRedeploy:
    def test_the_same_commit_becomes_a_new_release_that_names_the_old_one(self, desk: Desk) -> None:
        old = desk.deploy("v1.0-blue", to=State.READY)

        again = desk.requests.redeploy(old.release_id or "", actor=ANNA)

        release = desk.release(again)
        assert again.is_new
        assert (release.redeploy_of, release.commit, release.tag) == (old.release_id, "c0ffee", "v1.0-blue")
        assert release.image == "registry.example.com/shop:v1.0-blue"
        assert release.reason == f"redeploy of {old.release_id}"

    def test_a_reason_given_is_kept(self, desk: Desk) -> None:
        old = desk.deploy("v1.0-blue")

        again = desk.requests.redeploy(old.release_id or "", actor=ANNA, reason="back to June")

        assert desk.release(again).reason == "back to June"

    def test_an_image_that_was_not_known_yet_stays_open(self, desk: Desk) -> None:
        old = desk.requests.deploy("docs", "v1.0-blue", actor=GIT)
        desk.run(old)

        again = desk.requests.redeploy(old.release_id or "", actor=ANNA)

        assert desk.release(again).image is None

    def test_a_release_that_is_not_known_is_refused(self, desk: Desk) -> None:
        with refused("unknown-release"):
            desk.requests.redeploy("01NONE", actor=ANNA)

    def test_what_was_taken_over_without_a_commit_is_refused_at_once(self, desk: Desk) -> None:
        adopted = NewRelease(
            "01ADOPTED", "shop", "abc123", Color.BLUE, "", VERDIGRIS, "taken over", state=State.LIVE
        )
        desk.queue.recover([adopted])

        with refused("no-commit"):
            desk.requests.redeploy("01ADOPTED", actor=ANNA)

        assert desk.sent.offers == []


class TestRetry:
    def test_a_failed_release_is_queued_again_from_its_first_stage(self, desk: Desk) -> None:
        failed = desk.deploy("v2.0-blue", to=State.FAILED)

        retried = desk.requests.retry(failed.release_id or "", actor=ANNA, reason="the registry is back")

        release, job = desk.release(retried), desk.job(retried)
        assert (retried.release_id, retried.is_new) == (failed.release_id, True)
        assert retried.job_id != failed.job_id
        assert (release.state, release.reason) == (State.QUEUED, "the registry is back")
        assert (job.stage, job.state, job.actor) == (Stage.SANITY, JobState.OFFERED, ANNA)
        assert [offer.job_id for offer in desk.sent.offers] == [failed.job_id, retried.job_id]

    def test_a_retry_without_a_reason_says_what_it_does(self, desk: Desk) -> None:
        retried = desk.requests.retry(desk.deploy("v2.0-blue", to=State.FAILED).release_id or "", actor=ANNA)

        assert desk.release(retried).reason == "retried: all stages again"

    def test_a_retry_does_not_repeat_a_lost_migration_either(self, desk: Desk) -> None:
        retried = desk.requests.retry(desk.deploy("v2.0-blue", to=State.FAILED).release_id or "", actor=ANNA)
        for _ in (Stage.SANITY, Stage.DEPLOY):
            job = desk.claim(retried)
            desk.queue.done(job.id, index=job.stage_index, fence=job.fence, outcome=StageState.PASSED)

        job = desk.claim(retried)
        lost = desk.queue.lost(job.id, fence=job.fence, why="its worker died")

        assert lost.offer is not None
        claim = desk.queue.claim(job.id, index=2, fence=lost.offer.fence, owner="w2")
        assert claim is not None
        assert claim.give_up == "its worker died"

    @pytest.mark.parametrize("to", [State.READY, State.CANCELLED])
    def test_only_a_failed_release_is_retried(self, desk: Desk, to: State) -> None:
        release_id = desk.deploy("v2.0-blue", to=to).release_id or ""

        with refused("not-failed") as told:
            desk.requests.retry(release_id, actor=ANNA)

        assert f"is {to}" in told.value.document.detail

    def test_a_second_retry_is_refused_with_where_the_release_is_now(self, desk: Desk) -> None:
        release_id = desk.deploy("v2.0-blue", to=State.FAILED).release_id or ""
        desk.requests.retry(release_id, actor=ANNA)

        with refused("not-failed") as told:
            desk.requests.retry(release_id, actor=ANNA)

        assert "is queued" in told.value.document.detail

    def test_a_retry_that_comes_second_by_a_moment_is_told_where_the_release_is_now(self, desk: Desk) -> None:
        release_id = desk.deploy("v2.0-blue", to=State.FAILED).release_id or ""

        def be_faster(found: Release | None) -> None:
            if found and found.state is State.FAILED:
                desk.requests.retry(release_id, actor=GIT)

        with refused("not-failed") as told:
            desk.when("find_release", be_faster).retry(release_id, actor=ANNA)

        assert "is queued" in told.value.document.detail

    def test_of_many_retries_at_once_one_is_accepted(self, desk: Desk) -> None:
        release_id = desk.deploy("v2.0-blue", to=State.FAILED).release_id or ""

        def retry(_: int) -> str:
            try:
                return desk.requests.retry(release_id, actor=ANNA).job_id
            except Problem as problem:
                return f"{problem.document.slug}: {problem.document.detail}"

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(retry, range(16)))

        refusals = [answer for answer in answers if answer.startswith("not-failed")]
        assert len(refusals) == 15
        assert all("is queued" in refusal for refusal in refusals)
        assert len(desk.store.queue("shop")) == 1

    def test_a_retry_does_not_join_another_release_of_the_same_tag(self, desk: Desk) -> None:
        release_id = desk.deploy("v2.0-blue", to=State.FAILED).release_id or ""
        other = desk.requests.deploy("shop", "v2.0-blue", actor=ANNA)

        with refused("already-queued") as told:
            desk.requests.retry(release_id, actor=ANNA)

        assert other.job_id in told.value.document.detail
        assert desk.store.find_release(release_id).state is State.FAILED  # type: ignore[union-attr]


class TestWhenNewer:
    """What a new tag does to the same app's older waiting deploys."""

    def test_older_waiting_deploys_give_way_where_the_app_says_so(self, desk: Desk) -> None:
        head = desk.requests.deploy("news", "v1.0-blue", actor=GIT)
        older = desk.requests.deploy("news", "v2.0-blue", actor=GIT)
        other = desk.requests.deploy("docs", "v1.0-blue", actor=GIT, commit="c0ffee")

        newest = desk.requests.deploy("news", "v3.0-blue", actor=GIT)

        assert [job.id for job in desk.store.queue("shared")] == [head.job_id, other.job_id, newest.job_id]
        release, job = desk.release(older), desk.job(older)
        assert (release.state, release.reason) == (State.SUPERSEDED, "v3.0-blue came before its turn")
        assert job.state is JobState.CANCELLED
        assert job.problem is not None
        assert job.problem.slug == "superseded"
        assert desk.sent.closed == [older.job_id]

    def test_they_keep_their_turn_otherwise(self, desk: Desk) -> None:
        every = [desk.requests.deploy("shop", f"v{number}.0-blue", actor=GIT) for number in range(3)]

        assert [job.id for job in desk.store.queue("shop")] == [one.job_id for one in every]
        assert desk.sent.closed == []


class TestCancel:
    def test_a_deploy_that_waits_leaves_its_queue_at_once(self, desk: Desk) -> None:
        head = desk.requests.deploy("shop", "v1.0-blue", actor=GIT)
        waiting = desk.requests.deploy("shop", "v2.0-blue", actor=GIT)

        answer = desk.requests.cancel(waiting.release_id or "", actor=ANNA, reason="wrong tag")

        job, release = desk.job(waiting), desk.release(waiting)
        assert answer == Accepted(waiting.release_id, waiting.job_id, is_new=True)
        assert (job.state, release.state, release.reason) == (
            JobState.CANCELLED,
            State.CANCELLED,
            "wrong tag",
        )
        assert job.problem is not None
        assert "cancelled by person:anna: wrong tag" in job.problem.detail
        assert [job.id for job in desk.store.queue("shop")] == [head.job_id]
        assert desk.sent.closed == [waiting.job_id]

    def test_a_reason_is_made_where_none_is_given(self, desk: Desk) -> None:
        accepted = desk.requests.deploy("shop", "v1.0-blue", actor=GIT)

        desk.requests.cancel(accepted.release_id or "", actor=ANNA)

        assert desk.release(accepted).reason == "cancelled before it began"

    def test_after_a_head_that_nobody_took_the_next_is_published(self, desk: Desk) -> None:
        head = desk.requests.deploy("shop", "v1.0-blue", actor=GIT)
        following = desk.requests.deploy("shop", "v2.0-blue", actor=GIT)

        desk.requests.cancel(head.release_id or "", actor=ANNA)

        assert [offer.job_id for offer in desk.sent.offers] == [head.job_id, following.job_id]

    def test_a_stage_that_runs_is_asked_to_stop(self, desk: Desk) -> None:
        accepted = desk.requests.deploy("shop", "v1.0-blue", actor=GIT)
        desk.claim(accepted, step(accepted.release_id or "", State.RUNNING))

        answer = desk.requests.cancel(accepted.release_id or "", actor=ANNA, reason="wrong tag")

        job = desk.job(accepted)
        assert answer.is_new
        assert (job.state, job.cancel_requested_by) == (JobState.RUNNING, ANNA)
        assert desk.release(accepted).state is State.RUNNING

    def test_a_promote_that_waits_is_cancelled_and_its_release_stays_ready(self, desk: Desk) -> None:
        ready = desk.deploy("v2.0-blue")
        promote = desk.requests.promote("shop", actor=ANNA)

        answer = desk.requests.cancel(ready.release_id or "", actor=ANNA)

        assert answer.job_id == promote.job_id
        assert desk.job(promote).state is JobState.CANCELLED
        assert desk.release(ready).state is State.READY

    def test_a_promote_that_has_begun_is_not_cut_in_the_middle(self, desk: Desk) -> None:
        ready = desk.deploy("v2.0-blue")
        promote = desk.requests.promote("shop", actor=ANNA)
        desk.claim(promote)

        with refused("already-begun"):
            desk.requests.cancel(ready.release_id or "", actor=ANNA)

        assert desk.job(promote).cancel_requested_by is None

    def test_nothing_left_to_cancel_is_refused(self, desk: Desk) -> None:
        done = desk.deploy("v2.0-blue")

        with refused("nothing-to-cancel"):
            desk.requests.cancel(done.release_id or "", actor=ANNA)

    def test_a_release_that_is_not_known_is_refused(self, desk: Desk) -> None:
        with refused("unknown-release"):
            desk.requests.cancel("01NONE", actor=ANNA)

    def test_a_job_that_ends_meanwhile_is_told_as_over(self, desk: Desk) -> None:
        """Between our look at its jobs and the cancel, the only job ends."""
        accepted = desk.requests.deploy("shop", "v1.0-blue", actor=GIT)

        def end_it(_: object) -> None:
            desk.run(accepted)

        with refused("nothing-to-cancel"):
            desk.when("jobs_of", end_it).cancel(accepted.release_id or "", actor=ANNA)


def test_an_app_that_left_the_configuration_is_refused_by_release_too(
    desk: Desk, store: Store, queue: Queue
) -> None:
    accepted = desk.deploy("v1.0-blue", app="docs")
    others = CONFIG.replace("  docs:", "  renamed:")
    requests = Requests(parse_config(others, name="verdigris.yml"), store, queue, Sent())

    with refused("unknown-app"):
        requests.redeploy(accepted.release_id or "", actor=ANNA)


@pytest.mark.parametrize(
    "kind", ["deploy", "redeploy", "retry", "promote", "rollback", "decommission", "cancel"]
)
def test_nothing_is_accepted_while_redis_is_away(
    desk: Desk, redis_server: fakeredis.FakeServer, kind: str
) -> None:
    sent_before = list(desk.sent.offers)
    redis_server.connected = False
    asks = {
        "deploy": lambda: desk.requests.deploy("shop", "v1.0-blue", actor=GIT),
        "redeploy": lambda: desk.requests.redeploy("r1", actor=GIT),
        "retry": lambda: desk.requests.retry("r1", actor=GIT),
        "promote": lambda: desk.requests.promote("shop", actor=GIT),
        "rollback": lambda: desk.requests.rollback("shop", actor=GIT),
        "decommission": lambda: desk.requests.decommission("shop", actor=GIT),
        "cancel": lambda: desk.requests.cancel("r1", actor=GIT),
    }

    with pytest.raises(NotDurable):
        asks[kind]()

    redis_server.connected = True
    assert desk.store.releases() == []
    assert desk.sent.offers == sent_before
