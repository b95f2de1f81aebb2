"""How much longer a page takes with 200 apps and 20,000 releases than with 2 and 20, side by side.

Two Redis servers, each with a web process' application on top of it, asked by turns as a browser asks that is
signed in. What is measured is the server's own time, from the request to the last byte of the answer. Between
two samples a worker looks at every app, as it does every ten seconds, and sees nothing new.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import structlog

from bench.measure import Result, Row, by_turns, run, timed
from release.clock import utc_now
from release.config import App, Config, Gateway
from release.jobs import NewJob, NewRelease
from release.model import VERDIGRIS, Actor, Color, JobKind, StageState, State
from release.observation import ColorObservation, Observation
from release.problems import ProblemDocument
from release.queue import Queue, Timing
from release.records import Move
from release.redis_access import connect
from release.requests import Requests
from release.secret import Secret
from release.store import Store
from sandbox.datastore import start_redis
from webhook.application import create_app
from webhook.services import WebSettings
from webhook.tickets import issue_ticket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from release.records import Offer

GOAL: Final = 1.5
FIRST_VIEW: Final = 100_000
"""Bytes of a first view of all apps, as they are sent."""

FILES: Final = (
    *("style.css", "live.js", "filter.js"),
    *("vendor/htmx.min.js", "vendor/sse.min.js", "vendor/idiomorph-ext.min.js"),
)
HOUR: Final = 3_600_000
KEY: Final = Secret("a key that only this bench knows, 32+")
HOST: Final = Actor("git", "octocat")
PAGES: Final = {
    "all apps": "/",
    "one app": "/apps/app-001",
    "history": "/history",
    "one release": "/releases/live001",
}
GONE: Final = ProblemDocument("cancelled", "Cancelled", "app: cancelled", "push a new tag")


class Nobody:
    """No Celery: nothing runs here."""

    def send(self, offer: Offer) -> None:
        """A worker would get it."""

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        """Flower would show it."""

    def close_waiting(self, job_id: str) -> None:
        """The same."""


@dataclass(frozen=True)
class Site:
    """One installation, and a browser that is signed in."""

    config: Config
    store: Store
    browser: FlaskClient

    def look(self) -> None:
        """What a worker does every ten seconds."""
        for app in self.config.apps:
            observe(self.store, app)

    def open(self, path: str) -> bytes:
        """The page, which has to be there."""
        answer = self.browser.get(path)
        if answer.status_code != 200:  # noqa: PLR2004 -- nothing else is a page
            raise RuntimeError(f"{path} answered {answer.status_code}")
        content: bytes = answer.data
        return content

    def measure(self, path: str) -> float:
        """Milliseconds that it takes."""
        self.look()
        return 1000 * timed(partial(self.open, path))


def make_config(apps: int) -> Config:
    """Apps that differ by name alone."""
    gateway = Gateway(address="http://127.0.0.1:8081")
    app = App(
        repository="https://git.example/app.git",
        namespace="app",
        image="registry.example/app:{tag}",
        gateway=gateway,
        migrate=[["migrate"]],
    )
    return Config(apps={f"app-{number:03}": app for number in range(1, apps + 1)})


def observe(store: Store, app: str) -> None:
    """Green is live, and blue runs beside it."""
    number = app.rpartition("-")[2]
    green = ColorObservation(Color.GREEN, True, f"live{number}", "v2.0-green", "c0ffee", 2, 2)  # noqa: FBT003 -- exists
    blue = ColorObservation(Color.BLUE, True, f"standby{number}", "v1.0-blue", "c0ffee", 2, 2)  # noqa: FBT003 -- exists
    store.observe(Observation(app, datetime.now(UTC), Color.GREEN, blue, green, f"live{number}"))


def fill(store: Store, queue: Queue, config: Config, releases: int) -> None:
    """Each app's past, then what runs now."""
    each = releases // len(config.apps)
    for app in config.apps:
        number = app.rpartition("-")[2]
        for old in range(each - 2):
            accept(queue, app, f"old{number}x{old}", f"v0.{old}-blue")
            queue.cancel(f"jobold{number}x{old}", actor=HOST, problem=GONE, moves=[leave(number, old)])
        make(store, queue, app, f"standby{number}", "v1.0-blue", State.STANDBY)
        make(store, queue, app, f"live{number}", "v2.0-green", State.LIVE)


