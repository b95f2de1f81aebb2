"""A switch is shown the moment it is made, while its stage proves it: record, cards and buttons agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from tasks.activate import activate
from tasks.rollback import rollback
from tests.integration.line import ANNA, Brisk, Line
from tests.unit.webhook.fakes import KEY
from webhook.application import create_app
from webhook.services import WebSettings
from webhook.tickets import issue_ticket
from worker.look import look

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from tasks.execution import Work
    from tasks.step import Passed, Step
    from tasks.turn import StageTurn

pytestmark = pytest.mark.needs_envoy


class Looking(Brisk):
    """Somebody looks at the first pause of the proof."""

    def __init__(self, turn: StageTurn, look_at: Callable[[], None]) -> None:
        super().__init__(turn)
        self._looks = [look_at]

    def pause(self, seconds: float) -> None:
        if self._looks:
            self._looks.pop()()
        super().pause(seconds)


def seen_in_its_proof(line: Line, work: Work, client: FlaskClient) -> str:
    """The app's page while the stage that was asked for proves its switch."""
    shown: list[str] = []

    def look_at() -> None:
        seen, release = line.store.observation("shop"), line.release(line.job().release_id or "")
        assert seen
        assert (release.state, seen.live, seen.live_release) == ("live", release.color, release.id)
        shown.append(client.get("/apps/shop").text)

    def watched(step: Step) -> Passed:
        turn = Looking(step.turn, look_at)
        return work(replace(step, turn=cast("StageTurn", turn)))

    line.is_brisk = False
    assert line.run_stage(line.sent.offers.pop(), 0, work=watched).endswith("passed")
    return " ".join(shown[0].split())


def test_record_cards_and_buttons_agree_while_a_switch_is_proved(line: Line) -> None:
    # given users on green, and blue tested; workers have looked
    live, ready = line.go_live("v1-green"), line.deploy("v2-blue")
    look(line.around, "shop")
    app = create_app(line.config, line.store, line.requests, secret_key=KEY, settings=WebSettings())
    client = app.test_client()
    client.get(f"/enter/{issue_ticket('anna', key=KEY, clock=lambda: datetime.now(UTC))}")

    # when blue is promoted
    line.accepted = line.requests.promote("shop", actor=ANNA)
    page = seen_in_its_proof(line, activate, client)

    # then cards, buttons and the API tell what users get
    assert 'aria-label="blue: live"' in page
    assert 'aria-label="green: idle"' in page
    assert "Decommission green" in page
    assert "Roll back to v1-green" in page

    # and when it is rolled back
    line.accepted = line.requests.rollback("shop", actor=ANNA)
    page = seen_in_its_proof(line, rollback, client)
    assert 'aria-label="green: live"' in page
    assert "blue: live" not in page
    assert "Decommission blue" in page
    assert f"Promote {ready.tag}" in page
    assert line.state(live) == "live"
