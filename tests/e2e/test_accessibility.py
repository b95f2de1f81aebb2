"""Every page for everybody: what axe finds, the keyboard alone, no JavaScript, and a thin line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest
from playwright.sync_api import expect

from release.model import Actor, JobKind, State
from tests.e2e.axe import faults_of
from tests.e2e.places import PLACES
from tests.e2e.scene import Scene, playing
from tests.e2e.test_pages import ALL_TEXT_FITS, OPEN_ALL
from tests.e2e.views import ready_beside_live
from tests.e2e.visitors import Visitors, panel_of
from tests.unit.webhook.fakes import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, ViewportSize

    from tests.e2e.places import Place

pytestmark = pytest.mark.needs_browser

WIDE: Final[ViewportSize] = {"width": 1280, "height": 900}
NARROW: Final[ViewportSize] = {"width": 360, "height": 740}
ALL_LOOKS: Final[list[tuple[ViewportSize, Literal["light", "dark"]]]] = [
    (WIDE, "light"),
    (NARROW, "dark"),
    (NARROW, "light"),
    (WIDE, "dark"),
]
IS_WHOLE: Final = bool(os.environ.get("VERDIGRIS_ALL_LOOKS"))
"""Whether every page is tried in every way. Else axe looks at each in one size and one scheme, by turns, and
the keyboard walks through pages that share no form or list with another."""

WALKED: Final = {"app-with-queue", "release-failed", "queue", "history", "tokens", "login"}

HEAVIEST: Final = 100_000
"""Bytes of a first view, as transferred."""

MARIA: Final = Actor("person", "maria")
NO_PAGES: Final = {
    "pages.begin_sign_in": "leads to the provider; without one it is a problem as any other",
    "pages.finish_sign_in": "comes from the provider",
    "pages.leave_provider": "comes from the provider",
    "pages.enter": "a link that opens once; it leads on to another page",
    "pages.show_lines": "a part of a release's page",
    "pages.take_test_route": "leads on to the app",
}
"""What answers a browser's GET with HTML without being a page of its own, and why."""

BY_HAND: Final = frozenset({"login"})
"""Where the focus stands in the one field from the beginning."""

REACHED: Final = """() => {
    const fields = 'input:not([type=hidden]):not([disabled]), select, textarea'
    const all = `a[href], button:not([disabled]), summary, ${fields}`
    window.there = [...document.querySelectorAll(all)]
        .filter(one => one.checkVisibility({visibilityProperty: true}))
    return there.map(one => one.outerHTML.slice(0, 160))
}"""
FOCUSED: Final = """() => {
    const one = document.activeElement
    if (!one || one === document.body) { return null }
    const style = getComputedStyle(one), box = one.getBoundingClientRect()
    const x = box.left + box.width / 2, y = Math.min(box.top + box.height / 2, innerHeight - 1)
    const there = document.elementFromPoint(x, y)
    return {
        number: window.there.indexOf(one), what: one.outerHTML.slice(0, 160),
        isMarked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        isInView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        isCovered: !one.contains(there) && !there?.contains(one),
    }
}"""

walked_place = pytest.mark.parametrize(
    "place", [place for place in PLACES if IS_WHOLE or place.name in WALKED], ids=str
)


def looks_at(place: Place) -> list[tuple[ViewportSize, Literal["light", "dark"]]]:
    """Of two that look alike, neighbors in ``PLACES``, one is seen wide and light, one narrow and dark."""
    number = PLACES.index(place) % 2
    return ALL_LOOKS if IS_WHOLE else ALL_LOOKS[number : number + 1]


@dataclass
class Seen:
    """A place in a window of its own, as it was when it had come; and what was read of it by then."""

    place: Place
    page: Page
    weight: list[int]
    """Bytes of each file, as transferred."""
    told: dict[str, list[str]]
    told_without_scripts: dict[str, list[str]]


@pytest.fixture(scope="class", params=PLACES, ids=str)
def seen(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    place: Place = request.param
    with playing(tmp_path_factory.mktemp(place.name)) as scene:
        visitors = Visitors(browser, scene)
        yield visit(place, visitors)
        visitors.close()
        assert visitors.unexpected() == []


class TestEveryPlace:
    """One visit for all of it: what a test does to the page, the ones before it don't lean on."""

    def test_a_first_view_is_light(self, seen: Seen) -> None:
        assert len(seen.weight) >= 2
        assert sum(seen.weight) < HEAVIEST

    def test_without_scripts_a_page_reads_the_same(self, seen: Seen) -> None:
        assert len(seen.told["heading"]) >= 1
        assert seen.told_without_scripts == seen.told

    def test_axe_finds_nothing_wide_or_narrow_light_or_dark(self, seen: Seen) -> None:
        page = seen.page
        page.evaluate(OPEN_ALL)
        found: dict[str, list[str]] = {}
        for viewport, scheme in looks_at(seen.place):
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=scheme)
            for fault in faults_of(page):
                found.setdefault(fault, []).append(f"{viewport['width']} {scheme}")
            assert page.evaluate(ALL_TEXT_FITS)
        assert not found, "\n".join(f"{fault} at {', '.join(where)}" for fault, where in found.items())


