"""The watch over events: what it reads is told once, and nothing that it meets stops it."""

from __future__ import annotations

import time
from itertools import pairwise
from threading import Event
from typing import TYPE_CHECKING, Any

import fakeredis
import pytest
from structlog.testing import capture_logs

from release.config import Config
from release.gate import Gate
from release.jobs import NewJob, NewRelease
from release.model import Actor, Color, JobKind, StageState, State
from release.problems import NotDurable, ProblemDocument
from release.queue import Queue
from release.records import Move
from release.redis_access import key
from release.store import Store
from worker.signal_watch import SignalWatch

if TYPE_CHECKING:
    from release.signal_lines import SignalOffer

ANNA = Actor("person", "anna")
APP = {
    "repository": "https://git.example.com/shop.git",
    "namespace": "shop",
    "image": "registry.example.com/shop:{tag}",
    "gateway": {"address": "http://127.0.0.1:1"},
}
CHAT = {"kind": "slack", "url": {"env": "CHAT_URL"}}


class Scene:
    """A watch over Redis in the test's own process."""

    def __init__(self, **config: Any) -> None:  # noqa: ANN401 -- parts of a configuration
        self.server = fakeredis.FakeServer()
        client = fakeredis.FakeRedis(server=self.server, decode_responses=True, encoding_errors="replace")
        parts = {"channels": {"chat": CHAT}, "apps": {"shop": APP}, **config}
        self.config = Config.model_validate(parts)
        self.client, self.store, self.queue = client, Store(client), Queue(client)
        self.published: list[SignalOffer] = []
        self.watch = self.make()
        self.watch.look(wait=0)

    def make(self, gate: Gate | None = None) -> SignalWatch:
        return SignalWatch(
            self.config,
            self.store,
            queue=self.queue,
            gate=gate or Gate(self.config, self.store),
            publish=self.published.append,
        )

    def accept(self, name: str, app: str = "shop") -> None:
        release = NewRelease(f"R{name}", app, f"v{name}-blue", Color.BLUE, "c0ffee", ANNA, "")
        job = NewJob(
            id=f"J{name}",
            app=app,
            kind=JobKind.DEPLOY,
            queue=app,
            color=Color.BLUE,
            release_id=release.id,
            tag=release.tag,
            actor=ANNA,
            release=release,
        )
        self.queue.accept(job)

    def move(self, name: str, *states: State) -> None:
        for source, target in pairwise(states):
            self.queue.settle([Move(f"R{name}", frozenset({source}), target, ANNA, "")])

    def age(self, job: str, field: str, seconds: int) -> None:
        """Let a time of a job lie so far back."""
        then = int(self.client.hget(key("job", job), field) or 0) - seconds * 1000
        self.client.hset(key("job", job), field, str(then))

    def tell_of_queues(self) -> list[tuple[str, str]]:
        """What is told of jobs that do not go on, and why they do not."""
        for _ in range(2):
            self.watch.look_at_queues()
            self.watch.look(wait=0)
        reasons = [offer.message.signal.reason for offer in self.published]
        return list(zip(self.told(), reasons, strict=True))

    def told(self) -> list[str]:
        """What the published messages say, each taken by its channel."""
        texts = []
        while self.published:
            offer = self.published.pop()
            self.store.signals.note_sent(offer.message.channel, offer.message.id, number=offer.number)
            texts.append(offer.message.signal.what)
            self.watch.look(wait=0)
        return texts


def test_an_event_is_told_once_whoever_looks() -> None:
    scene = Scene()
    other = scene.make()
    scene.accept("1")
    scene.move("1", State.QUEUED, State.RUNNING, State.READY, State.LIVE)

    for watch in (scene.watch, other, scene.watch):
        watch.look(wait=0)

    assert scene.told() == [
        "shop: v1-blue is ready, all stages passed.", "shop: v1-blue is live, every user gets it."
    ]  # fmt: skip


def test_a_release_that_needs_people_says_so() -> None:
    scene = Scene(apps={"shop": {**APP, "promote": {"approvals": 2}}})
    scene.accept("1")
    scene.move("1", State.QUEUED, State.RUNNING, State.READY)
    scene.watch.look(wait=0)

    assert scene.told() == ["shop: v1-blue has passed its stages and waits for 2 approvals."]


