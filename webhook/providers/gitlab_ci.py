"""GitLab's words of CI: a pipeline, and each of its jobs.

A pipeline for a merge request of a fork may run in the project that it asks to merge into, on a commit of the
fork. A child pipeline ends before its parent and says nothing of it: only its jobs count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.ci import CheckState
from webhook.providers.checks import OF_A_FORK, Moment, find_state, report
from webhook.providers.events import Event, Ignored
from webhook.providers.payload import Commit, Part, read_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webhook.providers.checks import Said

PIPELINE: Final = "pipeline"
"""The name of the whole, beside those of its jobs."""
CHILD: Final = "parent_pipeline"
OF_MERGE_REQUESTS: Final = frozenset({"merge_request_event", "external_pull_request_event"})
STATES: Final[Mapping[str, CheckState | None]] = {
    "success": CheckState.PASSED,
    "failed": CheckState.FAILED,
    "canceled": CheckState.FAILED,
    "skipped": None,
}
"""All others (created, running, manual, scheduled …) are on their way."""


class _Attributes(Part):
    sha: Commit
    status: str
    source: str | None = None
    created_at: Moment = None
    finished_at: Moment = None


class _MergeRequest(Part):
    source_project_id: int | None = None
    target_project_id: int | None = None


class _Build(Part):
    name: str
    status: str
    created_at: Moment = None
    started_at: Moment = None
    finished_at: Moment = None


class _Project(Part):
    path_with_namespace: str


class _Pipeline(Part):
    object_attributes: _Attributes
    merge_request: _MergeRequest | None = None
    builds: list[_Build] | None = None
    project: _Project


def read_pipeline(data: Mapping[str, object], delivery: str) -> Event:
    """The pipeline as ``pipeline`` and its jobs by their names."""
    event = read_shape(_Pipeline, data, what="pipeline that GitLab sends")
    if _may_be_of_a_fork(event):
        return Ignored(OF_A_FORK, delivery)
    said = [*_read_whole(event.object_attributes), *(_read_build(build) for build in event.builds or ())]
    return report(event.project.path_with_namespace, event.object_attributes.sha, said, delivery)


def _may_be_of_a_fork(event: _Pipeline) -> bool:
    request = event.merge_request
    if request is None:
        return event.object_attributes.source in OF_MERGE_REQUESTS
    return request.source_project_id is None or request.source_project_id != request.target_project_id


def _read_whole(pipeline: _Attributes) -> list[Said]:
    if pipeline.source == CHILD:
        return []
    at = pipeline.finished_at or pipeline.created_at
    return [(PIPELINE, find_state(STATES, pipeline.status), at)]


def _read_build(build: _Build) -> Said:
    at = build.finished_at or build.started_at or build.created_at
    return build.name, find_state(STATES, build.status), at