def leave(number: str, old: int) -> Move:
    """The end of a release that nothing came of."""
    return Move(f"old{number}x{old}", frozenset({State.QUEUED}), State.CANCELLED, HOST, "cancelled")


def accept(queue: Queue, app: str, name: str, tag: str) -> None:
    """A release that waits."""
    color = Color(tag.rpartition("-")[2])
    release = NewRelease(name, app, tag, color, "6113728f27ae82c7b1a177c8d03f9e96e0adf246", HOST, "")
    job = NewJob(
        id=f"job{name}",
        app=app,
        kind=JobKind.DEPLOY,
        queue=app,
        color=color,
        release_id=name,
        tag=tag,
        actor=HOST,
        release=release,
    )
    queue.accept(job)


def make(store: Store, queue: Queue, app: str, name: str, tag: str, state: State) -> None:
    """A release on a color, with the output of four stages."""
    accept(queue, app, name, tag)
    for index in range(4):
        job = store.find_job(f"job{name}")
        fence = job.fence if job else 0
        queue.claim(f"job{name}", index=index, fence=fence, owner="bench", moves=[])
        queue.log(f"job{name}", fence=fence, subject=name, stage="deploy", lines=["a line of output"] * 25)
        queue.done(f"job{name}", index=index, fence=fence, outcome=StageState.PASSED, problem=None, moves=[])
    queue.settle([Move(name, frozenset({State.QUEUED}), state, VERDIGRIS, "promoted")])


@contextmanager
def opened(folder: Path, *, apps: int, releases: int) -> Iterator[Site]:
    """An installation of that size."""
    config = make_config(apps)
    with start_redis(folder, append_only=False) as redis:
        client = connect(redis.url, timeout=10)
        store, queue = Store(client), Queue(client, Timing(lease=HOUR, grace=HOUR))
        fill(store, queue, config, releases)
        requests = Requests(config, store, queue, Nobody())
        app = create_app(config, store, requests, secret_key=KEY, settings=WebSettings(), client=client)
        browser = app.test_client()
        browser.get(f"/enter/{issue_ticket('bench', key=KEY, clock=utc_now)}")
        yield Site(config, store, browser)
        client.close()


def measure(samples: int) -> Result:
    """Every page of both, by turns."""
    # What the web process says of each request would stand among the rows.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    rows = []
    with ExitStack() as stack, TemporaryDirectory() as folder:
        small = stack.enter_context(opened(Path(folder, "small"), apps=2, releases=20))
        large = stack.enter_context(opened(Path(folder, "large"), apps=200, releases=20_000))
        for name, path in PAGES.items():
            for site in (small, large):
                site.open(path)  # what is read once is not what is asked
            ours, other = by_turns(
                partial(large.measure, path), partial(small.measure, path), samples=samples
            )
            rows.append(Row(f"page: {name}, 200 apps beside 2", ours, other, "ms", GOAL))
        weight = weigh(large)
    judged = f"a first view of 200 apps is {weight:,} bytes as sent (at most {FIRST_VIEW:,})"
    if weight > FIRST_VIEW:
        raise RuntimeError(judged)
    return Result(tuple(rows), (judged,))


def weigh(site: Site) -> int:
    """Bytes of the page and of all that it asks for."""
    files = (site.browser.get(f"/static/{name}", headers={"Accept-Encoding": "gzip"}) for name in FILES)
    return len(site.open("/")) + sum(len(answer.data) for answer in files)


if __name__ == "__main__":
    run(__doc__, measure)
