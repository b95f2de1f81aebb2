"""Which objects and fields differ between two renderings of an app's manifests: by path, never by value.

Names of environment variables and of the keys of ConfigMaps and Secrets are told apart: they are
configuration, of whatever object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from release.difference import (
    LONGEST_NAME,
    LONGEST_TITLE,
    ChangedKey,
    ChangedObject,
    Kind,
    Manifests,
    clean,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DEEPEST: Final = 40
"""How far down fields are told apart."""

DATA: Final = ("data", "binaryData", "stringData")
HOLDERS: Final = ("ConfigMap", "Secret")
ENVIRONMENT: Final = "env"

_SIMPLE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a path: a member of a mapping, or an item of a list by its name or number."""

    name: str
    is_item: bool = False

    def __str__(self) -> str:
        name = clean(self.name, LONGEST_NAME)
        return f"[{name}]" if self.is_item or not _SIMPLE.fullmatch(name) else f".{name}"


Path = tuple[_Step, ...]


@dataclass(slots=True)
class _Seen:
    """What was found of one object."""

    paths: dict[str, None] = field(default_factory=dict)
    keys: dict[tuple[str, str], Kind] = field(default_factory=dict)


def compare_manifests(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> Manifests:
    """What becomes of each object. One that is there in two forms, as a route is, is told of once."""
    old, new = _by_name(before), _by_name(after)
    objects: list[ChangedObject] = []
    keys: list[ChangedKey] = []
    for name in sorted(old.keys() | new.keys()):
        told = clean(" ".join(name), LONGEST_TITLE)
        if name not in old or name not in new:
            objects.append(ChangedObject(told, Kind.REMOVED if name in old else Kind.ADDED))
            continue
        seen = _compare(name[0], old[name], new[name])
        if seen.paths:
            objects.append(ChangedObject(told, Kind.CHANGED, tuple(sorted(seen.paths))))
        keys += [ChangedKey(key, f"{told}{where}", kind) for (key, where), kind in sorted(seen.keys.items())]
    return Manifests(tuple(objects), tuple(keys))


def _by_name(objects: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in objects:
        found.setdefault((str(one["kind"]), str(one["metadata"]["name"])), []).append(one)
    return found


def _compare(kind: str, before: Sequence[Any], after: Sequence[Any]) -> _Seen:
    """Form by form; a form that only one side has counts as another text of the first."""
    seen = _Seen()
    for index in range(max(len(before), len(after))):
        old, new = (forms[index] if index < len(forms) else forms[0] for forms in (before, after))
        for path, change in _walk(old, new, ()):
            _sort_in(seen, kind, path, change)
    return seen


def _sort_in(seen: _Seen, kind: str, path: Path, change: Kind) -> None:
    if kind in HOLDERS and len(path) > 1 and path[0].name in DATA:
        seen.keys[clean(path[1].name, LONGEST_NAME), ""] = change
        return
    for index, step in enumerate(path):
        if _is_variable(path[: index + 1]):
            above = path[max(0, index - 2)]
            where = f", {clean(above.name, LONGEST_NAME)}" if above.is_item else ""
            is_whole = index == len(path) - 1
            seen.keys[clean(step.name, LONGEST_NAME), where] = change if is_whole else Kind.CHANGED
            return
    seen.paths[clean("".join(map(str, path)).removeprefix(".") or "(all of it)", LONGEST_TITLE)] = None


def _is_variable(path: Path) -> bool:
    """Whether the last step is to an environment variable that has a name."""
    *above, last = path
    return last.is_item and above[-1:] == [_Step(ENVIRONMENT)] and not last.name.isdigit()


def _walk(before: Any, after: Any, path: Path) -> Iterator[tuple[Path, Kind]]:  # noqa: ANN401 -- any JSON values
    """Where the two differ. What is there on one side only is told of as a whole, but for configuration."""
    before, after = _opened(before, path), _opened(after, path)
    if before is _ABSENT or after is _ABSENT:
        yield path, Kind.ADDED if before is _ABSENT else Kind.REMOVED
    elif before == after:
        return
    elif len(path) < DEEPEST and isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}, key=str):
            there = before.get(name, _ABSENT), after.get(name, _ABSENT)
            yield from _walk(*there, (*path, _Step(str(name))))
    elif len(path) < DEEPEST and isinstance(before, list) and isinstance(after, list):
        old, new = _numbered(before, after)
        for name in sorted({*old, *new}, key=lambda one: (len(one), one)):
            there = old.get(name, _ABSENT), new.get(name, _ABSENT)
            yield from _walk(*there, (*path, _Step(name, is_item=True)))
    else:
        yield path, Kind.CHANGED


def _opened(value: Any, path: Path) -> Any:  # noqa: ANN401 -- any JSON value
    """Absent configuration is configuration without a key, so that each key is told of."""
    if value is not _ABSENT or not path:
        return value
    if path[-1] == _Step(ENVIRONMENT):
        return []
    return {} if len(path) == 1 and path[0].name in DATA else value


def _numbered(before: list[Any], after: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both lists by their items' names where each has one of its own, else by their places."""
    old, new = _named(before), _named(after)
    if old is not None and new is not None:
        return old, new
    old, new = ({str(index): one for index, one in enumerate(side)} for side in (before, after))
    return old, new


def _named(items: list[Any]) -> dict[str, Any] | None:
    if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
        return None
    named = {item["name"]: item for item in items}
    return named if len(named) == len(items) else None
