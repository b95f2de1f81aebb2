"""A line for each request, with what it was about and nothing that opens a door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.contextvars import bind_contextvars, get_contextvars, merge_contextvars

from release.problems import NotDurable
from tests.unit.webhook.fakes import TOKEN, Web, dump, headers, make_job, make_release, push

if TYPE_CHECKING:
    from collections.abc import Iterator

    Lines = list[dict[str, Any]]

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged, with what is bound."""
    with structlog.testing.capture_logs(processors=[merge_contextvars]) as found:
        yield found  # type: ignore[misc]  # lines are dictionaries


def told(lines: Lines, event: str = "request") -> dict[str, Any]:
    (line,) = [line for line in lines if line["event"] == event]
    return line


def test_a_request_is_one_line_with_route_status_time_and_who(web: Web, lines: Lines) -> None:
    answer = web.client.get("/api/v1/apps", headers=BEARER)

    line = told(lines)
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/apps", 200)
    assert (line["sender"], line["actor"]) == ("127.0.0.1", "token:ci")
    assert 0 <= line["ms"] < 60_000
    assert line["request"] == answer.headers["Request-Id"]
    assert len(line["request"]) == 16


def test_each_request_has_an_id_of_its_own_whatever_the_sender_says(web: Web) -> None:
    ids = {web.client.get("/healthz", headers={"Request-Id": "mine"}).headers["Request-Id"] for _ in "ab"}

    assert len(ids) == 2
    assert "mine" not in ids


def test_a_ticket_or_a_query_is_in_no_line_not_even_without_redis(web: Web, lines: Lines) -> None:
    web.client.get("/enter/the-secret-ticket")
    web.client.get("/api/v1/apps?token=the-secret-token")
    web.client.get("/login?next=/the-secret-place")
    web.store.is_away = True
    web.client.get("/enter/the-secret-ticket")

    assert "the-secret" not in repr(lines)
    assert {line["route"] for line in lines if line["event"] == "request"} >= {"/enter/<ticket>", "/login"}


def test_a_path_that_opens_a_door_is_told_as_its_route(web: Web, lines: Lines) -> None:
    def fail(**_: object) -> None:
        message = "Redis did not answer"
        raise NotDurable(message)

    web.app.view_functions["pages.enter"] = fail
    web.client.get("/enter/the-secret-ticket")

    assert told(lines, "redis away")["path"] == "/enter/<ticket>"


def test_lines_of_a_request_say_which_app_and_release_it_is_about(web: Web, lines: Lines) -> None:
    web.store.found = [make_release()]
    web.store.jobs = [make_job()]

    web.client.get("/api/v1/releases/R1", headers=BEARER)
    web.client.get("/api/v1/jobs/J1", headers=BEARER)
    web.client.post("/api/v1/apps/shop/promote", json={}, headers=BEARER)

    release, job, promote = [line for line in lines if line["event"] == "request"]
    assert (release["app"], release["release"]) == ("shop", "R1")
    assert (job["app"], job["release"], job["job"]) == ("shop", "R1", "J1")
    assert promote["app"] == "shop"
    assert told(lines, "accepted")["request"] == promote["request"]


def test_names_that_are_none_of_ours_are_not_bound(web: Web, lines: Lines) -> None:
    web.client.get("/api/v1/apps/no\u202esuch", headers=BEARER)
    web.client.get("/api/v1/releases/no-such", headers=BEARER)

    assert not [line for line in lines if "release" in line]
    assert all(str(value).isprintable() for line in lines for value in line.values())


def test_a_delivery_is_known_by_the_hosts_id_in_all_its_lines(web: Web, lines: Lines) -> None:
    body = dump(push())

    web.client.post("/webhooks/github", data=body, headers=headers(body))

    request, received = told(lines), told(lines, "tag received")
    assert request["delivery"] == received["delivery"] == "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert (request["app"], request["release"]) == ("shop", "R1")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/style.css"])
def test_what_programs_ask_all_the_time_is_no_line(web: Web, lines: Lines, path: str) -> None:
    with web.client.get(path) as answer:
        assert answer.status_code == 200

    assert lines == []


def test_a_probe_that_fails_is_a_line(web: Web, lines: Lines) -> None:
    web.store.is_away = True
    web.client.get("/readyz")

    assert told(lines)["status"] == 503


def test_who_floods_does_not_fill_the_log(web: Web, lines: Lines) -> None:
    statuses = [web.client.get("/api/v1/apps").status_code for _ in range(60)]

    told_of = [line["status"] for line in lines if line["event"] == "request"]
    assert 429 in statuses
    assert set(told_of) == {401}
    assert len(told_of) == statuses.count(401) < 60


def test_nothing_of_a_request_stands_in_the_lines_of_the_next(web: Web, lines: Lines) -> None:
    bind_contextvars(release="of the request before")

    web.client.get("/login")

    assert "release" not in told(lines)
    assert get_contextvars() == {}
