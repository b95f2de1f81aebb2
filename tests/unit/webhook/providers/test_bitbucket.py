from __future__ import annotations

import hashlib
import hmac

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import COMMIT, HOOK_SECRET
from tests.unit.webhook.hosts import BITBUCKET, digest, dump
from webhook.providers.bitbucket import Bitbucket
from webhook.providers.events import BadShape, BadSignature, CheckReport, NewTag, TagPush

SECRETS = [Secret(HOOK_SECRET)]
BODY = dump(BITBUCKET.push())


def test_the_id_of_the_hook_is_no_secret() -> None:
    with pytest.raises(BadSignature):
        Bitbucket().verify(
            BITBUCKET.delivery(BODY, **{"X-Hub-Signature": "", "X-Hook-UUID": HOOK_SECRET}), SECRETS
        )


def test_sha1_and_the_header_of_github_are_not_its_own() -> None:
    sha1 = hmac.new(HOOK_SECRET.encode(), BODY, hashlib.sha1).hexdigest()
    github = f"sha256={digest(BODY, HOOK_SECRET)}"
    for headers in (
        {"X-Hub-Signature": f"sha1={sha1}"},
        {"X-Hub-Signature": "", "X-Hub-Signature-256": github},
    ):
        with pytest.raises(BadSignature):
            Bitbucket().verify(BITBUCKET.delivery(BODY, **headers), SECRETS)


def test_a_tag_that_was_moved_and_a_new_one_are_told_apart() -> None:
    payload = BITBUCKET.push("v2-blue")
    moved = {"old": {"type": "tag"}, "new": {"type": "tag", "name": "v1-blue", "target": {"hash": COMMIT}}}
    gone = {"old": {"type": "tag"}, "new": None}
    payload["push"]["changes"] += [moved, gone]
    event = Bitbucket().parse(BITBUCKET.delivery(payload))
    assert isinstance(event, TagPush)
    assert event.tags == (NewTag("v2-blue", COMMIT), NewTag("v1-blue", COMMIT, is_move=True))


@pytest.mark.parametrize(
    ("state", "expected"),
    [("SUCCESSFUL", "passed"), ("FAILED", "failed"), ("STOPPED", "failed"), ("INPROGRESS", "pending")],
)
def test_a_build_is_a_check_by_its_key_and_by_its_name(state: str, expected: str) -> None:
    payload = BITBUCKET.report()
    payload["commit_status"]["state"] = state
    event = Bitbucket().parse(BITBUCKET.delivery(payload, event="repo:commit_status_created"))
    assert isinstance(event, CheckReport)
    told = {(check.name, check.state.value) for check in event.checks}
    assert told == {("image", expected), ("Image of the shop", expected)}


@pytest.mark.parametrize(
    "links",
    [
        None,
        {},
        {"commit": None},
        {"commit": {"href": COMMIT}},
        {"commit": {"href": f"https://api.example/commit/{COMMIT[:7]}"}},
        {"commit": {"href": f"https://api.example/commit/{COMMIT}\n"}},
        {"commit": {"href": f"https://api.example/?commit=/commit/{COMMIT}"}},
        {"commit": {"href": f"ext::sh -c id /commit/{COMMIT}"}},
    ],
)
def test_a_build_of_no_commit_is_refused(links: object) -> None:
    payload = BITBUCKET.report()
    payload["commit_status"] |= {"commit": None, "links": links}
    with pytest.raises(BadShape, match="commit"):
        Bitbucket().parse(BITBUCKET.delivery(payload, event="repo:commit_status_created"))


@pytest.mark.parametrize("changes", [None, {}, [None], [{"new": None}], [[]], "x"])
def test_changes_of_another_shape_are_refused(changes: object) -> None:
    payload = BITBUCKET.push()
    payload["push"]["changes"] = changes
    with pytest.raises(BadShape, match="changes"):
        Bitbucket().parse(BITBUCKET.delivery(payload))


@pytest.mark.parametrize(
    ("actor", "pusher"),
    [
        ({"username": "bob"}, "bob"),
        ({"display_name": "Bob B."}, "Bob B."),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_who_pushed_has_many_names(actor: object, pusher: str) -> None:
    event = Bitbucket().parse(BITBUCKET.delivery({**BITBUCKET.push(), "actor": actor}))
    assert isinstance(event, TagPush)
    assert event.pusher == pusher
