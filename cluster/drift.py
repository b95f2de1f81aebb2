"""What the repository's VirtualService says differently from the cluster's, in words for a log. Pure.

Existing routes are not overwritten, so a change in the repository would go unnoticed without this. What
Verdigris itself moves (the default's subset, the test entry) is no drift.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cluster.kinds import Object

LONGEST: Final = 120
NOTHING: Final = object()


def find_drift(existing: Object, wanted: Object, *, test_name: str) -> list[str]:
    """Each difference as one line, the repository's value first; empty where both say the same."""
    spec, other = existing.get("spec") or {}, wanted.get("spec") or {}
    found = []
    for field in sorted((set(spec) | set(other)) - {"http"}):
        found += _compare(f"spec.{field}", spec.get(field, NOTHING), other.get(field, NOTHING))
    return found + _compare_entries(_own_entries(spec, test_name), _own_entries(other, test_name))


def _own_entries(spec: Object, test_name: str) -> list[Object]:
    """The http entries that are the team's; the last is the default."""
    return [entry for entry in spec.get("http") or [] if entry.get("name") != test_name]


def _compare_entries(existing: list[Object], wanted: list[Object]) -> list[str]:
    """The defaults are each other's counterpart whatever their names; others are found by name."""
    found: list[str] = []
    if existing and wanted:
        found += _compare_default(existing[-1], wanted[-1])
    here, there = _by_label(existing[:-1]), _by_label(wanted[:-1])
    for label in [*there, *(label for label in here if label not in there)]:
        found += _compare(f"http entry {label}", here.get(label, NOTHING), there.get(label, NOTHING))
    return found


def _compare_default(existing: Object, wanted: Object) -> list[str]:
    here, there = _without_subset(existing), _without_subset(wanted)
    found: list[str] = []
    for field in sorted(set(here) | set(there)):
        found += _compare(f"the default's {field}", here.get(field, NOTHING), there.get(field, NOTHING))
    return found


def _without_subset(entry: Object) -> Object:
    destinations = [
        {**item, "destination": {**(item.get("destination") or {}), "subset": None}}
        for item in entry.get("route") or []
    ]
    return {**entry, "route": destinations}


def _by_label(entries: list[Object]) -> dict[str, Object]:
    """Entries by name; a nameless one by what it matches, which is all that tells it from others."""
    return {entry.get("name") or f"matching {_shown(entry.get('match'))}": entry for entry in entries}


def _compare(what: str, existing: object, wanted: object) -> list[str]:
    if existing == wanted:
        return []
    if existing is NOTHING:
        return [f"{what}: only in the repository: {_shown(wanted)}"]
    if wanted is NOTHING:
        return [f"{what}: only in the cluster: {_shown(existing)}"]
    return [f"{what}: the repository says {_shown(wanted)}, the cluster has {_shown(existing)}"]


def _shown(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
