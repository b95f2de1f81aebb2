"""What a worker sees of an app whose blue release was made live by us, and its releases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from release.model import Actor, Color, JobKind, Release, State
from release.observation import ColorObservation, Observation, Switch
from release.others import Tool, Writer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANNA = Actor("person", "anna")
ARGO = Writer("argocd-controller", "Apply", NOW.replace(minute=3, second=4), Tool.ARGO_CD)
OURS = Writer("verdigris", "Update", NOW)
PATCH = Writer("kubectl-patch", "Update", NOW, Tool.FLUX, is_by_mark=True)
PRINT = "0123456789abcdef"
PROMOTED = Switch(JobKind.PROMOTE, ANNA, "looks good", NOW - timedelta(hours=2))


def release(name: str, state: State, *, color: Color = Color.BLUE, age: float = 3600) -> Release:
    """``B2``: what runs on blue, ``v2-blue``."""
    at = NOW - timedelta(seconds=age)
    return Release(name, "shop", f"v{name[1]}-{color}", color, "c0ffee", state, ANNA, at, at)


def runs(one: Release, **given: object) -> ColorObservation:
    values: dict[str, Any] = {"release": one.id, "tag": one.tag, "passed": True, "passed_route": PRINT}
    return ColorObservation(one.color, exists=True, **{"replicas": 1, "available": 1, **values, **given})


BLUE = release("B2", State.LIVE)
GREEN = release("G1", State.STANDBY, color=Color.GREEN)
READY = replace(GREEN, id="G3", tag="v3-green", state=State.READY)


def look(default: Color = Color.GREEN, *, green: Release = GREEN, **given: object) -> Observation:
    """Blue was made live by us; the default names ``default``, and blue's test entry stands."""
    values: dict[str, Any] = {
        "live": default,
        "blue": runs(BLUE),
        "green": runs(green),
        "live_release": BLUE.id,
        "previous_release": green.id,
        "test_route": Color.BLUE,
        "switch": PROMOTED,
        "default": default,
        "has_route": True,
        "subsets": (Color.BLUE, Color.GREEN),
        "fingerprint": PRINT,
        "forth": "kubectl patch",
        "route_writer": ARGO,
        "subsets_writer": OURS,
    }
    return Observation("shop", NOW, **{**values, **given})
