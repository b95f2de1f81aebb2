from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.model import Actor
from release.problems import Problem
from tests.unit.webhook.fakes import (
    COMMIT,
    HOOK_SECRET,
    OTHER_SECRET,
    REPOSITORY,
    Web,
    dump,
    headers,
    make_app,
    make_config,
    make_web,
    push,
)

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.test import TestResponse


def deliver(web: Web, payload: dict[str, Any] | None = None, **how: str) -> TestResponse:
    body = dump(payload or push())
    return web.client.post("/webhooks/github", data=body, headers=headers(body, **how))


def test_a_new_tag_becomes_a_release_and_is_answered_with_its_address(web: Web) -> None:
    answer = deliver(web)
    assert answer.status_code == 202
    assert answer.json is not None
    assert answer.json["release"] == "R1"
    assert answer.json["url"] == answer.headers["Location"] == "http://127.0.0.1:8000/releases/R1"
    asked = web.requests.asked[0]
    assert (asked.what, asked.subject) == ("deploy", "shop")
    assert asked.given == {
        "tag": "v1.2.3-blue",
        "actor": Actor("git", "octocat"),
        "commit": COMMIT,
        "delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "address": "127.0.0.1",
        "reason": "",
    }


def test_the_same_delivery_again_is_a_duplicate_naming_the_first(web: Web) -> None:
    first, again = deliver(web), deliver(web)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json is not None
    assert again.json is not None
    assert again.json["result"] == "duplicate"
    assert again.json["release"] == first.json["release"]
    assert len(web.requests.asked) == 1


def test_a_new_id_for_the_same_tag_and_commit_is_a_duplicate(web: Web) -> None:
    deliver(web)
    body = dump(push())
    other_id = headers(body, **{"X-GitHub-Delivery": "another-id"})
    again = web.client.post("/webhooks/github", data=body, headers=other_id)
    assert again.status_code == 200
    assert len(web.requests.asked) == 1


def test_push_and_create_of_one_tag_start_one_release(web: Web) -> None:
    created = deliver(web, {"ref": "v1.2.3-blue", "ref_type": "tag"}, event="create")
    pushed = deliver(web)
    assert (created.status_code, pushed.status_code) == (200, 202)
    assert len(web.requests.asked) == 1


def test_several_apps_of_one_repository_get_a_release_each(tmp_path: Path) -> None:
    # Given two apps that share repository and secret, and a third whose secret is another
    (tmp_path / "third").write_text(OTHER_SECRET, encoding="utf-8")
    apps = {
        "web": make_app(REPOSITORY, tmp_path / "shop"),
        "jobs": make_app(REPOSITORY, tmp_path / "shop"),
        "third": make_app(REPOSITORY, tmp_path / "third"),
    }
    web = make_web(make_config(tmp_path, apps=apps))
    # When a tag is pushed, signed with the first two's secret
    answer = deliver(web)
    # Then those two get a release
    assert answer.status_code == 202
    assert answer.json is not None
    assert [one["app"] for one in answer.json["releases"]] == ["web", "jobs"]
    assert [asked.subject for asked in web.requests.asked] == ["web", "jobs"]


def test_one_app_new_and_one_duplicate_is_still_accepted(tmp_path: Path) -> None:
    apps = {name: make_app(REPOSITORY, tmp_path / "shop") for name in ("web", "jobs")}
    web = make_web(make_config(tmp_path, apps=apps))
    web.requests.deploy("web", "v1.2.3-blue", actor=Actor("git", "x"), commit=COMMIT, delivery="d")
    answer = deliver(web)
    assert answer.status_code == 202
    assert answer.json is not None
    assert [one["result"] for one in answer.json["releases"]] == ["duplicate", "accepted"]


def test_a_secret_being_exchanged_works_until_it_is_removed(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("the new secret of the shop", encoding="utf-8")
    config = make_config(tmp_path, apps={"shop": make_app(REPOSITORY, tmp_path / "shop", tmp_path / "new")})
    web = make_web(config)
    assert deliver(web, secret=HOOK_SECRET).status_code == 202
    assert deliver(web, secret="the new secret of the shop").status_code == 200


def test_the_repository_is_found_whatever_its_case(web: Web) -> None:
    repository = {"full_name": REPOSITORY.upper(), "name": "HELLO-WORLD", "owner": {}}
    assert deliver(web, push(repository=repository)).status_code == 202


def test_a_repository_that_no_app_names_is_forbidden(web: Web) -> None:
    fork = {"full_name": "mallory/Hello-World", "name": "Hello-World", "owner": {"login": "mallory"}}
    answer = deliver(web, push(repository=fork))
    assert answer.status_code == 403
    assert "mallory" not in answer.text
    assert not web.requests.asked


def test_a_tag_signed_with_another_apps_secret_is_not_authorized(web: Web) -> None:
    answer = deliver(web, secret=OTHER_SECRET)
    assert answer.status_code == 401
    assert not web.requests.asked


def test_an_ignored_event_may_be_signed_by_any_app(web: Web) -> None:
    assert deliver(web, {"zen": "Half measures are as bad as nothing."}, event="ping").status_code == 200


@pytest.mark.parametrize("tag", ["v1.2.3", "1.2-blue", "v1.2.3-BLUE", "v1-blueish", "v1-blue\n", ""])
def test_a_tag_that_names_no_color_is_ignored_saying_so(web: Web, tag: str) -> None:
    answer = deliver(web, push(ref=f"refs/tags/{tag}"))
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["result"] == "ignored"
    assert not web.requests.asked


def test_what_the_core_refuses_is_told_in_a_200(web: Web) -> None:
    web.requests.refusal = Problem("x", "No", detail="frozen until Monday", next_step="wait", status=409)
    answer = deliver(web)
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["result"] == "refused"
    assert answer.json["reason"] == "frozen until Monday; wait"


def test_while_redis_is_away_the_host_is_told_when_to_come_back(web: Web) -> None:
    web.requests.is_away = True
    answer = deliver(web)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.content_type == "application/problem+json"


def test_an_unknown_host_and_a_wrong_method_are_told_apart(web: Web) -> None:
    assert web.client.post("/webhooks/sourceforge", json={}).status_code == 404
    answer = web.client.get("/webhooks/github")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
