"""No request is lost by any switch or release, and no state in between could lose one.

``VERDIGRIS_SWITCHES`` and ``VERDIGRIS_RELEASES`` say how many (`make switches`: 100 and 20); a few without.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.world import crowd, every_state_checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.line import Line

pytestmark = [pytest.mark.needs_envoy, pytest.mark.timeout(900)]

SWITCHES = int(os.environ.get("VERDIGRIS_SWITCHES", "4"))
RELEASES = int(os.environ.get("VERDIGRIS_RELEASES", "2"))
RATE = 500


@pytest.fixture
def line(make_line: Callable[..., Line]) -> Line:
    """Two pods a color; pods that leave finish what they began, as the manifests' drain does for them."""
    return make_line(values={"replicas": 2, "drain_seconds": 1, "grace_seconds": 5})


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """A line for whoever runs it by hand."""
    return pytestconfig.get_terminal_writer().line


def test_no_request_is_lost_by_promotes_and_rollbacks_in_a_row(
    line: Line, report: Callable[[str], None]
) -> None:
    line.go_live("v1-green")
    newer = line.deploy("v2-blue")

    with every_state_checked(line) as world, crowd(line, rate=RATE) as told:
        for number in range(SWITCHES):
            job = line.rollback() if number % 2 else line.promote(newer.id)
            assert job.state == "done", job.problem
            assert job.probe is not None
            assert job.probe.lost == 0
            assert job.probe.first_new is not None, "the prober has not told the versions apart"

    assert (told.failed, told.reasons) == (0, [])
    assert world.faults == []
    assert world.states >= SWITCHES
    assert set(told.versions) == {"v1-green", "v2-blue"}
    assert told.rate > RATE / 3, "the crowd was too small to show anything"
    report(
        f"{SWITCHES} switches: {told.sent:,} requests at {told.rate} a second, 0 lost; {world.states} states"
    )


def test_no_request_is_lost_by_whole_releases(line: Line, report: Callable[[str], None]) -> None:
    line.go_live("v1-green")

    with every_state_checked(line) as world, crowd(line, rate=RATE) as told:
        for number in range(2, 2 + RELEASES):
            release = line.deploy(f"v{number}-{'green' if number % 2 else 'blue'}")
            assert release.state == "ready", line.told(release)
            assert line.promote().state == "done", line.job().problem

    assert (told.failed, told.reasons) == (0, [])
    assert world.faults == []
    assert len(told.versions) == RELEASES + 1
    assert told.rate > RATE / 3, "the crowd was too small to show anything"
    report(
        f"{RELEASES} releases: {told.sent:,} requests at {told.rate} a second, 0 lost; {world.states} states"
    )
