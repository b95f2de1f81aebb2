"""What a host tells of its CI: kept for each app of the repository, by the same secret as its pushes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.ci import CheckState
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


def status(**given: object) -> dict[str, Any]:
    """What GitHub sends of a commit status."""
    return {
        "sha": COMMIT,
        "context": "build",
        "state": "success",
        "branches": [{"name": "main"}],
        "updated_at": "2026-01-01T11:59:00Z",
        "repository": {"full_name": REPOSITORY, "name": "Hello-World", "owner": {"login": "Codertocat"}},
        **given,
    }


def deliver(web: Web, payload: dict[str, Any] | None = None, **how: str) -> TestResponse:
    body = dump(payload or status())
    return web.client.post("/webhooks/github", data=body, headers=headers(body, event="status", **how))


def test_a_check_is_kept_and_the_answer_says_so(web: Web) -> None:
    answer = deliver(web)

    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["result"], answer.json["commit"]) == ("noted", COMMIT)
    assert answer.json["releases"] == []
    [asked] = web.requests.asked
    [check] = asked.given["checks"]
    assert (asked.what, asked.subject, asked.given["commit"]) == ("note_checks", "shop", COMMIT)
    assert (check.name, check.state) == ("build", CheckState.PASSED)


def test_the_releases_that_it_starts_are_named(web: Web) -> None:
    web.requests.started_by_checks = ["R7"]

    answer = deliver(web)

    assert answer.json is not None
    assert answer.json["releases"] == [{"app": "shop", "release": "R7", "result": "started"}]


def test_each_app_of_the_repository_is_told(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(HOOK_SECRET, encoding="utf-8")
    apps = {name: make_app(REPOSITORY, tmp_path / "one") for name in ("shop", "mobile")}
    web = make_web(make_config(tmp_path, apps=apps))

    deliver(web)

    assert [asked.subject for asked in web.requests.asked] == ["shop", "mobile"]


@pytest.mark.parametrize(
    ("secret", "repository", "expected"),
    [
        (OTHER_SECRET, REPOSITORY, 401),
        ("not a secret of ours", REPOSITORY, 401),
    ],
)
def test_a_check_needs_the_secret_of_its_repository_s_app(
    web: Web, secret: str, repository: str, expected: int
) -> None:
    owner, _, name = repository.partition("/")
    told = status(repository={"full_name": repository, "name": name, "owner": {"login": owner}})

    assert deliver(web, told, secret=secret).status_code == expected
    assert web.requests.asked == []


def test_a_check_of_a_repository_that_is_none_of_ours_is_ignored(web: Web) -> None:
    told = status(repository={"full_name": "somebody/else", "name": "else", "owner": {"login": "somebody"}})

    answer = deliver(web, told)

    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["result"] == "ignored"
    assert web.requests.asked == []


def test_while_redis_is_away_the_host_is_asked_to_send_it_again(web: Web) -> None:
    web.requests.is_away = True

    answer = deliver(web)

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_a_moved_tag_starts_nothing_unless_its_app_releases_moved_tags(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(HOOK_SECRET, encoding="utf-8")
    strict = make_app(REPOSITORY, tmp_path / "one")
    apps = {"strict": strict, "lenient": {**strict, "moved_tags": "release"}}
    web = make_web(make_config(tmp_path, apps=apps))
    body = dump(push(created=False, before="a" * 40))

    answer = web.client.post("/webhooks/github", data=body, headers=headers(body))

    assert answer.status_code == 202
    assert [(one.what, one.subject) for one in web.requests.asked] == [("deploy", "lenient")]
    assert answer.json is not None
    first, second = answer.json["releases"]
    assert (first["app"], first["result"]) == ("strict", "ignored")
    assert first["next_step"] == "to release what it names now: verdigris deploy strict v1.2.3-blue"
    assert (second["app"], second["result"]) == ("lenient", "accepted")
