"""One HTTP check: a request through the ingress gateway and what must hold of the answer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import requests
import urllib3

from release.smoke import HttpCheck
from tasks.signature import find_stranger

if TYPE_CHECKING:
    from release.config import Gateway

TIMEOUT: Final = 5.0
"""Seconds for one request; the check is tried again until the smoke tests' deadline."""

BODY_LIMIT: Final = 1_000_000
GATEWAY_ERRORS: Final = frozenset({502, 503, 504})

CHUNK: Final = 16_384


def find_failure(
    check: HttpCheck,
    gateway: Gateway,
    *,
    cookie: str | None,
    release: str | None = None,
    timeout: float = TIMEOUT,
) -> str | None:
    """Send the request; None when everything holds, else what does not, in words.

    ``cookie`` is the test cookie, or None to ask as users do. With ``release``, only an answer that came
    through that release's test entry counts.
    """
    headers = dict(check.headers)
    if gateway.host:
        headers["Host"] = gateway.host
    if cookie:
        headers["Cookie"] = cookie
    try:
        status, received, body = _ask(check, gateway.address + check.path, headers, timeout)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        return f"no answer: {type(error).__name__}"
    stranger = find_stranger(received, release) if release else None
    return stranger or judge(check, status, received, body)


def find_outage(gateway: Gateway) -> str | None:
    """Whether the gateway answers in the app's place, or nobody does; what the app says does not matter."""
    headers = {"Host": gateway.host} if gateway.host else {}
    try:
        status, _, _ = _ask(HttpCheck(), f"{gateway.address}/", headers, TIMEOUT)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        return f"no answer: {type(error).__name__}"
    return f"status {status}" if status in GATEWAY_ERRORS else None


def _ask(
    check: HttpCheck, url: str, headers: dict[str, str], timeout: float
) -> tuple[int, dict[str, str], bytes]:
    """The answer, its body as far as a check looks."""
    # A session of its own: no cookie jar, no proxy from the worker's environment.
    with requests.Session() as session:
        session.trust_env = False
        with session.request(
            check.method, url, headers=headers, timeout=timeout, allow_redirects=False, stream=True
        ) as answer:
            return answer.status_code, dict(answer.headers), _read(answer, timeout)


def _read(answer: requests.Response, timeout: float) -> bytes:
    """The body's beginning: one that never ends, or trickles, must not hold the stage.

    Raises:
        requests.Timeout: it comes too slowly.
    """
    until, body = time.monotonic() + timeout, b""
    # ``read1`` gives what has come, where ``iter_content`` would wait for a chunk to be full.
    while len(body) < BODY_LIMIT and (part := bytes(answer.raw.read1(CHUNK, decode_content=True))):
        body += part
        if time.monotonic() > until:
            raise requests.Timeout
    return body[:BODY_LIMIT]


def judge(check: HttpCheck, status: int, headers: dict[str, str], body: bytes) -> str | None:
    """What of an answer is not as expected; the first that differs."""
    if status != check.status:
        return f"status {status}, expected {check.status}"
    lowered = {name.lower(): value for name, value in headers.items()}
    for name, expected in check.expect_headers.items():
        if lowered.get(name.lower()) != expected:
            return f"header {name}: {lowered.get(name.lower())!r}, expected {expected!r}"
    if check.body_contains is not None and check.body_contains.encode() not in body:
        return f"the body does not contain {check.body_contains!r}"
    return _judge_json(check, body) if check.json_equals else None


def _judge_json(check: HttpCheck, body: bytes) -> str | None:
    try:
        document = json.loads(body)
    except ValueError:
        return "the body is no JSON"
    for path, expected in check.json_equals.items():
        found = _follow(document, path)
        if found != expected or isinstance(found, bool) is not isinstance(expected, bool):
            return f"JSON {path}: {found!r}, expected {expected!r}"
    return None


def _follow(document: object, path: str) -> object:
    """The value at a dotted path; numbers count into lists; None where nothing is."""
    for part in path.split("."):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document
