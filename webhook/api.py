"""The HTTP API under ``/api/v1``: who may call it, and what it reads out.

What it changes is in ``api_actions``. Only bearer tokens count here, never a browser's cookie: so no page of
another site can use a signed-in person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, current_app, g, request

from release.attention import find_attention
from release.freezes import find_next_freeze
from release.recovery import find_newest
from release.roles import Action
from webhook import api_answers as answer
from webhook.answers import json_answer, unauthorized
from webhook.api_description import describe, find_description
from webhook.api_parameters import LogQuery, NoQuery, ReleasesQuery, read_query
from webhook.differences import difference_json, look_at_difference
from webhook.guard import Scope, check_rights, needs
from webhook.lookups import find_history, get_app, get_job, get_release
from webhook.missed_tags import look_at_tags
from webhook.presentation import (
    approvals_json,
    change_json,
    countdown_json,
    freeze_json,
    job_json,
    line_json,
    next_freeze_json,
    observation_json,
    position_of,
    release_json,
    rollback_safe_json,
    stop_json,
    tags_json,
    vote_json,
    way_back_json,
)
from webhook.queues import read_queues
from webhook.rights import find_apps, is_allowed
from webhook.rules_view import look_at_rules
from webhook.services import current_sender, services
from webhook.standing import stand
from webhook.way_back import look_back

if TYPE_CHECKING:
    from release.model import Job, Release
    from webhook.access import Caller

api = Blueprint("api", __name__, url_prefix="/api/v1")

BEARER: Final = "bearer "
TOKEN_PARAMETERS: Final = frozenset({"token", "access_token", "api_key", "authorization"})
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@api.before_request
def check_caller() -> None:
    """Only a token in the Authorization header: one in the address would end in logs and histories.

    Raises:
        Problem: 401, in the same words whatever is missing or wrong; 429 for who calls far too often.
    """
    if TOKEN_PARAMETERS & {name.lower() for name in request.args}:
        raise unauthorized()
    caller = _find_caller()
    if caller is None and not (request.method in READING and services().config.public_read):
        raise unauthorized()
    g.caller, g.actor = caller, caller.actor if caller else None
    services().throttle.check_calls(str(g.actor) if caller else None, current_sender())


@api.before_request
def check_query() -> None:
    """Calls without parameters take none. The others read their own.

    Raises:
        Problem: 400.
    """
    found = find_description(current_app.view_functions[str(request.endpoint)])
    if found and found.query is NoQuery:
        read_query(NoQuery, request.args)


api.before_request(check_rights)


def _find_caller() -> Caller | None:
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(BEARER):
        return None
    return services().tokens.find_caller(header[len(BEARER) :].strip())


@api.get("/apps")
@needs(Action.READ, scope=Scope.SEEN)
@describe("apps", answers=answer.Apps)
def list_apps() -> Response:
    """Every app that the caller may see, with what runs where."""
    found: answer.Apps = {"apps": [app_json(name) for name in find_apps(Action.READ)]}
    return json_answer(found)


@api.get("/apps/<name>")
@needs(Action.READ)
@describe("apps", answers=answer.App, refuses=("unknown-app",))
def show_app(name: str) -> Response:
    """One app with its queue and what runs where."""
    get_app(name)
    return json_answer(app_json(name))


@api.get("/apps/<name>/tags")
@needs(Action.READ)
@describe("tags", answers=answer.Tags, refuses=("unknown-app",))
def show_tags(name: str) -> Response:
    """An app's tags that are in Git and were never delivered."""
    get_app(name)
    return json_answer(tags_json(name, look_at_tags(name, services())))


@api.get("/releases")
@needs(Action.READ, scope=Scope.CHOSEN)
@describe("releases", answers=answer.Releases, query=ReleasesQuery, refuses=("unknown-app",))
def list_releases() -> Response:
    """The newest releases first, of apps that the caller may see. Ask again with ``next`` for older ones."""
    query = read_query(ReleasesQuery, request.args)
    if query.app:
        get_app(query.app)
    page = find_history(query, limit=query.limit)
    found: answer.Releases = {
        "releases": [release_json(release) for release in page.releases],
        "next": page.next,
    }
    return json_answer(found)


