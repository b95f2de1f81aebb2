"""Redis goes away during a stage: it waits, writes nothing on a guess, and goes on; no log line is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.model import Stage
from release.queue import Queue
from release.turn import LostTurn
from tests.integration.line import ANNA, TIMING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy


class Outage:
    """A Redis whose connection can be cut; it heals after some refused calls."""

    def __init__(self) -> None:
        self.server = fakeredis.FakeServer()
        self.client = fakeredis.FakeRedis(server=self.server, decode_responses=True)
        self._heal: threading.Timer | None = None

    def begin(self, seconds: float) -> None:
        self.server.connected = False
        self._heal = threading.Timer(seconds, self._end)
        self._heal.start()

    def _end(self) -> None:
        self.server.connected = True

    def wait(self) -> None:
        if self._heal:
            self._heal.join()


@pytest.fixture
def outage() -> Outage:
    return Outage()


def run_with_outage(line: Line, outage: Outage, index: int, told: str, *, seconds: float = 1.2) -> str:
    """Run the offered stage; when the log says something, Redis goes away for a while."""
    begun: list[str] = []

    def cut(text: str) -> None:
        if told in text and not begun:
            begun.append(text)
            outage.begin(seconds)

    result = line.run_stage(line.sent.offers[0], index, around=line.interrupted(at_line=cut))
    outage.wait()
    assert begun, line.told(line.release(line.job().release_id or ""))
    return result


def test_a_deploy_outlives_an_outage_before_its_writes(
    make_line: Callable[..., Line], outage: Outage
) -> None:
    line = make_line(client=outage.client)
    line.go_live("v1-green")
    release = line.push("v2-blue")
    line.run(until=Stage.DEPLOY)

    assert run_with_outage(line, outage, 1, "live color: green") == "deploy passed"

    assert "the test route leads to blue" in line.told(release)
    line.expect("v2-blue", cookie="test=true")


def test_lines_kept_back_in_an_outage_arrive_in_order(make_line: Callable[..., Line], outage: Outage) -> None:
    line = make_line(client=outage.client)
    release = line.push("v1-green")
    line.run(until=Stage.DEPLOY)

    assert run_with_outage(line, outage, 1, "Deployment shop-green: applied") == "deploy passed"

    told = [one.text for one in line.store.log(release.id) if one.stage == "deploy"]
    expected = [
        "Service shop: applied",
        "Deployment shop-green: applied",
        "rolled out",
        "Gateway shop-gateway: applied",
    ]
    assert [line for text in told for line in expected if text.startswith(line)] == expected


def test_a_switch_outlives_an_outage_after_its_write(make_line: Callable[..., Line], outage: Outage) -> None:
    line = make_line(client=outage.client)
    live = line.go_live("v1-green")
    ready = line.deploy("v2-blue")
    line.accepted = line.requests.promote("shop", actor=ANNA)

    assert run_with_outage(line, outage, 0, "switched") == "activate passed"

    assert (line.state(live), line.state(ready)) == ("standby", "live")


def test_a_stage_whose_claim_went_in_the_outage_writes_nothing_more(
    make_line: Callable[..., Line], outage: Outage
) -> None:
    """Redis comes back, but by then the stage is another worker's."""
    line = make_line(client=outage.client)
    line.go_live("v1-green")
    line.push("v2-blue")
    line.run(until=Stage.DEPLOY)
    offer = line.sent.offers[0]
    other = Queue(fakeredis.FakeRedis(server=outage.server, decode_responses=True), TIMING)

    def lose(text: str) -> None:
        if "live color" in text:
            job = line.job()
            assert other.lost(job.id, fence=job.fence, why="its lease was over").offer

    with pytest.raises(LostTurn):
        line.run_stage(offer, 1, around=line.interrupted(at_line=lose))

    assert line.find("Deployment", "blue") is None
    assert line.job().state == "offered"
