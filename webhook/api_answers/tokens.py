"""API tokens, never what they are made of."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from release.roles import Role
from webhook.api_answers.basics import Actor, Time, documented


@documented
class Token(TypedDict):
    """An API token, without what it is made of."""

    name: str
    role: Role
    apps: list[str]
    """Empty: all."""
    expires: Time | None
    is_expired: bool
    is_configured: bool
    """It stands in the configuration, and is changed there."""
    made_by: Actor | None
    made_at: Time | None
    last_used: Time | None
    """To the minute; null if never, or not known."""


@documented
class Tokens(TypedDict):
    """Every token."""

    tokens: list[Token]


@documented
class MadeToken(TypedDict):
    """A new token."""

    token: Token
    text: Annotated[str, Field(examples=["vdg_…"])]
    """What to send along. Nobody can read it again."""


@documented
class RevokedToken(TypedDict):
    """A token that has ended."""

    token: Token
