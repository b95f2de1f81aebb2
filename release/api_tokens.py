"""API tokens that are made at run time: named, for some apps or all, with an end, and revoked at once.

A token's text is shown once. What is kept is its SHA-256: the secret is 256 random bits, so nobody can guess
it from the hash, however fast the hash is. A slow hash is for passwords, which people choose, and would only
make every call slow. The tokens of the configuration are in ``tokens``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from release.audit_entries import NewEntry, Outcome
from release.model import Actor
from release.problems import NotDurable, Problem
from release.records import dump, moment
from release.redis_access import key, load_script, told_as_not_durable
from release.roles import Action, Grant, Role
from release.secret import Secret
from release.tag import shown
from release.tokens import NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from release.redis_access import Client

PREFIX: Final = "vdg_"
"""What every such token begins with: so that scanners find one that was published."""

TEXT: Final = re.compile(rf"{PREFIX}(?P<id>[0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}")
NAME_LENGTH: Final = 64
MOST: Final = 500
"""Tokens at a time, the expired ones among them."""

MINUTE: Final = 60
MANAGE: Final = Action.MANAGE_TOKENS


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token. ``last_used``: to the minute, None if never. ``digest``: of all its text."""

    id: str
    name: str
    grant: Grant
    made_by: Actor
    made_at: datetime
    digest: str
    expires: datetime | None = None
    last_used: datetime | None = None

    def is_expired(self, now: datetime) -> bool:
        """Whether it counts no more."""
        return is_past(self.expires, now)


