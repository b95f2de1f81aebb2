"""The page of one release: why it failed, what to do next, its stages as a timeline, its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flask import Response, g, request

from release.model import JobState, StageState
from release.recovery import find_newest
from release.roles import Action
from webhook.differences import look_at_difference, with_sum
from webhook.guard import needs
from webhook.lookups import get_release
from webhook.offers import release_offers
from webhook.output import (
    LINES_SHOWN,
    find_last_lines,
    find_last_seen,
    line_html,
    line_text,
    lines_html,
    parts_of,
)
from webhook.pages import is_part, make_page
from webhook.presentation import position_of, what_it_does
from webhook.rule_offers import offer_under_rules, tell_wait
from webhook.rules_view import look_at_rules
from webhook.services import services
from webhook.standing import stand
from webhook.token_page import pages
from webhook.way_back import find_contract, tell_contract

if TYPE_CHECKING:
    from datetime import datetime

    from release.model import Job, Release, StageRun
    from webhook.output import Read

__all__ = ["pages"]

FIND_LENGTH: Final = 200
SHORT: Final = 1.0
"""Seconds. A shorter wait is not worth a line."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a job's timeline: a wait, or a stage. ``state`` is as of a stage."""

    name: str
    state: str
    words: str
    began: datetime | None = None
    ended: datetime | None = None

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or takes by now."""
        return ((self.ended or now) - self.began).total_seconds() if self.began else None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job on its release's page."""

    job: Job
    doing: str
    marks: tuple[Mark, ...]
    seconds: float
    ahead: int | None = None
    """How many jobs stand before it in its queue, while it waits for its turn."""


@pages.get("/releases/<release_id>")
@needs(Action.READ)
def show_release(release_id: str) -> Response:
    """One release: why it failed, if it did; its stages, output and life. ``?find=`` searches its output."""
    release, store = get_release(release_id), services().store
    jobs, now = store.jobs_of(release.id), services().settings.clock()
    rules = look_at_rules(release, services(), g.caller)
    seen, on_a_color = store.observation(release.app), store.releases_on_a_color(release.app)
    observation = find_newest(seen, on_a_color)
    stands = stand(observation, on_a_color)
    offers = release_offers(release, jobs, stands, warning=_warn_of_contract(release))
    difference = look_at_difference(release, services(), observation=observation)
    return make_page(
        "release",
        release=release,
        jobs=[look_at_job(job, now, ahead=_find_ahead(job)) for job in reversed(jobs)],
        now=now,
        problem=jobs[-1].problem if jobs else None,
        changes=store.changes(release.id),
        rules=rules,
        difference=difference,
        offers=with_sum(
            tell_wait(offer_under_rules(offers, rules), rules.frozen if rules else None), difference
        ),
        **_look_at_output(release.id),
    )


@pages.get("/releases/<release_id>/lines")
@needs(Action.READ)
def show_lines(release_id: str) -> Response:
    """Lines of its output after ``?after=``, for a page that is not told of them."""
    after = find_last_seen(request.args.get("after"))
    return Response(lines_html(services().store.log(get_release(release_id).id, after=after)))


@pages.get("/releases/<release_id>/log.txt")
@needs(Action.READ)
def download_log(release_id: str) -> Response:
    """All of its output as plain text, without what would steer a terminal."""
    release = get_release(release_id)
    text = "".join(line_text(line) for part in parts_of(_reader(release.id)) for line in part)
    answer = Response(text, mimetype="text/plain")
    answer.headers["Content-Disposition"] = f'attachment; filename="{release.app}-{release.id}.txt"'
    return answer


def look_at_job(job: Job, now: datetime, *, ahead: int | None = None) -> JobView:
    """A job as a timeline: what it waited for before its first stage, then its stages."""
    marks = (*_waits(job), *(_mark_of(run) for run in job.stages))
    took = ((job.ended_at or now) - job.created_at).total_seconds()
    return JobView(job, _tell_doing(job, now), marks, took, ahead)


def _tell_doing(job: Job, now: datetime) -> str:
    """Beside its kind: which of its stages runs is told by their line below."""
    if job.state is not JobState.RUNNING:
        return what_it_does(job, now)
    number = f", stage {job.stage_index + 1} of {len(job.stages)}" if len(job.stages) > 1 else ""
    return f"running{number}"


def _find_ahead(job: Job) -> int | None:
    if job.state is not JobState.WAITING:
        return None
    return position_of(job, services().store.queue(job.queue))


def _waits(job: Job) -> tuple[Mark, ...]:
    """For its turn, which is another trouble than for a worker. One that was short is left out."""
    ends = job.started_at or job.ended_at
    came = job.turn_at or job.started_at
    turn = Mark("its turn", *_wait_state(job, came), job.created_at, job.turn_at or ends)
    worker = Mark("a worker", *_wait_state(job, job.started_at), job.turn_at, ends)
    return tuple(mark for mark in (turn, worker) if _is_worth_a_line(mark))


def _wait_state(job: Job, over: datetime | None) -> tuple[str, str]:
    if over:
        return StageState.PASSED, "waited"
    if job.state.is_over:
        return StageState.CANCELLED, "in vain"
    return StageState.RUNNING, "waits"


def _is_worth_a_line(mark: Mark) -> bool:
    if mark.began is None:
        return False
    return mark.ended is None or (mark.ended - mark.began).total_seconds() >= SHORT


def _mark_of(run: StageRun) -> Mark:
    return Mark(run.stage, run.state, run.state, run.started_at, run.ended_at)


def _look_at_output(release_id: str) -> dict[str, object]:
    """The last lines of its output, or of those that were searched for. A part of the page has none of it."""
    if is_part():
        return {}
    wanted = request.args.get("find", "").strip()[:FIND_LENGTH]
    lines, last = find_last_lines(_reader(release_id), wanted)
    shown = [line_html(line) for line in lines]
    return {"lines": shown, "last_line": last, "wanted": wanted, "most_lines": LINES_SHOWN}


def _reader(release_id: str) -> Read:
    return lambda after: services().store.log(release_id, after=after)


def _warn_of_contract(release: Release) -> str:
    """Why a release's code may not work any more; empty where nothing speaks against it."""
    app = services().config.find_app(release.app)
    if app is None or not app.has_migration:
        return ""
    contract = find_contract(release, services().store.releases(release.app))
    return f"Not safe: {tell_contract(contract)}." if contract else ""
