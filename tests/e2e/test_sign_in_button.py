"""Signing in with a real OpenID provider, in a real browser: the pages' policy lets it go there and back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from tests.e2e.visitors import PATIENCE
from tests.integration.openid import PASSWORD, provider
from tests.integration.test_sign_in import House, Quiet, configure
from tests.unit.webhook.fakes import make_web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.needs_browser


@pytest.fixture
def house() -> Iterator[House]:
    """An address; who answers there is known once the provider knows the address."""
    made = House()
    server = make_server("127.0.0.1", 0, made, threaded=True, request_handler=Quiet)
    made.address = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_somebody_signs_in_at_the_provider_and_comes_to_the_page_they_wanted(
    browser: Browser, house: House, tmp_path: Path
) -> None:
    complaints: list[str] = []
    with provider(tmp_path, [house.address]) as running, browser.new_context() as context:
        house.web = make_web(configure(tmp_path, running.issuer), public_url=house.address)
        house.web.now[0] = datetime.now(UTC)
        context.set_default_timeout(PATIENCE)
        context.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        page = context.new_page()

        page.goto(f"{house.address}/apps/forum")
        page.get_by_role("link", name=f"Sign in with {running.issuer.removeprefix('http://')}").click()
        page.locator("[name=login]").fill("maria")
        page.locator("[name=login]").press("Enter")
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")

        expect(page.locator(".who")).to_have_text("maria")
        assert page.url == f"{house.address}/apps/forum"
        assert [one for one in complaints if house.address in one or "Content Security" in one] == []
