"""Approving, stopping and overriding in a real browser: what is asked for, and what has to be said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from release.model import Actor, State
from tests.e2e.scene import Scene, playing
from tests.e2e.visitors import app_of, panel_of, press

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.visitors import Visitors

pytestmark = pytest.mark.needs_browser

ANNA, MARIA = Actor("person", "anna"), Actor("person", "maria")


class TestApprovals:
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Iterator[Scene]:
        with playing(tmp_path, promote={"approvals": 1}, auto_promote="10m") as scene:
            yield scene

    def test_an_approval_with_a_comment_lets_the_release_be_promoted(
        self, visitors: Visitors, scene: Scene
    ) -> None:
        release_id = scene.make_ready("v1.0-blue", actor=ANNA)
        page = visitors.sign_in()
        expect(app_of(page).get_by_role("button", name="Promote v1.0-blue")).to_be_disabled()
        expect(app_of(page)).to_contain_text("0 of 1 approval; missing 1.")

        press(app_of(page), "Approve v1.0-blue", comment="looked at it")

        expect(page.get_by_role("status").last).to_contain_text("You approved v1.0-blue: 1 of 1 approval.")
        expect(page.get_by_text("“looked at it”")).to_be_visible()
        expect(panel_of(page, "Promote v1.0-blue")).to_be_visible()
        (vote,) = scene.store.consent.votes(release_id)
        assert (vote.actor, vote.comment) == (MARIA, "looked at it")

    def test_a_countdown_is_stopped_with_a_reason(self, visitors: Visitors, scene: Scene) -> None:
        release_id = scene.make_ready("v1.0-blue", actor=ANNA)
        page = visitors.sign_in()

        press(app_of(page), "Don't promote by itself", reason="wait for the team")

        expect(page.locator(".countdown")).to_have_text(
            "Not promoted by itself: stopped by maria: wait for the team."
        )
        stop = scene.store.consent.find_stop(release_id)
        assert stop
        assert (stop.actor, stop.reason) == (MARIA, "wait for the team")


class TestFreeze:
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Iterator[Scene]:
        now = datetime.now(UTC)
        begin, end = now - timedelta(hours=1), now + timedelta(hours=1)
        freeze = {"from": f"{begin:%Y-%m-%dT%H:%M:%SZ}", "to": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        with playing(tmp_path, freezes=[freeze]) as scene:
            yield scene

    def test_a_start_in_a_freeze_is_not_sent_without_a_reason(self, visitors: Visitors, scene: Scene) -> None:
        release_id = scene.deploy("v1.0-blue")
        page = visitors.sign_in(f"/releases/{release_id}")
        press(page, "Start now, in the freeze")
        reason = panel_of(page, "Start now, in the freeze").get_by_label("Reason")
        assert reason.evaluate("one => one.validity.valueMissing")
        assert scene.release(release_id).state is State.WAITING

        reason.fill("hotfix")
        reason.press("Enter")

        expect(page.get_by_text("The start of v1.0-blue was accepted.")).to_be_visible()
        assert scene.release(release_id).state is State.QUEUED
