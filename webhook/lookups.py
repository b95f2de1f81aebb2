"""Finding what an address names, or saying that it does not exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from release.problems import Problem
from release.refusals import unknown_app, unknown_release
from release.roles import Action
from release.tag import shown
from webhook.rights import find_apps, is_allowed
from webhook.services import services

if TYPE_CHECKING:
    from release.config import App
    from release.model import Job, Release

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


def find_newest(app: str, *, limit: int) -> list[Release]:
    """The newest releases of an app or, where none is named, of every app that the caller may see."""
    store = services().store
    if app or is_allowed(Action.READ, None):
        return store.releases(app or None, limit=limit)
    found = [one for name in find_apps(Action.READ) for one in store.releases(name, limit=limit)]
    return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)[:limit]


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
