"""Deliveries that Git hosts were seen to send, against the hooks: each is answered as its index says.

They are not part of this project; ``VERDIGRIS_PAYLOADS`` names the folder that holds them. Words of CI among
them are read as what they say; other events are authentic and ignored, with a reason.
"""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from release.config import Config
from release.tag import find_color
from tests.unit.webhook.fakes import Web, make_app, make_web
from webhook.providers import PROVIDERS
from webhook.providers.events import BadBody, BadShape, CheckReport, Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

    from webhook.providers.events import Event

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

_JOBS: Final = ["test-image passed 15:26:12", "test-build passed 15:26:29", "build-image passed 15:25:26"]
_PIPELINE: Final = (
    "gitlab-org/gitlab-test",
    "bcbb5ec396a2c0f828686f14fac9b80b780504f2",
    ["pipeline passed 15:26:29", *_JOBS, "staging pending 15:23:28"],
)
CHECKS: Final[dict[str, tuple[str, str, list[str]]]] = {
    "github/check_suite_completed": (
        "Codertocat/Hello-World",
        "ec26c3e57ca3a959ca5aad62de7213c562f8c821",
        ["octocoders-linter passed 15:21:14"],
    ),
    "github/check_suite_requested_special_chars": (
        "Codertocat/Hello-World",
        "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
        ["octocoders-linter pending 15:20:33"],
    ),
    "github/status": (
        "Codertocat/Hello-World",
        "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        ["default passed 15:20:55"],
    ),
    "github/workflow_run_completed": (
        "octo-org/octo-repo",
        "3484a3fb816e0859fd6e1cea078d76385ff50625",
        ["test passed 16:33:49"],
    ),
    "github/workflow_run_requested": (
        "octo-org/octo-repo",
        "3484a3fb816e0859fd6e1cea078d76385ff50625",
        ["test pending 16:33:24"],
    ),
    "gitlab/pipeline": _PIPELINE,
    "gitlab/pipeline_docs": _PIPELINE,
    "bitbucket-cloud/commit_status_created": (
        "team_name/repo_name",
        "9fec847784abb10b2fa567ee63b85bd238955d0e",
        ["mybuildtool pending 20:37:35", "Unit Tests (Python) pending 20:37:35"],
    ),
}
"""Of each delivery that tells of CI its repository, its commit, and its checks, each with its time of day."""


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
    assert len([asked for asked in web.requests.asked if asked.what == "deploy"]) == started
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


def parse(name: str) -> Event:
    delivery, provider = read_delivery(name), APPS[name.partition("/")[0]][0]
    at = datetime.fromtimestamp(read_index()["test_secrets"]["frozen_clock"], UTC)
    return PROVIDERS[provider].parse(Delivery(delivery["headers"], body_of(delivery), at))


with_payloads = pytest.mark.skipif(not FOLDER, reason="VERDIGRIS_PAYLOADS names no folder")


@with_payloads
def test_no_delivery_is_left_out() -> None:
    files = {path.relative_to(FOLDER).with_suffix("").as_posix() for path in Path(FOLDER).glob("*/*.json")}
    assert files == set(read_index()["files"])
    assert {name.partition("/")[0] for name in files} == set(APPS)
    assert set(OUR_POLICY) <= files


@with_payloads
@pytest.mark.parametrize("name", CHECKS)
def test_a_recorded_word_of_ci_is_read_as_what_it_says(name: str) -> None:
    event = parse(name)
    assert isinstance(event, CheckReport)
    told = [
        f"{check.name} {check.state} {check.at.time().replace(microsecond=0) if check.at else None}"
        for check in event.checks
    ]
    assert (event.repository, event.commit, told) == CHECKS[name]


@with_payloads
def test_no_other_delivery_is_taken_for_a_word_of_ci() -> None:
    found = set()
    for name in read_index()["files"]:
        with suppress(BadBody, BadShape):
            found |= {name} if isinstance(parse(name), CheckReport) else set()
    assert found == set(CHECKS)


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
