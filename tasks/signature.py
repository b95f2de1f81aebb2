"""Telling that an answer came through this release's test entry.

A gateway follows a changed route some time later. Until then a request with the test cookie still reaches the
live color, and a smoke test would pass about the wrong version. So the test entry adds a header to answers.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.kinds import Object

SIGNATURE: Final = "x-verdigris-release"


def signed(virtual_service: Object, release_id: str, *, entry_name: str) -> Object:
    """The VirtualService whose test entry says in each answer which release it leads to."""
    copied: dict[str, Any] = copy.deepcopy(virtual_service)
    for entry in copied["spec"]["http"]:
        if entry.get("name") == entry_name:
            answer = entry.setdefault("headers", {}).setdefault("response", {})
            answer.setdefault("set", {})[SIGNATURE] = release_id
    return copied


def find_stranger(headers: Mapping[str, str], release_id: str) -> str | None:
    """Why an answer is not this release's; None where it is."""
    signer = next((value for name, value in headers.items() if name.lower() == SIGNATURE), None)
    if signer == release_id:
        return None
    return (
        f"the gateway does not lead the test cookie to this release yet ({SIGNATURE}: {signer or 'missing'})"
    )