@api.get("/releases/<release_id>")
@needs(Action.READ)
@describe("releases", answers=answer.ReleaseWithLife, refuses=("unknown-release",))
def show_release(release_id: str) -> Response:
    """One release with its jobs and the steps of its life."""
    release = get_release(release_id)
    store = services().store
    now = services().settings.clock()
    jobs = [job_json(job, now=now, position=find_position(job)) for job in store.jobs_of(release.id)]
    changes = [change_json(change) for change in store.changes(release.id)]
    found: answer.ReleaseWithLife = {
        "release": release_json(release),
        "jobs": jobs,
        "changes": changes,
        "difference": _difference_json(release),
        **_rules_json(release),
    }
    return json_answer(found)


def _difference_json(release: Release) -> answer.Difference | None:
    """What its promote changes; None before a worker has looked, and where no promote comes of it."""
    view = look_at_difference(release, services())
    return difference_json(view) if view else None


def _rules_json(release: Release) -> answer.Rules:
    """What people and rules say to its promote."""
    rules = look_at_rules(release, services(), None)
    if rules is None:
        return {"votes": [], "approvals": None, "countdown": None, "stopped": None}
    return {
        "votes": [vote_json(vote) for vote in rules.votes],
        "approvals": approvals_json(rules.verdict, needed=rules.needed),
        "countdown": countdown_json(rules.countdown) if rules.countdown else None,
        "stopped": stop_json(rules.stop) if rules.stop else None,
    }


@api.get("/releases/<release_id>/log")
@needs(Action.READ)
@describe("releases", answers=answer.Log, query=LogQuery, refuses=("unknown-release",))
def read_log(release_id: str) -> Response:
    """A release's log: lines after ``?after=``. Ask again with ``next`` to follow."""
    return _log_of(get_release(release_id).id)


@api.get("/jobs/<job_id>/log")
@needs(Action.READ)
@describe("jobs", answers=answer.Log, query=LogQuery, refuses=("unknown-job",))
def read_job_log(job_id: str) -> Response:
    """The log that a job writes to: its release's, or its own where no release is known."""
    job = get_job(job_id)
    return _log_of(job.release_id or job.id)


def _log_of(subject: str) -> Response:
    query = read_query(LogQuery, request.args)
    lines = services().store.log(subject, after=query.after, limit=query.limit)
    found: answer.Log = {
        "lines": [line_json(line) for line in lines],
        "next": lines[-1].id if lines else query.after,
    }
    return json_answer(found)


@api.get("/jobs/<job_id>")
@needs(Action.READ)
@describe("jobs", answers=answer.Job, refuses=("unknown-job",))
def show_job(job_id: str) -> Response:
    """One job, with its place in its queue."""
    job = get_job(job_id)
    return json_answer(job_json(job, now=services().settings.clock(), position=find_position(job)))


def app_json(name: str) -> answer.App:
    """One app: what runs, what waits, what can be promoted or rolled back to."""
    store, config, now = services().store, services().config, services().settings.clock()
    app, seen = config.apps[name], store.observation(name)
    on_a_color, queue = store.releases_on_a_color(name), read_queues(name, config, store)
    observation, own = find_newest(seen, on_a_color), [job for _, job in queue if job.app == name]
    standing = stand(observation, on_a_color)
    way_back = look_back(name, services(), standing=standing, queue=own)
    frozen, coming = services().requests.gate.find_freeze(name), find_next_freeze(app.freezes, now)
    return {
        "name": name,
        "repository": app.webhook.repository if app.webhook else None,
        "namespace": app.namespace,
        "observation": observation_json(observation, now=now) if observation else None,
        "attention": find_attention(observation, store.recent_jobs(name), now, queue=own),
        "releases": [release_json(release) for release in on_a_color],
        "can_roll_back_to": way_back_json(way_back),
        "rollback_note": way_back.note,
        "rollback_safe": rollback_safe_json(way_back),
        "freeze": freeze_json(frozen) if frozen else None,
        "next_freeze": next_freeze_json(coming) if coming else None,
        "queue": [
            job_json(job, now=now, position=position)
            for position, job in queue
            if is_allowed(Action.READ, job.app)
        ],
    }


def find_position(job: Job) -> int | None:
    """A job's place in its queue now; None when it is over."""
    return None if job.state.is_over else position_of(job, services().store.queue(job.queue))
