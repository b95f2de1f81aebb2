"""The pages in a real browser: signing in, what somebody sees who was woken at 3 a.m., staying up to date."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect

from release.model import Color
from tests.e2e.scene import playing
from tests.e2e.views import (
    VIEWS,
    failed_release,
    first_release,
    ready_beside_live,
    reverted,
    standby_and_a_queue,
    switched,
)
from tests.e2e.visitors import Visitors, app_of, card_of, panel_of, press
from tests.unit.webhook.fakes import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.e2e.scene import Scene

pytestmark = pytest.mark.needs_browser

HOSTILE: Final = "\"'><script>document.title='owned'</script>\u202eeulb-"
PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
DESK: Final[ViewportSize] = {"width": 1280, "height": 720}
ALL_TEXT_FITS: Final = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
INJECT: Final = """() => {
    const inline = document.createElement('script'); inline.textContent = "document.title = 'owned'"
    const elsewhere = document.createElement('img'); elsewhere.src = 'http://127.0.0.2:9/'
    document.body.append(inline, elsewhere)
}"""
OPEN_ALL: Final = """() => {
    for (const one of document.querySelectorAll('details')) { one.removeAttribute('name'); one.open = true }
}"""


class TestSigningIn:
    def test_a_token_opens_the_page_that_was_asked_for(self, visitors: Visitors, scene: Scene) -> None:
        path = f"/releases/{scene.deploy('v1.0-blue')}"
        page = visitors.open(path)
        page.get_by_label("API token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("v1.0-blue")
        expect(page.get_by_role("banner")).to_contain_text("ci")
        assert page.url == scene.url + path

    def test_a_wrong_token_says_so(self, visitors: Visitors) -> None:
        visitors.expected.append("status of 401")
        page = visitors.open()
        page.get_by_label("API token").fill("a token that nobody configured")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("No token of that value is known, or it has ended.")
        expect(page.get_by_label("API token")).to_have_value("")

    def test_a_one_time_link_opens_once(self, visitors: Visitors, scene: Scene) -> None:
        visitors.expected.append("status of 403")
        link = f"/enter/{scene.ticket('maria')}"
        expect(visitors.open(link).get_by_role("banner")).to_contain_text("maria")
        second = visitors.open(link)
        expect(second.get_by_role("alert")).to_contain_text("This link opens nothing any more")
        expect(second.get_by_role("heading", level=1)).to_have_text("Sign in")

    def test_signing_out_closes_the_door(self, visitors: Visitors) -> None:
        page = visitors.sign_in()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status").last).to_contain_text("You are signed out.")
        page.goto(page.url.replace("/login", "/"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


class TestReading:
    def test_before_the_first_release_the_page_says_how_to_start(self, visitors: Visitors) -> None:
        shop = app_of(visitors.sign_in())
        expect(shop).to_contain_text("The cluster was not read yet.")
        expect(shop).to_contain_text("Users: not known yet")
        expect(shop).to_contain_text("git push origin v1.0-blue starts the first.")

    def test_the_colors_stand_side_by_side_and_words_tell_which_is_live(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in()
        blue, green = card_of(page, Color.BLUE), card_of(page, Color.GREEN)
        expect(blue).to_have_accessible_name("blue: live")
        expect(blue).to_contain_text(re.compile(r"blue\s+live\s+v1\.0-blue.*Every user is here\.", re.DOTALL))
        expect(green).to_contain_text(
            re.compile(r"green\s+test\s+ready\s+v2\.0-green.*Only requests with the cookie", re.DOTALL)
        )
        left, right = blue.bounding_box(), green.bounding_box()
        assert left
        assert right
        assert left["y"] == right["y"]
        assert left["x"] + left["width"] < right["x"]

    def test_the_queue_tells_waiting_for_a_turn_from_waiting_for_a_worker(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        standby_and_a_queue(scene)
        page = visitors.sign_in()
        rows = app_of(page).locator(".queue li")
        expect(rows.nth(0)).to_have_text(re.compile(r"now\s+deploy\s+v3\.0-blue\s+waiting for a worker"))
        expect(rows.nth(1)).to_have_text(
            re.compile(r"1\s+deploy\s+v9\.0-green of forum\s+waiting for its turn")
        )
        scene.begin(scene.store.queue("shop")[0].release_id or "")
        expect(rows.nth(0)).to_contain_text("running sanity")

    def test_a_failed_release_says_first_why_and_what_to_do(self, visitors: Visitors, scene: Scene) -> None:
        page = visitors.sign_in(failed_release(scene))
        alert = page.get_by_role("alert")
        expect(alert.get_by_role("heading")).to_have_text("The container keeps crashing.")
        expect(alert).to_contain_text("no such table: orders")
        expect(alert).to_contain_text("What to do: Mend it and push a new tag, or run verdigris retry")
        below = page.locator(".timeline").bounding_box()
        above = alert.bounding_box()
        assert above
        assert below
        assert above["y"] + above["height"] < below["y"]
        page.goto(f"{scene.url}/apps/shop")
        expect(app_of(page).locator(".recent")).to_contain_text("The container keeps crashing: shop: pod")

    def test_who_moved_users_appears_by_itself_before_all_else_of_the_app(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        page = visitors.sign_in()
        reverted(scene)
        alert = app_of(page).get_by_role("alert")
        expect(alert.get_by_role("heading")).to_contain_text("Argo CD, as argocd-controller (Apply, ")
        expect(alert).to_contain_text("Users get v1.0-blue (blue) now.")
        expect(alert).to_contain_text("It happened 2 times within an hour")
        expect(alert).to_contain_text("What to do: Let Argo CD leave")
        above, below = alert.bounding_box(), card_of(page, Color.BLUE).bounding_box()
        assert above
        assert below
        assert above["y"] + above["height"] < below["y"]
        # Then the release that users left says the same.
        app_of(page).get_by_role("link", name="v2.0-green").first.click()
        expect(page.get_by_text("moved every user from v2.0-green").first).to_be_visible()
        expect(page.get_by_role("log")).to_contain_text("What to do: let Argo CD leave")

    def test_who_did_what_reads_as_words(self, visitors: Visitors, scene: Scene) -> None:
        _, live = switched(scene)
        page = visitors.sign_in(f"/releases/{live}")
        expect(page.get_by_text("Promoted by demo (API).")).to_be_visible()
        expect(page.get_by_role("complementary")).to_contain_text("octocat (Git push)")

    def test_pages_and_api_say_before_and_after_that_the_way_back_ends(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        switched(scene)
        page = visitors.sign_in()
        note = app_of(page).locator("#shop-rollback-why")
        expect(note).to_have_text("The way back is open: v1.0-blue still runs on blue.")
        panel = panel_of(app_of(page), "Deploy a tag")
        panel.locator("summary").click()
        expect(panel).to_contain_text("It replaces v1.0-blue on blue: no more switching to that one.")
        # When a deploy takes blue
        scene.make_ready("v3.0-blue")
        why = "No way back to v1.0-blue: replaced on blue by v3.0-blue; verdigris redeploy"
        expect(note).to_contain_text(why)
        told = scene.app.test_client().get("/api/v1/apps/shop", headers={"Authorization": f"Bearer {TOKEN}"})
        assert told.json
        assert told.json["can_roll_back_to"] is None
        assert told.json["rollback_note"].replace("`", "") in note.inner_text().replace("No way", "no way")

    def test_what_can_not_be_pressed_is_disabled_and_says_why(self, visitors: Visitors, scene: Scene) -> None:
        scene.promote(scene.make_ready("v1.0-blue"))
        scene.observe()
        shop = app_of(visitors.sign_in())
        for label, why in {
            "Promote": "no release is ready",
            "Roll back": "No way back",
            "Decommission green": "nothing runs on green",
        }.items():
            button = shop.get_by_role("button", name=label, exact=True)
            expect(button).to_be_disabled()
            expect(button).to_have_accessible_description(re.compile(why))
            expect(shop.get_by_text(why)).to_be_visible()


class TestStayingUpToDate:
    def test_what_a_worker_sees_appears_by_itself_and_typed_text_stays(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in()
        page.evaluate("window.isTheSame = true")
        panel = panel_of(app_of(page), "Deploy a tag")
        panel.locator("summary").click()
        panel.get_by_label("Reason").fill("half a sen")
        scene.observe(live=Color.GREEN, problem="the route was changed by hand")
        expect(app_of(page).get_by_role("alert")).to_have_text("The route was changed by hand.")
        expect(card_of(page, Color.GREEN)).to_have_accessible_name("green: live")
        expect(card_of(page, Color.BLUE)).to_have_accessible_name("blue: idle")
        expect(panel.get_by_label("Reason")).to_have_value("half a sen")
        expect(panel.get_by_label("Reason")).to_be_focused()
        assert page.evaluate("window.isTheSame")

    def test_new_output_is_followed_and_an_open_part_stays_open(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        path = first_release(scene)
        page = visitors.sign_in(path)
        page.get_by_text("Its life so far").click()
        lines = [f"{number} of 100 pods" for number in range(1, 101)]
        scene.say(path.rpartition("/")[2], *lines, "x" * 2_000)
        expect(page.get_by_role("log")).to_contain_text("100 of 100 pods")
        page.evaluate("document.getElementById('log').scrollIntoView()")
        expect(page.get_by_role("log").locator("p").last).to_be_in_viewport()
        expect(page.locator("#life li").first).to_be_visible()

    def test_a_panel_never_becomes_another_releases(self, visitors: Visitors, scene: Scene) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in()
        panel_of(app_of(page), "Promote v2.0-green").locator("summary").click()
        scene.make_ready("v2.1-green")
        newer = panel_of(app_of(page), "Promote v2.1-green")
        expect(newer).to_have_count(1)
        expect(newer.locator("form")).to_be_hidden()

    def test_a_lost_connection_is_told_and_its_return_too(self, visitors: Visitors) -> None:
        visitors.expected += ["ERR_INTERNET_DISCONNECTED", "htmx:"]
        page = visitors.sign_in()
        page.context.set_offline(True)
        expect(page.locator("#freshness")).to_contain_text("No connection")
        page.context.set_offline(False)
        expect(page.locator("#freshness")).to_be_empty()


@pytest.fixture(scope="class", params=VIEWS, ids=lambda view: view.__name__)
def phone(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A view on a phone, once for all that is asked of it."""
    with playing(tmp_path_factory.mktemp("view")) as scene:
        visitors = Visitors(browser, scene)
        yield visitors.sign_in(request.param(scene), viewport=PHONE)
        visitors.close()
        assert visitors.unexpected() == []


