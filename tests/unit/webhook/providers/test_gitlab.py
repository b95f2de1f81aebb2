from __future__ import annotations

from dataclasses import replace

import pytest

from release.ci import CheckState
from release.secret import Secret
from tests.unit.webhook.fakes import COMMIT, HOOK_SECRET, OTHER_SECRET
from tests.unit.webhook.hosts import (
    GITLAB,
    GITLAB_SIGNED,
    OTHER_SIGNING_KEY,
    SIGNING_KEY,
    TAG,
    dump,
    read_sample,
)
from webhook.providers.events import BadSecret, BadSignature, CheckReport, Ignored, NewTag, TagPush
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


@pytest.mark.parametrize("event", ["Push Hook", "System Hook", "Job Hook", "tag push hook"])
def test_a_body_of_a_tag_under_another_event_starts_nothing(event: str) -> None:
    told = GitLab().parse(GITLAB.delivery(event=event))
    assert isinstance(told, Ignored)
    assert event in told.reason


@pytest.mark.parametrize(
    ("event", "sample"), [("Pipeline Hook", "tag_push_annotated"), ("Tag Push Hook", "pipeline")]
)
def test_a_header_that_tells_of_something_else_than_the_body_starts_nothing(event: str, sample: str) -> None:
    told = GitLab().parse(GITLAB.delivery(read_sample("gitlab", sample)["payload"], event=event))
    assert isinstance(told, Ignored)
    assert "the body of something else" in told.reason


def test_a_moved_tag_is_told_as_one_whether_it_is_annotated_or_not() -> None:
    for after in (COMMIT, "b8ec69cbb0a4c521d84f6bff2b8788c343e2a9de"):
        payload = {**GITLAB.push(), "before": "1" * 40, "after": after, "commits": [{"id": COMMIT}]}
        event = GitLab().parse(GITLAB.delivery(payload))
        assert isinstance(event, TagPush)
        assert event.tags == (NewTag(TAG, COMMIT, is_move=True),)


@pytest.mark.parametrize(
    ("source", "request_of"),
    [
        ("merge_request_event", None),
        ("external_pull_request_event", None),
        ("push", {"source_project_id": 99, "target_project_id": 7}),
        ("push", {"source_project_id": None, "target_project_id": None}),
        ("push", {}),
    ],
)
def test_a_pipeline_that_may_be_of_a_fork_counts_for_nothing(source: str, request_of: object) -> None:
    payload = GITLAB.report()
    payload["object_attributes"]["source"] = source
    payload["merge_request"] = request_of
    told = GitLab().parse(GITLAB.delivery(payload, event="Pipeline Hook"))
    assert isinstance(told, Ignored)
    assert "fork" in told.reason


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("success", "passed"),
        ("failed", "failed"),
        ("canceled", "failed"),
        ("canceling", "pending"),
        ("created", "pending"),
        ("waiting_for_resource", "pending"),
        ("running", "pending"),
        ("manual", "pending"),
        ("scheduled", "pending"),
    ],
)
def test_a_pipeline_passes_by_success_alone(status: str, state: str) -> None:
    payload = GITLAB.report()
    payload["object_attributes"]["status"], payload["builds"] = status, None
    event = GitLab().parse(GITLAB.delivery(payload, event="Pipeline Hook"))
    assert isinstance(event, CheckReport)
    assert [(check.name, check.state.value) for check in event.checks] == [("pipeline", state)]


def test_a_job_called_as_the_whole_does_not_pass_for_it() -> None:
    payload = GITLAB.report()
    payload["object_attributes"]["status"] = "running"
    payload["builds"] = [{"name": "pipeline", "status": "success"}]
    event = GitLab().parse(GITLAB.delivery(payload, event="Pipeline Hook"))
    assert isinstance(event, CheckReport)
    assert [check.state for check in event.checks] == [CheckState.PENDING]


def test_a_pipeline_of_thousands_of_jobs_is_cut() -> None:
    payload = GITLAB.report()
    payload["builds"] = [{"name": f"job {number}", "status": "success"} for number in range(3000)]
    event = GitLab().parse(GITLAB.delivery(payload, event="Pipeline Hook"))
    assert isinstance(event, CheckReport)
    assert len(event.checks) == 500
    assert event.checks[0].name == "pipeline"


def test_a_branch_in_a_body_that_says_tag_starts_nothing() -> None:
    payload = {**GITLAB.push(), "ref": "refs/heads/v1-blue"}
    assert isinstance(GitLab().parse(GITLAB.delivery(payload)), Ignored)
