"""What was edited in an object since it was tested, field by field, and by which manager. Pure.

Names come from what the cluster keeps itself: the ReplicaSet of the tested template, and ``managedFields``.
Values of environment variables may be secret and are never shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from release.names import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluster.kinds import Object

Value = Any
"""Any JSON value, or ``NOTHING``."""

NOTHING: Final = object()
LONGEST: Final = 200
KEYS: Final = ("name", "mountPath", "containerPort", "port", "key")
"""What tells items of a list apart, as the API's own merge keys do."""

BY_NUMBER: Final = frozenset({"containers", "initContainers", "http"})
"""Lists whose items people address by number."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list on a path: its place now (or then, where it is gone) and what tells it apart."""

    index: int
    key: str = ""
    value: Value = None


Path = tuple[str | Item, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One field that differs."""

    path: Path
    now: Value
    tested: Value

    def __str__(self) -> str:
        where, now, tested = tell_path(self.path), self._show(self.now), self._show(self.tested)
        if self._is_hidden and NOTHING not in (self.now, self.tested):
            return f"{where} was changed (values of the environment are not shown)"
        if self.now is NOTHING:
            return f"{where} is gone, tested was {tested}"
        return f"{where} is {now}, tested was {'without it' if self.tested is NOTHING else tested}"

    @property
    def _is_hidden(self) -> bool:
        return "env" in self.path

    def _show(self, value: Value) -> str:
        if value is NOTHING:
            return ""
        return "[a value that is not shown]" if self._is_hidden else show(value)


def find_edits(tested: Value, now: Value, path: Path = ()) -> list[Edit]:
    """Each field that differs, the deepest that can be named."""
    if isinstance(tested, dict) and isinstance(now, dict):
        names = sorted(set(tested) | set(now))
        pairs = ((tested.get(name, NOTHING), now.get(name, NOTHING), (*path, name)) for name in names)
        return [edit for then, here, where in pairs for edit in find_edits(then, here, where)]
    if isinstance(tested, list) and isinstance(now, list):
        matched = _match(tested, now)
        if matched is not None:
            return [edit for then, here, item in matched for edit in find_edits(then, here, (*path, item))]
    return [] if tested == now else [Edit(path, now, tested)]


def tell_path(path: Path) -> str:
    """As people write it: ``spec.containers[0].image``, ``env[MODE].value``."""
    text, before = "", ""
    for part in path:
        if isinstance(part, Item):
            label = part.value if part.key and before not in BY_NUMBER else part.index
            text += f"[{label}]"
        else:
            text, before = f"{text}.{part}" if text else part, part
    return text


def show(value: Value) -> str:
    """A value in a line, without those of environment variables in it."""
    text = json.dumps(_without_environment(value), sort_keys=True)
    text = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return text.strip('"') if isinstance(value, str) else text


def tell_writer(obj: Object, path: Path) -> str:
    """Who owns the field, and since when; else who else wrote last; empty where nobody is known."""
    entries = _managed(obj)
    owners = _owners(entries, path)
    strangers = [entry for entry in entries if entry.get("manager") != FIELD_MANAGER]
    found = max(owners or strangers, key=lambda entry: str(entry.get("time", "")), default=None)
    if found is None:
        return ""
    how = "by" if owners else "the object was last written by"
    return f"{how} {found.get('manager', 'somebody')} at {found.get('time', 'an unknown time')}"


def find_last_writer(obj: Object, path: Path) -> Object | None:
    """The entry of ``managedFields`` that wrote a field last; None where nobody owns it.

    Of two in the same second (times are no finer) a stranger goes before us: we know what we wrote.
    """
    owners = _owners(_managed(obj), path)
    order = [(str(entry.get("time", "")), entry.get("manager") != FIELD_MANAGER) for entry in owners]
    return max(zip(order, owners, strict=True), key=lambda pair: pair[0], default=(None, None))[1]


def time_of_write(obj: Object, path: Path) -> str:
    """When a field, or what is in it, was last written, as the API tells it; empty where nobody owns it."""
    return max((str(entry.get("time", "")) for entry in _owners(_managed(obj), path)), default="")


def _managed(obj: Object) -> list[Object]:
    entries = obj["metadata"].get("managedFields") or []
    return [entry for entry in entries if entry.get("subresource") != "status"]


def _owners(entries: list[Object], path: Path) -> list[Object]:
    return [entry for entry in entries if _covers(entry.get("fieldsV1") or {}, path)]


def _match(tested: list[Value], now: list[Value]) -> list[tuple[Value, Value, Item]] | None:
    """Items that are each other's counterpart: by key, else by place; None where neither can be told."""
    key = next((key for key in KEYS if _tells_apart(key, tested) and _tells_apart(key, now)), "")
    if not key:
        if len(tested) != len(now):
            return None
        return [(then, here, Item(index)) for index, (then, here) in enumerate(zip(tested, now, strict=True))]
    then = {item[key]: (index, item) for index, item in enumerate(tested)}
    here = {item[key]: (index, item) for index, item in enumerate(now)}
    found = []
    for name in [*here, *(name for name in then if name not in here)]:
        index = (here.get(name) or then[name])[0]
        values = (then.get(name, (0, NOTHING))[1], here.get(name, (0, NOTHING))[1])
        found.append((*values, Item(index, key, name)))
    return found


def _tells_apart(key: str, items: list[Value]) -> bool:
    if not all(isinstance(item, dict) and isinstance(item.get(key), str | int) for item in items):
        return False
    return len({item[key] for item in items}) == len(items)


def _covers(fields: Object, path: Sequence[str | Item]) -> bool:
    """Whether an owner's fields hold this one, or an atomic field above it."""
    for part in path:
        following = next((fields[name] for name in fields if _names(name, part)), None)
        if following is None:
            return False
        if following in ({}, {".": {}}):
            return True
        fields = following
    return True


def _names(name: str, part: str | Item) -> bool:
    """Whether a name in ``fieldsV1`` is this step of a path."""
    if isinstance(part, str):
        return name == f"f:{part}"
    if not name.startswith("k:"):
        return False
    keys: Object = json.loads(name.removeprefix("k:"))
    return bool(keys.get(part.key) == part.value)


def _without_environment(value: Value) -> Value:
    if isinstance(value, list):
        return [_without_environment(item) for item in value]
    if not isinstance(value, dict):
        return value
    return dict(_members(value))


def _members(value: Object) -> Iterator[tuple[str, Value]]:
    for name, item in value.items():
        if name == "env" and isinstance(item, list):
            yield name, [one.get("name") if isinstance(one, dict) else "…" for one in item]
        else:
            yield name, _without_environment(item)
