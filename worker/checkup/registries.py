"""Registries, of apps whose releases wait for their image: they answer, and let us look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.image import ImageReference
from release.problems import Problem
from source.registry import find_digest
from worker.checkup.lines import failed, ok
from worker.checkup.running import REQUEST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.config import App
    from worker.checkup.lines import Line

NO_TAG: Final = "v0-verdigris-doctor-blue"
"""A tag that need not be there: the answer "not found" shows as much as an image would."""

NO_COMMIT: Final = "0" * 40


def about_registry(name: str, app: App) -> str:
    """What is looked at, with the app: two of one registry may have two passwords."""
    return f"registry {ImageReference.parse(_image_of(app)).host} for {name}"


def look_at_registry(name: str, app: App, find: Callable[..., str | None] = find_digest) -> list[Line]:
    """Ask it as a waiting release would."""
    about = about_registry(name, app)
    try:
        find(_image_of(app), app.registry, seconds=REQUEST_SECONDS)
    except Problem as problem:
        document = problem.document
        return [failed(about, f"{document.title}: {document.detail}", fix=f"{name}: {document.next_step}")]
    who = app.registry.username or "anybody"
    return [ok(about, f"answers, and lets {who} look for images")]


def _image_of(app: App) -> str:
    return app.image_for(tag=NO_TAG, commit=NO_COMMIT)
