from __future__ import annotations

from typing import Any

import pytest

from release.ci import CheckState
from tests.unit.webhook.hosts import GITHUB, read_sample
from webhook.providers.events import CheckReport, Event, Ignored
from webhook.providers.github import GitHub

FORK = {"full_name": "mallory/shop"}


def sample(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = read_sample("github", name)["payload"]
    return payload


def receive(event: str, payload: dict[str, Any]) -> Event:
    return GitHub().parse(GITHUB.delivery(payload, event=event))


def names_of(event: Event) -> list[str]:
    assert isinstance(event, CheckReport)
    return [check.name for check in event.checks]


@pytest.mark.parametrize("head", [None, FORK, {"full_name": "acme/shop2"}, {"full_name": ""}])
def test_a_run_whose_commit_is_another_repositorys_counts_for_nothing(head: object) -> None:
    payload = sample("workflow_run")
    payload["workflow_run"]["head_repository"] = head
    event = receive("workflow_run", payload)
    assert isinstance(event, Ignored)
    assert "fork" in event.reason


def test_a_run_that_does_not_name_where_its_commit_is_from_counts_for_nothing() -> None:
    payload = sample("workflow_run")
    del payload["workflow_run"]["head_repository"]
    assert isinstance(receive("workflow_run", payload), Ignored)


def test_a_workflow_is_named_by_its_name_and_not_by_the_title_of_a_run() -> None:
    payload = sample("workflow_run")
    payload["workflow_run"]["name"] = "deploy everything"
    assert names_of(receive("workflow_run", payload)) == ["build"]
    payload["workflow"] = None
    assert names_of(receive("workflow_run", payload)) == ["deploy everything"]


def test_a_skipped_run_says_nothing() -> None:
    payload = sample("workflow_run")
    payload["workflow_run"]["conclusion"] = "skipped"
    assert isinstance(receive("workflow_run", payload), Ignored)


@pytest.mark.parametrize("branch", [None, ""])
@pytest.mark.parametrize("event", ["check_run", "check_suite"])
def test_a_check_of_no_branch_may_be_a_forks(event: str, branch: str | None) -> None:
    payload = sample(event)
    suite = payload["check_suite"] if event == "check_suite" else payload["check_run"]["check_suite"]
    suite["head_branch"] = branch
    told = receive(event, payload)
    assert isinstance(told, Ignored)
    assert "fork" in told.reason


def test_a_check_run_without_its_suite_may_be_a_forks() -> None:
    payload = sample("check_run")
    payload["check_run"]["check_suite"] = None
    assert isinstance(receive("check_run", payload), Ignored)


@pytest.mark.parametrize("app", [{"slug": "github-actions"}, {"name": "GitHub Actions"}])
@pytest.mark.parametrize("event", ["check_run", "check_suite"])
def test_what_actions_do_is_read_from_workflow_runs_alone(event: str, app: dict[str, str]) -> None:
    payload = sample(event)
    payload[event]["app"] = app
    told = receive(event, payload)
    assert isinstance(told, Ignored)
    assert "workflow_run" in told.reason


@pytest.mark.parametrize("app", [None, {}, {"slug": ""}])
@pytest.mark.parametrize("event", ["check_run", "check_suite"])
def test_a_check_of_an_unknown_app_counts_for_nothing(event: str, app: object) -> None:
    payload = sample(event)
    payload[event]["app"] = app
    assert isinstance(receive(event, payload), Ignored)


def test_a_suite_that_has_not_begun_is_waited_for() -> None:
    payload = sample("check_suite")
    payload["check_suite"] |= {"status": None, "conclusion": None}
    event = receive("check_suite", payload)
    assert isinstance(event, CheckReport)
    assert {check.state for check in event.checks} == {CheckState.PENDING}


def test_a_check_run_that_runs_has_the_time_at_which_it_began() -> None:
    payload = sample("check_run")
    payload["check_run"] |= {"status": "in_progress", "conclusion": None, "completed_at": None}
    event = receive("check_run", payload)
    assert isinstance(event, CheckReport)
    assert event.checks[0].at
    assert event.checks[0].at.isoformat() == "2026-01-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("state", "expected"),
    [("success", "passed"), ("failure", "failed"), ("error", "failed"), ("pending", "pending")],
)
def test_a_status_is_known_by_its_context(state: str, expected: str) -> None:
    event = receive("status", {**sample("status"), "state": state})
    assert isinstance(event, CheckReport)
    assert [(check.name, check.state.value) for check in event.checks] == [("ci/pipeline", expected)]


@pytest.mark.parametrize("branches", [[], None])
def test_a_status_of_no_branch_may_be_a_forks(branches: object) -> None:
    assert isinstance(receive("status", {**sample("status"), "branches": branches}), Ignored)
