"""Who may sign in with an OpenID provider, and which role its groups have, as parts of the configuration.

How people sign in is in ``webhook``. Whatever the provider says, requests go to hosts that stand here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, Field, field_validator

from release.references import STRICT, ConfigError, SecretReference
from release.roles import Grant, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from release.secret import Secret

ADDRESS: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?(?:[/?][!\"$-\[\]-~]*)?"
)
"""What every reader of addresses understands in the same way: no user, no backslash, no fragment."""

THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
PORTS: Final = {"https": 443, "http": 80}

Text = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,255}$")]
Host = Annotated[str, Field(pattern=r"^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$")]
Group = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class SignIn(BaseModel):
    """The OpenID provider that people sign in with.

    ``name_claim``: its value is the person's name here; ``email`` and then ``sub`` serve where it is missing.
    ``groups_claim``: its value is a list of groups; dots lead into mappings. ``hosts``: those beside the
    issuer's own that the provider's document may name.
    """

    model_config = STRICT

    issuer: str
    client_id: Text
    client_secret: SecretReference
    scopes: list[Text] = ["openid", "profile", "email", "groups"]
    name_claim: Text = "preferred_username"
    groups_claim: Text = "groups"
    hosts: list[Host] = []

    @field_validator("issuer")
    @classmethod
    def _ask_safely(cls, value: str) -> str:
        """Without TLS, whoever is on the way could sign in as anybody."""
        found = ADDRESS.fullmatch(value)
        if found is None or "?" in value:
            message = "must be an address as in https://id.example.com, without user, query and fragment"
            raise ValueError(message)
        if found["scheme"] == "http" and found["host"] not in THIS_MACHINE:
            message = "must begin with https:// (http:// is only for a provider on this machine)"
            raise ValueError(message)
        return value

    @field_validator("scopes")
    @classmethod
    def _ask_for_a_person(cls, value: list[str]) -> list[str]:
        if "openid" not in value:
            message = "must have openid among them: without it no provider says who somebody is"
            raise ValueError(message)
        return value

    def resolve_client_secret(self) -> Secret:
        """What proves to the provider that it is this installation who asks.

        Raises:
            ConfigError: it is missing, blank or short, or no request could carry it.
        """
        secret = self.client_secret.resolve()
        if not secret.reveal().isascii():
            raise ConfigError("sign_in.client_secret: has characters that are not ASCII: copy it anew")
        return secret

    @property
    def host(self) -> str:
        """The issuer's host, as people know it."""
        return self.issuer.partition("://")[2].partition("/")[0]

    def is_open_to(self, address: str) -> bool:
        """Whether an address that the provider names may be used: on its host or one of ``hosts``, with TLS.

        An issuer without TLS is on this machine, and so are its addresses.
        """
        found, own = ADDRESS.fullmatch(address), ADDRESS.fullmatch(self.issuer)
        if found is None or own is None or found["scheme"] not in {"https", own["scheme"]}:
            return False
        if found["scheme"] == "http" and found["host"] not in THIS_MACHINE:
            return False
        named = [ADDRESS.fullmatch(f"https://{host}") for host in self.hosts]
        return _place(found) in {_place(one) for one in (own, *named) if one}


class GroupGrant(BaseModel):
    """The role that a group of the provider has for some apps; ``apps`` empty: for all."""

    model_config = STRICT

    group: Group
    role: Role
    apps: list[str] = []


def grants_of(groups: Iterable[str], granted: Sequence[GroupGrant]) -> tuple[Grant, ...]:
    """What somebody in these groups may do."""
    theirs = frozenset(groups)
    return tuple(Grant(one.role, frozenset(one.apps)) for one in granted if one.group in theirs)


def _place(address: re.Match[str]) -> tuple[str, int]:
    """Host and port, however they are written."""
    return address["host"].lower().rstrip("."), int(address["port"] or PORTS[address["scheme"]])
