"""Deliveries spoiled at random: from what a Git host sends to what it never would. Pure: a seed tells all."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.unit.webhook.fakes import NOW, OTHER_SECRET
from tests.unit.webhook.hosts import HOSTS, by_standard, by_token, dump, put, standard_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.unit.webhook.hosts import Ci, Host

ODD_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        2**63,
        10**30,
        "",
        "x",
        " ",
        "\x00",
        "\n",
        "\u202e",
        "é" * 80,
        "\U0001f600",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"id": {}},
        "refs/tags/",
        "refs/tags/v1-blue\n",
        "refs/heads/v1-blue",
    ),
    *(
        "v1.2.3-blue",
        "refs/tags/v$(id)-blue",
        "refs/tags/v{{7*7}}-green",
        "refs/tags/" + "v" * 4000 + "-blue",
    ),
    *("0" * 40, "a" * 40, "b" * 64, "A" * 40, "http://169.254.169.254/", "ext::sh -c id", "../../etc/passwd"),
    *(
        "mallory/shop",
        "acme/shop",
        "/",
        "//",
        "acme/shop/../x",
        "tag",
        "TAG",
        "push",
        "tag_push",
        "__proto__",
    ),
)
ODD_STATES = (
    *("success", "SUCCESSFUL", "passed", "Success", "success ", "skipped", "neutral", "warning", "pending"),
    *("x" * 300, "build\nbuild", "\u2028", "pipeline", ["success"], {"success": True}),
)
ODD_BYTES = (
    b"\xff",
    b"\x00",
    b'"',
    b"{",
    b"}",
    b"[",
    b",",
    b":",
    b"\\",
    b"\xef\xbb\xbf",
    b"NaN",
    b"1e999",
    b"\\ud800",
)
ODD_TEXTS = (
    "",
    "x",
    "sha256=",
    "v1,",
    "é" * 64,
    "A" * 5000,
    "0" * 64,
    "null",
    "ping",
    "diagnostics:ping",
    "push",
)
TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "a/b; c")
MOST_NODES = 400


@dataclass(frozen=True)
class Message:
    """A request to a host's hook."""

    host: Host
    headers: dict[str, str]
    body: bytes


def spoil(message: Message, random: Random) -> Message:
    """The message changed in one to three ways, some before it is signed, some after."""
    ways: tuple[Callable[[Message, Random], Message], ...] = (
        _change_what_counts,
        _change_what_counts,
        _change_content,
        _change_content,
        _change_bytes_and_sign,
        _change_bytes,
        _change_header,
        _sign_otherwise,
        _speak_as_another_host,
    )
    for way in random.choices(ways, k=random.choice((1, 1, 2, 3))):
        message = way(message, random)
    return message


def is_signed(message: Message, secret: str) -> bool:
    """Whether its sender knows the secret; told apart from the code that checks it."""
    host, given = message.host, {name.lower(): value for name, value in message.headers.items()}
    if host.sign is by_token:
        return given.get("x-gitlab-token") == secret
    if host.sign is by_standard:
        return _is_signed_by_standard(message.body, given, secret)
    name, value = next(iter(host.sign(message.body, secret, "", NOW).items()))
    return given.get(name.lower()) == value


def _is_signed_by_standard(body: bytes, given: dict[str, str], secret: str) -> bool:
    identity, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not identity or "." in identity or not timestamp.isdecimal():
        return False
    good = standard_signature(body, secret, identity, timestamp)
    is_now = abs(int(timestamp[:20]) - NOW.timestamp()) <= 300
    return is_now and good in given.get("webhook-signature", "").split(" ")


def _sign(message: Message, body: bytes) -> Message:
    """Another body, its headers kept but for the proof."""
    return replace(message, body=body, headers={**message.headers, **_proof(message, body)})


def _proof(message: Message, body: bytes) -> dict[str, str]:
    return message.host.sign(body, message.host.secret, "id-1", NOW)


