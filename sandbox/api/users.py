"""Who asks: bearer tokens, the users behind them, and the groups that users are in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.api.errors import ApiError

MASTERS: Final = "system:masters"
AUTHENTICATED: Final = "system:authenticated"
SERVICE_ACCOUNT: Final = "system:serviceaccount:"


@dataclass(frozen=True)
class User:
    """Who asks: a name as Kubernetes spells it, and groups besides those that follow from the name."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def all_groups(self) -> frozenset[str]:
        """All groups, with those that every user and every service account is in."""
        groups = {*self.groups, AUTHENTICATED}
        if self.name.startswith(SERVICE_ACCOUNT):
            namespace = self.name.removeprefix(SERVICE_ACCOUNT).partition(":")[0]
            groups |= {"system:serviceaccounts", f"system:serviceaccounts:{namespace}"}
        return frozenset(groups)


ADMIN: Final = User("sandbox-admin", (MASTERS,))


def authenticate(header: str | None, tokens: Mapping[str, User]) -> User:
    """The user behind an Authorization header, `Bearer TOKEN`.

    Raises:
        ApiError: 401, no header or an unknown token.
    """
    scheme, _, token = (header or "").partition(" ")
    user = tokens.get(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        raise ApiError(401, "Unauthorized", "Unauthorized")
    return user


def service_account(namespace: str, name: str) -> User:
    """The user that a service account is."""
    return User(f"{SERVICE_ACCOUNT}{namespace}:{name}")
