"""Deliveries that Git hosts were seen to send, against the hooks: each is answered as its index says.

They are not part of this project; ``VERDIGRIS_PAYLOADS`` names the folder that holds them. Words of CI and
other events among them are authentic and ignored, with a reason.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from release.config import Config
from release.tag import find_color
from tests.unit.webhook.fakes import Web, make_app, make_web

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

FOLDER: Final = os.environ.get("VERDIGRIS_PAYLOADS", "")
APPS: Final = {
    "github": ("github", "Codertocat/Hello-World"),
    "gitlab": ("gitlab", "test/woodpecker"),
    "gitea": ("gitea", "meisam/woodpecktester"),
    "forgejo": ("forgejo", "meisam/woodpecktester"),
    "gogs": ("gogs", "gogits/hello-world"),
    "bitbucket-cloud": ("bitbucket", "amuniz/test-repos"),
    "bitbucket-server": ("bitbucket-server", "AMUNIZ/test-repos"),
    "generic": ("generic", "acme/shop"),
}
"""For each folder the kind of host, and the repository that most of its tags are pushed to."""

OUR_POLICY: Final = {
    # Where the index leaves the answer to us: a moved tag starts nothing, nor what no image tag can hold.
    "github/d_push_tag_match_moved": {"status": 200, "releases": 0},
    "github/d_tagname_no_version": {"status": 202, "releases": 1},
    "github/d_tagname_plus_build_metadata": {"status": 200, "releases": 0},
    "github/d_tagname_slash": {"status": 200, "releases": 0},
    # Each tag that matches is released, whatever its color: they wait for each other in the queue.
    "bitbucket-cloud/d_push_four_tags_three_match": {"status": 202, "releases": 3},
    "bitbucket-server/d_refs_changed_three_tags": {"status": 202, "releases": 2},
    # Addresses are never looked at, so what shape they have does not matter.
    "bitbucket-server/d_links_clone_not_array": {"status": 202, "releases": 1},
    # A body of the team's own that does not say what was pushed can't be read; a header that tells of a
    # branch is believed whatever the body says.
    "gitlab/d_custom_template_minimal": {"status": 422, "releases": 0},
    "gitlab/d_header_body_mismatch_push_header_tag_body": {"status": 200, "releases": 0},
    "generic/d_id_with_dot": {"status": 401, "releases": 0},
    "generic/standard_webhooks_published_vector": {"status": 401, "releases": 0},
}


def read_index() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(FOLDER) / "INDEX.json").read_text(encoding="utf-8"))
    return found


def deliveries() -> Iterator[Any]:
    if not FOLDER:
        reason = "set VERDIGRIS_PAYLOADS to a folder with recorded deliveries and their INDEX.json"
        yield pytest.param("", {}, marks=pytest.mark.skip(reason=reason))
        return
    for name, entry in read_index()["files"].items():
        yield pytest.param(name, OUR_POLICY.get(name, entry["suggested_expect"]), id=name)


def read_delivery(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(FOLDER) / f"{name}.json").read_text(encoding="utf-8"))
    return found


def body_of(delivery: dict[str, Any]) -> bytes:
    if "raw_body_b64" in delivery:
        return base64.b64decode(delivery["raw_body_b64"])
    return json.dumps(delivery["body"], ensure_ascii=False, separators=(",", ":")).encode()


def secret_of(delivery: dict[str, Any]) -> str:
    """The secret that the delivery was signed with; of GitLab's two the one that was used."""
    given = delivery["signing"]["secret"]
    if isinstance(given, str):
        return given
    is_signed = "webhook-signature" in delivery["headers"]
    return str(given["signing_token" if is_signed else "X-Gitlab-Token"])


def make_app_of(folder: Path, name: str, secret: str) -> Web:
    """A process with one app, at the time at which the deliveries were signed."""
    provider, repository = APPS[name.partition("/")[0]]
    (folder / "secret").write_text(secret, encoding="utf-8")
    app = make_app(repository, folder / "secret")
    app["webhook"]["provider"] = provider
    web = make_web(Config.model_validate({"apps": {"shop": app}}))
    web.now[0] = datetime.fromtimestamp(read_index()["test_secrets"]["frozen_clock"], UTC)
    return web


