"""People in front of a browser: windows of their own, and what their browsers complained about."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request

    from release.model import Color
    from tests.e2e.scene import Scene

PATIENCE = 10_000
"""Milliseconds that a browser waits for what it was told to find."""


@dataclass
class Visitors:
    """``complaints`` are errors in a console, a violated policy being one, and requests to another host.

    ``expected`` holds parts of complaints that a test causes on purpose.
    """

    browser: Browser
    scene: Scene
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def open(self, path: str = "/", **settings: Any) -> Page:  # noqa: ANN401 -- playwright's own settings
        """A window of somebody who is not signed in."""
        page = self._new_window(**settings)
        page.goto(self.scene.url + path)
        return page

    def sign_in(self, path: str = "/apps/shop", **settings: Any) -> Page:  # noqa: ANN401 -- playwright's own settings
        """Maria's window."""
        page = self.come_in(**settings)
        page.goto(self.scene.url + path)
        return page

    def come_in(self, *, signed_in: bool = True, **settings: Any) -> Page:  # noqa: ANN401 -- playwright's own settings
        """Maria's window, or a stranger's, that shows nothing yet."""
        page = self._new_window(**settings)
        if not signed_in:
            return page
        entered = page.request.get(f"{self.scene.url}/enter/{self.scene.ticket('maria')}", max_redirects=0)
        assert entered.status == HTTPStatus.SEE_OTHER
        return page

    def _new_window(self, **settings: Any) -> Page:  # noqa: ANN401 -- playwright's own settings
        # Nothing here waits for an animation, and to draw them takes a processor of its own.
        context = self.browser.new_context(reduced_motion="reduce", **settings)
        context.set_default_timeout(PATIENCE)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._watch)
        self.contexts.append(context)
        return context.new_page()

    def close(self) -> None:
        for context in self.contexts:
            context.close()

    def unexpected(self) -> list[str]:
        return [one for one in self.complaints if not any(known in one for known in self.expected)]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _watch(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.scene.url).netloc:
            self.complaints.append(f"asked another host: {request.url}")


def app_of(page: Page, name: str = "shop") -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def card_of(page: Page, color: Color) -> Locator:
    return app_of(page).locator(f"article.{color}")


def panel_of(place: Page | Locator, label: str) -> Locator:
    """What a button opens."""
    return place.locator("details.offer").filter(has_text=label)


def press(place: Page | Locator, label: str, **fields: str) -> None:
    """Open a button's panel, fill it in and send it."""
    panel = panel_of(place, label)
    panel.locator("summary").click()
    for name, value in fields.items():
        panel.get_by_label(name.capitalize()).fill(value)
    panel.locator("button.go").click()
