"""A browser, and pages for it. A laptop may do without Chromium, CI may not.

Of its two forms the one without windows is taken first: it draws the same pages with the same engine,
and a visitor costs a quarter of the processor time, as no window with menus is made for each.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.compiled import compiled_once
from tests.e2e.scene import Scene, playing
from tests.e2e.visitors import PATIENCE, Visitors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

BROWSERS: Final = ("chromium-headless-shell", "chromium")
ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    with compiled_once():
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each file: its event loop must not stand in the way of other tests."""
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None and os.environ.get("CI"):
        pytest.fail(f"CI needs a browser: install one of the packages {' and '.join(BROWSERS)}")
    if chromium is None:
        pytest.skip(f"none of {' and '.join(BROWSERS)} is on PATH")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with playing(tmp_path) as made:
        yield made


@pytest.fixture
def visitors(browser: Browser, scene: Scene) -> Iterator[Visitors]:
    """Whatever a test is about, no browser may have complained."""
    made = Visitors(browser, scene)
    yield made
    made.close()
    assert made.unexpected() == []