class TestForEverybody:
    def test_nothing_is_wider_than_a_phone(self, phone: Page) -> None:
        phone.set_viewport_size(PHONE)
        phone.evaluate(OPEN_ALL)
        assert phone.evaluate(ALL_TEXT_FITS)

    def test_pages_have_one_title_named_buttons_and_labelled_fields(self, phone: Page) -> None:
        phone.set_viewport_size(DESK)
        check_structure(phone)

    def test_the_door_is_sane_and_fits_too(self, visitors: Visitors) -> None:
        page = visitors.open(viewport=PHONE)
        check_structure(page)
        assert page.evaluate(ALL_TEXT_FITS)

    def test_a_dark_screen_gets_dark_pages(self, visitors: Visitors) -> None:
        light, dark = visitors.sign_in(), visitors.sign_in(color_scheme="dark")
        assert brightness_of(light) > 200
        assert brightness_of(dark) < 60

    def test_what_does_not_come_from_here_does_not_run(self, visitors: Visitors) -> None:
        visitors.expected += ["Content Security Policy", "http://127.0.0.2:9/"]
        page = visitors.sign_in()
        page.evaluate(INJECT)
        expect(page).to_have_title("shop · Verdigris")
        for what in ("inline script violates", "'http://127.0.0.2:9/' violates", "asked another host"):
            assert any(what in complaint for complaint in visitors.complaints), visitors.complaints

    def test_hostile_names_and_reasons_are_shown_as_they_are(self, visitors: Visitors, scene: Scene) -> None:
        release_id = scene.bring_hostile(f"v{HOSTILE}blue", reason=HOSTILE)
        scene.observe(problem=HOSTILE)
        page = visitors.sign_in()
        for path in ("/", "/apps/shop", "/queue", "/history", f"/releases/{release_id}"):
            page.goto(scene.url + path)
            expect(page.get_by_role("main")).to_contain_text(
                "<script>document.title='owned'</script>\\u202eeulb-"
            )
            assert "owned" not in page.title().partition("<script>")[0]
            assert page.locator("main script").count() == 0
            assert "\u202e" not in page.content()
        page.goto(f"{scene.url}/apps/shop")
        press(app_of(page), "Deploy a tag", tag="v1.0-blue", reason=HOSTILE)
        expect(page.locator(".asked")).to_contain_text(
            "“\"'><script>document.title='owned'</script>\\u202eeulb-”"
        )


def check_structure(page: Page) -> None:
    """Labels, headings and landmarks that a screen reader goes by."""
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.evaluate(OPEN_ALL)
    fields = page.locator("input:not([type=hidden])")
    assert set(fields.evaluate_all("all => all.map(one => one.labels.length)")) <= {1}
    names = page.locator("button, summary").evaluate_all("all => all.map(one => one.innerText.trim())")
    assert names
    assert all(names)
    levels = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert page.locator("html").get_attribute("lang") == "en"


def brightness_of(page: Page) -> float:
    """Of the paper, from 0 for black to 255."""
    color = page.locator("body").evaluate("one => getComputedStyle(one).backgroundColor")
    parts = [int(part) for part in re.findall(r"\d+", color)[:3]]
    return sum(parts) / len(parts)
