from __future__ import annotations

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import COMMIT, HOOK_SECRET, NOW
from tests.unit.webhook.hosts import BITBUCKET_SERVER as HOST
from tests.unit.webhook.hosts import TAG, read_sample
from webhook.providers.bitbucket_server import BitbucketServer
from webhook.providers.events import BadShape, BadSignature, Delivery, Ignored, NewTag, TagPush

PING = {"X-Event-Key": "diagnostics:ping"}


def test_a_test_connection_is_greeted_unsigned_saying_that_nothing_was_checked() -> None:
    greeting = BitbucketServer().greet(Delivery(PING, b'{"test": true}', NOW))
    assert isinstance(greeting, Ignored)
    assert "neither secret nor app was checked" in greeting.reason


def test_a_test_connection_with_a_signature_has_to_be_right() -> None:
    signed = HOST.delivery({"test": True}, event="diagnostics:ping")
    assert BitbucketServer().greet(signed) is None
    BitbucketServer().verify(signed, [Secret(HOOK_SECRET)])
    event = BitbucketServer().parse(signed)
    assert isinstance(event, Ignored)
    assert "diagnostics:ping" in event.reason


def test_only_a_test_connection_is_greeted() -> None:
    for headers in ({}, {"X-Event-Key": "repo:refs_changed"}, {"X-GitHub-Event": "ping"}):
        assert BitbucketServer().greet(Delivery(headers, b"{}", NOW)) is None


@pytest.mark.parametrize("signature", ["", "x", "sha256=", "sha1=" + "a" * 40])
def test_a_hook_without_a_secret_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature):
        BitbucketServer().verify(HOST.delivery(**{"X-Hub-Signature": signature}), [Secret(HOOK_SECRET)])


def test_the_commit_of_one_ref_is_not_given_to_several() -> None:
    payload = read_sample(HOST.provider, "tags_and_branches")["payload"]
    assert payload["toCommit"]["id"] == COMMIT
    event = BitbucketServer().parse(HOST.delivery(payload))
    assert isinstance(event, TagPush)
    assert {tag.commit for tag in event.tags} == {""}


def test_a_tag_that_was_moved_is_told_as_one_and_a_deleted_one_is_not() -> None:
    payload = HOST.push()
    payload["changes"][0]["type"] = "UPDATE"
    event = BitbucketServer().parse(HOST.delivery(payload))
    assert isinstance(event, TagPush)
    assert event.tags == (NewTag(TAG, COMMIT, is_move=True),)
    payload["changes"][0]["type"] = "DELETE"
    assert isinstance(BitbucketServer().parse(HOST.delivery(payload)), Ignored)


def test_a_tag_whose_ref_is_none_starts_nothing() -> None:
    payload = HOST.push()
    payload["changes"][0]["ref"]["id"] = "refs/heads/v1-blue"
    assert isinstance(BitbucketServer().parse(HOST.delivery(payload)), Ignored)


def test_links_of_whatever_shape_are_never_looked_at() -> None:
    payload = HOST.push()
    payload["repository"]["links"] = {"clone": "ext::sh -c id"}
    assert isinstance(BitbucketServer().parse(HOST.delivery(payload)), TagPush)


@pytest.mark.parametrize("project", [None, {}, {"key": 1}, [], "ACME"])
def test_a_project_of_another_shape_is_refused(project: object) -> None:
    payload = HOST.push()
    payload["repository"]["project"] = project
    with pytest.raises(BadShape, match="project"):
        BitbucketServer().parse(HOST.delivery(payload))
