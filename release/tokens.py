"""A token of the configuration: whose it is, what it may, and until when.

Those that are made at run time are in ``api_tokens``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Final

from pydantic import BaseModel, Field

from release.references import STRICT, SecretReference
from release.roles import Grant, Role

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Token(BaseModel):
    """An API token: its name is the actor, its value the secret.

    ``apps``: for which ``role`` is given; empty: for all. ``expires``: from that day on it counts no more.
    """

    model_config = STRICT

    name: Annotated[str, Field(pattern=NAME)]
    value: SecretReference
    role: Role = Role.ADMIN
    apps: list[str] = []
    expires: Annotated[date | None, Field(description="a day, in UTC")] = None

    @property
    def grant(self) -> Grant:
        """What it may."""
        return Grant(self.role, frozenset(self.apps))

    @property
    def expires_at(self) -> datetime | None:
        """When it ends."""
        return datetime.combine(self.expires, time(), UTC) if self.expires else None
