"""Tags that were never delivered, on the page, in a real browser, with and without JavaScript."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect

from release.model import JobKind
from release.tag_watch import Comparison, Difference, Heard, KnownTag
from tests.e2e.test_page_actions import MARIA, only_job
from tests.e2e.views import switched
from tests.e2e.visitors import app_of, panel_of, press

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.e2e.scene import Scene
    from tests.e2e.visitors import Visitors

pytestmark = pytest.mark.needs_browser

COMMIT: Final = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"
WAS: Final = "b72308e2f260786b2b215506302950075c4cf885"


def miss(scene: Scene, *tags: KnownTag, answered: int = 0) -> None:
    """A worker has compared."""
    now = datetime.now(UTC)
    scene.store.tags.keep("shop", Comparison("x", now, now, answered=answered), Difference(changed=tags))


def tag(name: str, heard: Heard = Heard.MISSED, *, was: str = "") -> KnownTag:
    return KnownTag(name, COMMIT, heard, datetime.now(UTC) - timedelta(minutes=5), was=was)


def part_of(page: Page) -> Locator:
    return app_of(page).get_by_role("region", name="In Git, never delivered")


@pytest.mark.parametrize("is_scripted", [True, False])
def test_a_missed_tag_is_released_once_somebody_confirms(
    visitors: Visitors, scene: Scene, *, is_scripted: bool
) -> None:
    switched(scene)
    miss(scene, tag("v3.0-blue"))
    page = visitors.sign_in(java_script_enabled=is_scripted)
    panel = panel_of(part_of(page), "Release v3.0-blue").first
    panel.locator("summary").click()
    expect(panel).to_contain_text("It replaces v1.0-blue on blue: no more switching to that one.")
    assert scene.store.queue("shop") == []

    panel.get_by_label("Reason").fill("the hook was off")
    panel.get_by_role("button", name="Release v3.0-blue").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("v3.0-blue")
    job = only_job(scene)
    assert (job.kind, job.actor, job.reason) == (JobKind.DEPLOY, MARIA, "the hook was off")
    assert scene.release(job.release_id or "").commit == COMMIT
    page.goto(f"{scene.url}/apps/shop")
    expect(part_of(page)).to_contain_text("None.")


def test_a_tag_that_shall_never_be_released_leaves_the_page(visitors: Visitors, scene: Scene) -> None:
    miss(scene, tag("v3.0-blue"), tag("v2.0-blue", Heard.MOVED, was=WAS))
    page = visitors.sign_in()
    expect(part_of(page)).to_contain_text("moved from b72308e2f2")

    press(part_of(page), "Never release v3.0-blue", reason="a mistake")

    expect(page.get_by_text("v3.0-blue is told no more, unless it is moved.")).to_be_visible()
    expect(part_of(page)).not_to_contain_text("v3.0-blue")
    expect(part_of(page)).to_contain_text("v2.0-blue")


def test_a_comparison_that_is_asked_for_shows_by_itself_what_it_found(
    visitors: Visitors, scene: Scene
) -> None:
    miss(scene)
    page = visitors.sign_in()
    part_of(page).get_by_role("button", name="Compare now").click()
    expect(part_of(page)).to_contain_text("A worker is about to compare.")

    miss(scene, tag("v3.0-blue"), answered=1)

    expect(part_of(page)).to_contain_text("Release v3.0-blue")
