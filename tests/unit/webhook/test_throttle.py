"""Who is told to stop, and who never is: over Redis, over one that is away, and in front of every route."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import fakeredis
import pytest
from flask import Flask, g
from structlog.testing import capture_logs

from release.problems import Problem
from release.redis_access import connect
from tests.unit.webhook.fakes import (
    KEY,
    NOW,
    TOKEN,
    FakeStore,
    Web,
    dump,
    headers,
    make_config,
    make_requests,
    push,
)
from webhook.application import create_app
from webhook.services import EXTENSION, WebSettings
from webhook.throttle import Allowance, Throttle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BEARER = {"Authorization": f"Bearer {TOKEN}"}
MOST = {one: int(one.value.split()[0]) for one in Allowance}
FEW = 5
"""More than what a window that just slid gives back in the middle of a test."""


def make(server: fakeredis.FakeServer | None = None) -> tuple[Flask, Throttle]:
    app = Flask("throttle")
    client: Any = fakeredis.FakeRedis(server=server, decode_responses=True) if server else None
    return app, Throttle(app, client)


def spend(throttle: Throttle, times: int, sender: str = "192.0.2.1") -> list[bool]:
    return [throttle.is_spent(sender) for _ in range(times)]


def ask_on(ask: Callable[[], None], *, most: int) -> str:
    """Ask until it is refused; with what."""
    for _ in range(most):
        try:
            ask()
        except Problem as refusal:
            return refusal.document.slug
    return ""


@pytest.fixture(params=["memory", "redis", "away"])
def throttle(request: pytest.FixtureRequest) -> Iterator[Throttle]:
    """Over each thing it can count in, within a request."""
    app, throttle = make(fakeredis.FakeServer() if request.param == "redis" else None)
    if request.param == "away":
        app = Flask("away")
        throttle = Throttle(app, connect(f"redis://127.0.0.1:{closed_port()}/0", timeout=1))
    with app.test_request_context("/"):
        yield throttle


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_refusals_are_told_until_there_are_too_many(throttle: Throttle) -> None:
    most = MOST[Allowance.REFUSALS]
    spent = spend(throttle, most + FEW)
    assert not any(spent[:most])
    assert spent[-1]


def test_each_sender_has_its_own_allowance(throttle: Throttle) -> None:
    spend(throttle, MOST[Allowance.REFUSALS] + FEW)
    assert throttle.is_spent("192.0.2.1")
    assert not throttle.is_spent("192.0.2.2")


def test_the_addresses_of_one_ipv6_customer_share_one(throttle: Throttle) -> None:
    spent = [
        throttle.is_spent(f"2001:db8:1:2::{number:x}") for number in range(MOST[Allowance.REFUSALS] + FEW)
    ]
    assert spent[-1]
    assert not throttle.is_spent("2001:db8:1:3::1")


def test_refusals_attempts_to_sign_in_and_calls_are_counted_apart(throttle: Throttle) -> None:
    spend(throttle, MOST[Allowance.REFUSALS] + FEW)
    for _ in range(MOST[Allowance.SIGN_INS]):
        throttle.check_sign_in("192.0.2.1")
    assert ask_on(lambda: throttle.check_sign_in("192.0.2.1"), most=FEW) == "too-many-sign-ins"
    throttle.check_calls(None, "192.0.2.1")
    throttle.check_calls("token:ci", "192.0.2.1")


def test_a_flood_is_not_looked_up_again_each_time() -> None:
    # Given a sender that had too many refusals, by a Redis that has forgotten all by now
    server = fakeredis.FakeServer()
    app, throttle = make(server)
    with app.test_request_context("/"):
        spend(throttle, MOST[Allowance.REFUSALS] + FEW)
        fakeredis.FakeRedis(server=server).flushall()
        # Then it is still known, and told when to come again; another one is not held up
        assert throttle.is_spent("192.0.2.1")
        assert g.retry_after == 60
        assert not throttle.is_spent("192.0.2.2")


def test_one_process_knows_what_the_other_has_counted() -> None:
    # Given two processes over one Redis
    server = fakeredis.FakeServer()
    (one_app, one), (other_app, other) = make(server), make(server)
    # When one has refused a sender too often
    with one_app.test_request_context("/"):
        spend(one, MOST[Allowance.REFUSALS] + FEW)
    # Then so has the other
    with other_app.test_request_context("/"):
        assert other.is_spent("192.0.2.1")


def test_asking_in_vain_writes_nothing() -> None:
    # Given a sender that has spent its allowance
    server = fakeredis.FakeServer()
    app, throttle = make(server)
    client: Any = fakeredis.FakeRedis(server=server)
    with app.test_request_context("/"):
        spend(throttle, MOST[Allowance.REFUSALS] + FEW)
        before = {name: client.get(name) for name in client.keys()}  # noqa: SIM118 -- Redis' own command
        # When it goes on
        spend(throttle, 50)
    # Then Redis holds what it held, for two windows at the most
    assert {name: client.get(name) for name in client.keys()} == before  # noqa: SIM118 -- the same
    assert all(name.startswith(b"verdigris:limits") for name in before)
    assert all(0 < client.ttl(name) <= 2 * Allowance.REFUSALS.seconds for name in before)


def make_web_without_redis(folder: Path) -> Web:
    config, store = make_config(folder), FakeStore()
    requests = make_requests(config, store, [NOW])
    client = connect(f"redis://127.0.0.1:{closed_port()}/0", timeout=1)
    app = create_app(config, store, requests, secret_key=KEY, settings=WebSettings(), client=client)
    return Web(app, store, requests, [])


def test_while_redis_is_away_the_limits_hold_and_nothing_breaks(tmp_path: Path) -> None:
    # Given a process whose counters are out of reach
    web = make_web_without_redis(tmp_path)
    body = dump(push())
    # When requests come with and without proof
    unsigned = [web.client.post("/webhooks/github", data=body, headers=headers(b"")) for _ in range(30)]
    signed = web.client.post("/webhooks/github", data=body, headers=headers(body))
    called = web.client.get("/api/v1/apps", headers=BEARER)
    # Then those without are told to stop, the others are served
    assert [one.status_code for one in unsigned[:20]] == [401] * 20
    assert {one.status_code for one in unsigned[20 + FEW :]} == {429}
    assert (signed.status_code, called.status_code) == (202, 200)


REFUSED: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "a wrong token": ("get", "/api/v1/apps", {"headers": {"Authorization": "Bearer wrong"}}, 401),
    "no token": ("post", "/api/v1/apps/shop/promote", {}, 401),
    "a forged signature": ("post", "/webhooks/github", {"data": b"{}", "headers": headers(b"")}, 401),
    "no JSON": ("post", "/webhooks/github", {"data": b"x"}, 415),
    "an unknown host": ("post", "/webhooks/unknown", {}, 404),
    "an unknown address": ("get", "/wp-login.php", {}, 404),
    "another method": ("put", "/webhooks/github", {}, 405),
    "a form of no session": ("post", "/logout", {}, 400),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_who_is_refused_too_often_is_told_to_stop(web: Web, kind: str) -> None:
    method, path, given, status = REFUSED[kind]
    answers = [getattr(web.client, method)(path, **given) for _ in range(20 + FEW)]
    assert [one.status_code for one in answers[:20]] == [status] * 20
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"] == "60"


def test_the_answer_is_a_problem_for_programs_and_a_page_for_people(web: Web) -> None:
    for _ in range(20 + FEW):
        problem = web.client.get("/api/v1/apps")
    assert problem.json is not None
    assert problem.json["type"].endswith("/too-many-refused")
    page = web.client.get("/nowhere")
    assert (page.status_code, page.mimetype) == (429, "text/html")


def test_who_shows_a_token_is_served_behind_the_address_of_somebody_who_is_refused(web: Web) -> None:
    for _ in range(30):
        web.client.get("/api/v1/apps", headers={"Authorization": "Bearer wrong"})
    assert web.client.get("/api/v1/apps", headers=BEARER).status_code == 200
    assert web.client.get("/api/v1/releases/none", headers=BEARER).status_code == 404


def test_what_a_token_asks_in_vain_does_not_count(web: Web) -> None:
    answers = [web.client.get("/api/v1/releases/none", headers=BEARER) for _ in range(30)]
    answers += [web.client.post("/api/v1/apps/shop/deploy", data="x", headers=BEARER) for _ in range(30)]
    assert {one.status_code for one in answers} == {404, 415}


def test_what_a_reader_asks_in_vain_does_not_count_where_reading_is_open(open_web: Web) -> None:
    answers = [open_web.client.get("/releases/none") for _ in range(30)]
    assert {one.status_code for one in answers} == {404}


def spend_calls(web: Web, caller: str | None) -> None:
    """All that are allowed, and as many more as a slow machine gives back meanwhile."""
    throttle = web.app.extensions[EXTENSION].throttle
    with web.app.test_request_context("/"):
        told = ask_on(lambda: throttle.check_calls(caller, "127.0.0.1"), most=10 * MOST[Allowance.CALLS])
    assert told == "too-many-calls"


@pytest.mark.parametrize("way", ["token", "sender"])
def test_a_program_that_went_wild_is_told_to_stop(open_web: Web, way: str) -> None:
    # Given reading that is open to all, and one who reads without end, with a token or without
    given: dict[str, Any] = {"headers": BEARER} if way == "token" else {}
    other: dict[str, Any] = {} if way == "token" else {"headers": BEARER}
    app = "/api/v1/releases/none"
    assert open_web.client.get(app, **given).status_code == 404
    spend_calls(open_web, "token:ci" if way == "token" else None)
    # When it asks once more
    answer = open_web.client.get(app, **given)
    # Then it is told, and the others are not held up
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "10"
    assert answer.json is not None
    assert answer.json["type"].endswith("/too-many-calls")
    assert open_web.client.get(app, **other).status_code == 404
    assert open_web.client.get("/healthz").status_code == 200


def test_attempts_to_sign_in_are_few_and_the_right_token_does_not_tell_itself_by_working(web: Web) -> None:
    # Given somebody who tries tokens
    web.app.config["WTF_CSRF_ENABLED"] = False
    with capture_logs() as lines:
        tried = [web.client.post("/login", data={"token": "wrong"}).status_code for _ in range(10 + FEW)]
    # When they come upon the right one
    found = web.client.post("/login", data={"token": TOKEN})
    # Then they do not learn it
    assert tried[:10] == [401] * 10
    assert tried[-1] == 429
    assert found.status_code == 429
    assert "Set-Cookie" not in found.headers or "verdigris=" not in found.headers["Set-Cookie"]
    assert web.client.get("/enter/ticket").status_code == 429
    assert len([line for line in lines if line["event"] == "sign-in refused"]) == tried.count(401)


def test_the_sender_is_the_one_that_a_trusted_proxy_names(tmp_path: Path) -> None:
    web = make_web_without_redis(tmp_path)
    for number in range(30):  # a spoofed header does not make many senders of one
        forged = {"X-Forwarded-For": f"198.51.100.{number}"}
        answer = web.client.get("/nowhere", headers=forged)
    assert answer.status_code == 429
