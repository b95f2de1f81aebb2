"""No request is lost by any switch or release, and no state in between could lose one.

``VERDIGRIS_SWITCHES`` and ``VERDIGRIS_RELEASES`` say how many (`make switches`: 100 and 20), and then the
crowd must have kept its rate. A few without them, at whatever rate a busy machine gives.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.world import crowd, every_state_checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.line import Line
    from tests.integration.world import Told

pytestmark = [pytest.mark.needs_envoy, pytest.mark.timeout(900)]

SWITCHES = int(os.environ.get("VERDIGRIS_SWITCHES", "4"))
RELEASES = int(os.environ.get("VERDIGRIS_RELEASES", "2"))
IS_WHOLE = "VERDIGRIS_SWITCHES" in os.environ
RATE = 500
KEPT = 0.8
"""The part of ``RATE`` that the crowd must have reached over a whole run: less shows too little."""


@pytest.fixture
def line(make_line: Callable[..., Line]) -> Line:
    """Two pods a color; pods that leave finish what they began, as the manifests' drain does for them."""
    made = make_line(values={"replicas": 2, "drain_seconds": 1, "grace_seconds": 5})
    made.is_brisk = False
    return made


@pytest.fixture
def report(pytestconfig: pytest.Config, capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """A line for whoever runs it by hand, shown without ``-s`` as well; a worker of xdist has no terminal."""
    terminal = pytestconfig.pluginmanager.get_plugin("terminalreporter")

    def tell(text: str) -> None:
        if terminal:
            with capfd.disabled():
                terminal.ensure_newline()
                terminal.write_line(text)

    return tell


def check_none_was_lost(told: Told) -> None:
    assert (told.failed, told.reasons) == (0, [])
    assert not IS_WHOLE or told.rate >= KEPT * RATE, f"the crowd kept {told.rate} of {RATE} requests a second"


def test_no_request_is_lost_by_promotes_and_rollbacks_in_a_row(
    line: Line, report: Callable[[str], None]
) -> None:
    line.go_live("v1-green")
    newer = line.deploy("v2-blue")
    untold: list[int] = []

    with every_state_checked(line) as world, crowd(line, rate=RATE) as told:
        for number in range(SWITCHES):
            job = line.rollback() if number % 2 else line.promote(newer.id)
            assert job.state == "done", job.problem
            assert job.probe is not None
            assert job.probe.lost == 0
            if job.probe.first_new is None:
                untold.append(number)

    report(f"{SWITCHES} switches: {told}; {world.states} states")
    check_none_was_lost(told)
    assert world.faults == []
    assert world.states >= SWITCHES
    assert set(told.versions) == {"v1-green", "v2-blue"}
    assert untold == [], f"in {len(untold)} of {SWITCHES} switches the prober has not told the versions apart"


def test_no_request_is_lost_by_whole_releases(line: Line, report: Callable[[str], None]) -> None:
    line.go_live("v1-green")

    with every_state_checked(line) as world, crowd(line, rate=RATE) as told:
        for number in range(2, 2 + RELEASES):
            release = line.deploy(f"v{number}-{'green' if number % 2 else 'blue'}")
            assert release.state == "ready", line.told(release)
            assert line.promote().state == "done", line.job().problem

    report(f"{RELEASES} releases: {told}; {world.states} states")
    check_none_was_lost(told)
    assert world.faults == []
    assert len(told.versions) == RELEASES + 1
