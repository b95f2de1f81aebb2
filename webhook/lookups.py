"""Finding what an address names, or saying that it does not exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from release.history import Wanted
from release.problems import Problem
from release.refusals import unknown_app, unknown_release
from release.roles import Action
from release.tag import shown
from webhook.rights import find_apps, is_allowed
from webhook.services import services

if TYPE_CHECKING:
    from release.config import App
    from release.history import ReleasePage
    from release.model import Job, Release
    from webhook.api_parameters import HistoryQuery

ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")
"""What our ids are made of. Anything else never reaches a Redis key."""


def get_app(name: str) -> App:
    """The app of that name.

    Raises:
        Problem: 404.
    """
    app = services().config.find_app(name)
    if app is None:
        raise unknown_app(name)
    return app


def get_release(release_id: str) -> Release:
    """The release of that id.

    Raises:
        Problem: 404.
    """
    release = services().store.find_release(release_id) if ID.fullmatch(release_id) else None
    if release is None:
        raise unknown_release(release_id)
    return release


def find_history(query: HistoryQuery, *, limit: int) -> ReleasePage:
    """A page of the releases that are looked for, among those that the caller may see."""
    apps = [query.app] if query.app else None if is_allowed(Action.READ, None) else find_apps(Action.READ)
    wanted = Wanted(apps=apps, state=query.state, color=query.color, text=query.q.strip())
    return services().store.history.read(wanted, after=query.after or None, limit=limit)


def get_job(job_id: str) -> Job:
    """The job of that id.

    Raises:
        Problem: 404.
    """
    job = services().store.find_job(job_id) if ID.fullmatch(job_id) else None
    if job is None:
        raise Problem(
            "unknown-job",
            "No such job",
            detail=f"no job {shown(job_id)!r} is known",
            next_step="list an app's jobs with `verdigris apps`",
            status=404,
        )
    return job
