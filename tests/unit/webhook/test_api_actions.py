from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.model import Actor
from release.problems import Problem
from tests.unit.webhook.fakes import COMMIT, TOKEN, Web, make_job, make_release
from tests.unit.webhook.test_api import assert_problem

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

BEARER = {"Authorization": f"Bearer {TOKEN}"}
CI = Actor("token", "ci")
ACTIONS = [
    ("/apps/shop/promote", "promote", "shop"),
    ("/apps/shop/rollback", "rollback", "shop"),
    ("/apps/shop/decommission", "decommission", "shop"),
    ("/releases/R9/cancel", "cancel", "R9"),
    ("/releases/R9/retry", "retry", "R9"),
    ("/releases/R9/redeploy", "redeploy", "R9"),
]


def ask(web: Web, path: str, content: dict[str, Any] | None = None) -> TestResponse:
    if content is None:
        return web.client.post(f"/api/v1{path}", headers=BEARER)
    return web.client.post(f"/api/v1{path}", headers=BEARER, json=content)


@pytest.mark.parametrize(("path", "what", "subject"), ACTIONS)
def test_an_action_is_asked_in_the_tokens_name_with_its_reason(
    web: Web, path: str, what: str, subject: str
) -> None:
    web.store.found = [make_release("R9")]
    answer = ask(web, path, {"reason": "because"})
    assert answer.status_code == 202
    asked = web.requests.asked[0]
    assert (asked.what, asked.subject) == (what, subject)
    assert asked.given["actor"] == CI
    assert asked.given["reason"] == "because"


@pytest.mark.parametrize(("path", "what", "_subject"), ACTIONS)
def test_an_action_needs_no_body(web: Web, path: str, what: str, _subject: str) -> None:
    web.store.found = [make_release("R9")]
    assert ask(web, path).status_code == 202
    assert web.requests.asked[0].what == what


def test_a_deploy_is_answered_with_job_and_release(web: Web) -> None:
    web.store.found, web.store.jobs = [make_release("R1")], [make_job("J1")]
    answer = ask(web, "/apps/shop/deploy", {"tag": "v2.0-blue", "commit": COMMIT, "reason": "hotfix"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/api/v1/jobs/J1"
    assert answer.json is not None
    assert answer.json["job"]["id"] == "J1"
    assert answer.json["job"]["position"] == 0
    assert answer.json["release"]["tag"] == "v2.0-blue"
    assert answer.json["is_new"] is True
    assert web.requests.asked[0].given == {
        "tag": "v2.0-blue",
        "actor": CI,
        "commit": COMMIT,
        "delivery": None,
        "reason": "hotfix",
    }


def test_promote_and_rollback_take_a_release(web: Web) -> None:
    ask(web, "/apps/shop/promote", {"release": "R9"})
    ask(web, "/apps/shop/rollback", {"release": "R8"})
    assert [asked.given["release_id"] for asked in web.requests.asked] == ["R9", "R8"]


def test_what_had_been_asked_before_is_a_200(web: Web) -> None:
    web.requests.is_new = False
    answer = ask(web, "/apps/shop/deploy", {"tag": "v2.0-blue"})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["is_new"] is False


def test_what_is_accepted_stays_accepted_when_redis_goes_before_it_is_read_back(web: Web) -> None:
    web.store.is_away = True
    answer = ask(web, "/apps/shop/promote")
    assert answer.status_code == 202
    assert answer.json is not None
    assert answer.json["job"] == {"id": "J1"}
    assert answer.json["release"] == {"id": "R1"}


def test_a_refusal_is_the_cores_own_problem(web: Web) -> None:
    web.requests.refusal = Problem(
        "nothing-ready", "No release is ready", detail="shop: none", next_step="push a tag"
    )
    answer = ask(web, "/apps/shop/promote")
    assert_problem(answer, 409, "nothing-ready")
    assert answer.get_json(force=True)["detail"] == "shop: none"


@pytest.mark.parametrize(
    ("is_in_doubt", "title"),
    [(False, "Nothing was accepted"), (True, "It is not known whether this was accepted")],
)
def test_while_redis_is_away_it_is_said_whether_something_may_have_been_accepted(
    web: Web, title: str, *, is_in_doubt: bool
) -> None:
    web.requests.is_away, web.requests.is_in_doubt = True, is_in_doubt
    answer = ask(web, "/apps/shop/promote")
    assert_problem(answer, 503, "not-durable")
    assert answer.get_json(force=True)["title"] == title


BAD_FIELDS: list[dict[str, Any]] = [
    {},
    {"tag": ""},
    {"tag": None},
    {"tag": 1},
    {"tag": ["v1-blue"]},
    {"tag": "v1-blue", "comit": COMMIT},
    {"tag": "v1-blue", "commit": "main"},
    {"tag": "v1-blue", "commit": COMMIT[:7]},
    {"tag": "v1-blue", "reason": 5},
    {"tag": "v1-blue", "reason": "x" * 501},
]


@pytest.mark.parametrize("content", BAD_FIELDS, ids=str)
def test_missing_wrong_and_unknown_fields_are_refused(web: Web, content: dict[str, Any]) -> None:
    assert_problem(ask(web, "/apps/shop/deploy", content), 422, "bad-fields")
    assert not web.requests.asked


def test_a_release_id_that_is_none_never_reaches_the_core(web: Web) -> None:
    assert_problem(ask(web, "/apps/shop/promote", {"release": "a:b"}), 422, "bad-fields")
    assert_problem(ask(web, "/releases/a:b/cancel"), 404, "unknown-release")
    assert not web.requests.asked


def test_an_unknown_app_is_not_found(web: Web) -> None:
    assert_problem(ask(web, "/apps/nobody/promote"), 404, "unknown-app")


@pytest.mark.parametrize("body", [b"[]", b'{"tag": NaN}', b"{", b'{"tag":"a","tag":"b"}', b"\xff"])
def test_an_unreadable_body_is_a_bad_request(web: Web, body: bytes) -> None:
    answer = web.client.post(
        "/api/v1/apps/shop/deploy", data=body, headers={**BEARER, "Content-Type": "application/json"}
    )
    assert_problem(answer, 400, "not-readable")


def test_a_form_is_unsupported(web: Web) -> None:
    answer = web.client.post("/api/v1/apps/shop/deploy", data={"tag": "v1-blue"}, headers=BEARER)
    assert_problem(answer, 415, "not-json")


def test_a_large_body_is_refused(web: Web) -> None:
    answer = ask(web, "/apps/shop/deploy", {"tag": "v1-blue", "reason": "x" * 70_000})
    assert_problem(answer, 413, "too-large")
