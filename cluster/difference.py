"""An object before and after a write, as a unified diff for people. Pure.

Left out: what the server keeps for itself, and what every write of ours stamps. Never shown: what a Secret
holds; any value with a known secret in it, nor its counterpart on the other side; and of the environment
variables that stand in the cluster those whose value changes, as nobody knows any more whether it was secret.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from cluster.apply import LAST_APPLIED, SERVER_SIDE
from release.names import DIRECT, FENCE, LEFT_OBJECTS, OBJECTS
from release.secret import REDACTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.kinds import Object

STAMPS: Final = frozenset(
    {FENCE, DIRECT, OBJECTS, LEFT_OBJECTS, LAST_APPLIED, "deployment.kubernetes.io/revision"}
)
SECRET_MEMBERS: Final = ("data", "stringData")
CHANGED: Final = "[redacted, another value]"
CONTEXT: Final = 3


def find_difference(before: Object | None, after: Object, *, redact: Callable[[str], str]) -> str:
    """The lines that a write changes, with a few around them; empty where it changes nothing.

    ``redact`` takes known secrets out of a text.
    """
    old, new = masked(before or {}, after, redact)
    return "\n".join(
        difflib.unified_diff(
            _lines(old), _lines(new), "in the cluster", "after the release", n=CONTEXT, lineterm=""
        )
    )


def masked(before: Object, after: Object, redact: Callable[[str], str]) -> tuple[Object, Object]:
    """Both sides without bookkeeping and without values that may be secret; copies."""
    old, new = _without_stamps(before), _without_stamps(after)
    if after.get("kind") == "Secret":
        return _without_content(old, new, REDACTED), _without_content(new, old, CHANGED)
    here, there = _Mask(redact, REDACTED, is_standing=True), _Mask(redact, CHANGED, is_standing=False)
    return here.hide(old, new), there.hide(new, old)


def _without_stamps(obj: Object) -> Object:
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name not in SERVER_SIDE}
    annotations = metadata.pop("annotations", None) or {}
    if kept := {name: value for name, value in annotations.items() if name not in STAMPS}:
        metadata["annotations"] = kept
    rest = {name: value for name, value in obj.items() if name != "status"}
    return {**rest, **({"metadata": metadata} if metadata else {})}


def _without_content(secret: Object, other: Object, changed: str) -> Object:
    """A Secret's keys, and which of them change."""
    hidden: Object = {
        member: {
            name: REDACTED if (other.get(member) or {}).get(name, value) == value else changed
            for name, value in (secret.get(member) or {}).items()
        }
        for member in SECRET_MEMBERS
        if member in secret
    }
    return {**secret, **hidden}


@dataclass(frozen=True, slots=True)
class _Mask:
    """Hides values on one side; ``changed`` stands for one that differs from its counterpart."""

    redact: Callable[[str], str]
    changed: str
    is_standing: bool

    def hide(self, node: Any, other: Any) -> Any:  # noqa: ANN401 -- any JSON values
        """The node without what may be secret in it, or in its counterpart."""
        if isinstance(node, dict):
            there = other if isinstance(other, dict) else {}
            return {name: self._member(name, value, there.get(name)) for name, value in node.items()}
        if isinstance(node, list):
            return [self.hide(item, counterpart) for item, counterpart in _pairs(node, other)]
        if self._is_secret(node) or self._is_secret(other):
            return REDACTED if other in (node, None) else self.changed
        return node

    def _is_secret(self, value: object) -> bool:
        return isinstance(value, str) and self.redact(value) != value

    def _member(self, name: str, value: Any, other: Any) -> Any:  # noqa: ANN401 -- any JSON values
        if name == "env" and isinstance(value, list) and self.is_standing:
            return [self._variable(item, there) for item, there in _pairs(value, other)]
        return self.hide(value, other)

    def _variable(self, item: Any, other: Any) -> Any:  # noqa: ANN401 -- any JSON values
        there = other if isinstance(other, dict) else {}
        if isinstance(item, dict) and "value" in item and item["value"] != there.get("value"):
            return {**item, "value": REDACTED}
        return self.hide(item, other)


def _pairs(items: list[Any], others: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 -- any JSON values
    """Each item with its counterpart: by name where it has one, else by its place."""
    listed = others if isinstance(others, list) else []
    named = {other["name"]: other for other in listed if isinstance(other, dict) and "name" in other}
    for index, item in enumerate(items):
        if isinstance(item, dict) and "name" in item:
            yield item, named.get(item["name"])
        else:
            yield item, listed[index] if index < len(listed) else None


def _lines(obj: Object) -> list[str]:
    if not obj:
        return []
    return yaml.safe_dump(obj, sort_keys=True, allow_unicode=True, width=10_000).splitlines()
