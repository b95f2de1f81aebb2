"""GitHub's words of CI: workflow runs, check suites, check runs, commit statuses.

A pull request of a fork runs in the repository that it asks to merge into, on a commit of the fork. Only
``workflow_run`` tells that: so GitHub Actions are read from it alone, by the workflow's name, and the check
runs and suites of their jobs are not. Those of other apps have no branch where the commit is a fork's, and a
status has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webhook.providers.checks import OF_A_FORK, STATUSES, Moment, find_run_state, find_state, report
from webhook.providers.events import Event, Ignored
from webhook.providers.payload import Commit, Part, Repository, read_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webhook.providers.checks import Reader

OF_ACTIONS: Final = "of GitHub Actions only workflow_run counts, which tells forks apart"
NAMES_OF_ACTIONS: Final = frozenset({"github-actions", "GitHub Actions"})


class _Named(Part):
    name: str


class _Run(Part):
    name: str | None = None
    head_sha: Commit
    head_repository: Repository | None = None
    status: str | None = None
    conclusion: str | None = None
    updated_at: Moment = None


class _WorkflowRun(Part):
    workflow_run: _Run
    workflow: _Named | None = None
    repository: Repository


class _App(Part):
    slug: str | None = None
    name: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Early deliveries have no ``slug``."""
        return frozenset(name for name in (self.slug, self.name) if name)


class _SuiteOfRun(Part):
    head_branch: str | None = None


class _Suite(_SuiteOfRun):
    head_sha: Commit
    status: str | None = None
    conclusion: str | None = None
    updated_at: Moment = None
    app: _App | None = None


class _CheckSuite(Part):
    check_suite: _Suite
    repository: Repository


class _Check(Part):
    name: str
    head_sha: Commit
    status: str
    conclusion: str | None = None
    started_at: Moment = None
    completed_at: Moment = None
    check_suite: _SuiteOfRun | None = None
    app: _App | None = None


class _CheckRun(Part):
    check_run: _Check
    repository: Repository


class _Status(Part):
    sha: Commit
    context: str
    state: str
    branches: list[_Named] | None = None
    updated_at: Moment = None
    repository: Repository


def _read_workflow_run(data: Mapping[str, object], delivery: str) -> Event:
    """By the workflow's name: a run may have a title of its own."""
    event = read_shape(_WorkflowRun, data, what="workflow run that GitHub sends")
    run = event.workflow_run
    if run.head_repository != event.repository:
        return Ignored(OF_A_FORK, delivery)
    name = (event.workflow.name if event.workflow else "") or run.name
    said = (name, find_run_state(run.status, run.conclusion), run.updated_at)
    return report(event.repository.full_name, run.head_sha, [said], delivery)


def _read_check_suite(data: Mapping[str, object], delivery: str) -> Event:
    """By the app's slug and by its name."""
    event = read_shape(_CheckSuite, data, what="check suite that GitHub sends")
    suite, app = event.check_suite, event.check_suite.app or _App()
    if refusal := _find_refusal(app, suite.head_branch):
        return Ignored(refusal, delivery)
    state = find_run_state(suite.status, suite.conclusion)
    said = [(name, state, suite.updated_at) for name in sorted(app.names)]
    return report(event.repository.full_name, suite.head_sha, said, delivery)


def _read_check_run(data: Mapping[str, object], delivery: str) -> Event:
    event = read_shape(_CheckRun, data, what="check run that GitHub sends")
    run, suite = event.check_run, event.check_run.check_suite or _SuiteOfRun()
    if refusal := _find_refusal(run.app or _App(), suite.head_branch):
        return Ignored(refusal, delivery)
    said = (run.name, find_run_state(run.status, run.conclusion), run.completed_at or run.started_at)
    return report(event.repository.full_name, run.head_sha, [said], delivery)


def _read_status(data: Mapping[str, object], delivery: str) -> Event:
    status = read_shape(_Status, data, what="commit status that GitHub sends")
    if not status.branches:
        return Ignored(OF_A_FORK, delivery)
    said = (status.context, find_state(STATUSES, status.state), status.updated_at)
    return report(status.repository.full_name, status.sha, [said], delivery)


def _find_refusal(app: _App, branch: str | None) -> str | None:
    """Why a suite or a run is not read; one of an unknown app may be one of Actions."""
    if app.names & NAMES_OF_ACTIONS:
        return OF_ACTIONS
    return None if branch and app.names else OF_A_FORK


READERS: Final[Mapping[str, Reader]] = {
    "workflow_run": _read_workflow_run,
    "check_suite": _read_check_suite,
    "check_run": _read_check_run,
    "status": _read_status,
}
