"""One HTTP check: a request through the ingress gateway and what must hold of the answer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import requests

if TYPE_CHECKING:
    from release.config import Gateway, HttpCheck

TIMEOUT: Final = 5.0
"""Seconds for one request; the check is tried again until the smoke tests' deadline."""

BODY_LIMIT: Final = 1_000_000
CHUNK: Final = 16_384


def find_failure(check: HttpCheck, gateway: Gateway, *, cookie: str | None) -> str | None:
    """Send the request; None when everything holds, else what does not, in words.

    ``cookie`` is the test cookie, or None to ask as users do.
    """
    headers = dict(check.headers)
    if gateway.host:
        headers["Host"] = gateway.host
    if cookie:
        headers["Cookie"] = cookie
    try:
        status, received, body = _ask(check, gateway.address + check.path, headers)
    except requests.RequestException as error:
        return f"no answer: {type(error).__name__}"
    return judge(check, status, received, body)


def _ask(check: HttpCheck, url: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """The answer, its body as far as a check looks."""
    # A session of its own: no cookie jar, no proxy from the worker's environment.
    with requests.Session() as session:
        session.trust_env = False
        with session.request(
            check.method, url, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
        ) as answer:
            return answer.status_code, dict(answer.headers), _read(answer)


def _read(answer: requests.Response) -> bytes:
    """The body's beginning: one that never ends must not hold the stage.

    Raises:
        requests.Timeout: it comes too slowly.
    """
    until, body = time.monotonic() + TIMEOUT, b""
    for part in answer.iter_content(CHUNK):
        body += part
        if len(body) >= BODY_LIMIT:
            return body[:BODY_LIMIT]
        if time.monotonic() > until:
            raise requests.Timeout
    return body


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
