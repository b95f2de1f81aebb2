"""How a registry lets us in: what its challenge asks for, and where its tokens may be fetched.

The challenge comes from outside and names the address that is to see the password. Only the registry's own
host and those that the app's configuration names are asked; every other is refused, password or not.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from release.image import DOCKER_HUB
from source.registry_refusals import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.origins import Registry
    from release.secret import Secret

API_HOSTS: Final = {DOCKER_HUB: "registry-1.docker.io", f"index.{DOCKER_HUB}": "registry-1.docker.io"}
"""Names in images under which nobody answers."""

KNOWN_TOKEN_HOSTS: Final = {"registry-1.docker.io": frozenset({"auth.docker.io:443"})}
PORTS: Final = {"https": 443, "http": 80}
LONGEST_CHALLENGE: Final = 2048
LONGEST_TOKEN: Final = 16 * 1024

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 -- RFC 9110's word for a word
_PART: Final = re.compile(
    rf'(?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>{_TOKEN}))|(?P<scheme>{_TOKEN})'
)
_TO_PULL: Final = re.compile(r"repository:[^\s,*]+:pull")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")


class Misled(Exception):
    """The registry names a place for its tokens that may not be asked; the message says why."""


class NotUnderstood(Exception):
    """A challenge or a token that is none."""


@dataclass(frozen=True, slots=True)
class Door:
    """A registry's API, as one app asks it."""

    host: str
    registry: Registry

    @property
    def address(self) -> str:
        """Where its API begins."""
        return f"{'http' if self.registry.plain_http else 'https'}://{API_HOSTS.get(self.host, self.host)}"

    def check_token_place(self, realm: str) -> None:
        """Refuse to ask at an address that is none of the registry's.

        Raises:
            Misled: another host, another port, no TLS, or no address at all.
        """
        if not _VISIBLE.fullmatch(realm) or "\\" in realm:  # libraries differ over such addresses
            raise Misled(f"{shown(realm)}, which is no plain address")
        allowed = PORTS if self.registry.plain_http else {"https": PORTS["https"]}
        try:
            parts = urlsplit(realm)
            default = allowed[parts.scheme]
            port = parts.port or default
        except (ValueError, KeyError):
            raise Misled(f"{shown(realm)}, which is no https address") from None
        if parts.username is not None or not parts.hostname:
            raise Misled(f"{shown(realm)}, which is no plain address")
        if f"{parts.hostname}:{port}" not in self._token_places(parts.scheme):
            raise Misled(
                f"{parts.hostname}:{port}, which is neither its own host nor one of registry.token_hosts"
            )

    def _token_places(self, scheme: str) -> set[str]:
        own = urlsplit(self.address)
        places = {f"{own.hostname}:{own.port or PORTS[own.scheme]}"}
        configured = {
            host.lower() if ":" in host else f"{host.lower()}:{PORTS[scheme]}"
            for host in self.registry.token_hosts
        }
        return places | configured | KNOWN_TOKEN_HOSTS.get(own.netloc, frozenset())


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in, as the registry offers it; ``scheme`` in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """The ways in of a ``WWW-Authenticate`` header (RFC 9110, 11.6.1).

    Raises:
        NotUnderstood: it is longer than any that is meant well.
    """
    if len(header) > LONGEST_CHALLENGE:
        raise NotUnderstood(f"a challenge of {len(header)} characters")
    found: list[tuple[str, dict[str, str]]] = []
    for part in _PART.finditer(header):
        if part["scheme"]:
            found.append((part["scheme"].lower(), {}))
        elif found:
            quoted = part["quoted"]
            value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(part["name"].lower(), value)
    return [Challenge(scheme, parameters) for scheme, parameters in found]


def basic(username: str, password: Secret) -> str:
    """The header that has the password in it: for the registry, or for where its tokens come from."""
    pair = f"{username}:{password.reveal()}".encode("utf-8", "surrogatepass")
    return f"Basic {base64.b64encode(pair).decode()}"


def token_query(challenge: Challenge, repository: str) -> dict[str, str]:
    """What a token is asked for: to pull, in the repository that the challenge names, or else in the image's.

    Nothing more, whatever the challenge says: the registry gets to see the token.
    """
    service, scope = (challenge.parameters.get(name, "") for name in ("service", "scope"))
    wanted = scope if _TO_PULL.fullmatch(scope) else f"repository:{repository}:pull"
    return {**({"service": service} if service else {}), "scope": wanted}


def read_token(body: bytes) -> str:
    """The token of an answer; it goes into a header, so it must be one word.

    Raises:
        NotUnderstood: there is none.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("its answer is no JSON") from None
    if not isinstance(document, dict):
        raise NotUnderstood("its answer is no JSON object")
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN or not _VISIBLE.fullmatch(token):
        raise NotUnderstood("its answer holds no token")
    return token
