"""Users while something happens, and every state in between: what a zero-downtime test looks at."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.integration.line import subset_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.store import Event
    from tests.integration.line import Line

ROOT = Path(__file__).parents[2]


@dataclass
class Told:
    """What the crowd has seen, once it is gone. ``rate``: requests a second; ``slowest``: milliseconds."""

    sent: int = 0
    failed: int = 0
    rate: int = 0
    slowest: int = 0
    reasons: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """A line for whoever runs it by hand."""
        return (
            f"{self.sent:,} requests at {self.rate} a second, {self.failed} lost, slowest {self.slowest} ms"
        )


@contextmanager
def crowd(line: Line, *, rate: int) -> Iterator[Told]:
    """Users ask, so many times a second, while the block runs."""
    told, port = Told(), str(urlsplit(line.town.address).port)
    command = [sys.executable, "-m", "tests.integration.crowd", port, line.host, "--rate", str(rate)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            yield told
        finally:
            output, _ = program.communicate(timeout=30)
            vars(told).update(json.loads(output))


@dataclass
class World:
    """The app's objects as they stand after each write, and what was wrong with a state."""

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    states: int = 0
    live: str = ""

    def take(self, event: Event) -> None:
        obj = event.object
        key = obj["kind"], obj["metadata"]["name"]
        if event.type == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = json.loads(json.dumps(obj))
        route = self.objects.get(("VirtualService", "shop-blue-green"))
        if route:
            self.states += 1
            self._check(route["spec"]["http"])

    def _check(self, entries: list[dict[str, Any]]) -> None:
        """Every subset named is there; who users are sent to has all its pods; tests need their cookie."""
        rule = self.objects.get(("DestinationRule", "shop-blue-green"), {"spec": {"subsets": []}})
        known = {subset["name"] for subset in rule["spec"]["subsets"]}
        for entry in entries:
            if subset_of(entry) not in known:
                self.faults.append(f"a route names {subset_of(entry)}, the rule knows {sorted(known)}")
        for entry in entries[:-1]:
            if "cookie" not in entry["match"][0]["headers"]:
                self.faults.append("the test entry takes requests without a cookie")
        live = subset_of(entries[-1])
        wanted, available = self._pods(live)
        if not wanted or available < wanted:
            self.faults.append(f"users are sent to {live}, where {available} of {wanted} pods are available")
        if self.live and live != self.live and available < self._pods(self.live)[1]:
            self.faults.append(f"{live} got users with fewer pods than {self.live} has")
        self.live = live

    def _pods(self, color: str) -> tuple[int, int]:
        deployment = self.objects.get(("Deployment", f"shop-{color}"), {})
        status = deployment.get("status", {})
        return deployment.get("spec", {}).get("replicas", 0), status.get("availableReplicas", 0)


@contextmanager
def every_state_checked(line: Line) -> Iterator[World]:
    """After each write to the app's objects, also those of the cluster's own controllers."""
    world = World()
    for kind, color in [
        ("VirtualService", ""),
        ("DestinationRule", ""),
        ("Deployment", "blue"),
        ("Deployment", "green"),
    ]:
        found = line.find(kind, color)
        if found:
            world.objects[kind, found["metadata"]["name"]] = found

    with line.writes() as written:
        yield world
    for event in written:
        world.take(event)