def _change_content(message: Message, random: Random) -> Message:
    """Replace, drop, repeat or move a part of the payload."""
    try:
        payload = json.loads(message.body)
    except (ValueError, RecursionError):
        return _change_bytes_and_sign(message, random)
    places = list(_places(payload))[:MOST_NODES]
    if not places:
        return _sign(message, dump(random.choice(ODD_VALUES)))
    parent, key = random.choice(places)
    match random.randrange(5):
        case 0 if isinstance(parent, dict):
            del parent[key]
        case 1:
            other, name = random.choice(places)
            parent[key] = copy.deepcopy(other[name])
        case 2 if isinstance(parent, list):
            parent.extend(copy.deepcopy(parent[: random.randrange(1, 4)]))
        case _:
            parent[key] = random.choice(ODD_VALUES)
    return _sign(message, _dump(payload))


def _change_what_counts(message: Message, random: Random) -> Message:
    """An odd tag, commit or repository in place of the one that is read; where CI is told of, of a check."""
    if message.host.ci and _tells_of_ci(message, message.host.ci):
        return _change_check(message, message.host.ci, random)
    host, payload = message.host, message.host.push()
    path = random.choice([host.tag_at, host.tag_at, host.commit_at or host.tag_at, host.repository_at])
    odd = random.choice(ODD_VALUES)
    is_name = isinstance(odd, str) and path == host.tag_at and random.random() < 0.8
    put(payload, path, host.tag_prefix + odd.removeprefix("refs/tags/") if is_name else odd)
    return _sign(message, _dump(payload))


def _tells_of_ci(message: Message, ci: Ci) -> bool:
    name = message.host.event_header
    return message.headers.get(name) == ci.event if name else b'"check.reported"' in message.body


def _change_check(message: Message, ci: Ci, random: Random) -> Message:
    """An odd state counts most: it must not pass for a good one."""
    payload = message.host.report()
    paths = [ci.state_at, ci.state_at, ci.name_at, ci.commit_at, ci.repository_at]
    put(payload, random.choice(paths), random.choice(ODD_VALUES + ODD_STATES))
    return _sign(message, _dump(payload))


def _places(payload: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 -- JSON
    """Every container with each of its keys, the outer ones first."""
    waiting = [payload]
    while waiting:
        one = waiting.pop(0)
        keys = one.keys() if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in list(keys):
            yield one, key
            waiting.append(one[key])


def _dump(payload: object) -> bytes:
    return json.dumps(payload, ensure_ascii=True).encode()


def _change_bytes(message: Message, random: Random) -> Message:
    """Spoil the body on its way: the proof stays what it was."""
    at, odd = random.randrange(len(message.body) + 1), random.choice(ODD_BYTES)
    match random.randrange(4):
        case 0:
            body = message.body[:at]
        case 1:
            body = message.body[:at] + odd + message.body[at:]
        case 2:
            body = message.body[:at] + odd + message.body[at + 1 :]
        case _:
            body = b"[" * random.choice((10, 100, 20_000)) + message.body
    return replace(message, body=body)


def _change_bytes_and_sign(message: Message, random: Random) -> Message:
    changed = _change_bytes(message, random)
    return _sign(changed, changed.body)


def _change_header(message: Message, random: Random) -> Message:
    name = random.choice([*message.headers, "Content-Type"])
    kept = {key: value for key, value in message.headers.items() if key != name}
    if random.random() < 0.3:
        return replace(message, headers=kept)
    old = message.headers.get(name, "")
    odd = (*ODD_TEXTS, old[:-1], old + "x", old.upper(), f"{old},{old}", f" {old} ", old[::-1])
    value = random.choice(TYPES if name == "Content-Type" else odd)
    return replace(message, headers={**kept, name: value})


def _sign_otherwise(message: Message, random: Random) -> Message:
    """With a wrong secret, at a wrong time, with another id."""
    host, body = message.host, message.body
    secret = random.choice([host.secret, host.other_secret])
    at = NOW + timedelta(seconds=random.choice((0, -300, 300, -301, 301, 10**6)))
    proof = host.sign(body, secret, random.choice(("id-2", "a.b", "é", "x" * 300)), at)
    return replace(message, headers={**message.headers, **proof})


def _speak_as_another_host(message: Message, random: Random) -> Message:
    """The same body with another host's headers, signed as that one does, added or in their place."""
    other = random.choice([host for host in HOSTS if host.sign is not message.host.sign])
    secret = message.host.secret if other.secret[:6] == message.host.secret[:6] else OTHER_SECRET
    foreign = other.headers(message.body, secret=other.secret if other.sign is by_standard else secret)
    return replace(message, headers={**(message.headers if random.random() < 0.5 else {}), **foreign})
