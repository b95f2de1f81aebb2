"""What each button of the pages asks for, in a real browser, with and without JavaScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect

from release.model import Actor, Color, JobKind, State
from tests.e2e.views import DEMO, failed_release, ready_beside_live, switched
from tests.e2e.visitors import app_of, card_of, panel_of, press

if TYPE_CHECKING:
    from release.model import Job
    from tests.e2e.scene import Scene
    from tests.e2e.visitors import Visitors

pytestmark = pytest.mark.needs_browser

MARIA: Final = Actor("person", "maria")


def only_job(scene: Scene) -> Job:
    (job,) = scene.store.queue("shop")
    return job


class TestAsking:
    def test_a_tag_without_a_color_is_refused_with_words(self, visitors: Visitors, scene: Scene) -> None:
        page = visitors.sign_in()
        press(app_of(page), "Deploy a tag", tag="v2.0")
        tag = app_of(page).get_by_label("Tag")
        assert tag.evaluate("one => one.validity.patternMismatch")
        expect(tag).to_have_attribute("title", "a version that ends in -blue or -green")
        # Nor does the server take it, where no browser asks
        tag.evaluate("one => { one.form.noValidate = true; one.form.requestSubmit() }")
        expect(page.get_by_role("alert")).to_contain_text("The tag names no color.")
        expect(page.get_by_role("alert")).to_contain_text("Push a tag such as v2.0-blue.")
        assert scene.store.queue("shop") == []

    def test_a_deploy_leads_to_its_release_with_the_person_and_the_reason(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        page = visitors.sign_in()
        press(app_of(page), "Deploy a tag", tag="v1.0-blue", reason="first of all")
        expect(page.get_by_role("heading", level=1)).to_have_text("v1.0-blue")
        expect(page.get_by_text("The deploy of v1.0-blue to shop was accepted.")).to_be_visible()
        job = only_job(scene)
        assert (job.kind, job.actor, job.reason) == (JobKind.DEPLOY, MARIA, "first of all")

    def test_a_promote_asks_once_and_says_what_will_happen(self, visitors: Visitors, scene: Scene) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in()
        panel = panel_of(app_of(page), "Promote v2.0-green")
        expect(panel.locator("form")).to_be_hidden()
        panel.locator("summary").press("Enter")
        expect(panel).to_contain_text(
            "Moves every user from v1.0-blue (blue) to v2.0-green (green), once it proves to be what was"
        )
        assert scene.store.queue("shop") == []
        panel.get_by_label("Reason").fill("it is Friday")
        panel.get_by_role("button", name="Promote v2.0-green").click()
        expect(page.get_by_text("The promote of shop was accepted.")).to_be_visible()
        expect(app_of(page).locator(".queue")).to_contain_text(re.compile(r"now\s+promote\s+v2\.0-green"))
        job = only_job(scene)
        assert (job.kind, job.tag, job.actor) == (JobKind.PROMOTE, "v2.0-green", MARIA)
        assert job.reason == "it is Friday"

    def test_a_rollback_goes_to_the_release_on_standby(self, visitors: Visitors, scene: Scene) -> None:
        old, _ = switched(scene)
        page = visitors.sign_in()
        press(app_of(page), "Roll back to v1.0-blue", reason="orders fail")
        expect(page.get_by_text("The rollback of shop was accepted.")).to_be_visible()
        job = only_job(scene)
        assert (job.kind, job.release_id) == (JobKind.ROLLBACK, old)
        assert (job.actor, job.reason) == (MARIA, "orders fail")

    def test_a_decommission_names_the_color_and_what_is_lost(self, visitors: Visitors, scene: Scene) -> None:
        switched(scene)
        page = visitors.sign_in()
        panel = panel_of(app_of(page), "Decommission blue")
        panel.locator("summary").click()
        expect(panel).to_contain_text("v1.0-blue stops: no more switching to that one.")
        panel.get_by_role("button", name="Decommission blue").click()
        expect(page.get_by_text("The decommission of shop's idle color was accepted.")).to_be_visible()
        job = only_job(scene)
        assert (job.kind, job.color, job.actor) == (JobKind.DECOMMISSION, Color.BLUE, MARIA)

    def test_what_came_too_late_is_refused_with_words(self, visitors: Visitors, scene: Scene) -> None:
        switched(scene)
        page = visitors.sign_in()
        scene.requests.rollback("shop", actor=DEMO)
        press(app_of(page), "Roll back to v1.0-blue")
        expect(page.get_by_role("alert")).to_contain_text("A rollback of this app is already in the queue.")

    def test_cancel_stops_a_release_that_waits(self, visitors: Visitors, scene: Scene) -> None:
        release_id = scene.deploy("v1.0-blue")
        page = visitors.sign_in(f"/releases/{release_id}")
        press(page, "Cancel", reason="wrong tag")
        expect(page.get_by_role("alert")).to_contain_text("was cancelled by maria: wrong tag")
        assert scene.release(release_id).state is State.CANCELLED

    def test_retry_queues_a_failed_release_again(self, visitors: Visitors, scene: Scene) -> None:
        path = failed_release(scene)
        page = visitors.sign_in(path)
        press(page, "Retry", reason="the database is back")
        expect(page.get_by_text("The retry of v2.0-green was accepted.")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
        job = only_job(scene)
        assert (job.release_id, job.actor) == (path.rpartition("/")[2], MARIA)

    def test_redeploy_leads_to_a_new_release_of_the_same_commit(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        old, _ = switched(scene)
        page = visitors.sign_in(f"/releases/{old}")
        press(page, "Redeploy")
        expect(page.get_by_role("link", name=old)).to_be_visible()
        job = only_job(scene)
        assert scene.release(job.release_id or "").redeploy_of == old
        assert job.actor == MARIA


class TestWithoutJavaScript:
    def test_every_page_reads_and_every_button_works(self, visitors: Visitors, scene: Scene) -> None:
        old, new = switched(scene)
        page = visitors.sign_in(java_script_enabled=False)
        expect(card_of(page, Color.GREEN)).to_contain_text("Every user is here.")
        asked = []
        for label in ("Roll back to v1.0-blue", "Decommission blue"):
            press(app_of(page), label)
            asked.append(scene.store.queue("shop")[-1].kind)
            page.goto(f"{scene.url}/apps/shop")
        press(app_of(page), "Deploy a tag", tag="v3.0-green")
        press(page, "Cancel")
        expect(page.get_by_role("alert")).to_contain_text("Cancelled.")
        assert asked == [JobKind.ROLLBACK, JobKind.DECOMMISSION]
        page.goto(f"{scene.url}/releases/{new}")
        press(page, "Redeploy")
        assert scene.store.queue("shop")[-1].tag == "v2.0-green"
        page.goto(f"{scene.url}/releases/{old}")
        expect(page.get_by_role("log")).to_contain_text("stage 4 of v1.0-blue")

    def test_promote_and_retry_work_too(self, visitors: Visitors, scene: Scene) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in(java_script_enabled=False)
        press(app_of(page), "Promote v2.0-green")
        expect(page.get_by_text("The promote of shop was accepted.")).to_be_visible()
        promote = only_job(scene)
        scene.requests.cancel(promote.release_id or "", actor=MARIA)
        page.goto(f"{scene.url}/releases/{scene.fail('v4.0-green')}")
        press(page, "Retry")
        assert only_job(scene).tag == "v4.0-green"
