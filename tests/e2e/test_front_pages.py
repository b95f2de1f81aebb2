"""The first pages in a real browser: all apps at a glance, the queue, the history, who did what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect

from release.model import Color
from tests.e2e.views import failed_release, glance, queues, ready_beside_live, switched
from tests.e2e.visitors import app_of, card_of, press

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.scene import Scene
    from tests.e2e.visitors import Visitors

pytestmark = pytest.mark.needs_browser

SCRIPTS: Final = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def row_of(page: Page, name: str) -> Locator:
    return page.locator(f"#app-{name}")


class TestGlance:
    def test_what_needs_attention_stands_first_and_says_why(self, visitors: Visitors, scene: Scene) -> None:
        page = visitors.sign_in(glance(scene))
        alarming, others = page.locator("#alarming li"), page.locator("#others li")
        expect(alarming).to_have_count(1)
        expect(alarming).to_contain_text("The route was changed by hand".lower())
        expect(alarming.get_by_role("link", name="deploy v8.0-green failed")).to_be_visible()
        expect(alarming).to_contain_text("deploy v9.0-green: waiting for its turn, 1 ahead")
        expect(others).to_have_count(1)
        expect(others).to_contain_text("deploy v3.0-blue: waiting for a worker")
        expect(others).to_contain_text(re.compile(r"v2\.0-green live just now"))

    def test_a_row_leads_to_its_app_and_a_failure_to_its_release(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        page = visitors.sign_in(glance(scene))
        page.get_by_role("link", name="deploy v8.0-green failed").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("v8.0-green")
        page.get_by_role("link", name="Apps", exact=True).click()
        page.get_by_role("link", name="shop", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("shop")

    def test_a_switch_shows_by_itself(self, visitors: Visitors, scene: Scene) -> None:
        switched(scene)
        page = visitors.sign_in("/")
        expect(row_of(page, "shop")).to_contain_text(re.compile(r"v2\.0-green live"))
        scene.observe(live=Color.BLUE)
        expect(row_of(page, "shop")).to_contain_text(re.compile(r"v1\.0-blue live"), timeout=3000)

    def test_apps_are_filtered_while_one_types_and_stay_so(self, visitors: Visitors, scene: Scene) -> None:
        glance(scene)
        page = visitors.sign_in("/")
        page.get_by_role("searchbox").press_sequentially("V2.0-gr")
        expect(row_of(page, "forum")).to_have_count(0)
        expect(page.get_by_role("main")).to_contain_text("1 of 2 apps have “V2.0-gr”")
        expect(page.get_by_role("searchbox")).to_be_focused()
        scene.observe(live=Color.BLUE)
        expect(row_of(page, "shop")).to_contain_text(re.compile(r"v1\.0-blue live"))
        expect(row_of(page, "forum")).to_have_count(0)
        page.get_by_role("link", name="Show all").click()
        expect(row_of(page, "forum")).to_be_visible()

    def test_without_scripts_a_button_filters(self, visitors: Visitors, scene: Scene) -> None:
        glance(scene)
        page = visitors.sign_in("/", java_script_enabled=False)
        page.get_by_role("searchbox").fill("for")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator(".glance li")).to_have_count(1)
        expect(page.get_by_role("searchbox")).to_have_value("for")


class TestQueue:
    def test_every_job_has_its_place_and_what_it_waits_for(self, visitors: Visitors, scene: Scene) -> None:
        page = visitors.sign_in(queues(scene))
        rows = page.get_by_role("region", name="shop").locator("li")
        expect(rows.nth(0)).to_have_text(
            re.compile(r"now\s+deploy\s+v3\.0-blue\s+of shop\s+waiting for a worker")
        )
        expect(rows.nth(1)).to_have_text(
            re.compile(r"1\s+deploy\s+v9\.0-green\s+of forum\s+waiting for its turn")
        )
        scene.begin(scene.store.queue("shop")[0].release_id or "")
        expect(rows.nth(0)).to_contain_text("running sanity", timeout=3000)

    def test_an_empty_queue_says_so(self, visitors: Visitors) -> None:
        page = visitors.sign_in("/")
        page.get_by_role("link", name="Queue").click()
        expect(page.get_by_role("main")).to_contain_text("Nothing runs, and nothing waits.")


class TestHistory:
    @SCRIPTS
    def test_releases_are_found_by_state_and_by_words(
        self, visitors: Visitors, scene: Scene, *, scripts: bool
    ) -> None:
        failed_release(scene)
        page = visitors.sign_in("/history", java_script_enabled=scripts)
        rows = page.locator(".past li")
        expect(rows).to_have_count(2)
        page.get_by_label("State").select_option("failed")
        page.get_by_role("button", name="Show").click()
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("The container keeps crashing")
        page.get_by_label("Tag, commit or who").fill("v1.")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("main")).to_contain_text("No such release.")

    def test_older_ones_are_one_link_away(self, visitors: Visitors, scene: Scene) -> None:
        for number in range(30):
            scene.deploy(f"v{number}.0-blue", app="forum")
        page = visitors.sign_in("/history?app=forum")
        expect(page.locator(".past li")).to_have_count(25)
        page.get_by_role("link", name="Older").click()
        expect(page.locator(".past li")).to_have_count(5)
        expect(page.locator(".past li").last).to_contain_text("v0.0-blue")


class TestWhoDidWhat:
    def test_the_app_s_page_tells_what_people_asked_for(self, visitors: Visitors, scene: Scene) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in()
        press(app_of(page), "Promote v2.0-green", reason="the new checkout")
        deeds = app_of(page).locator(".deeds li")
        expect(deeds.first).to_contain_text(re.compile(r"maria\s+asked to promote\s+v2\.0-green"))
        expect(deeds.first).to_contain_text("“the new checkout”")
        expect(card_of(page, Color.BLUE)).to_have_accessible_name("blue: live")
