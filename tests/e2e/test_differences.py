"""What a promote would change, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.e2e.views import compared, keep_difference

if TYPE_CHECKING:
    from tests.e2e.scene import Scene
    from tests.e2e.visitors import Visitors

pytestmark = pytest.mark.needs_browser

SUM = "12 commits, 1 commit taken back, 3 objects, 2 configuration keys, 1 migration (expand)"


def test_before_pressing_promote_one_reads_what_it_changes(visitors: Visitors, scene: Scene) -> None:
    page = visitors.sign_in(compared(scene))
    box = page.get_by_role("region", name="What promote would change")

    expect(box).to_contain_text(f"{SUM}. Compared with v1.0-blue, which is live.")
    page.locator("summary", has_text="Promote v2.0-green").click()
    expect(page.locator("details[open] form")).to_contain_text(
        f"Compared with v1.0-blue, which is live: {SUM}."
    )


def test_each_number_opens_its_list_also_by_keyboard(visitors: Visitors, scene: Scene) -> None:
    page = visitors.sign_in(compared(scene))
    box = page.get_by_role("region", name="What promote would change")
    expect(box.get_by_text("Add the new checkout").first).to_be_hidden()

    box.get_by_text("Commits that come: 12").focus()
    page.keyboard.press("Enter")
    expect(box.get_by_text("Add the new checkout").first).to_be_visible()
    expect(box.get_by_text("<b>bold</b>")).to_be_visible()  # as text
    box.get_by_text("Manifests: 3 objects").click()
    expect(box.get_by_text("spec.replicas")).to_be_visible()
    box.get_by_text("Configuration: 2 keys").click()
    expect(box.get_by_text("CHECKOUT_URL")).to_be_visible()


def test_it_comes_to_an_open_page_by_itself(visitors: Visitors, scene: Scene) -> None:
    scene.promote(scene.make_ready("v1.0-blue"))
    release_id = scene.make_ready("v2.0-green")
    scene.observe()
    page = visitors.sign_in(f"/releases/{release_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("v2.0-green")
    expect(page.locator("#difference")).to_have_count(0)

    keep_difference(scene, release_id)

    expect(page.locator("#difference")).to_contain_text(SUM)


def test_once_something_else_is_live_it_says_so(visitors: Visitors, scene: Scene) -> None:
    compared(scene)
    release_id = scene.store.releases("shop")[0].id
    scene.promote(release_id)
    scene.observe()
    page = visitors.sign_in(f"/releases/{release_id}")

    box = page.get_by_role("region", name="What its promote changed")
    expect(box).to_contain_text("Compared with v1.0-blue, which was live then.")


def test_it_reads_without_scripts(visitors: Visitors, scene: Scene) -> None:
    page = visitors.sign_in(compared(scene), java_script_enabled=False)
    box = page.get_by_role("region", name="What promote would change")

    box.get_by_text("Commits that come: 12").click()

    expect(box.get_by_text("Add the new checkout").first).to_be_visible()
