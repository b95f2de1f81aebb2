"""What a delivery turns out to be, and what can be wrong with it: the words between Git hosts and hooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from release.secret import Secret


@dataclass(frozen=True, slots=True)
class TagPush:
    """A new tag. ``commit`` is empty where the host did not name it; it is never the tag object's id.

    ``repository`` is the host's full name (``owner/name``), ``delivery`` the host's id of the request, the
    same when it is sent again; both come from outside and only choose among what is configured.
    """

    repository: str
    tag: str
    commit: str
    delivery: str
    pusher: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """An authentic delivery that starts nothing, and why, in words for the host's log of deliveries."""

    reason: str
    delivery: str


Event = TagPush | Ignored


class BadSignature(Exception):
    """Missing, malformed or made with no secret of ours. Never says which."""


class BadBody(Exception):
    """Signed, but no JSON that everybody would read the same way."""


class BadShape(Exception):
    """Signed JSON that is not what this host sends."""


class Provider(Protocol):
    """One Git host's way to sign and to tell of a new tag."""

    def verify(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret]) -> None:
        """Check the signature over the raw body.

        Raises:
            BadSignature: none of ``secrets`` made it.
        """

    def parse(self, headers: Mapping[str, str], body: bytes) -> Event:
        """Read a body whose signature holds.

        Raises:
            BadBody: no strict JSON.
            BadShape: JSON, but not of this host.
        """

    def receive(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret]) -> Event:
        """Verify, then parse; raises what they raise."""
