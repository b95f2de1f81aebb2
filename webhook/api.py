"""The HTTP API under ``/api/v1``: who may call it, and what it reads out.

What it changes is in ``api_actions``. Only bearer tokens count here, never a browser's cookie: so no page of
another site can use a signed-in person.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, g, request

from release.model import Actor
from release.problems import Problem
from webhook.answers import json_answer, unauthorized
from webhook.lookups import get_app, get_job, get_release
from webhook.offers import stand
from webhook.presentation import (
    change_json,
    job_json,
    line_json,
    observation_json,
    position_of,
    release_json,
    rollback_safe_json,
    way_back_json,
)
from webhook.queues import read_queues
from webhook.services import services
from webhook.way_back import look_back

if TYPE_CHECKING:
    from release.model import Job

api = Blueprint("api", __name__, url_prefix="/api/v1")

BEARER: Final = "bearer "
TOKEN_PARAMETERS: Final = frozenset({"token", "access_token", "api_key", "authorization"})
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LINE_ID: Final = re.compile(r"[0-9]{1,19}(-[0-9]{1,19})?")
MOST_RELEASES: Final = 200
MOST_LINES: Final = 1000


@api.before_request
def check_caller() -> None:
    """Only a token in the Authorization header: one in the address would end in logs and histories.

    Raises:
        Problem: 401, in the same words whatever is missing or wrong.
    """
    if TOKEN_PARAMETERS & {name.lower() for name in request.args}:
        raise unauthorized()
    name = _find_caller()
    if name is None and not (request.method in READING and services().config.public_read):
        raise unauthorized()
    g.actor = Actor("token", name) if name else None


def _find_caller() -> str | None:
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(BEARER):
        return None
    return services().tokens.find_name(header[len(BEARER) :].strip())


@api.get("/apps")
def list_apps() -> Response:
    """Every app with what runs where."""
    return json_answer({"apps": [app_json(name) for name in services().config.apps]})


@api.get("/apps/<name>")
def show_app(name: str) -> Response:
    """One app with its queue and what runs where."""
    get_app(name)
    return json_answer(app_json(name))


@api.get("/releases")
def list_releases() -> Response:
    """The newest first; ``?app=`` for one app's, ``?limit=`` for how many."""
    app = request.args.get("app")
    if app is not None:
        get_app(app)
    limit = _get_number("limit", default=50, most=MOST_RELEASES)
    found = services().store.releases(app, limit=limit)
    return json_answer({"releases": [release_json(release) for release in found]})


@api.get("/releases/<release_id>")
def show_release(release_id: str) -> Response:
    """One release with its jobs and the steps of its life."""
    release = get_release(release_id)
    store = services().store
    jobs = [job_json(job, position=find_position(job)) for job in store.jobs_of(release.id)]
    changes = [change_json(change) for change in store.changes(release.id)]
    return json_answer({"release": release_json(release), "jobs": jobs, "changes": changes})


@api.get("/releases/<release_id>/log")
def read_log(release_id: str) -> Response:
    """Lines after ``?after=``; ask again with ``next`` to follow."""
    return _log_of(get_release(release_id).id)


@api.get("/jobs/<job_id>/log")
def read_job_log(job_id: str) -> Response:
    """The log that a job writes to: its release's, or its own where no release is known."""
    job = get_job(job_id)
    return _log_of(job.release_id or job.id)


def _log_of(subject: str) -> Response:
    after = request.args.get("after", "0")
    if not LINE_ID.fullmatch(after):
        raise _bad_parameter("after", "the id of a line, as an earlier answer's next")
    limit = _get_number("limit", default=MOST_LINES, most=MOST_LINES)
    lines = services().store.log(subject, after=after, limit=limit)
    return json_answer(
        {"lines": [line_json(line) for line in lines], "next": lines[-1].id if lines else after}
    )


@api.get("/jobs/<job_id>")
def show_job(job_id: str) -> Response:
    """One job, with its place in its queue."""
    job = get_job(job_id)
    return json_answer(job_json(job, position=find_position(job)))


def app_json(name: str) -> dict[str, Any]:
    """One app: what runs, what waits, what can be promoted or rolled back to."""
    store, config, now = services().store, services().config, services().settings.clock()
    app, observation = config.apps[name], store.observation(name)
    on_a_color, queue = store.releases_on_a_color(name), read_queues(name, services())
    standing = stand(observation, on_a_color)
    way_back = look_back(name, services(), standing=standing, queue=[job for _, job in queue])
    return {
        "name": name,
        "repository": app.webhook.repository if app.webhook else None,
        "namespace": app.namespace,
        "observation": observation_json(observation, now=now) if observation else None,
        "releases": [release_json(release) for release in on_a_color],
        "can_roll_back_to": way_back_json(way_back),
        "rollback_note": way_back.note,
        "rollback_safe": rollback_safe_json(way_back),
        "queue": [job_json(job, position=position) for position, job in queue],
    }


def find_position(job: Job) -> int | None:
    """A job's place in its queue now; None when it is over."""
    return None if job.state.is_over else position_of(job, services().store.queue(job.queue))


def _get_number(name: str, *, default: int, most: int) -> int:
    text = request.args.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= most:
        raise _bad_parameter(name, f"a number from 1 to {most}")
    return int(text)


def _bad_parameter(name: str, wanted: str) -> Problem:
    return Problem(
        "bad-parameter",
        "A parameter of the address is wrong",
        detail=f"{name} must be {wanted}",
        next_step=f"correct {name} or leave it out",
        status=HTTPStatus.BAD_REQUEST,
    )
