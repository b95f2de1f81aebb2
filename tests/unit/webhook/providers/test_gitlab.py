from __future__ import annotations

from dataclasses import replace

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import HOOK_SECRET, OTHER_SECRET
from tests.unit.webhook.hosts import (
    GITLAB,
    GITLAB_SIGNED,
    OTHER_SIGNING_KEY,
    SIGNING_KEY,
    dump,
)
from webhook.providers.events import BadSecret, BadSignature, Ignored
from webhook.providers.gitlab import GitLab

TOKEN = Secret(HOOK_SECRET)
KEY = Secret(SIGNING_KEY)


def test_a_plain_token_counts_for_nothing_where_a_signing_token_is_configured() -> None:
    delivery = GITLAB.delivery(secret=SIGNING_KEY)
    with pytest.raises(BadSignature):
        GitLab().verify(delivery, [KEY])


def test_a_signature_holds_whatever_token_comes_along() -> None:
    GitLab().verify(GITLAB_SIGNED.delivery(**{"X-Gitlab-Token": "whatever"}), [KEY])


def test_a_signature_counts_for_nothing_where_a_token_is_configured() -> None:
    with pytest.raises(BadSignature):
        GitLab().verify(GITLAB_SIGNED.delivery(), [TOKEN])


def test_a_token_that_is_not_ascii_is_compared_byte_by_byte() -> None:
    secret = "pässwörd-of-the-shop"
    GitLab().verify(GITLAB.delivery(secret=secret), [Secret(secret)])
    with pytest.raises(BadSignature):
        GitLab().verify(GITLAB.delivery(secret="password-of-the-shop"), [Secret(secret)])


@pytest.mark.parametrize("token", ["", HOOK_SECRET[:-1], HOOK_SECRET + "x", HOOK_SECRET.upper(), "é", "☃"])
def test_another_token_is_refused(token: str) -> None:
    delivery = GITLAB.delivery()
    other = replace(delivery, headers={**delivery.headers, "X-Gitlab-Token": token})
    with pytest.raises(BadSignature):
        GitLab().verify(other, [TOKEN])


def test_tokens_and_signing_tokens_are_not_mixed() -> None:
    GitLab().check_secrets([TOKEN, Secret(OTHER_SECRET)])
    GitLab().check_secrets([KEY, Secret(OTHER_SIGNING_KEY)])
    with pytest.raises(BadSecret, match="take them out"):
        GitLab().check_secrets([TOKEN, KEY])


def test_a_signing_token_that_is_no_base64_is_refused_at_start() -> None:
    with pytest.raises(BadSecret, match="base64"):
        GitLab().check_secrets([Secret("whsec_not base64 at all!")])


def test_the_id_that_stays_the_same_over_retries_is_preferred() -> None:
    both = {"Idempotency-Key": "same", "X-Gitlab-Event-UUID": "each-time-another"}
    body = dump(GITLAB.push())
    assert GitLab().parse(GITLAB.delivery(body, identity="same", **both)).delivery == "same"
    assert GitLab().parse(GITLAB.delivery(body, identity="", **both)).delivery == "same"
    old = {"Idempotency-Key": "", "X-Gitlab-Event-UUID": "of-an-old-version"}
    assert GitLab().parse(GITLAB.delivery(body, identity="", **old)).delivery == "of-an-old-version"


@pytest.mark.parametrize("event", ["Push Hook", "System Hook", "Pipeline Hook", "Job Hook", "tag push hook"])
def test_a_body_of_a_tag_under_another_event_starts_nothing(event: str) -> None:
    told = GitLab().parse(GITLAB.delivery(event=event))
    assert isinstance(told, Ignored)
    assert event in told.reason


def test_a_branch_in_a_body_that_says_tag_starts_nothing() -> None:
    payload = {**GITLAB.push(), "ref": "refs/heads/v1-blue"}
    assert isinstance(GitLab().parse(GITLAB.delivery(payload)), Ignored)
