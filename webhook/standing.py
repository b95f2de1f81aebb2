"""Where an app stands: what is live, and which releases its two colors run. What buttons and notes go by.

Pure, over what Redis knows. What can be asked for is in ``offers``, where a rollback leads in ``way_back``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from release.model import State
from release.tested import find_changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.model import Color, Release
    from release.observation import Observation


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an app stands: its live color, and which releases its colors run.

    ``is_idle_empty``: the cluster was read, and nothing runs on the color that is not live. ``changed``: ids
    of those that a promote would be refused for, as what runs or leads to it is not what was tested.
    """

    live: Color | None
    current: Release | None
    ready: Release | None
    standby: Release | None
    rolled_back: Release | None
    is_idle_empty: bool = False
    changed: frozenset[str] = frozenset()

    def tell_users_stay(self) -> str:
        """What a deploy means for users."""
        now = f"Users stay on {self.live}" if self.live else "No color is live yet, so nobody is moved"
        return f"{now} until it is promoted."

    @property
    def idle(self) -> Release | None:
        """The release that runs beside the live one."""
        return self.standby or self.rolled_back or self.ready

    def find_reason_against(self, release: Release) -> str:
        """Why its promote would be refused, and what to do instead; empty where nothing speaks against it."""
        if release.id not in self.changed:
            return ""
        return (
            f"{release.tag} does not run as it was tested any more; "
            f"`verdigris redeploy {release.id}` tests it anew"
        )


def stand(observation: Observation | None, on_a_color: Sequence[Release]) -> Standing:
    """Read an app's standing; of several in one state the newest counts.

    Users whom somebody has just moved are where the cluster shows them, whatever our records say yet.
    """
    current = next((one for one in reversed(on_a_color) if one.state is State.LIVE), None)
    live = observation.live if observation and observation.live else (current.color if current else None)
    newest = {one.state: one for one in on_a_color if one.color is not live}
    return Standing(
        live=live,
        current=current if current and current.color is live else None,
        ready=newest.get(State.READY),
        standby=newest.get(State.STANDBY),
        rolled_back=newest.get(State.ROLLED_BACK),
        is_idle_empty=bool(observation and live and not observation.color(live.other).exists),
        changed=find_changed(observation, on_a_color) if observation else frozenset(),
    )