class TestAxe:
    def test_would_find_something(self, visitors: Visitors) -> None:
        page = visitors.sign_in()
        page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        assert [fault for fault in faults_of(page) if fault.startswith("button-name (critical)")]

    def test_every_page_is_looked_at(self, tmp_path: Path) -> None:
        seen = set()
        for place in PLACES:
            (tmp_path / place.name).mkdir()
            scene = Scene(tmp_path / place.name)
            seen.add(scene.app.url_map.bind("127.0.0.1").match(place.play(scene).partition("?")[0], "GET")[0])
        assert pages_of(scene) - seen - set(NO_PAGES) == set()


class TestKeyboard:
    @walked_place
    def test_reaches_all_there_is_and_shows_where_it_is(
        self, visitors: Visitors, scene: Scene, place: Place
    ) -> None:
        page = place.open(visitors, scene, viewport=WIDE)
        page.evaluate(OPEN_ALL)
        there = page.evaluate(REACHED)
        met = walk(page, len(there) * 2 + 20)
        reached = {step["number"] for step in met}
        assert [what for number, what in enumerate(there) if number not in reached] == []
        assert [
            step for step in met if not step["isMarked"] or not step["isInView"] or step["isCovered"]
        ] == []

    @walked_place
    def test_skips_to_the_content_first(self, visitors: Visitors, scene: Scene, place: Place) -> None:
        if place.name in BY_HAND:
            return
        page = place.open(visitors, scene, viewport=NARROW)
        first = page.get_by_role("link", name="Skip to the content")
        page.keyboard.press("Tab")
        expect(first).to_be_focused()
        expect(first).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()

    def test_promotes_with_a_reason(self, visitors: Visitors, scene: Scene) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in("/apps/shop")
        panel = panel_of(page, "Promote v2.0-green")
        tab_to(page, panel.locator("summary"))
        page.keyboard.press("Enter")
        tab_to(page, panel.get_by_label("Reason"))
        page.keyboard.type("by hand")
        tab_to(page, panel.get_by_role("button"))
        page.keyboard.press("Space")
        expect(page.get_by_text("The promote of shop was accepted.")).to_be_visible()
        (job,) = scene.store.queue("shop")
        assert (job.kind, job.reason, job.actor) == (JobKind.PROMOTE, "by hand", MARIA)

    def test_closes_a_panel_that_it_opened(self, visitors: Visitors, scene: Scene) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in("/apps/shop")
        panel = panel_of(page, "Promote v2.0-green")
        tab_to(page, panel.locator("summary"))
        for is_open in (True, False):
            page.keyboard.press("Space")
            expect(panel.locator("form")).to_be_visible(visible=is_open)


