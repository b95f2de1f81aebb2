"""What a delivery turns out to be, and what can be wrong with it: the words between Git hosts and hooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from release.ci import Check
    from release.secret import Secret


class Headers(Protocol):
    """Names and values: a mapping, or what a web framework has for it."""

    def get(self, name: str, /) -> str | None:
        """One of them; None where it is missing."""

    def items(self) -> Iterable[tuple[str, str]]:
        """All of them."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it came: headers, the raw body, and when, for the hosts that sign the time, too."""

    headers: Headers
    body: bytes
    at: datetime

    def header(self, name: str) -> str:
        """A header whatever its case; empty where it is missing."""
        found = self.headers.get(name)
        if found is not None:
            return found
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class NewTag:
    """A tag, and its commit: empty where the host did not name it, never the tag object's id.

    ``is_move``: the host says that the tag existed before and names something else now.
    """

    name: str
    commit: str
    is_move: bool = False


@dataclass(frozen=True, slots=True)
class TagPush:
    """A push of tags, new or moved, at least one.

    ``repository`` is the host's full name (``owner/name``), ``delivery`` the host's id of the request, the
    same when it is sent again; both come from outside and only choose among what is configured.
    ``is_move_told``: whether this host would have told of a moved tag. Where it does not, a tag that had
    been released at another commit counts as moved.
    """

    repository: str
    tags: tuple[NewTag, ...]
    delivery: str
    pusher: str
    is_move_told: bool = True


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What CI says of a commit: one check or several, each name once, at least one.

    It starts nothing by itself: it may only end the wait of a release that was asked for. The names are as
    the host sends them, of bounded length and printable (``checks.report``).
    """

    repository: str
    commit: str
    checks: tuple[Check, ...]
    delivery: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """An authentic delivery that starts nothing, and why, in words for the host's log of deliveries."""

    reason: str
    delivery: str


Event = TagPush | CheckReport | Ignored


class BadSignature(Exception):
    """Missing, malformed or made with no secret of ours. Never says which."""


class BadBody(Exception):
    """Signed, but no JSON that everybody would read the same way."""


class BadShape(Exception):
    """Signed JSON that is not what this host sends."""


class BadSecret(Exception):
    """A configured secret that this host can't sign with. Says what is wrong, never the secret."""


class Provider(Protocol):
    """One Git host's way to sign, and to tell of tags and of CI."""

    def verify(self, delivery: Delivery, secrets: Sequence[Secret]) -> None:
        """Check the signature over the raw body.

        Raises:
            BadSignature: none of ``secrets`` made it.
        """

    def parse(self, delivery: Delivery) -> Event:
        """Read a delivery whose signature holds.

        Raises:
            BadBody: no strict JSON.
            BadShape: JSON, but not of this host.
        """

    def check_secrets(self, secrets: Sequence[Secret]) -> None:
        """Refuse secrets of one app that could never be valid here; most hosts take any.

        Raises:
            BadSecret: so that the process does not start.
        """
        del secrets

    def greet(self, delivery: Delivery) -> Ignored | None:
        """What is answered without a signature, and without effect, where a host can't sign it."""
        del delivery  # no host but one needs it
        return None
