"""One click to the color under test and one back, in a real browser, through the sandbox's gateway."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from tasks.execution import look_at_app
from tests.integration.line import Line
from tests.integration.town import Town, town
from tests.unit.webhook.fakes import KEY
from webhook.application import create_app
from webhook.services import WebSettings
from webhook.tickets import issue_ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.needs_browser, pytest.mark.needs_envoy]


@dataclass(frozen=True)
class Stand:
    """Verdigris at ``verdigris``, its shop at ``shop``: blue is live, green under test."""

    verdigris: str
    shop: str

    def enter(self, browser: Browser) -> Page:
        """Maria, on the shop's page."""
        page = browser.new_context().new_page()
        ticket = issue_ticket("maria", key=KEY, clock=lambda: datetime.now(UTC))
        page.goto(f"{self.verdigris}/enter/{ticket}")
        expect(page.get_by_role("heading", level=1)).to_have_text("shop")
        return page


@pytest.fixture(scope="module")
def shared_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as running:
        yield running


@pytest.fixture
def open_stand(shared_town: Town, tmp_path: Path) -> Iterator[Callable[..., Stand]]:
    """Opens one: the host names of Verdigris and the shop, and the shop's further settings."""
    with ExitStack() as stack:
        yield lambda ours, theirs, **app: stack.enter_context(
            opened(shared_town, tmp_path, ours, theirs, **app)
        )


@contextmanager
def opened(place: Town, folder: Path, ours: str, theirs: str, **app: object) -> Iterator[Stand]:
    shop = f"http://{theirs}:{urlsplit(place.address).port}"
    gateway = {"address": place.address, "host": theirs}
    line = Line(place, folder / theirs, values={"hosts": [theirs]}, gateway=gateway, public_url=shop, **app)
    line.host = theirs
    line.go_live("v1.0-blue")
    line.deploy("v2.0-green")
    look_at_app(line.around, "shop")
    web = create_app(line.config, line.store, line.requests, secret_key=KEY, settings=WebSettings())
    server = make_server("127.0.0.1", 0, web, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Stand(f"http://{ours}:{server.port}", shop)
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
        line.close()


def test_a_click_opens_the_color_under_test_and_another_leaves_it(
    browser: Browser, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand("127.0.0.1", "127.0.0.1")
    page = stand.enter(browser)
    everybody = browser.new_context().new_page()

    with page.expect_popup() as opening:
        page.get_by_role("link", name="Open green, the color under test").click()
    shop = opening.value
    everybody.goto(stand.shop)

    expect(shop.locator("body")).to_contain_text("v2.0-green")
    assert shop.url.rstrip("/") == stand.shop
    expect(everybody.locator("body")).to_contain_text("v1.0-blue")

    page.reload()
    expect(page.get_by_text("This browser is on the test route.")).to_be_visible()
    page.get_by_role("button", name="Leave the test route").click()
    expect(page.get_by_role("status").last).to_contain_text("This browser sees of shop what every user sees.")
    expect(page.get_by_role("link", name="Open green, the color under test")).to_be_visible()
    shop.reload()
    expect(shop.locator("body")).to_contain_text("v1.0-blue")


def test_in_a_domain_that_both_share_the_click_works_across_hosts(
    browser: Browser, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(
        "verdigris.example.localhost", "shop.example.localhost", test_cookie_domain="example.localhost"
    )
    page = stand.enter(browser)

    with page.expect_popup() as opening:
        page.get_by_role("link", name="Open green, the color under test").click()

    expect(opening.value.locator("body")).to_contain_text("v2.0-green")
    page.reload()
    page.get_by_role("button", name="Leave the test route").click()
    opening.value.reload()
    expect(opening.value.locator("body")).to_contain_text("v1.0-blue")


def test_where_no_click_can_do_it_the_page_says_how(
    browser: Browser, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand("127.0.0.1", "shop.elsewhere.localhost")
    page = stand.enter(browser)

    page.get_by_text("Open green, the color under test").click()

    expect(page.get_by_text(f"curl --cookie 'test=true' '{stand.shop}'")).to_be_visible()
    answer = page.request.get(f"{stand.verdigris}/apps/shop/test-route", max_redirects=0)
    assert answer.headers["location"] == "/apps/shop"
    assert "test=" not in answer.headers.get("set-cookie", "")
