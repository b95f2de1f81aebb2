"""Gitea's words of CI, commit statuses and workflow runs, and Forgejo's, runs that have ended.

Runs for pull requests may be a fork's. A status does not tell what it ran for: Actions of both hosts say it
in the name, ``… (push)`` or ``… (pull_request)``, and the configuration chooses by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.ci import CheckState
from webhook.providers.checks import OF_A_FORK, STATUSES, Moment, find_run_state, find_state, report
from webhook.providers.events import Event, Ignored
from webhook.providers.payload import Commit, Part, Repository, read_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webhook.providers.checks import Reader


RUNS: Final[Mapping[str, CheckState | None]] = {
    "success": CheckState.PASSED,
    "failure": CheckState.FAILED,
    "cancelled": CheckState.FAILED,
    "skipped": None,
}
"""Of Forgejo's runs."""


class _Status(Part):
    sha: Commit
    context: str
    state: str
    created_at: Moment = None
    updated_at: Moment = None
    repository: Repository


class _Workflow(Part):
    id: str | None = None
    name: str | None = None


class _Run(Part):
    head_sha: Commit
    head_repository: Repository | None = None
    event: str
    status: str
    conclusion: str | None = None
    started_at: Moment = None
    completed_at: Moment = None


class _WorkflowRun(Part):
    workflow: _Workflow
    workflow_run: _Run
    repository: Repository


class _ForgejoRun(Part):
    workflow_id: str
    commit_sha: Commit
    is_fork_pull_request: bool | None = None
    status: str
    stopped: Moment = None
    updated: Moment = None
    repository: Repository


class _ForgejoEvent(Part):
    run: _ForgejoRun


def _read_status(data: Mapping[str, object], delivery: str) -> Event:
    status = read_shape(_Status, data, what="commit status that Gitea sends")
    said = (status.context, find_state(STATUSES, status.state), status.updated_at or status.created_at)
    return report(status.repository.full_name, status.sha, [said], delivery)


def _read_workflow_run(data: Mapping[str, object], delivery: str) -> Event:
    """By the workflow's name, which is its file's where it has none."""
    event = read_shape(_WorkflowRun, data, what="workflow run that Gitea sends")
    run = event.workflow_run
    is_for_a_pull_request = run.event.startswith("pull_request")
    if run.head_repository != event.repository and (run.head_repository or is_for_a_pull_request):
        return Ignored(OF_A_FORK, delivery)
    name = event.workflow.name or event.workflow.id
    said = (name, find_run_state(run.status, run.conclusion), run.completed_at or run.started_at)
    return report(event.repository.full_name, run.head_sha, [said], delivery)


def _read_action_run(data: Mapping[str, object], delivery: str) -> Event:
    """By the name of the workflow's file."""
    run = read_shape(_ForgejoEvent, data, what="run that Forgejo sends").run
    if run.is_fork_pull_request is not False:
        return Ignored(OF_A_FORK, delivery)
    said = (run.workflow_id, find_state(RUNS, run.status), run.stopped or run.updated)
    return report(run.repository.full_name, run.commit_sha, [said], delivery)


GITEA: Final[Mapping[str, Reader]] = {"status": _read_status, "workflow_run": _read_workflow_run}
FORGEJO: Final[Mapping[str, Reader]] = {
    "status": _read_status,
    "action_run_success": _read_action_run,
    "action_run_recover": _read_action_run,
    "action_run_failure": _read_action_run,
}
