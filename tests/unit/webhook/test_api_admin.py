"""Tokens made, listed and revoked over the API, and the audit trail read: by administrators alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from release.audit_entries import NewEntry, Outcome
from release.model import Actor
from release.roles import Action, Grant, Role
from tests.unit.webhook.fakes import NOW, TOKEN, Web

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

ROOT = {"Authorization": f"Bearer {TOKEN}"}
ANNA = Actor("person", "anna")


def bearer(web: Web, role: Role, *apps: str) -> dict[str, str]:
    """The header of a caller with one role."""
    grant = Grant(role, frozenset(apps))
    name = "-".join([role, *apps])
    text = web.store.api_tokens.make(name, grant, made_by=ANNA, now=NOW)[1]
    return {"Authorization": f"Bearer {text.reveal()}"}


def make(web: Web, **body: Any) -> TestResponse:  # noqa: ANN401 -- JSON
    return web.client.post(
        "/api/v1/tokens", headers=ROOT, json={"name": "nightly", "role": "releaser", **body}
    )


def names(web: Web) -> list[str]:
    return [one["name"] for one in web.client.get("/api/v1/tokens", headers=ROOT).json["tokens"]]  # type: ignore[index]  # JSON


def problem_of(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.json["type"].rpartition("/")[2]  # type: ignore[index]  # JSON


def test_a_token_is_made_used_listed_and_revoked(web: Web) -> None:
    answer = make(web, apps=["shop"], expires="2026-02-01")

    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.json
    assert made is not None
    assert made["token"] == {
        "name": "nightly",
        "role": "releaser",
        "apps": ["shop"],
        "expires": "2026-02-01T00:00:00.000+00:00",
        "is_expired": False,
        "is_configured": False,
        "made_by": {"kind": "token", "name": "ci"},
        "made_at": "2026-01-01T12:00:00.000+00:00",
        "last_used": None,
    }
    header = {"Authorization": f"Bearer {made['text']}"}
    assert web.client.get("/api/v1/apps", headers=header).status_code == 200
    assert names(web) == ["ci", "nightly"]
    listed = web.client.get("/api/v1/tokens", headers=ROOT)
    assert made["text"] not in listed.text
    assert listed.json["tokens"][1]["last_used"] == "2026-01-01T12:00:00.000+00:00"  # type: ignore[index]  # JSON

    gone = web.client.delete("/api/v1/tokens/nightly", headers=ROOT)

    assert gone.status_code == 200
    assert names(web) == ["ci"]
    assert web.client.get("/api/v1/apps", headers=header).status_code == 401
    assert problem_of(web.client.delete("/api/v1/tokens/nightly", headers=ROOT)) == (404, "unknown-token")


def test_a_token_of_the_configuration_is_listed_and_not_revoked_here(web: Web) -> None:
    (listed,) = web.client.get("/api/v1/tokens", headers=ROOT).json["tokens"]  # type: ignore[index]  # JSON

    assert (listed["name"], listed["role"], listed["apps"]) == ("ci", "admin", [])
    assert (listed["is_configured"], listed["made_at"]) == (True, None)
    assert problem_of(web.client.delete("/api/v1/tokens/ci", headers=ROOT)) == (404, "unknown-token")
    assert problem_of(make(web, name="ci")) == (409, "token-name-taken")


def test_a_token_ends_by_itself(web: Web) -> None:
    text = make(web, expires="2026-01-02").json["text"]  # type: ignore[index]  # JSON
    header = {"Authorization": f"Bearer {text}"}

    web.wait(timedelta(hours=12) - timedelta(seconds=1))
    assert web.client.get("/api/v1/apps", headers=header).status_code == 200
    web.wait(timedelta(seconds=1))

    assert web.client.get("/api/v1/apps", headers=header).status_code == 401
    assert web.client.get("/api/v1/tokens", headers=ROOT).json["tokens"][1]["is_expired"]  # type: ignore[index]  # JSON


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "-x"}, (422, "bad-fields")),
        ({"name": "x" * 65}, (422, "bad-fields")),
        ({"name": 1}, (422, "bad-fields")),
        ({"role": "root"}, (422, "bad-fields")),
        ({"role": None}, (422, "bad-fields")),
        ({"apps": "shop"}, (422, "bad-fields")),
        ({"apps": ["Shop!"]}, (422, "bad-fields")),
        ({"apps": ["nope"]}, (404, "unknown-app")),
        ({"expires": "tomorrow"}, (422, "bad-fields")),
        ({"expires": "2026-13-01"}, (422, "bad-fields")),
        ({"expires": ""}, (422, "bad-fields")),
        ({"expires": "2026-01-01"}, (422, "token-refused")),
        ({"secret": "mine"}, (422, "bad-fields")),
    ],
)
def test_a_token_that_is_none_is_not_made(web: Web, body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert problem_of(make(web, **body)) == expected
    assert names(web) == ["ci"]


@pytest.mark.parametrize("apps", [(), ("shop",)])
@pytest.mark.parametrize("role", Role)
def test_only_an_administrator_of_all_apps_manages_tokens(
    web: Web, role: Role, apps: tuple[str, ...]
) -> None:
    header, client = bearer(web, role, *apps), web.client
    before = names(web)

    answers = [
        client.get("/api/v1/tokens", headers=header),
        client.post("/api/v1/tokens", headers=header, json={"name": "mine", "role": "admin"}),
        client.delete("/api/v1/tokens/nightly", headers=header),
    ]

    if role is Role.ADMIN and not apps:
        assert [one.status_code for one in answers] == [200, 201, 404]
        return
    assert [problem_of(one) for one in answers] == [(403, "not-allowed")] * 3
    assert names(web) == before
    refused = web.client.get("/api/v1/audit?outcome=refused", headers=ROOT).json
    assert refused is not None
    assert [(one["action"], one["why"], one["app"]) for one in refused["entries"]] == [
        ("manage-tokens", "not-allowed", None)
    ] * 3
    assert {one["actor"]["name"] for one in refused["entries"]} == {"-".join([role, *apps])}
    assert {one["address"] for one in refused["entries"]} == {"127.0.0.1"}


def test_where_reading_is_open_to_all_tokens_and_the_trail_are_not(open_web: Web) -> None:
    for path in ("tokens", "audit"):
        assert open_web.client.get(f"/api/v1/{path}").status_code == 401


def enter(web: Web, app: str, reason: str, *, actor: Actor = ANNA, outcome: Outcome = Outcome.DONE) -> None:
    web.store.audit.write(
        NewEntry(actor=actor, action=Action.PROMOTE, outcome=outcome, app=app, reason=reason, release="R1")
    )


def reasons(web: Web, query: str, header: dict[str, str] = ROOT) -> str:
    answer = web.client.get(f"/api/v1/audit?{query}", headers=header)
    assert answer.status_code == 200, answer.text
    return "".join(one["reason"] for one in answer.json["entries"])  # type: ignore[index]  # JSON


def test_the_trail_is_read_by_filters_and_pages(web: Web) -> None:
    enter(web, "shop", "a")
    enter(web, "forum", "b", actor=Actor("git", "octocat"))
    enter(web, "shop", "c", outcome=Outcome.REFUSED)

    assert reasons(web, "") == "cba"
    assert reasons(web, "app=shop") == "ca"
    assert reasons(web, "actor=octocat") == "b"
    assert reasons(web, "actor=person:octocat") == ""
    assert reasons(web, "outcome=refused&action=promote&release=R1") == "c"
    assert reasons(web, "action=change") == ""
    assert reasons(web, "since=2020-01-01T00:00:00Z") == "cba"
    assert reasons(web, "until=2020-01-01T00:00:00%2B02:00") == ""
    page = web.client.get("/api/v1/audit?limit=2", headers=ROOT).json
    assert page is not None
    assert (len(page["entries"]), page["cut"]) == (2, 0)
    assert reasons(web, f"after={page['next']}") == "a"
    assert web.client.get("/api/v1/audit", headers=ROOT).json["next"] is None  # type: ignore[index]  # JSON


@pytest.mark.parametrize(
    "query",
    [
        "app=Shop!",
        "actor=",
        "action=nothing",
        "outcome=good",
        "release=../x",
        "since=yesterday",
        "since=1767225600",
        "until=2026-13-01T00:00:00Z",
        "until=2026-01-01T00:00:00",
        "after=x",
        "limit=0",
        "limit=201",
        "token=x",
        "who=me",
    ],
)
def test_a_question_that_is_none_is_refused(web: Web, query: str) -> None:
    status, slug = problem_of(web.client.get(f"/api/v1/audit?{query}", headers=ROOT))

    assert (status, slug) in {(400, "bad-parameter"), (401, "not-authorized")}


def test_an_app_that_is_not_configured_has_no_trail(web: Web) -> None:
    answer = web.client.get("/api/v1/audit?app=nope", headers=ROOT)

    assert problem_of(answer) == (404, "unknown-app")


def test_an_administrator_of_one_app_reads_its_trail_alone(web: Web) -> None:
    enter(web, "shop", "a")
    enter(web, "forum", "b")
    header = bearer(web, Role.ADMIN, "shop")

    assert reasons(web, "app=shop", header) == "a"
    for query in ("", "app=forum"):
        answer = web.client.get(f"/api/v1/audit?{query}", headers=header)
        assert problem_of(answer) == (403, "not-allowed")


def test_without_redis_neither_tokens_nor_trail_are_told(web: Web) -> None:
    web.store.is_away = True

    for path in ("tokens", "audit"):
        assert problem_of(web.client.get(f"/api/v1/{path}", headers=ROOT)) == (503, "not-durable")
    assert make(web).status_code == 503
