"""Pages that are told what happens, and a release's page: its output as it is written, colored, found."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from release.model import Color, StageState
from tests.e2e.views import first_release, ready_beside_live
from tests.e2e.visitors import app_of, card_of, panel_of, press
from webhook.hub import Hub
from webhook.live import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.e2e.scene import Scene
    from tests.e2e.visitors import Visitors

pytestmark = pytest.mark.needs_browser

SOON: Final = 3000
"""Milliseconds: less than a page takes that only asks every ten seconds, as one that is told does beside."""
COMPLAINTS: Final = ("htmx:", "[object Event]", "Response Status Error Code")
"""Of htmx, where a connection is lost or refused."""
TEXTS: Final = "all => all.map(one => one.querySelector(':scope > span').textContent)"
AT_END: Final = "one => one.scrollHeight - one.scrollTop - one.clientHeight < 24"
HIGHLIGHTED: Final = "() => [...CSS.highlights.get('found')].map(String)"


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


def texts_of(page: Page) -> list[str]:
    found: list[str] = page.locator("#log p:not([hidden])").evaluate_all(TEXTS)
    return found


def many_lines(scene: Scene, path: str, number: int = 200) -> None:
    scene.say(id_of(path), *(f"line {one} of {number}" for one in range(1, number + 1)))


@contextmanager
def serving_again(scene: Scene, port: int) -> Iterator[None]:
    """The same application, in a process that is new to browsers."""
    server = make_server("127.0.0.1", port, scene.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def end_streams(scene: Scene) -> None:
    hub: Hub = scene.app.extensions[EXTENSION]
    for listener in list(hub._listeners):
        listener.stream.end()


class TestBeingTold:
    def test_a_switch_is_shown_the_moment_it_happens(self, visitors: Visitors, scene: Scene) -> None:
        ready_beside_live(scene)
        page = visitors.sign_in("/apps/shop")
        expect(card_of(page, Color.BLUE)).to_have_accessible_name("blue: live")
        scene.observe(live=Color.GREEN)
        expect(card_of(page, Color.GREEN)).to_have_accessible_name("green: live", timeout=SOON)

    def test_stages_and_buttons_of_a_release_follow(self, visitors: Visitors, scene: Scene) -> None:
        path = first_release(scene)
        page = visitors.sign_in(path)
        running = page.locator(".timeline [data-state=running]")
        expect(running).to_contain_text("deploy")
        expect(running).to_contain_text("so far")
        scene.end(id_of(path))
        scene.begin(id_of(path))
        expect(running).to_contain_text("migrate", timeout=SOON)
        expect(page.get_by_text("Cancel", exact=True).first).to_be_visible()

    def test_a_page_without_a_connection_of_its_own_asks_instead(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        visitors.expected += ["status of 503", *COMPLAINTS]
        scene.app.extensions[EXTENSION] = Hub(scene.store.events, most=0)
        path = first_release(scene)
        page = visitors.sign_in(path)
        many_lines(scene, path, 5)
        scene.end(id_of(path))
        scene.begin(id_of(path))
        expect(page.locator(".timeline [data-state=running]")).to_contain_text("migrate")
        expect(page.locator("#log p").last).to_contain_text("line 5 of 5")
        many_lines(scene, path, 7)
        expect(page.locator("#log p").last).to_contain_text("line 7 of 7")
        assert texts_of(page)[-12:] == [
            *(f"line {one} of 5" for one in range(1, 6)),
            *(f"line {one} of 7" for one in range(1, 8)),
        ]
        expect(page.locator("#freshness")).to_be_empty()

    def test_a_session_that_ends_elsewhere_ends_here_within_seconds(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        visitors.expected += ["status of 401", *COMPLAINTS]
        page = visitors.sign_in(first_release(scene))
        cookie = next(one["value"] for one in page.context.cookies() if one["name"] == "verdigris")
        client = scene.app.test_client()
        client.set_cookie("verdigris", cookie)
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/queue").text)
        assert token
        assert client.post("/logout", data={"csrf_token": token[1]}).status_code == 303
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

    def test_of_two_who_promote_at_once_one_is_told_that_the_other_did(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        # Given two people who have the same panel open
        visitors.expected += ["ERR_FAILED", *COMPLAINTS]
        ready_beside_live(scene)
        first, second = visitors.sign_in("/apps/shop"), visitors.sign_in("/apps/shop")
        for page in (first, second):
            panel_of(app_of(page), "Promote v2.0-green").locator("summary").click()
        # When both press, the second before anything has come to their page
        second.route("**/live*", lambda route: route.abort())
        for page in (first, second):
            panel_of(app_of(page), "Promote v2.0-green").locator("button.go").click(no_wait_after=True)
        # Then both are told, in words, and it is asked for once
        told = {page.locator(".notice").inner_text() for page in (first, second)}
        assert any("was accepted" in one for one in told), told
        assert any(re.search(r"asked for before|already|is on its way", one) for one in told), told
        promotes = [job for job in scene.store.recent_jobs("shop") if job.kind == "promote"]
        assert len([job for job in promotes if not job.state.is_over]) == 1


class TestLosingTheConnection:
    def test_no_line_is_lost_or_doubled_while_the_web_process_is_away(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        visitors.expected += ["ERR_", *COMPLAINTS]
        path = first_release(scene)
        server = make_server("127.0.0.1", 0, scene.app, threaded=True)
        port = server.port
        server.server_close()
        home, scene.url = scene.url, f"http://127.0.0.1:{port}"
        with serving_again(scene, port):
            page = visitors.sign_in(path)
            scene.say(id_of(path), "line 1", "line 2")
            expect(page.locator("#log p").last).to_contain_text("line 2")
        # When the web process goes, and comes back after more was written
        end_streams(scene)
        scene.say(id_of(path), "line 3")
        expect(page.locator("#freshness")).to_contain_text("No connection")
        scene.say(id_of(path), "line 4")
        with serving_again(scene, port):
            expect(page.locator("#freshness")).to_be_empty()
            expect(page.locator("#log p").last).to_contain_text("line 4")
            scene.say(id_of(path), "line 5")
            expect(page.locator("#log p").last).to_contain_text("line 5", timeout=SOON)
            # Then each line is there once
            assert [one for one in texts_of(page) if one.startswith("line")] == [
                f"line {number}" for number in range(1, 6)
            ]
            visitors.close()
            end_streams(scene)
        scene.url = home


class TestOutput:
    def test_lines_come_as_they_are_written_in_color_and_harmless(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        path = first_release(scene)
        page = visitors.sign_in(path)
        expect(page.get_by_text("Nothing yet.")).to_be_visible()
        scene.say(
            id_of(path),
            "\x1b[31mred\x1b[0m and \x1b[1;44mbold\x1b[0m",
            "\x1b]0;owned\x07\x1b[2J<img src=x onerror=\"document.title='owned'\">",
        )
        log = page.get_by_role("log")
        expect(log).to_contain_text("red and bold", timeout=SOON)
        expect(log.locator(".ink-red")).to_have_text("red")
        expect(log.locator(".ink-red")).to_have_css("color", "rgb(255, 143, 133)")
        expect(log.locator(".bold")).to_have_css("font-weight", "700")
        expect(log).to_contain_text("<img src=x onerror=\"document.title='owned'\">")
        assert page.locator("#log img").count() == 0
        assert "owned" not in page.title()

    def test_who_reads_at_the_end_stays_there_and_who_reads_above_too(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        path = first_release(scene)
        many_lines(scene, path)
        page = visitors.sign_in(path)
        log = page.get_by_role("log")
        assert log.evaluate(AT_END)
        scene.say(id_of(path), "one more")
        expect(log).to_contain_text("one more", timeout=SOON)
        assert log.evaluate(AT_END)
        log.evaluate("one => { one.scrollTop = 500 }")
        scene.say(id_of(path), "and another")
        expect(log).to_contain_text("and another", timeout=SOON)
        assert log.evaluate("one => one.scrollTop") == 500

    def test_typing_finds_lines_and_marks_what_was_found(self, visitors: Visitors, scene: Scene) -> None:
        path = first_release(scene)
        many_lines(scene, path)
        page = visitors.sign_in(path)
        page.get_by_label("Find in the output").fill("LINE 17")
        expect(page.locator("#found")).to_contain_text(re.compile(r"11 of the \d+ lines below"))
        assert texts_of(page)[0] == "line 17 of 200"
        assert page.evaluate(HIGHLIGHTED) == ["line 17"] * 11
        scene.say(id_of(path), "line 17 again", "nothing of it")
        expect(page.locator("#found")).to_contain_text("12 of the")
        assert texts_of(page)[-1] == "line 17 again"
        page.get_by_label("Find in the output").fill("")
        expect(page.locator("#log p").last).to_be_visible()
        assert texts_of(page)[-1] == "nothing of it"

    @pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
    def test_all_of_it_is_searched_by_the_server(
        self, visitors: Visitors, scene: Scene, *, scripts: bool
    ) -> None:
        path = first_release(scene)
        many_lines(scene, path, 1500)
        page = visitors.sign_in(path, java_script_enabled=scripts)
        expect(page.locator("#cut")).to_contain_text("The last 1000 lines")
        assert "line 17 of 1500" not in texts_of(page)
        page.get_by_label("Find in the output").fill("line 17 of")
        page.get_by_role("button", name="Find").click()
        expect(page.locator("#found")).to_contain_text("1 line has “line 17 of”.")
        assert texts_of(page) == ["line 17 of 1500"]
        page.get_by_role("link", name="Show all").click()
        expect(page.locator("#log p")).to_have_count(1000)

    def test_all_of_it_is_a_plain_text_file(self, visitors: Visitors, scene: Scene) -> None:
        path = first_release(scene)
        scene.say(id_of(path), "\x1b[31mred\x1b[0m\x1b[2J", *(f"line {one}" for one in range(1500)))
        page = visitors.sign_in(path)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download all as text").click()
        content = download.value.path().read_text(encoding="utf-8")
        assert download.value.suggested_filename.startswith("shop-")
        assert " deploy   red\n" in content
        assert content.count("\n") >= 1501
        assert "\x1b" not in content


class TestAReleaseThatFailed:
    def test_it_is_tried_again_from_where_the_reason_stands(self, visitors: Visitors, scene: Scene) -> None:
        release_id = scene.fail("v2.0-green")
        page = visitors.sign_in(f"/releases/{release_id}")
        alert = page.get_by_role("alert")
        large = alert.get_by_role("heading").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
        assert large >= 28
        press(page, "Retry", reason="the database is there now")
        expect(page.locator(".notice")).to_contain_text("The retry of v2.0-green was accepted")
        expect(page.locator(".job").first).to_contain_text("the database is there now")
        scene.begin(release_id)
        expect(page.locator(".timeline").first.locator("[data-state=running]")).to_contain_text("sanity")
        press(page, "Cancel")
        expect(page.locator(".notice")).to_contain_text("The cancel of v2.0-green was accepted")
        scene.end(release_id, StageState.CANCELLED)