class TestWithoutJavaScript:
    def test_signing_in_and_out_works(self, visitors: Visitors) -> None:
        page = visitors.open(java_script_enabled=False)
        page.get_by_label("API token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("banner")).to_contain_text("ci")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

    def test_a_token_is_made_and_revoked(self, visitors: Visitors, scene: Scene) -> None:
        page = visitors.sign_in("/tokens", java_script_enabled=False)
        page.get_by_label("Name").fill("nightly")
        page.get_by_role("button", name="Make").click()
        expect(page.get_by_text("The token nightly was made.")).to_be_visible()
        assert [one.name for one in scene.store.api_tokens.list()] == ["nightly"]
        page.goto(f"{scene.url}/tokens")
        page.locator("main summary").filter(has_text="Revoke").click()
        page.get_by_role("button", name="Revoke").click()
        expect(page.locator(".notice")).to_contain_text("nightly")
        assert scene.store.api_tokens.list() == []


class TestVotes:
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Iterator[Scene]:
        with playing(tmp_path, promote={"approvals": 1}, auto_promote="10m") as scene:
            yield scene

    @pytest.mark.parametrize(
        ("label", "said"), [("Approve v1.0-blue", "You approved"), ("Reject v1.0-blue", "You rejected")]
    )
    def test_a_vote_counts(self, visitors: Visitors, scene: Scene, label: str, said: str) -> None:
        release_id = scene.make_ready("v1.0-blue", actor=Actor("person", "anna"))
        page = visitors.sign_in(f"/releases/{release_id}", java_script_enabled=False)
        send(page, label)
        expect(page.locator(".notice")).to_contain_text(said)
        assert len(scene.store.consent.votes(release_id)) == 1

    def test_axe_finds_nothing_in_what_asks_for_votes(self, visitors: Visitors, scene: Scene) -> None:
        release_id = scene.make_ready("v1.0-blue", actor=Actor("person", "anna"))
        for path in (f"/releases/{release_id}", "/apps/shop"):
            page = visitors.sign_in(path, viewport=NARROW)
            page.evaluate(OPEN_ALL)
            assert faults_of(page) == []

    def test_a_countdown_is_stopped(self, visitors: Visitors, scene: Scene) -> None:
        release_id = scene.make_ready("v1.0-blue", actor=Actor("person", "anna"))
        page = visitors.sign_in(f"/releases/{release_id}", java_script_enabled=False)
        send(page, "Don't promote by itself")
        expect(page.locator(".countdown")).to_contain_text("stopped by maria")
        assert scene.store.consent.find_stop(release_id)


class TestStartWithoutJavaScript:
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Iterator[Scene]:
        with playing(tmp_path, start_when="ci-passed", required_checks=["build"]) as scene:
            yield scene

    def test_a_release_that_waits_is_started(self, visitors: Visitors, scene: Scene) -> None:
        release_id = scene.deploy("v1.0-blue")
        page = visitors.sign_in(f"/releases/{release_id}", java_script_enabled=False)
        assert scene.release(release_id).state is State.WAITING
        send(page, "Start now")
        expect(page.get_by_text("The start of v1.0-blue was accepted.")).to_be_visible()
        assert scene.release(release_id).state is State.QUEUED


def visit(place: Place, visitors: Visitors) -> Seen:
    """With scripts, weighed as it comes, and without. A headline is there in both."""
    if place.status is not HTTPStatus.OK:
        visitors.expected.append(f"status of {place.status}")
    path = place.play(visitors.scene)
    page = visitors.come_in(signed_in=place.signed_in, viewport=WIDE)
    weight = weigh(page, visitors.scene.url + path)
    plain = visitors.come_in(signed_in=place.signed_in, viewport=WIDE, java_script_enabled=False)
    plain.goto(visitors.scene.url + path)
    assert plain.get_by_role("heading", level=1).is_visible()
    told, plainly = read(page), read(plain)
    plain.context.close()
    return Seen(place, page, weight, told, plainly)


def weigh(page: Page, address: str) -> list[int]:
    """Go there and tell of each file that came how many bytes it took on its way; the window is new."""
    sizes: dict[str, int] = {}
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    wire.on("Network.loadingFinished", lambda one: sizes.update({one["requestId"]: one["encodedDataLength"]}))
    page.goto(address)
    page.wait_for_load_state("load")
    wire.detach()
    return list(sizes.values())


def read(page: Page) -> dict[str, list[str]]:
    """Headings, links and buttons of the page's main part."""
    main = page.get_by_role("main")
    return {
        "heading": main.get_by_role("heading").all_inner_texts(),
        "link": main.get_by_role("link").all_inner_texts(),
        "button": main.get_by_role("button").all_inner_texts(),
    }


def walk(page: Page, most: int) -> list[dict[str, Any]]:
    """Where Tab leads, once around the page; parts of a field count as the field."""
    met: list[dict[str, Any]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        step = page.evaluate(FOCUSED)
        if met and step == met[0]:
            break
        if step and (not met or step["number"] == -1 or step["number"] != met[-1]["number"]):
            met.append(step)
    return met


def tab_to(page: Page, wanted: Any, most: int = 80) -> None:  # noqa: ANN401 -- a Locator
    """Press Tab until the focus is there."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    pytest.fail(f"Tab does not lead to {wanted}")


def send(page: Page, label: str) -> None:
    """Open a button's panel and send it as it is."""
    panel = panel_of(page, label)
    panel.locator("summary").click()
    panel.locator("button.go").click()


def pages_of(scene: Scene) -> set[str]:
    """What answers with HTML here."""
    client, found = scene.app.test_client(), set()
    client.get(f"/enter/{scene.ticket('maria')}")
    known = {"name": "shop", "ticket": "none", "filename": "style.css"}
    if releases := scene.store.releases("shop"):
        known["release_id"] = releases[0].id
    for rule in scene.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.arguments <= set(known) and "follow" not in rule.endpoint:
            path = scene.app.url_map.bind("127.0.0.1").build(
                rule.endpoint, {one: known[one] for one in rule.arguments}
            )
            with client.get(path) as answer:
                if answer.mimetype == "text/html":
                    found.add(rule.endpoint)
    return found