def test_a_job_that_failed_is_told_with_its_reason_and_one_that_was_cancelled_is_not() -> None:
    scene = Scene()
    problem = ProblemDocument("late", "It waited too long", "shop: for its image", "push it")
    scene.accept("1")
    scene.queue.cancel("J1", actor=ANNA, problem=problem)
    scene.watch.look(wait=0)
    assert scene.told() == []

    scene.accept("2")
    job = scene.store.find_job("J2")
    assert job
    assert scene.queue.claim("J2", index=0, fence=job.fence, owner="w")
    scene.queue.done("J2", index=0, fence=job.fence, outcome=StageState.FAILED, problem=problem)
    scene.watch.look(wait=0)

    (offer,) = scene.published
    assert offer.message.signal.reason == "It waited too long: shop: for its image"
    assert scene.told() == ["shop: the deploy of v2-blue failed."]


def test_an_app_that_is_not_configured_is_passed_over() -> None:
    scene = Scene()
    scene.accept("1", app="gone")
    scene.move("1", State.QUEUED, State.RUNNING, State.READY, State.LIVE)
    scene.watch.look(wait=0)

    assert scene.told() == []


def test_what_one_event_breaks_does_not_keep_the_next_from_being_told() -> None:
    class Broken(Gate):
        def judge(self, release: Any) -> Any:  # noqa: ANN401 -- nobody gets that far
            raise RuntimeError(release.id)

    scene = Scene()
    scene.watch = scene.make(Broken(scene.config, scene.store))
    scene.accept("1")
    scene.move("1", State.QUEUED, State.RUNNING, State.READY, State.LIVE)
    scene.watch.look(wait=0)

    assert scene.told() == ["shop: v1-blue is live, every user gets it."]


def test_a_job_that_waits_long_for_its_turn_is_told_once() -> None:
    scene = Scene(stuck_after=600)
    scene.accept("1")
    scene.accept("2")
    scene.age("J2", "queued", 590)
    assert scene.tell_of_queues() == []

    scene.age("J2", "queued", 20)

    told = scene.tell_of_queues()
    reason = "it has waited for its turn for 10 min: see what is before it"
    assert told == [("shop: the deploy of v2-blue is stuck in the queue shop.", reason)]
    assert scene.tell_of_queues() == []


def test_a_job_that_no_worker_takes_for_a_minute_is_told_also_where_none_lives() -> None:
    scene = Scene()
    scene.accept("1")
    scene.age("J1", "offered", 50)
    assert scene.tell_of_queues() == []

    scene.age("J1", "offered", 12)

    ((what, why),) = scene.tell_of_queues()
    assert what == "shop: the deploy of v1-blue is stuck in the queue shop."
    assert why.startswith("sanity has waited for a worker for 62 s: all that serve releases are busy")
    assert scene.tell_of_queues() == []


def test_a_job_whose_worker_is_gone_is_told_when_nobody_goes_on() -> None:
    scene = Scene()
    scene.accept("1")
    job = scene.store.find_job("J1")
    assert job
    assert scene.queue.claim("J1", index=0, fence=job.fence, owner="w")
    assert scene.tell_of_queues() == []

    scene.client.zincrby(key("watch"), -20_000, "J1")

    ((_, why),) = scene.tell_of_queues()
    assert why.startswith("the worker of sanity is gone, and for 15 s nobody has offered it to another")
    assert scene.tell_of_queues() == []


def test_events_that_were_cut_unread_are_told_in_the_log_and_with_the_channels() -> None:
    scene = Scene()
    scene.accept("1")
    scene.watch.look(wait=0)
    scene.accept("2")
    scene.client.xtrim(key("events"), maxlen=1, approximate=False)

    with capture_logs() as lines:
        scene.watch.look(wait=0)
        scene.watch.look(wait=0)

    assert [line["event"] for line in lines] == [
        "events were cut before they were read: of some nobody is told"
    ]
    assert scene.store.signals.states(["chat"])[0].dropped_why.startswith("more happened than Redis keeps")


def test_without_redis_a_look_says_so() -> None:
    scene = Scene()
    scene.server.connected = False

    with pytest.raises(NotDurable):
        scene.watch.look(wait=0)
    with pytest.raises(NotDurable):
        scene.watch.look_at_queues()


def test_the_thread_outlives_an_outage_of_redis_and_ends_when_it_is_told_to() -> None:
    scene = Scene()
    scene.server.connected = False
    scene.watch.start()
    scene.server.connected = True
    scene.accept("1")
    scene.move("1", State.QUEUED, State.RUNNING, State.READY)

    until, pause = time.monotonic() + 20, Event()
    while not scene.published:
        assert time.monotonic() < until
        pause.wait(0.02)
    scene.watch.stop()

    assert scene.published[0].message.signal.what == "shop: v1-blue is ready, all stages passed."


def test_one_that_was_never_started_is_stopped_at_once() -> None:
    Scene().watch.stop()
