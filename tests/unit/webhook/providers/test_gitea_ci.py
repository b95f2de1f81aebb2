from __future__ import annotations

from typing import Any

import pytest

from tests.unit.webhook.hosts import FORGEJO, GITEA, read_sample
from webhook.providers.events import CheckReport, Event, Ignored
from webhook.providers.forgejo import Forgejo
from webhook.providers.gitea import Gitea


def sample(host: str, name: str) -> dict[str, Any]:
    payload: dict[str, Any] = read_sample(host, name)["payload"]
    return payload


def read_run(**given: object) -> Event:
    payload = sample("gitea", "workflow_run")
    payload["workflow_run"] |= given
    return Gitea().parse(GITEA.delivery(payload, event="workflow_run"))


def read_action(event: str, **given: object) -> Event:
    payload = sample("forgejo", "action_run_success")
    payload["run"] |= given
    return Forgejo().parse(FORGEJO.delivery(payload, event=event))


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "pull_request_sync"])
def test_a_run_for_a_pull_request_may_be_a_forks(event: str) -> None:
    told = read_run(event=event)
    assert isinstance(told, Ignored)
    assert "fork" in told.reason


def test_a_run_that_names_where_its_commit_is_from_is_believed() -> None:
    assert isinstance(read_run(event="pull_request", head_repository={"full_name": "acme/shop"}), CheckReport)
    assert isinstance(read_run(event="push", head_repository={"full_name": "mallory/shop"}), Ignored)


def test_a_workflow_without_a_name_is_known_by_its_file() -> None:
    payload = sample("gitea", "workflow_run")
    payload["workflow"]["name"] = ""
    event = Gitea().parse(GITEA.delivery(payload, event="workflow_run"))
    assert isinstance(event, CheckReport)
    assert event.checks[0].name == "build.yml"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("success", "passed"),
        ("failure", "failed"),
        ("error", "failed"),
        ("warning", "failed"),
        ("pending", "pending"),
    ],
)
def test_a_status_passes_by_success_alone(state: str, expected: str) -> None:
    payload = {**sample("gitea", "status"), "state": state}
    event = Gitea().parse(GITEA.delivery(payload, event="status"))
    assert isinstance(event, CheckReport)
    assert [check.state.value for check in event.checks] == [expected]


@pytest.mark.parametrize("event", ["action_run_success", "action_run_recover", "action_run_failure"])
def test_the_state_of_a_run_at_forgejo_is_its_own_and_not_that_of_the_event(event: str) -> None:
    for status, expected in (("success", "passed"), ("failure", "failed"), ("cancelled", "failed")):
        told = read_action(event, status=status)
        assert isinstance(told, CheckReport)
        assert [check.state.value for check in told.checks] == [expected]


@pytest.mark.parametrize("is_fork", [True, None])
def test_a_run_at_forgejo_that_may_be_a_forks_counts_for_nothing(is_fork: object) -> None:
    told = read_action("action_run_success", is_fork_pull_request=is_fork)
    assert isinstance(told, Ignored)
    assert "fork" in told.reason
