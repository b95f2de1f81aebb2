"""Tokens that are made at run time, over Redis in the test's own process and over a real server."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import fakeredis
import pytest

from release.api_tokens import ApiToken, ApiTokens
from release.audit import Audit
from release.audit_entries import Filter, Outcome
from release.model import Actor
from release.problems import NotDurable, Problem
from release.redis_access import key
from release.roles import Grant, Role
from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from release.redis_access import Client

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANNA = Actor("person", "anna")
SHOP = Grant(Role.RELEASER, frozenset({"shop", "blog"}))


@pytest.fixture
def tokens(client: Client) -> ApiTokens:
    return ApiTokens(client)


def make(
    tokens: ApiTokens,
    name: str = "ci",
    *,
    grant: Grant = SHOP,
    expires: datetime | None = None,
    taken: Collection[str] = (),
) -> tuple[ApiToken, str]:
    token, text = tokens.make(name, grant, made_by=ANNA, now=NOON, expires=expires, taken=taken)
    return token, text.reveal()


def slug_of(caught: pytest.ExceptionInfo[Problem]) -> str:
    return caught.value.document.slug


def test_a_token_is_made_listed_found_and_revoked(tokens: ApiTokens) -> None:
    end = NOON + timedelta(days=90)

    token, text = make(tokens, expires=end)

    assert (token.name, token.grant, token.made_by, token.made_at) == ("ci", SHOP, ANNA, NOON)
    assert (token.expires, token.last_used) == (end, None)
    assert tokens.list() == [token]
    assert tokens.find(text, now=NOON) == token
    assert tokens.find_by_id(token.id, now=NOON)
    assert tokens.revoke("ci", actor=ANNA).id == token.id
    assert tokens.list() == []
    assert tokens.find(text, now=NOON) is None
    assert tokens.find_by_id(token.id, now=NOON) is None


def test_a_text_is_long_random_and_kept_nowhere(client: Client, tokens: ApiTokens) -> None:
    token, text = tokens.make("ci", SHOP, made_by=ANNA, now=NOON)
    other = make(tokens, "other")[1]

    assert isinstance(text, Secret)
    secret = text.reveal().removeprefix(f"vdg_{token.id}_")
    assert len(secret) == 43  # 256 bits
    assert secret not in other
    kept = [*client.hgetall(key("api-token", token.id)).values(), repr(token)]
    assert not any(secret in one for one in kept)
    assert hashlib.sha256(text.reveal().encode()).hexdigest() in kept


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "vdg_",
        lambda text: text[:-1],
        lambda text: f"{text}a",
        lambda text: f"{text}\n",
        lambda text: text.replace("vdg_", "VDG_"),
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: f"vdg_{'0' * 12}_{text.partition('_')[2][13:]}",
        lambda text: text[:17] + "ü" * 43,
        lambda text: text[:17] + "\ud800" * 43,
    ],
)
def test_a_text_that_is_not_whole_is_none(tokens: ApiTokens, spoil: Callable[[str], str]) -> None:
    text = make(tokens)[1]

    assert tokens.find(spoil(text), now=NOON) is None


def test_a_token_has_an_end(tokens: ApiTokens) -> None:
    end = NOON + timedelta(minutes=1)
    token, text = make(tokens, expires=end)

    assert tokens.find(text, now=end - timedelta(milliseconds=1))
    assert tokens.find(text, now=end) is None
    assert tokens.find_by_id(token.id, now=end) is None
    # It stays in the list until it is revoked
    assert [one.is_expired(end) for one in tokens.list()] == [True]
    assert not token.is_expired(NOON)
    forever = make(tokens, "forever", grant=Grant(Role.VIEWER))[1]
    assert tokens.find(forever, now=NOON + timedelta(days=36_500))


def test_who_made_and_revoked_a_token_is_in_the_audit_trail(client: Client, tokens: ApiTokens) -> None:
    end = NOON + timedelta(days=1)
    tokens.make("ci", SHOP, made_by=ANNA, now=NOON, expires=end, address="192.0.2.7")
    make(tokens, "forever", grant=Grant(Role.VIEWER))
    tokens.revoke("ci", actor=Actor("token", "root"), address="192.0.2.8", reason="it was in a log")
    with pytest.raises(Problem):
        tokens.revoke("ci", actor=ANNA)
    with pytest.raises(Problem):
        make(tokens, "forever")

    revoked, forever, made = Audit(client).read(Filter(action="manage-tokens")).entries
    assert (made.actor, made.address, made.outcome) == (ANNA, "192.0.2.7", Outcome.DONE)
    assert (made.before, made.after["token"], made.after["role"]) == ({}, "ci", "releaser")
    assert (made.after["apps"], made.after["expires"]) == ("blog,shop", "2026-01-02T12:00:00+00:00")
    assert (forever.after["apps"], forever.after["expires"]) == ("", None)
    assert (str(revoked.actor), revoked.address, revoked.reason) == (
        "token:root",
        "192.0.2.8",
        "it was in a log",
    )
    assert revoked.before == {"token": "ci", "role": "releaser", "apps": "blog,shop"}
    assert revoked.after == {}


def test_its_use_is_noted_once_a_minute(client: Client, tokens: ApiTokens) -> None:
    token, text = make(tokens)
    used = []
    for seconds in (5, 59, 60, 30, 150):
        tokens.find(text, now=NOON + timedelta(seconds=seconds))
        used.append(tokens.list()[0].last_used)

    assert used == [NOON, NOON, *[NOON + timedelta(minutes=1)] * 2, NOON + timedelta(minutes=2)]
    assert tokens.find_by_id(token.id, now=NOON)
    tokens.revoke("ci", actor=ANNA)
    assert client.hlen(key("api-token-used")) == 0


def test_a_wrong_text_is_no_use(tokens: ApiTokens) -> None:
    text = make(tokens)[1]

    tokens.find(text[:-1] + ("a" if text[-1] != "a" else "b"), now=NOON)

    assert tokens.list()[0].last_used is None


@pytest.mark.parametrize("name", ["", "-ci", ".", "c i", "ci\n", "ci:x", "ü", "a" * 65, "\ud800"])
def test_a_name_is_plain(tokens: ApiTokens, name: str) -> None:
    with pytest.raises(Problem) as caught:
        make(tokens, name)

    assert slug_of(caught) == "token-refused"
    assert tokens.list() == []


def test_a_token_that_has_ended_already_is_not_made(tokens: ApiTokens) -> None:
    with pytest.raises(Problem) as caught:
        make(tokens, expires=NOON)

    assert slug_of(caught) == "token-refused"


def test_a_name_is_given_once(tokens: ApiTokens) -> None:
    first = make(tokens)[1]

    for taken, hint in ((frozenset[str](), "revoke that one first"), ({"ci"}, "the configuration has")):
        with pytest.raises(Problem) as caught:
            make(tokens, taken=taken)
        assert slug_of(caught) == "token-name-taken"
        assert hint in caught.value.document.detail
    assert tokens.find(first, now=NOON)

    # Once it is revoked, the name may go to another
    tokens.revoke("ci", actor=ANNA)
    second = make(tokens)[1]
    assert tokens.find(first, now=NOON) is None
    assert tokens.find(second, now=NOON)


def test_there_are_only_so_many(client: Client) -> None:
    tokens = ApiTokens(client, most=2)
    make(tokens, "b")
    make(tokens, "a")

    with pytest.raises(Problem) as caught:
        make(tokens, "c")

    assert slug_of(caught) == "too-many-tokens"
    assert [one.name for one in tokens.list()] == ["a", "b"]
    tokens.revoke("a", actor=ANNA)
    make(tokens, "c")


@pytest.mark.parametrize("name", ["nobody", "", "a:b", "\ud800", "x" * 1000])
def test_a_token_that_is_not_there_is_not_revoked(tokens: ApiTokens, name: str) -> None:
    with pytest.raises(Problem) as caught:
        tokens.revoke(name, actor=ANNA)

    assert (slug_of(caught), caught.value.document.status) == ("unknown-token", 404)


def test_a_record_that_somebody_removed_by_hand_is_passed_over(client: Client, tokens: ApiTokens) -> None:
    token, text = make(tokens)
    client.delete(key("api-token", token.id))

    assert tokens.list() == []
    assert tokens.find(text, now=NOON) is None


def test_without_redis_nothing_is_known() -> None:
    server = fakeredis.FakeServer()
    tokens = ApiTokens(fakeredis.FakeRedis(server=server, decode_responses=True))
    text = make(tokens)[1]
    server.connected = False

    for ask in (
        lambda: make(tokens, "other"),
        tokens.list,
        lambda: tokens.revoke("ci", actor=ANNA),
        lambda: tokens.find(text, now=NOON),
    ):
        with pytest.raises(NotDurable):
            ask()


@pytest.mark.needs_redis
def test_who_may_read_still_may_while_redis_takes_no_writes(real_redis: Client) -> None:
    tokens = ApiTokens(real_redis)
    text = make(tokens)[1]
    real_redis.config_set("maxmemory", 1)

    assert tokens.find(text, now=NOON)
    assert tokens.list()[0].last_used is None
