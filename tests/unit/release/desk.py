"""Requests over a Redis of the test's own, with a worker that ends stages as it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from release.loading import parse_config
from release.model import VERDIGRIS, Actor, StageState, State
from release.outbox import Outbox
from release.problems import Problem
from release.records import Move
from release.requests import Requests
from release.transitions import sources_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from release.model import Job, Release
    from release.queue import Queue
    from release.records import Offer
    from release.requests import Accepted
    from release.store import Store

CONFIG = """
apps:
  shop:
    repository: https://git.example.com/acme/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
  docs:
    repository: https://git.example.com/acme/docs.git
    namespace: docs
    image: registry.example.com/docs:{commit}
    migrate_repeatable: true
    queue: shared
    gateway: {address: "http://gateway.example.com"}
  news:
    repository: https://git.example.com/acme/news.git
    namespace: news
    image: registry.example.com/news:{tag}
    when_newer: cancel-queued
    queue: shared
    gateway: {address: "http://gateway.example.com"}
  blog:
    repository: https://git.example.com/acme/blog.git
    namespace: blog
    image: registry.example.com/blog:{tag}
    migrate: [[npm, run, migrate]]
    queue: shared
    gateway: {address: "http://gateway.example.com"}
"""

ANNA = Actor("person", "anna")
GIT = Actor("git", "octocat")


@dataclass
class Sent(Outbox):
    """An outbox that keeps what leaves through it."""

    offers: list[Offer] = field(default_factory=list)
    waiting: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def send(self, offer: Offer) -> None:
        self.offers.append(offer)

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        self.waiting.append((job_id, app, tag, release))

    def close_waiting(self, job_id: str) -> None:
        self.closed.append(job_id)


@dataclass(frozen=True)
class Interrupted:
    """A store after one of whose answers, while its caller still believes in it, something happens."""

    store: Store
    method: str
    happening: Callable[[Any], None]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the store has
        found = getattr(self.store, name)
        return self._answer if name == self.method else found

    def _answer(self, argument: str) -> object:
        answer = getattr(self.store, self.method)(argument)
        self.happening(answer)
        return answer


@dataclass(frozen=True)
class Desk:
    """Requests, with a worker that ends stages as it is told."""

    requests: Requests
    store: Store
    queue: Queue
    sent: Sent

    def job(self, accepted: Accepted) -> Job:
        job = self.store.find_job(accepted.job_id)
        assert job is not None
        return job

    def release(self, accepted: Accepted) -> Release:
        release = self.store.find_release(accepted.release_id or "")
        assert release is not None
        return release

    def claim(self, accepted: Accepted, *moves: Move) -> Job:
        job = self.job(accepted)
        assert self.queue.claim(job.id, index=job.stage_index, fence=job.fence, owner="w", moves=moves)
        return job

    def run(self, accepted: Accepted, *moves: Move, outcome: StageState = StageState.PASSED) -> None:
        """Run the job's stages to the end: to its last one, or to a first one that does not pass."""
        while not self.job(accepted).state.is_over:
            job = self.claim(accepted)
            self.queue.done(job.id, index=job.stage_index, fence=job.fence, outcome=outcome, moves=moves)

    def when(self, method: str, happening: Callable[[Any], None], *, config: str = CONFIG) -> Requests:
        """Requests to which something happens right after a method of the store has answered."""
        store: Any = Interrupted(self.store, method, happening)
        return Requests(parse_config(config, name="verdigris.yml"), store, self.queue, self.sent)

    def deploy(self, tag: str, *, to: State = State.READY, app: str = "shop") -> Accepted:
        """Deploy a tag, and let its release end in a state."""
        accepted = self.requests.deploy(app, tag, actor=GIT, commit="c0ffee")
        release_id = accepted.release_id or ""
        begun, ended = step(release_id, State.RUNNING), step(release_id, to)
        outcome = StageState.FAILED if to is State.FAILED else StageState.PASSED
        self.run(accepted, begun, ended, outcome=outcome)
        return accepted

    def promote(self, accepted: Accepted, *moves: Move) -> Accepted:
        """Move everybody to a release."""
        release = self.release(accepted)
        promoted = self.requests.promote(release.app, actor=ANNA, release_id=release.id)
        self.run(promoted, step(release.id, State.LIVE), *moves)
        return promoted


def step(release_id: str, target: State) -> Move:
    return Move(release_id, sources_of(target), target, VERDIGRIS, f"now {target}")


def refused(slug: str) -> pytest.RaisesExc[Problem]:
    return pytest.raises(Problem, check=lambda problem: problem.document.slug == slug)
