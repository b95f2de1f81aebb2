"""Bitbucket Cloud's words of CI: the status of a build.

It is a check by its key, which Bitbucket knows it by, and by its name, which people see.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from release.ci import CheckState
from webhook.providers.checks import Moment, find_state, report
from webhook.providers.events import BadShape, Event
from webhook.providers.payload import Commit, Part, Repository, read_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_EVENTS: Final = frozenset({"repo:commit_status_created", "repo:commit_status_updated"})
STATES: Final[Mapping[str, CheckState | None]] = {
    "SUCCESSFUL": CheckState.PASSED,
    "FAILED": CheckState.FAILED,
    "STOPPED": CheckState.FAILED,
}

_COMMIT_OF_LINK: Final = re.compile(r"https?://[^?#]+/commit/([0-9a-f]{40}|[0-9a-f]{64})")


class _Target(Part):
    hash: Commit


class _Link(Part):
    href: str


class _Links(Part):
    commit: _Link | None = None


class _Status(Part):
    key: str | None = None
    name: str | None = None
    state: str
    created_on: Moment = None
    updated_on: Moment = None
    commit: _Target | None = None
    links: _Links | None = None


class _StatusEvent(Part):
    commit_status: _Status
    repository: Repository


def read_status(data: Mapping[str, object], delivery: str) -> Event:
    """A build by both its names."""
    event = read_shape(_StatusEvent, data, what="build status that Bitbucket sends")
    status = event.commit_status
    state, at = find_state(STATES, status.state), status.updated_on or status.created_on
    said = [(name, state, at) for name in (status.key, status.name)]
    return report(event.repository.full_name, _get_commit(status), said, delivery)


def _get_commit(status: _Status) -> str:
    """The commit; early deliveries name it in a link alone, which is read and never followed.

    Raises:
        BadShape: neither names one.
    """
    if status.commit:
        return status.commit.hash
    link = status.links.commit.href if status.links and status.links.commit else ""
    found = _COMMIT_OF_LINK.fullmatch(link)
    if not found:
        raise BadShape("a build status without its commit")
    return found[1]
