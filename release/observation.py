"""What a cluster showed of an app, as plain values: what runs on each color, and where users are led."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from release.model import DIRECT, Actor, Color, JobKind
from release.others import Interference, Writer  # noqa: TC001 -- pydantic reads them


@dataclass(frozen=True, slots=True)
class ColorObservation:
    """What runs on one color, as read from the cluster.

    ``release`` and ``tag`` come from the Deployment's label and annotations; all is None or 0 where no
    Deployment exists. ``available`` and ``replicas`` count pods.
    """

    color: Color
    exists: bool
    release: str | None = None
    tag: str | None = None
    commit: str | None = None
    replicas: int = 0
    available: int = 0
    passed: bool = False
    passed_route: str | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """What moved users last, as the route tells. ``at``: by the clock of whoever did it, where it is told."""

    kind: JobKind
    actor: Actor
    reason: str = ""
    at: datetime | None = None

    def __str__(self) -> str:
        """``by direct:anna@desk at 2026-01-01 12:00:00 UTC: errors``, as far as it is told."""
        at = f" at {self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if self.at else ""
        return f"by {self.actor}{at}{f': {self.reason}' if self.reason else ''}"

    @property
    def is_direct(self) -> bool:
        """Whether nobody's turn in a queue was behind it, so that no record was made of it."""
        return self.actor.kind == DIRECT


@dataclass(frozen=True, slots=True)
class Observation:
    """What the cluster showed of an app at ``at``. ``live`` is None where no color is live.

    ``problem`` tells in words why the cluster could not be read or is not understood; else empty.
    ``default`` is the color that the route names, whether or not anything runs there. ``has_route`` is None
    where it was not read, ``subsets`` where no DestinationRule was. ``fingerprint`` is of the route's entries
    that tests go through. ``forth`` is a command that moves users to the other color. ``interference`` is
    what a look found and stays until it is no longer so.
    """

    app: str
    at: datetime
    live: Color | None
    blue: ColorObservation
    green: ColorObservation
    live_release: str | None = None
    previous_release: str | None = None
    test_route: Color | None = None
    problem: str = ""
    switch: Switch | None = None
    default: Color | None = None
    has_route: bool | None = None
    subsets: tuple[Color, ...] | None = None
    fingerprint: str | None = None
    forth: str = ""
    route_writer: Writer | None = None
    subsets_writer: Writer | None = None
    interference: Interference | None = None

    def color(self, color: Color) -> ColorObservation:
        """The one asked for."""
        return self.blue if color is Color.BLUE else self.green