def send(web: Web, name: str) -> TestResponse:
    delivery, provider = read_delivery(name), APPS[name.partition("/")[0]][0]
    return web.client.post(f"/webhooks/{provider}", data=body_of(delivery), headers=delivery["headers"])


@pytest.mark.parametrize(("name", "expected"), list(deliveries()))
def test_a_recorded_delivery_is_answered_as_expected(
    tmp_path: Path, name: str, expected: dict[str, Any]
) -> None:
    # Given an app of the repository, and what came before
    web = make_app_of(tmp_path, name, secret_of(read_delivery(name)))
    if "after" in expected:
        assert send(web, f"{name.partition('/')[0]}/{expected['after']}").status_code == 202
        web.requests.asked.clear()
    # When a delivery arrives twice, as it was sent
    answers = [send(web, name) for _ in range(2)]
    # Then the first is answered as expected, the second starts nothing more
    assert answers[0].status_code == expected["status"], answers[0].text
    assert answers[1].status_code == (200 if expected["status"] == 202 else expected["status"])
    started = expected.get("releases", 1 if expected["status"] == 202 else 0)
    assert len(web.requests.asked) == started
    assert answers[0].status_code != 200 or answers[0].json["reason"]  # type: ignore[index]  # it is an object
    if started == 1:
        check_release(web, name, expected)


def check_release(web: Web, name: str, expected: dict[str, Any]) -> None:
    given = web.requests.asked[0].given
    assert given["tag"] == expected.get("tag", given["tag"])
    assert given["commit"] == (expected.get("commit", given["commit"]) or "")
    assert find_color(given["tag"]) == expected.get("color", find_color(given["tag"]))
    repository = APPS[name.partition("/")[0]][1]
    assert expected.get("repo", repository) == repository


with_payloads = pytest.mark.skipif(not FOLDER, reason="VERDIGRIS_PAYLOADS names no folder")


@with_payloads
def test_no_delivery_is_left_out() -> None:
    files = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in Path(FOLDER).glob("*/*.json")}
    assert files == set(read_index()["files"])
    assert {name.partition("/")[0] for name in files} == set(APPS)
    assert set(OUR_POLICY) <= files


@with_payloads
@pytest.mark.parametrize(
    ("create", "push"),
    [
        ("github/d_create_tag_match_blue", "github/d_push_tag_match_blue_lightweight"),
        ("gitea/d_create_tag_match_blue", "gitea/d_push_tag_match_blue"),
        ("forgejo/d_create_tag_match_blue", "forgejo/d_push_tag_match_blue"),
    ],
)
def test_the_two_events_of_one_tag_start_one_release(tmp_path: Path, create: str, push: str) -> None:
    web = make_app_of(tmp_path, push, secret_of(read_delivery(push)))
    assert {send(web, create).status_code, send(web, push).status_code} == {200, 202}
    assert len(web.requests.asked) == 1


@with_payloads
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gitlab/d_tag_push_match_blue_signed_and_token", 202),
        ("gitlab/d_tag_push_match_green_signed_only", 401),
    ],
)
def test_of_a_hook_with_both_the_token_counts_where_only_that_is_configured(
    tmp_path: Path, name: str, expected: int
) -> None:
    token = read_index()["test_secrets"]["gitlab_token"]
    assert send(make_app_of(tmp_path, name, token), name).status_code == expected


@with_payloads
def test_a_token_alone_is_refused_where_a_signing_token_is_configured(tmp_path: Path) -> None:
    key = read_index()["test_secrets"]["gitlab_signing_and_generic"]
    web = make_app_of(tmp_path, "gitlab/d_tag_push_match_blue_token", key)
    assert send(web, "gitlab/d_tag_push_match_blue_token").status_code == 401


@with_payloads
def test_the_published_vector_of_standard_webhooks_is_authentic_in_its_time(tmp_path: Path) -> None:
    name = "generic/standard_webhooks_published_vector"
    web = make_app_of(tmp_path, name, secret_of(read_delivery(name)))
    web.now[0] = datetime.fromtimestamp(1614265330, UTC)
    assert send(web, name).status_code == 422
