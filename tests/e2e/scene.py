"""The web process over a real queue, and a hand that plays the workers: no cluster, no Celery."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import fakeredis
from werkzeug.serving import make_server

from release.jobs import NewJob, NewRelease
from release.model import VERDIGRIS, Actor, Color, JobKind, StageState, State
from release.observation import ColorObservation, Observation
from release.problems import ProblemDocument
from release.queue import Queue, Timing
from release.records import Move
from release.requests import Requests
from release.store import Store
from tests.unit.webhook.fakes import COMMIT, KEY, OCTOCAT, REPOSITORY, make_app, make_config
from webhook.application import create_app
from webhook.services import WebSettings
from webhook.tickets import issue_ticket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask

    from release.model import Job, Release
    from release.records import Offer

HOUR = 3_600_000
CRASH = ProblemDocument(
    "crash-loop",
    "The container keeps crashing",
    "shop: pod shop-green-7d4b9c ended 3 times, the last time with exit code 1: no such table: orders",
    "mend it and push a new tag, or run `verdigris retry` once the database is there",
)


class NoCelery:
    """Offers stay in Redis, where ``Scene`` takes them from."""

    def send(self, offer: Offer) -> None:
        """A worker would get it."""

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        """Flower would show it."""

    def close_waiting(self, job_id: str) -> None:
        """Flower would show that it has ended."""


class Scene:
    """What is on the page: asked for as people do, carried out as workers report it."""

    def __init__(self, folder: Path, **rules: object) -> None:
        """``rules`` are fields of the app ``shop`` in the configuration."""
        client = fakeredis.FakeRedis(
            server=fakeredis.FakeServer(), decode_responses=True, encoding_errors="replace"
        )
        shop = {**make_app(REPOSITORY, folder / "shop"), **rules}
        others = {"forum": make_app("acme/forum", folder / "forum")}
        config = make_config(folder, apps={"shop": shop, **others})
        forum = config.apps["forum"].model_copy(update={"queue": "shop"})
        self.config = config.model_copy(update={"apps": {**config.apps, "forum": forum}})
        self.store, self.queue = Store(client), Queue(client, Timing(lease=HOUR, grace=HOUR))
        self.requests = Requests(self.config, self.store, self.queue, NoCelery())
        self.app: Flask = create_app(
            self.config, self.store, self.requests, secret_key=KEY, settings=WebSettings()
        )
        self.url = ""

    def ticket(self, name: str) -> str:
        return issue_ticket(name, key=KEY, clock=lambda: datetime.now(UTC))

    def deploy(self, tag: str, *, app: str = "shop", actor: Actor = OCTOCAT, reason: str = "") -> str:
        """A release that waits in the queue."""
        accepted = self.requests.deploy(app, tag, actor=actor, commit=COMMIT, reason=reason)
        return accepted.release_id or ""

    def release(self, release_id: str) -> Release:
        found = self.store.find_release(release_id)
        assert found
        return found

    def job(self, release_id: str) -> Job:
        """The latest job of a release."""
        return self.store.jobs_of(release_id)[-1]

    def begin(self, release_id: str) -> None:
        """A worker takes the next stage of the release's job."""
        job = self.job(release_id)
        moves = [_step(release_id, State.QUEUED, State.RUNNING)] if job.kind is JobKind.DEPLOY else []
        assert self.queue.claim(job.id, index=job.stage_index, fence=job.fence, owner="hand", moves=moves)

    def say(self, release_id: str, *lines: str) -> None:
        """Output of the stage that runs."""
        job = self.job(release_id)
        assert self.queue.log(job.id, fence=job.fence, subject=release_id, stage=job.stage, lines=lines)

    def end(
        self,
        release_id: str,
        outcome: StageState = StageState.PASSED,
        *moves: Move,
        problem: ProblemDocument | None = None,
    ) -> None:
        job = self.job(release_id)
        self.queue.done(
            job.id, index=job.stage_index, fence=job.fence, outcome=outcome, problem=problem, moves=moves
        )

    def make_ready(self, tag: str, *, app: str = "shop", actor: Actor = OCTOCAT) -> str:
        """A release that passed its four stages; what ran on its color is given up at the second."""
        release_id = self.deploy(tag, app=app, actor=actor)
        for number in range(4):
            self.begin(release_id)
            self.say(release_id, f"stage {number + 1} of {tag}")
            if number == 1:
                self._give_up(release_id)
            done = [_step(release_id, State.RUNNING, State.READY)] if number == 3 else []
            self.end(release_id, StageState.PASSED, *done)
        return release_id

    def fail(self, tag: str, *, app: str = "shop", problem: ProblemDocument = CRASH) -> str:
        """A release whose pods never came up."""
        release_id = self.deploy(tag, app=app)
        self.begin(release_id)
        self.end(release_id)
        self.begin(release_id)
        self._give_up(release_id)
        self.say(release_id, "Traceback (most recent call last):", "no such table: orders " * 20)
        reason = f"{problem.title}: {problem.detail}"
        failed = Move(release_id, frozenset({State.RUNNING}), State.FAILED, VERDIGRIS, reason)
        self.end(release_id, StageState.FAILED, failed, problem=problem)
        return release_id

    def promote(self, release_id: str, *, actor: Actor = OCTOCAT) -> None:
        """Users move to it."""
        app = self.release(release_id).app
        live = [one for one in self.store.releases_on_a_color(app) if one.state is State.LIVE]
        self.requests.promote(app, actor=actor, release_id=release_id)
        self.begin(release_id)
        left = [_step(one.id, State.LIVE, State.STANDBY) for one in live]
        reason = f"promoted by {actor}"
        sources = frozenset({State.READY, State.ROLLED_BACK})
        self.end(release_id, StageState.PASSED, *left, Move(release_id, sources, State.LIVE, actor, reason))

    def bring_hostile(self, tag: str, *, reason: str) -> str:
        """A release that no door lets in, put straight into the queue."""
        release = NewRelease("RHOSTILE", "shop", tag, Color.BLUE, COMMIT, Actor("git", tag), reason)
        job = NewJob(
            id="JHOSTILE",
            app="shop",
            kind=JobKind.DEPLOY,
            queue="shop",
            color=Color.BLUE,
            release_id=release.id,
            tag=tag,
            actor=release.actor,
            reason=reason,
            release=release,
        )
        assert self.queue.accept(job).status == "accepted"
        self.begin(release.id)
        self.say(release.id, tag)
        return release.id

    def observe(self, app: str = "shop", *, live: Color | None = None, **changes: object) -> None:
        """A worker looks at a cluster that runs what our records say; of ``changes``, what it saw else."""
        here = self.store.releases_on_a_color(app)
        current = next((one for one in here if one.state is State.LIVE), None)
        runs = {one.color: _pods(one) for one in here}
        seen = Observation(
            app=app,
            at=datetime.now(UTC),
            live=live or (current.color if current else None),
            blue=runs.get(Color.BLUE, ColorObservation(Color.BLUE, exists=False)),
            green=runs.get(Color.GREEN, ColorObservation(Color.GREEN, exists=False)),
            live_release=current.id if current else None,
            test_route=next((one.color for one in here if one.state is State.READY), None),
        )
        self.store.observe(replace(seen, **changes))  # type: ignore[arg-type]

    def _give_up(self, release_id: str) -> None:
        """As the deploy stage does: what ran on the color can't be switched to any more."""
        job = self.job(release_id)
        for old in self.store.releases_on_a_color(job.app):
            if old.color is job.color:
                target = State.SUPERSEDED if old.state is State.READY else State.RETIRED
                reason = f"replaced on {job.color} by {job.tag}"
                move = Move(old.id, frozenset({old.state}), target, VERDIGRIS, reason)
                assert self.queue.move(job.id, fence=job.fence, moves=[move])


@contextmanager
def playing(folder: Path, **rules: object) -> Iterator[Scene]:
    """A scene whose pages are served."""
    scene = Scene(folder, **rules)
    server = make_server("127.0.0.1", 0, scene.app, threaded=True)
    often = {"poll_interval": 0.02}  # seconds until it hears that it is over
    thread = threading.Thread(target=server.serve_forever, kwargs=often, name="pages", daemon=True)
    thread.start()
    scene.url = f"http://127.0.0.1:{server.port}"
    try:
        yield scene
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def _step(release_id: str, source: State, target: State) -> Move:
    return Move(release_id, frozenset({source}), target, VERDIGRIS, f"now {target}")


def _pods(release: Release) -> ColorObservation:
    return ColorObservation(
        release.color,
        exists=True,
        release=release.id,
        tag=release.tag,
        commit=release.commit,
        replicas=3,
        available=3,
        passed=True,
    )
