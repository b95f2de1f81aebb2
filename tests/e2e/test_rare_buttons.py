"""Buttons that few people press, in a real browser, with and without JavaScript."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect

from release.channels import SlackChannel
from release.model import JobKind, State
from release.rules import SingleFreeze
from release.signals import make_test
from release.tag_watch import Heard
from tests.e2e.axe import faults_of
from tests.e2e.test_missed_tags import COMMIT, miss, part_of, tag
from tests.e2e.test_page_actions import MARIA, only_job
from tests.e2e.views import audit_trail, ready_beside_live
from tests.e2e.visitors import app_of, panel_of, press

if TYPE_CHECKING:
    from tests.e2e.scene import Scene
    from tests.e2e.visitors import Visitors

pytestmark = pytest.mark.needs_browser

EITHER: Final = pytest.mark.parametrize("is_scripted", [True, False], ids=["scripted", "plain"])


def fail(scene: Scene, name: str, error: str) -> None:
    """A channel of that name, and a worker that could not reach it."""
    channel = {"kind": "slack", "url": {"env": "NOBODY_HAS_IT"}}
    scene.config.channels[name] = SlackChannel.model_validate(channel)
    scene.store.signals.add(make_test(name, id="1", actor="token:ci", at=datetime.now(UTC)))
    (offer,) = scene.store.signals.offer([name])
    sent = f"1_{name}"
    assert scene.store.signals.claim(name, sent, number=offer.number)
    assert scene.store.signals.note_failure(name, sent, number=offer.number, error=error, again_in=60)


@EITHER
def test_a_channel_that_fails_says_why_and_is_sent_a_test(
    visitors: Visitors, scene: Scene, *, is_scripted: bool
) -> None:
    fail(scene, "chat", "503: <b>closed</b> " + "w" * 200)
    page = visitors.sign_in(
        "/channels", java_script_enabled=is_scripted, viewport={"width": 360, "height": 700}
    )
    row = page.get_by_role("listitem").filter(has_text="slack")
    expect(row).to_contain_text("fails since")
    expect(row).to_contain_text("It said: 503: <b>closed</b>")
    expect(row).to_contain_text("1 waiting")
    if is_scripted:
        assert faults_of(page) == []

    row.locator("summary").press("Enter")
    row.get_by_role("button", name="Test chat").click()

    expect(page.get_by_text("A test is on its way to chat")).to_be_visible()
    expect(row).to_contain_text("2 waiting")


@EITHER
def test_the_audit_trail_shows_what_was_chosen_and_keeps_the_choice(
    visitors: Visitors, scene: Scene, *, is_scripted: bool
) -> None:
    page = visitors.sign_in(audit_trail(scene), java_script_enabled=is_scripted)
    entries = page.locator("ol.trail > li")
    expect(entries).not_to_have_count(1)

    page.get_by_label("Who").fill("maria")
    page.get_by_label("What").select_option("promote")
    page.get_by_label("Outcome").select_option("refused")
    page.get_by_label("Since").fill("2026-01-01T00:00")
    page.get_by_role("button", name="Show").click()

    expect(entries).to_have_count(1)
    expect(entries).to_contain_text("refused: app-frozen")
    expect(page.get_by_label("Outcome")).to_have_value("refused")
    expect(page.get_by_label("Since")).to_have_value("2026-01-01T00:00")
    page.get_by_label("Until").fill("2026-01-01T00:01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing of that kind.")).to_be_visible()


@EITHER
def test_a_promote_in_a_freeze_is_not_sent_without_a_reason(
    visitors: Visitors, scene: Scene, *, is_scripted: bool
) -> None:
    ready_beside_live(scene)
    now = datetime.now(UTC)
    times = {"from": f"{now - timedelta(hours=1):%FT%TZ}", "to": f"{now + timedelta(hours=1):%FT%TZ}"}
    scene.config.apps["shop"].freezes.append(SingleFreeze.model_validate(times))
    page = visitors.sign_in(java_script_enabled=is_scripted)
    panel = panel_of(app_of(page), "Promote v2.0-green, in the freeze")
    panel.locator("summary").click()
    panel.locator("button.go").click()
    assert scene.store.queue("shop") == []

    panel.get_by_label("Reason").fill("hotfix")
    panel.locator("button.go").click()

    expect(page.get_by_text("The promote of shop was accepted.")).to_be_visible()
    job = only_job(scene)
    assert (job.kind, job.tag, job.actor, job.reason) == (
        JobKind.PROMOTE,
        "v2.0-green",
        MARIA,
        "in a freeze: hotfix",
    )
    assert scene.release(job.release_id or "").state is State.READY


def test_tags_are_compared_and_decided_against_without_javascript(visitors: Visitors, scene: Scene) -> None:
    miss(scene, tag("v3.0-blue"))
    page = visitors.sign_in(java_script_enabled=False)

    press(part_of(page), "Never release v3.0-blue", reason="a mistake")

    expect(page.get_by_text("v3.0-blue is told no more, unless it is moved.")).to_be_visible()
    expect(part_of(page)).not_to_contain_text("v3.0-blue")
    (known,) = scene.store.tags.never_delivered("shop")
    assert (known.heard, known.commit, known.by, known.reason) == (
        *(Heard.DISMISSED, COMMIT),
        *("person:maria", "a mistake"),
    )

    part_of(page).get_by_role("button", name="Compare now").click()
    expect(part_of(page)).to_contain_text("A worker is about to compare.")
