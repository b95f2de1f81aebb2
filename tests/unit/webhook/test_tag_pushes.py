"""From a push to releases, over every host: several tags, duplicates, moved tags, apps that share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.model import State
from release.problems import Problem
from tests.unit.webhook.fakes import COMMIT, FakeAccepted, Web, make_release, make_web
from tests.unit.webhook.hosts import (
    BITBUCKET,
    BITBUCKET_SERVER,
    GITEA,
    GITHUB,
    GOGS,
    HOSTS,
    TAG,
    WITH_EVERY_HOST,
    make_host_config,
    read_sample,
)

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.test import TestResponse

    from tests.unit.webhook.hosts import Host

OTHER_COMMIT = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"


@pytest.fixture
def web(tmp_path: Path) -> Web:
    return make_web(make_host_config(tmp_path, *HOSTS))


def told(answer: TestResponse, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.json is not None
    found: dict[str, Any] = answer.json
    return found


@WITH_EVERY_HOST
def test_a_new_tag_becomes_a_release_of_its_app(web: Web, host: Host) -> None:
    content = told(host.deliver(web), 202)
    assert [(one.subject, one.given["tag"]) for one in web.requests.asked] == [(host.name, TAG)]
    assert web.requests.asked[0].given["commit"] == (COMMIT if host.commit_at else "")
    assert web.requests.asked[0].given["delivery"] == "id-1"
    assert web.requests.asked[0].given["address"] == "127.0.0.1"
    assert content["release"] == "R1"
    assert content["releases"][0]["app"] == host.name


@WITH_EVERY_HOST
def test_a_duplicate_names_its_release_and_how_to_run_it_again(web: Web, host: Host) -> None:
    # Given a tag that was delivered, and whose release is ready
    host.deliver(web)
    web.store.found = [make_release("R1", app=host.name, tag=TAG, commit=COMMIT if host.commit_at else "")]
    # When the same comes again, and once more under another id
    for identity in ("id-1", "id-2"):
        content = told(host.deliver(web, identity=identity))
        # Then it is told which release that was, in which state, and what to do
        assert content["result"] == "duplicate"
        assert content["release"] == "R1"
        assert "R1, which is ready" in content["reason"]
        assert content["next_step"] == "to run it again: verdigris redeploy R1"
    assert len(web.requests.asked) == 1


def test_a_duplicate_of_a_failed_release_is_run_again_by_retry(web: Web) -> None:
    GITHUB.deliver(web)
    web.store.found = [make_release("R1", app="github", tag=TAG, state=State.FAILED)]
    assert told(GITHUB.deliver(web))["next_step"] == "to run it again: verdigris retry R1"


def test_a_duplicate_of_a_forgotten_release_is_run_again_by_deploy(web: Web) -> None:
    GITHUB.deliver(web)
    assert told(GITHUB.deliver(web))["next_step"] == f"to run it again: verdigris deploy github {TAG}"


@pytest.mark.parametrize(
    ("host", "event", "sample"),
    [
        (BITBUCKET, "repo:push", "push_tags_and_branches"),
        (BITBUCKET_SERVER, "repo:refs_changed", "tags_and_branches"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_each_tag_of_a_delivery_that_matches_starts_a_release(
    web: Web, host: Host, event: str, sample: str
) -> None:
    # Given a delivery of three tags, the first of which names no color
    payload = read_sample(host.provider, sample)["payload"]
    # When it arrives
    content = told(host.deliver(web, payload, event=event), 202)
    # Then the other two are released, and the first is told of
    asked = [one.given for one in web.requests.asked]
    assert [one["tag"] for one in asked] == [TAG, "v1.2.4-green"]
    assert len({one["delivery"] for one in asked}) == 2
    assert [one["result"] for one in content["releases"]] == ["accepted", "accepted"]
    assert [one["tag"] for one in content["ignored"]] == ["docs"]
    # And the same delivery once more starts neither
    again = told(host.deliver(web, payload, event=event))
    assert [one["result"] for one in again["releases"]] == ["duplicate", "duplicate"]
    assert len(web.requests.asked) == 2


def test_a_tag_that_stands_twice_in_a_delivery_is_one(web: Web) -> None:
    payload = BITBUCKET.push()
    payload["push"]["changes"] *= 2
    assert len(told(BITBUCKET.deliver(web, payload), 202)["releases"]) == 1


def test_of_several_tags_none_may_match(web: Web) -> None:
    payload = BITBUCKET.push("docs")
    payload["push"]["changes"].append(BITBUCKET.push("v1-red")["push"]["changes"][0])
    content = told(BITBUCKET.deliver(web, payload))
    assert content["result"] == "ignored"
    assert [one["tag"] for one in content["ignored"]] == ["docs", "v1-red"]
    assert content["releases"] == []


def test_half_a_delivery_that_got_through_is_finished_by_its_redelivery(web: Web) -> None:
    # Given a delivery of two tags, of which only the first was recorded before Redis went away
    payload = read_sample("bitbucket", "push_tags_and_branches")["payload"]
    BITBUCKET.deliver(web, payload)
    second = web.requests.asked.pop()
    web.requests.known = {
        key: value for key, value in web.requests.known.items() if "v1.2.4-green" not in key
    }
    # When it is sent again
    content = told(BITBUCKET.deliver(web, payload), 202)
    # Then the second is recorded, and the first is a duplicate
    assert [one["result"] for one in content["releases"]] == ["duplicate", "accepted"]
    assert web.requests.asked[-1].given == second.given


@pytest.mark.parametrize("host", [one for one in HOSTS if one.provider in {"gitea", "forgejo"}])
def test_a_tag_released_at_another_commit_counts_as_moved_where_the_host_does_not_tell(
    web: Web, host: Host
) -> None:
    web.store.found = [make_release("R7", app=host.name, tag=TAG, commit=OTHER_COMMIT)]
    content = told(host.deliver(web))
    assert content["result"] == "duplicate"
    assert "R7" in content["reason"]
    assert content["next_step"].endswith(f"verdigris deploy {host.name} {TAG}")
    assert not web.requests.asked


def test_a_tag_of_gogs_is_known_by_its_name(web: Web) -> None:
    web.store.found = [make_release("R7", app="gogs", tag=TAG, commit=COMMIT)]
    assert told(GOGS.deliver(web))["release"] == "R7"
    assert told(GOGS.deliver(web, GOGS.push("v1.2.4-blue")), 202)["release"] == "R1"


def test_another_apps_release_of_that_tag_is_no_hindrance(web: Web) -> None:
    web.store.found = [make_release("R7", app="somebody", tag=TAG, commit=OTHER_COMMIT)]
    assert told(GITEA.deliver(web), 202)["release"] == "R1"


def test_a_duplicate_without_a_release_has_no_address(web: Web) -> None:
    web.requests.known["github id-1"] = FakeAccepted(None, "J1")
    content = told(GITHUB.deliver(web))
    assert content["job"] == "J1"
    assert "url" not in content
    assert content["next_step"].endswith(f"verdigris deploy github {TAG}")


@pytest.mark.parametrize("body", [b'{"test": true}', b"", b"{", b"x" * 1000])
def test_an_unsigned_test_connection_of_bitbucket_server_has_no_effect(web: Web, body: bytes) -> None:
    given = {"Content-Type": "application/json", "X-Event-Key": "diagnostics:ping"}
    content = told(web.client.post("/webhooks/bitbucket-server", data=body, headers=given))
    assert content == {"result": "ignored", "reason": content["reason"], "releases": []}
    assert "neither secret nor app was checked" in content["reason"]
    assert web.client.post("/webhooks/bitbucket", data=body, headers=given).status_code == 401
    assert not web.requests.asked


@WITH_EVERY_HOST
def test_a_refusal_of_the_core_is_told_in_a_200(web: Web, host: Host) -> None:
    web.requests.refusal = Problem("x", "No", detail="frozen until Monday", next_step="wait", status=409)
    content = told(host.deliver(web))
    assert content["result"] == "refused"
    assert content["reason"] == "frozen until Monday; wait"


@WITH_EVERY_HOST
def test_while_redis_is_away_nothing_is_accepted_and_later_it_gets_through(web: Web, host: Host) -> None:
    web.requests.is_away = True
    away = host.deliver(web)
    assert (away.status_code, "Retry-After" in away.headers) == (503, True)
    web.requests.is_away = False
    assert told(host.deliver(web), 202)["result"] == "accepted"
