"""What a VirtualService says about the colors, and the patches that change it. Pure; writing is in ``istio``.

The default is the *last* http entry, as Istio reads them in order. ``spec.http`` is one atomic field for
server-side apply: an apply owns or wipes the team's own entries. So these are JSON patches, of one subset or
of one entry.
"""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cluster import patch
from cluster.fence import directs_of
from cluster.objects import annotations_of, version_of
from release.model import Actor, Color, JobKind
from release.names import LIVE_RELEASE, PREVIOUS_RELEASE, SWITCH, SWITCH_REASON, SWITCHED_AT, SWITCHED_BY
from release.observation import Switch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cluster.kinds import Object
    from cluster.patch import Patch

HTTP: Final = ("spec", "http")
LONGEST_REASON: Final = 500
"""Characters of an annotation that anybody may have written."""


@dataclass(frozen=True, slots=True)
class NoRoute:
    """There is no VirtualService: a first deploy."""


@dataclass(frozen=True, slots=True)
class Unadoptable:
    """A route that can't be switched by moving one subset: what was found, and what would make it one."""

    found: str
    advice: str


@dataclass(frozen=True, slots=True)
class Known:
    """A route that can be switched.

    ``live`` is the default's color where that color's Deployment exists, else None: nothing is live yet.
    ``test_color`` and ``test_index`` are None where no test entry stands.
    """

    default_color: Color
    live: Color | None
    test_color: Color | None
    default_index: int
    test_index: int | None
    resource_version: str
    live_release: str | None
    previous_release: str | None
    fingerprint: str
    """Of the default and the test entry: what the tests saw, for a promote to compare."""
    switch: Switch | None = None
    directs: int = 0


Route = NoRoute | Unadoptable | Known


def read_route(virtual_service: Object | None, deployments: Collection[Color], *, test_name: str) -> Route:
    """Understand a route, or say why not. ``deployments``: the colors whose Deployment exists."""
    if virtual_service is None:
        return NoRoute()
    entries = _entries(virtual_service)
    color = _read_default(entries, test_name)
    if isinstance(color, Unadoptable):
        return color
    test_index = find_index(entries, test_name)
    annotations = annotations_of(virtual_service)
    return Known(
        default_color=color,
        live=color if color in deployments else None,
        test_color=None if test_index is None else _find_color(subset_of(entries[test_index])),
        default_index=len(entries) - 1,
        test_index=test_index,
        resource_version=version_of(virtual_service),
        live_release=annotations.get(LIVE_RELEASE),
        previous_release=annotations.get(PREVIOUS_RELEASE),
        fingerprint=_fingerprint(entries[-1], None if test_index is None else entries[test_index]),
        switch=_read_switch(annotations),
        directs=directs_of(virtual_service),
    )


def set_default(virtual_service: Object, color: Color, annotations: Mapping[str, str | None]) -> Patch | None:
    """The switch: the default's subset and the annotations that say why, in one patch.

    None: it is so already. Only for a route that ``read_route`` knows.
    """
    entries = _entries(virtual_service)
    wanted = patch.set_annotations(virtual_service, annotations)
    if subset_of(entries[-1]) != color:
        path = patch.pointer(*HTTP, len(entries) - 1, "route", 0, "destination", "subset")
        wanted = [*patch.replace(path, str(color)), *wanted]
    return _bound(virtual_service, wanted)


def notes_of(*, live: str, previous: str, switch: Switch) -> dict[str, str]:
    """The annotations that tell who is live, who was, and what moved users; written with the switch."""
    return {
        LIVE_RELEASE: live,
        PREVIOUS_RELEASE: previous,
        SWITCH: str(switch.kind),
        SWITCHED_BY: str(switch.actor),
        SWITCHED_AT: switch.at.isoformat(timespec="seconds") if switch.at else "",
        SWITCH_REASON: switch.reason,
    }


def tested_entries(virtual_service: Object, test_name: str) -> dict[str, Object | None]:
    """The two entries that tests go through, by what they are: what ``fingerprint`` is of."""
    entries = _entries(virtual_service)
    test_index = find_index(entries, test_name)
    return {
        "default": entries[-1] if entries else None,
        "test": None if test_index is None else entries[test_index],
    }


