"""The command that makes a switch by hand: kubectl and a patch that is refused where it no longer fits. Pure.

It is written down while the route is known and may be run long after. So it names no resourceVersion; what it
relies on is tested in the patch itself.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from cluster.patch import ANNOTATIONS, Patch, add, pointer, replace, test
from cluster.route import HTTP, find_index, subset_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.kinds import Object, Ref
    from release.model import Color


def patch_by_hand(
    virtual_service: Object,
    color: Color,
    *,
    test_entry: str,
    signature: tuple[str, str],
    notes: Mapping[str, str],
) -> Patch | None:
    """Move the default from the other color to this one, with notes that say so; None without its test entry.

    ``signature``: the header, and its value, by which the test entry tells its release. A deploy takes that
    entry out before it touches any pods, a decommission too: as long as it stands, both colors run what they
    ran when the command was written.
    """
    entries = (virtual_service.get("spec") or {}).get("http") or []
    test_index = find_index(entries, test_entry)
    header, release = signature
    if test_index is None or _signer(entries[test_index], header) != release:
        return None
    last = len(entries) - 1
    signed = pointer(*HTTP, test_index, "headers", "response", "set", header)
    path = pointer(*HTTP, last, "route", 0, "destination", "subset")
    written = [
        operation for name, value in notes.items() for operation in add(ANNOTATIONS + pointer(name), value)
    ]
    return [
        *test(signed, release),
        *_recognize(entries[last], last, color.other),
        *replace(path, str(color)),
        *written,
    ]


def _signer(test_entry: Object, header: str) -> str | None:
    answer = (test_entry.get("headers") or {}).get("response") or {}
    signer: str | None = (answer.get("set") or {}).get(header)
    return signer


def _recognize(default: Object, index: int, subset: Color) -> Patch:
    """That the entry at this index is the default that was seen: by its name, else by all that it says."""
    if default.get("name"):
        path = pointer(*HTTP, index, "route", 0, "destination", "subset")
        return [*test(pointer(*HTTP, index, "name"), default["name"]), *test(path, str(subset))]
    if subset_of(default) == subset:
        return test(pointer(*HTTP, index), default)
    route = default["route"][0]
    moved = {**route, "destination": {**route["destination"], "subset": str(subset)}}
    return test(pointer(*HTTP, index), {**default, "route": [moved]})


def command_for(patch: Patch, ref: Ref, *, context: str | None) -> str:
    """The command as a shell takes it. Without a context it is kubectl's current one."""
    words = [
        "kubectl",
        *(["--context", context] if context else []),
        *("-n", ref.namespace, "patch", "virtualservices.networking.istio.io", ref.name),
        *("--type=json", "-p", json.dumps(patch, separators=(",", ":"))),
    ]
    return shlex.join(words)