class ApiTokens:
    """The tokens in Redis. Each method raises ``NotDurable`` while it can't be asked."""

    def __init__(self, client: Client, *, most: int = MOST) -> None:
        self._redis: Any = client
        self._most = most
        self._make = load_script(client, "make_token")
        self._revoke = load_script(client, "revoke_token")

    def make(
        self,
        name: str,
        grant: Grant,
        *,
        made_by: Actor,
        now: datetime,
        expires: datetime | None = None,
        taken: Collection[str] = (),
        address: str = "",
    ) -> tuple[ApiToken, Secret]:
        """A new token and its text, which nobody can learn again. ``taken``: the configuration's names.

        ``address``: of who asked, for the audit trail.

        Raises:
            Problem: the name is none, or taken; the end is past; there are too many.
        """
        _check(name, expires, now)
        token_id = secrets.token_hex(6)
        text = f"{PREFIX}{token_id}_{secrets.token_urlsafe(32)}"
        token = ApiToken(token_id, name, grant, made_by, now, _digest(text), expires)
        if name in taken:
            raise name_taken(name, "the configuration has a token of that name")
        made = {"token": name, "role": grant.role, "apps": _apps(grant), "expires": _told(expires)}
        entry = NewEntry(actor=made_by, action=MANAGE, outcome=Outcome.DONE, address=address, after=made)
        answer = self._make(
            [token_id, name, dump(_fields(token)), self._most, dump(entry.as_record())],
        )
        if answer == "taken":
            raise name_taken(name, "revoke that one first, if this is to take its place")
        if answer == "full":
            raise too_many_tokens(self._most)
        return token, Secret(text)

    def list(self) -> list[ApiToken]:
        """Every token that is not revoked, expired ones too, by name."""
        with told_as_not_durable():
            ids = sorted(self._redis.hgetall(key("api-token-names")).items())
            used = self._redis.hgetall(key("api-token-used"))
            with self._redis.pipeline(transaction=False) as pipeline:
                for _, token_id in ids:
                    pipeline.hgetall(key("api-token", token_id))
                records = pipeline.execute()
        pairs = zip(ids, records, strict=True)
        return [_parse(token_id, record, used.get(token_id)) for (_, token_id), record in pairs if record]

    def revoke(self, name: str, *, actor: Actor, address: str = "", reason: str = "") -> ApiToken:
        """End a token at once; what it was.

        Raises:
            Problem: there is none of that name.
        """
        entry = NewEntry(actor=actor, action=MANAGE, outcome=Outcome.DONE, address=address, reason=reason)
        answer = self._revoke([name, dump(entry.as_record())])
        if not answer:
            raise unknown_token(name)
        token_id, record = answer
        return _parse(token_id, json.loads(record), None)

    def find(self, text: str, *, now: datetime) -> ApiToken | None:
        """Whose token that is; None for what is no token, or one that has ended.

        The id in it is no secret; the rest is compared in constant time.
        """
        named = TEXT.fullmatch(text)
        token = self.find_by_id(named["id"], now=now) if named else None
        if token is None or not hmac.compare_digest(token.digest, _digest(text)):
            return None
        self._note_use(token, now)
        return token

    def find_by_id(self, token_id: str, *, now: datetime) -> ApiToken | None:
        """The token of that id, unless it has ended."""
        with told_as_not_durable(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hgetall(key("api-token", token_id))
            pipeline.hget(key("api-token-used"), token_id)
            record, used = pipeline.execute()
        token = _parse(token_id, record, used) if record else None
        return token if token and not token.is_expired(now) else None

    def _note_use(self, token: ApiToken, now: datetime) -> None:
        """Once a minute, so that not each call writes.

        It is a note for people: while Redis takes no writes, whoever may read still may.
        """
        minute = int(now.timestamp()) // MINUTE * MINUTE
        if token.last_used is None or token.last_used.timestamp() < minute:
            with suppress(NotDurable), told_as_not_durable():
                self._redis.hset(key("api-token-used"), token.id, minute)


def is_past(end: datetime | None, now: datetime) -> bool:
    """Whether something with this end is over; without one it never is."""
    return end is not None and now >= end


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _fields(token: ApiToken) -> dict[str, str]:
    return {
        "name": token.name,
        "role": token.grant.role,
        "apps": _apps(token.grant),
        "made_by": str(token.made_by),
        "made_at": _milliseconds(token.made_at),
        "expires": _milliseconds(token.expires) if token.expires else "",
        "digest": token.digest,
    }


def _apps(grant: Grant) -> str:
    return ",".join(sorted(grant.apps))


def _told(end: datetime | None) -> str | None:
    return end.isoformat() if end else None


def _milliseconds(time: datetime) -> str:
    return str(round(time.timestamp() * 1000))


def _parse(token_id: str, record: Mapping[str, str], used: str | None) -> ApiToken:
    return ApiToken(
        id=token_id,
        name=record["name"],
        grant=Grant(Role(record["role"]), frozenset(filter(None, record["apps"].split(",")))),
        made_by=Actor.parse(record["made_by"]),
        made_at=moment(record["made_at"]),
        digest=record["digest"],
        expires=moment(record["expires"]) if record["expires"] else None,
        last_used=moment(int(used) * 1000) if used else None,
    )


def _check(name: str, expires: datetime | None, now: datetime) -> None:
    if not re.fullmatch(NAME, name) or len(name) > NAME_LENGTH:
        raise token_refused(name, "a name begins with a letter or digit and has at most 64 of A-Za-z0-9._-")
    if is_past(expires, now):
        raise token_refused(name, "its end is past already")


def token_refused(name: str, why: str) -> Problem:
    """It can't be made like that."""
    return Problem(
        "token-refused",
        "The token can't be made",
        detail=f"token {shown(name)!r}: {why}",
        next_step="correct it and ask again",
        status=422,
    )


def name_taken(name: str, hint: str) -> Problem:
    """The name is who asked, in the history: two tokens must not share one."""
    return Problem(
        "token-name-taken",
        "There is a token of that name",
        detail=f"token {shown(name)!r} can't be made: {hint}",
        next_step="choose another name, or see who has it with `verdigris token list`",
    )


def too_many_tokens(most: int) -> Problem:
    """So that a program that went wild does not fill Redis."""
    return Problem(
        "too-many-tokens",
        "There are too many tokens",
        detail=f"there are {most} tokens, and no more are kept; expired ones count until they are revoked",
        next_step="revoke those that nobody uses: `verdigris token list`, `verdigris token revoke NAME`",
    )


def unknown_token(name: str) -> Problem:
    """No token of that name was made at run time."""
    return Problem(
        "unknown-token",
        "No such token",
        detail=f"no token {shown(name)!r} was made here; those of the configuration are taken out there",
        next_step="list the tokens with `verdigris token list`",
        status=404,
    )