def set_test_entry(virtual_service: Object, entry: Object, name: str) -> Patch | None:
    """Put the test entry first, where it goes ahead of whatever the team routes; or replace the one there.

    None: it stands already as wanted.
    """
    entries = _entries(virtual_service)
    named = {**entry, "name": name}
    index = find_index(entries, name)
    if index is None:
        return _bound(virtual_service, patch.add(patch.pointer(*HTTP, 0), named))
    if entries[index] == named:
        return None
    return _bound(virtual_service, patch.replace(patch.pointer(*HTTP, index), named))


def take_spec(virtual_service: Object, wanted: Object) -> Patch | None:
    """Bring all of the route to what a manifest says, but for the color that users are on: that stays.

    None: it stands already as wanted. Only for a route that ``read_route`` knows.
    """
    spec = copy.deepcopy(wanted["spec"])
    spec["http"][-1]["route"][0]["destination"]["subset"] = subset_of(_entries(virtual_service)[-1])
    if virtual_service["spec"] == spec:
        return None
    return _bound(virtual_service, patch.replace("/spec", spec))


def remove_test_entry(virtual_service: Object, name: str) -> Patch | None:
    """Take the test entry out. None: there is none."""
    index = find_index(_entries(virtual_service), name)
    if index is None:
        return None
    return _bound(virtual_service, patch.remove(patch.pointer(*HTTP, index)))


def _bound(virtual_service: Object, wanted: Patch) -> Patch | None:
    return [*patch.at_version(virtual_service), *wanted] if wanted else None


def _entries(virtual_service: Object) -> list[Object]:
    return (virtual_service.get("spec") or {}).get("http") or []


def find_index(entries: list[Object], name: str) -> int | None:
    """Where the entry of that name stands."""
    return next((index for index, entry in enumerate(entries) if entry.get("name") == name), None)


def subset_of(entry: Object) -> str | None:
    """The subset of an entry's only destination."""
    destinations = entry.get("route") or [{}]
    subset: str | None = (destinations[0].get("destination") or {}).get("subset")
    return subset


def _read_switch(annotations: Mapping[str, str]) -> Switch | None:
    """What the annotations tell of the last switch; None where nobody wrote them or somebody spoiled them."""
    kind, actor = annotations.get(SWITCH), annotations.get(SWITCHED_BY, "")
    if kind not in {JobKind.PROMOTE, JobKind.ROLLBACK} or ":" not in actor:
        return None
    reason = annotations.get(SWITCH_REASON, "")[:LONGEST_REASON]
    return Switch(
        JobKind(kind), Actor.parse(actor[:LONGEST_REASON]), reason, _read_time(annotations.get(SWITCHED_AT))
    )


def _read_time(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else None


def _find_color(subset: str | None) -> Color | None:
    return Color(subset) if subset in set(Color) else None


def _read_default(entries: list[Object], test_name: str) -> Color | Unadoptable:
    if not entries:
        return Unadoptable("the VirtualService has no http entries", _ADVICE)
    default = entries[-1]
    if default.get("name") == test_name:
        return Unadoptable(f"its last http entry is the test entry {test_name}: there is no default", _ADVICE)
    where = f"its last http entry ({default.get('name') or 'unnamed'})"
    for member in ("redirect", "delegate", "directResponse"):
        if default.get(member):
            return Unadoptable(f"{where} is a {member}, no route to a subset", _ADVICE)
    destinations = default.get("route") or []
    if len(destinations) != 1:
        return Unadoptable(f"{where} has {_describe(destinations)}", _ADVICE)
    subset = subset_of(default)
    color = _find_color(subset)
    return color or Unadoptable(f"{where} names {'subset ' + subset if subset else 'no subset'}", _ADVICE)


_ADVICE: Final = (
    "Make the last http entry of the VirtualService the default: one destination, the app's Service, with "
    "subset blue or green, whichever runs now; and give the DestinationRule the subsets blue and green. "
    "Then deploy again."
)


def _describe(destinations: list[Object]) -> str:
    if not destinations:
        return "no destination"
    subsets = ", ".join(
        f"{(item.get('destination') or {}).get('subset', 'no subset')} {item.get('weight', '')}".strip()
        for item in destinations
    )
    return f"{len(destinations)} weighted destinations ({subsets})"


def _fingerprint(default: Object, test: Object | None) -> str:
    text = json.dumps([default, test], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
