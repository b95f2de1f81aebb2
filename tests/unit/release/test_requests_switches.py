"""Promote, rollback, decommission as they are asked for: what Redis knows against them is said at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from release.model import Color, JobKind, Stage, StageState, State
from release.observation import ColorObservation, Observation
from tests.unit.release.desk import ANNA, GIT, Desk, refused, step

if TYPE_CHECKING:
    from release.requests import Accepted


class TestPromote:
    def test_without_a_name_the_ready_release_goes_live(self, desk: Desk) -> None:
        ready = desk.deploy("v2.0-blue")

        accepted = desk.requests.promote("shop", actor=ANNA, reason="tested")

        job = desk.job(accepted)
        assert (accepted.release_id, accepted.is_new) == (ready.release_id, True)
        assert (job.kind, job.color, job.reason) == (JobKind.PROMOTE, Color.BLUE, "tested")
        assert desk.sent.offers[-1].stages == (Stage.ACTIVATE,)

    def test_after_a_rollback_both_refusals_name_the_release_to_promote_again(self, desk: Desk) -> None:
        first = desk.deploy("v1.0-green")
        desk.promote(first)
        second = desk.deploy("v2.0-blue")
        desk.promote(second, step(first.release_id or "", State.STANDBY))
        back = desk.requests.rollback("shop", actor=ANNA)
        away = step(second.release_id or "", State.ROLLED_BACK)
        desk.run(back, away, step(first.release_id or "", State.LIVE))

        with refused("nothing-ready") as unready:
            desk.requests.promote("shop", actor=ANNA)
        with refused("nothing-on-standby") as gone:
            desk.requests.rollback("shop", actor=ANNA)

        again = f"verdigris promote shop --release {second.release_id}"
        assert again in unready.value.document.next_step
        assert again in gone.value.document.next_step
        assert "away from v2.0-blue" in gone.value.document.detail

    def test_nothing_ready_is_refused(self, desk: Desk) -> None:
        desk.deploy("v2.0-blue", to=State.FAILED)

        with refused("nothing-ready"):
            desk.requests.promote("shop", actor=ANNA)

    def test_of_two_that_are_ready_the_newer_is_meant(self, desk: Desk) -> None:
        desk.deploy("v1.0-blue")
        newer = desk.deploy("v1.0-green")

        assert desk.requests.promote("shop", actor=ANNA).release_id == newer.release_id

    def test_a_release_that_was_rolled_back_can_be_named(self, desk: Desk) -> None:
        again = desk.deploy("v2.0-blue")
        desk.promote(again, step(again.release_id or "", State.ROLLED_BACK))

        accepted = desk.requests.promote("shop", actor=ANNA, release_id=again.release_id)

        assert accepted.release_id == again.release_id

    def test_a_release_that_is_not_ready_is_refused_with_its_state(self, desk: Desk) -> None:
        failed = desk.deploy("v2.0-blue", to=State.FAILED)

        with refused("not-ready") as told:
            desk.requests.promote("shop", actor=ANNA, release_id=failed.release_id)

        assert "is failed: now failed" in told.value.document.detail

    def test_a_release_of_another_app_is_refused_as_that(self, desk: Desk) -> None:
        other = desk.deploy("v2.0-blue", app="blog")

        with refused("not-ready") as told:
            desk.requests.promote("shop", actor=ANNA, release_id=other.release_id)

        assert "is of the app blog" in told.value.document.detail

    def test_an_unknown_app_or_release_is_refused(self, desk: Desk) -> None:
        with refused("unknown-app"):
            desk.requests.promote("nowhere", actor=ANNA)
        with refused("unknown-release"):
            desk.requests.promote("shop", actor=ANNA, release_id="01NONE")

    def test_a_second_promote_is_refused_with_the_job_that_stands(self, desk: Desk) -> None:
        desk.deploy("v2.0-blue")
        first = desk.requests.promote("shop", actor=ANNA)

        with refused("already-queued") as told:
            desk.requests.promote("shop", actor=ANNA)

        assert first.job_id in told.value.document.detail

    def test_what_is_being_replaced_is_refused(self, desk: Desk) -> None:
        ready = desk.deploy("v2.0-blue")
        running = desk.requests.deploy("shop", "v2.1-blue", actor=GIT)

        with refused("color-being-deployed") as told:
            desk.requests.promote("shop", actor=ANNA, release_id=ready.release_id)

        assert running.release_id is not None
        assert running.release_id in told.value.document.next_step

    def test_a_deploy_to_the_other_color_does_not_hinder(self, desk: Desk) -> None:
        desk.deploy("v2.0-blue")
        desk.requests.deploy("shop", "v2.1-green", actor=GIT)

        assert desk.requests.promote("shop", actor=ANNA).is_new

    def test_another_apps_deploy_in_a_shared_queue_does_not_hinder(self, desk: Desk) -> None:
        desk.deploy("v2.0-blue", app="blog")
        desk.requests.deploy("docs", "v2.1-blue", actor=GIT)

        assert desk.requests.promote("blog", actor=ANNA).is_new

    def test_a_deploy_of_its_color_that_waits_is_overtaken(self, desk: Desk) -> None:
        desk.deploy("v2.0-blue")
        desk.requests.deploy("shop", "v1.9-green", actor=GIT)
        desk.requests.deploy("shop", "v2.1-blue", actor=GIT)

        desk.requests.promote("shop", actor=ANNA)

        assert [(job.kind, job.tag) for job in desk.store.queue("shop")] == [
            (JobKind.DEPLOY, "v1.9-green"),
            (JobKind.PROMOTE, "v2.0-blue"),
            (JobKind.DEPLOY, "v2.1-blue"),
        ]


class TestRollback:
    def standby(self, desk: Desk) -> Accepted:
        """Blue was live, then green was promoted."""
        blue = desk.deploy("v1.0-blue")
        desk.promote(blue)
        desk.promote(desk.deploy("v2.0-green"), step(blue.release_id or "", State.STANDBY))
        return blue

    def test_the_release_on_standby_comes_back(self, desk: Desk) -> None:
        blue = self.standby(desk)

        accepted = desk.requests.rollback("shop", actor=ANNA, reason="errors")

        job = desk.job(accepted)
        assert (accepted.release_id, job.kind, job.color) == (blue.release_id, JobKind.ROLLBACK, Color.BLUE)

    def test_it_goes_ahead_of_all_that_wait(self, desk: Desk) -> None:
        self.standby(desk)
        for tag in ("v3.0-blue", "v3.1-blue"):
            desk.requests.deploy("shop", tag, actor=GIT)

        desk.requests.rollback("shop", actor=ANNA)

        assert [job.kind for job in desk.store.queue("shop")] == [
            JobKind.DEPLOY,
            JobKind.ROLLBACK,
            JobKind.DEPLOY,
        ]

    def test_the_release_can_be_named(self, desk: Desk) -> None:
        blue = self.standby(desk)

        accepted = desk.requests.rollback("shop", actor=ANNA, release_id=blue.release_id)

        assert accepted.release_id == blue.release_id

    @pytest.mark.parametrize("release_id", [None, "01NONE"])
    def test_nothing_to_go_back_to_is_refused(self, desk: Desk, release_id: str | None) -> None:
        desk.promote(desk.deploy("v1.0-blue"))

        with refused("nothing-on-standby") as told:
            desk.requests.rollback("shop", actor=ANNA, release_id=release_id)

        assert (release_id or "no release is on standby") in told.value.document.detail

    def test_a_second_rollback_is_refused(self, desk: Desk) -> None:
        self.standby(desk)
        desk.requests.rollback("shop", actor=ANNA)

        with refused("already-queued"):
            desk.requests.rollback("shop", actor=ANNA)

    def test_an_unknown_app_is_refused(self, desk: Desk) -> None:
        with refused("unknown-app"):
            desk.requests.rollback("nowhere", actor=ANNA)


def seen(live: Color | None) -> Observation:
    nothing = {color: ColorObservation(color, exists=False) for color in Color}
    at = datetime(2025, 6, 1, tzinfo=UTC)
    return Observation("shop", at, live, nothing[Color.BLUE], nothing[Color.GREEN])


class TestDecommission:
    def test_the_color_that_the_cluster_does_not_show_live_is_taken_down(self, desk: Desk) -> None:
        green = desk.deploy("v2.0-green", to=State.FAILED)
        pods = ColorObservation(Color.GREEN, exists=True)
        desk.store.observe(replace(seen(Color.BLUE), green=pods))

        accepted = desk.requests.decommission("shop", actor=ANNA, reason="cleaning")

        job = desk.job(accepted)
        assert (accepted.release_id, job.color, job.tag) == (green.release_id, Color.GREEN, "v2.0-green")
        assert (job.kind, job.reason) == (JobKind.DECOMMISSION, "cleaning")

    @pytest.mark.parametrize(
        ("app", "migration", "stages"),
        [
            ("shop", {}, (Stage.DECOMMISSION,)),
            ("blog", {}, (Stage.DECOMMISSION, Stage.MIGRATE)),
            ("blog", {"migration": "none"}, (Stage.DECOMMISSION,)),
            ("blog", {"migration": "expand", "migration_state": "passed"}, (Stage.DECOMMISSION,)),
            (
                "blog",
                {"migration": "contract", "migration_state": "pending"},
                (Stage.DECOMMISSION, Stage.MIGRATE),
            ),
            ("blog", {"migration": "contract", "migration_state": "passed"}, (Stage.DECOMMISSION,)),
        ],
        ids=["no migrations", "not known", "none", "expanded", "due", "contracted"],
    )
    def test_a_contract_migration_that_may_be_due_follows(
        self, desk: Desk, app: str, migration: dict[str, str], stages: tuple[Stage, ...]
    ) -> None:
        live = desk.deploy("v1.0-blue", app=app)
        promoted = desk.requests.promote(app, actor=ANNA)
        job = desk.claim(promoted)
        desk.queue.move(job.id, fence=job.fence, release_id=live.release_id or "", fields=migration)
        went_live = step(live.release_id or "", State.LIVE)
        desk.queue.done(job.id, index=0, fence=job.fence, outcome=StageState.PASSED, moves=[went_live])

        accepted = desk.requests.decommission(app, actor=ANNA)

        assert tuple(run.stage for run in desk.job(accepted).stages) == stages
        assert desk.sent.offers[-1].stages == stages

    def test_where_our_records_know_of_nothing_live_the_cluster_is_asked(self, desk: Desk) -> None:
        desk.store.observe(replace(seen(Color.BLUE), app="blog"))

        accepted = desk.requests.decommission("blog", actor=ANNA)

        assert desk.job(accepted).stages[-1].stage is Stage.MIGRATE

    def test_what_a_worker_saw_there_is_taken_down_rather_than_the_newest(self, desk: Desk) -> None:
        shown = desk.deploy("v1.0-green")
        desk.deploy("v2.0-green", to=State.FAILED)
        green = ColorObservation(Color.GREEN, exists=True, release=shown.release_id, tag="v1.0-green")
        desk.store.observe(replace(seen(Color.BLUE), green=green))

        accepted = desk.requests.decommission("shop", actor=ANNA)

        assert accepted.release_id == shown.release_id

    def test_a_color_that_is_seen_empty_is_no_release_s_business(self, desk: Desk) -> None:
        desk.deploy("v2.0-green", to=State.FAILED)
        desk.store.observe(seen(Color.BLUE))

        assert desk.requests.decommission("shop", actor=ANNA).release_id is None

    def test_a_color_that_no_known_release_runs_in_is_taken_down_without_one(self, desk: Desk) -> None:
        desk.store.observe(seen(Color.GREEN))

        accepted = desk.requests.decommission("shop", actor=ANNA)

        job = desk.job(accepted)
        assert (accepted.release_id, job.release_id, job.color) == (None, None, Color.BLUE)
        assert desk.sent.offers[-1].subject == accepted.job_id

    @pytest.mark.parametrize("observation", [None, seen(None)])
    def test_before_the_cluster_shows_a_live_color_our_own_record_tells(
        self, desk: Desk, observation: Observation | None
    ) -> None:
        desk.promote(desk.deploy("v1.0-blue"))
        if observation:
            desk.store.observe(observation)

        accepted = desk.requests.decommission("shop", actor=ANNA)

        assert desk.job(accepted).color is Color.GREEN

    def test_a_look_from_before_the_last_switch_is_not_believed(self, desk: Desk) -> None:
        old = desk.deploy("v1.0-blue")
        desk.promote(old)
        desk.store.observe(replace(seen(Color.BLUE), at=datetime.now(UTC)))
        desk.promote(desk.deploy("v2.0-green"), step(old.release_id or "", State.STANDBY))

        accepted = desk.requests.decommission("shop", actor=ANNA)

        assert desk.job(accepted).color is Color.BLUE
        assert accepted.release_id == old.release_id

    def test_without_a_live_color_there_is_no_idle_one(self, desk: Desk) -> None:
        desk.deploy("v1.0-blue")

        with refused("nothing-live"):
            desk.requests.decommission("shop", actor=ANNA)

    def test_a_second_one_is_refused(self, desk: Desk) -> None:
        desk.store.observe(seen(Color.GREEN))
        desk.requests.decommission("shop", actor=ANNA)

        with refused("already-queued"):
            desk.requests.decommission("shop", actor=ANNA)

    def test_an_unknown_app_is_refused(self, desk: Desk) -> None:
        with refused("unknown-app"):
            desk.requests.decommission("nowhere", actor=ANNA)
