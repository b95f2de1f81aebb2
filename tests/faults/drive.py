"""What one app's people do: push tags in bursts, promote what is ready, sometimes roll back.

One thread an app: what it asks is accepted in a known order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.faults.host import Refused, Stopped
from tests.faults.ledger import Asked, Outcome

if TYPE_CHECKING:
    from random import Random
    from threading import Event

    from tests.faults.host import Host
    from tests.faults.ledger import Ledger

LARGEST_BURST: Final = 4
COLORS: Final = ("green", "blue")
RETRIED: Final = frozenset({"stage-lost", "command-lost"})
"""Ends that a lost worker or a failing API explain, after which a person would ask again."""


@dataclass(frozen=True)
class Share:
    """One app's part of a campaign, with its own dice."""

    app: str
    releases: int
    random: Random


class Driver:
    """Plays one app to its last release. ``closing``: nothing more is pushed, what is on its way ends."""

    def __init__(self, share: Share, *, host: Host, ledger: Ledger, closing: Event) -> None:
        self._app = share.app
        self._left = share.releases
        self._number = 0
        self._host = host
        self._ledger = ledger
        self._random = share.random
        self._closing = closing
        self._idle = COLORS[0]
        self._live: dict[str, Any] | None = None
        self._standby: dict[str, Any] | None = None
        self._pending: tuple[Asked, dict[str, Any]] | None = None

    def play(self) -> None:
        """Burst after burst, until nothing is left or the time is up."""
        try:
            while self._left and not self._closing.is_set():
                burst = self._push_burst()
                self._finish_switch()
                ready = self._wait_for_burst(burst)
                if ready:
                    self._move_users(ready)
            self._finish_switch()
        except Stopped:
            return
        except Refused as refusal:
            self._ledger.refused.append(f"{self._app}: {refusal}: {refusal.slug}")

    def _push_burst(self) -> list[Asked]:
        size = min(self._left, self._random.randint(1, LARGEST_BURST))
        self._left -= size
        burst = []
        for _ in range(size):
            self._number += 1
            burst.append(self._host.deliver(self._app, f"v{self._number}.0-{self._idle}"))
        return burst

    def _wait_for_burst(self, burst: list[Asked]) -> dict[str, Any] | None:
        """The release that is ready in the end; the last one is tried again where it was lost."""
        for asked in burst:
            self._host.wait(asked)
            self._ledger.count(ended=1)
        told = self._host.get(f"releases/{burst[-1].release}")
        problem = told["jobs"][-1]["problem"]
        slug = problem["type"].rpartition("/")[2] if problem else ""
        if slug in RETRIED:
            self._host.wait(self._host.retry(told["release"]))
            told = self._host.get(f"releases/{burst[-1].release}")
        release: dict[str, Any] = told["release"]
        return release if release["state"] == "ready" else None

    def _move_users(self, ready: dict[str, Any]) -> None:
        """Promote, mostly; the next burst may be pushed before the switch is over."""
        if self._random.random() < 0.3:
            return
        self._pending = self._host.switch("promote", ready), ready
        self._idle = _other(ready["color"])
        if self._random.random() < 0.5:
            return
        is_live = self._finish_switch()
        if is_live and self._standby and self._random.random() < 0.4:
            self._pending = self._host.switch("rollback", self._standby), self._standby
            self._idle = _other(self._standby["color"])
            self._finish_switch()

    def _finish_switch(self) -> bool:
        """Wait for the switch that was asked for; whether it was made."""
        if self._pending is None:
            return False
        (asked, release), self._pending = self._pending, None
        job = self._host.wait(asked)
        slug = job["problem"]["type"].rpartition("/")[2] if job["problem"] else ""
        self._ledger.switches[self._app].append(Outcome(asked, job["state"], slug))
        if job["state"] != "done":
            self._idle = _other(self._live["color"]) if self._live else release["color"]
            return False
        self._live, self._standby = release, self._live
        if asked.kind == "rollback" or self._is_replaced(self._standby):
            self._standby = None
        return True

    def _is_replaced(self, release: dict[str, Any] | None) -> bool:
        """Whether something was pushed to its color since: no way leads back to it then."""
        if release is None:
            return True
        state = self._host.get(f"releases/{release['id']}")["release"]["state"]
        return bool(state != "standby")


def _other(color: str) -> str:
    return COLORS[1 - COLORS.index(color)]
