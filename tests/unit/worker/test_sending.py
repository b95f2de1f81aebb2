"""The way from an offer to a chain in the broker: ids, queues, arguments, and what may go wrong."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest
import structlog
from celery import Celery
from celery.events.event import get_exchange
from kombu import Queue

from release.model import JobKind, Stage
from release.records import Offer
from worker.sending import (
    BEGUN,
    NEW,
    TAKEN_OVER,
    BackgroundSender,
    Sender,
    chain_of,
    quick_sender,
    waited,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.sending import Notice

STAGES = (Stage.SANITY, Stage.DEPLOY, Stage.MIGRATE, Stage.SMOKE)


def offer(index: int = 0) -> Offer:
    return Offer("job-1", "rel-1", "shop", "v1-blue", JobKind.DEPLOY, STAGES, index, 7)


@pytest.fixture
def broker() -> Iterator[Celery]:
    """An application whose broker is this process' memory."""
    app = Celery("test", broker="memory://", set_as_current=False)
    app.conf.task_send_sent_event = True
    yield app
    app.close()


def received(app: Celery, queue: str) -> list[dict[str, Any]]:
    """The messages in a queue: headers, arguments and what the chain still holds."""
    found = []
    with app.connection_for_read() as connection:
        simple = connection.SimpleQueue(queue)
        while simple.qsize():
            message = simple.get(block=False)
            found.append({"headers": message.headers, "body": json.loads(cast("bytes", message.body))})
            message.ack()
        simple.close()
    return found


def test_a_chain_holds_the_stages_that_are_left(broker: Celery) -> None:
    tasks = cast("Any", chain_of(broker, offer(index=1))).tasks

    assert [task.task for task in tasks] == ["release.deploy", "release.migrate", "release.smoke"]
    for index, task in enumerate(tasks, start=1):
        assert re.fullmatch(rf"rel-1\.{index}-{STAGES[index]}\.f7\.[0-9a-f]{{8}}", task.options["task_id"])
        assert task.options["queue"] == "releases"
        assert task.immutable
        assert task.kwargs == {
            "job": "job-1", "index": index, "fence": 7,
            "release": "rel-1", "app": "shop", "tag": "v1-blue",
        }  # fmt: skip


def test_two_messages_of_one_offer_have_ids_of_their_own(broker: Celery) -> None:
    ids = {cast("Any", chain_of(broker, offer())).tasks[0].options["task_id"] for _ in range(2)}

    assert len(ids) == 2


def test_a_migration_behind_a_decommission_goes_to_the_workers_of_releases(broker: Celery) -> None:
    stages = (Stage.DECOMMISSION, Stage.MIGRATE)
    one = Offer("job-1", "rel-1", "shop", "v1-blue", JobKind.DECOMMISSION, stages, 0, 7)

    tasks = cast("Any", chain_of(broker, one)).tasks

    assert [task.options["queue"] for task in tasks] == ["switches", "releases"]


def test_a_switch_goes_to_the_queue_of_switches(broker: Celery) -> None:
    one = Offer("job-1", None, "shop", "", JobKind.DECOMMISSION, (Stage.DECOMMISSION,), 0, 7)

    task = chain_of(broker, one)

    assert task.options["queue"] == "switches"
    assert task.options["task_id"].startswith("job-1.0-decommission.f7.")


@pytest.mark.parametrize(
    ("index", "attempt", "priorities"),
    [(0, 1, [NEW, BEGUN, BEGUN, BEGUN]), (1, 1, [BEGUN] * 3), (1, 2, [TAKEN_OVER, BEGUN, BEGUN])],
)
def test_a_free_worker_takes_a_lost_stage_first_then_what_was_begun(
    broker: Celery, index: int, attempt: int, priorities: list[int]
) -> None:
    tasks = cast("Any", chain_of(broker, replace(offer(index), attempt=attempt))).tasks

    assert [task.options["priority"] for task in tasks] == priorities


def test_what_is_published_is_the_first_stage_with_the_rest_behind_it(broker: Celery) -> None:
    Sender(broker).send(offer())

    [message] = received(broker, "releases")
    assert message["headers"]["task"] == "release.sanity"
    _, kwargs, embedded = message["body"]
    assert kwargs["job"] == "job-1"
    assert [task["task"] for task in reversed(embedded["chain"])] == [
        "release.deploy",
        "release.migrate",
        "release.smoke",
    ]


@pytest.fixture
def nowhere() -> str:
    """A Redis address that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{free.getsockname()[1]}/0"


def test_a_broker_that_is_away_is_no_error_and_given_up_soon(nowhere: str) -> None:
    sender = quick_sender(nowhere)
    began = time.monotonic()

    with structlog.testing.capture_logs() as logged:
        sender.send(offer())
        sender.close_waiting("job-1")

    assert time.monotonic() - began < 15
    assert [entry["event"] for entry in logged] == [
        "publishing failed; a worker sends it again",
        "an event for Flower was not sent",
    ]
    assert logged[0]["job"] == "job-1"


def test_a_refusal_of_the_broker_is_no_error_either() -> None:
    """``OOM``, ``READONLY``, ``MISCONF``: kombu lets them through as they are."""

    class Full:
        def signature(self, *_: object, **__: object) -> None:
            raise ValueError("OOM command not allowed")

    with structlog.testing.capture_logs() as logged:
        Sender(cast("Celery", Full())).send(offer())

    assert logged[0]["error"] == "OOM command not allowed"


@dataclass
class SlowSender:
    """A sender that is held up until a test lets it go."""

    go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    done: list[str] = field(default_factory=list)
    broken: bool = False

    def send(self, one: Offer) -> None:
        self.begun.set()
        self.go.wait(10)
        self.done.append(f"send {one.job_id}")

    def tell(self, notices: Sequence[Notice]) -> None:
        self.done.append(" + ".join(f"{one.kind} {one.task_id}" for one in notices))


def test_nobody_waits_for_the_background_sender() -> None:
    slow = SlowSender()
    background = BackgroundSender(cast("Sender", slow))

    background.send(offer())
    assert slow.begun.wait(10)
    background.show_waiting("job-1", app="shop", tag="v1-blue", release="release-1")
    background.close_waiting("job-1")

    assert slow.done == []
    slow.go.set()
    background.close(timeout=10)
    assert slow.done == ["send job-1", "task-sent job-1.waiting + task-succeeded job-1.waiting"]


def test_flower_knows_what_waits_before_its_turn_comes() -> None:
    quick = SlowSender()
    quick.go.set()
    background = BackgroundSender(cast("Sender", quick))

    background.show_waiting("job-1", app="shop", tag="v1-blue", release="release-1")
    background.send(offer())
    background.close(timeout=10)

    assert quick.done == ["task-sent job-1.waiting", "send job-1"]


def test_what_flower_is_told_goes_out_soon_where_nothing_else_does() -> None:
    quick = SlowSender()
    background = BackgroundSender(cast("Sender", quick))

    for number in range(3):
        background.show_waiting(f"job-{number}", app="shop", tag="v1-blue", release=None)
    until = time.monotonic() + 10
    while not quick.done and time.monotonic() < until:
        background.close_waiting("job-0")

    assert quick.done[0].startswith("task-sent job-0.waiting + task-sent job-1.waiting + task-sent job-2.")
    background.close(timeout=10)


def test_a_bundle_is_one_message_in_which_each_event_has_its_own_time() -> None:
    app = Celery("test", broker="memory://", set_as_current=False)
    first, second = waiting("job-1", app="shop", tag="v1-blue", release="rel-1"), waited("job-2")
    with app.connection_for_read() as connection:
        exchange = get_exchange(connection)
        heard = connection.SimpleQueue(Queue("heard", exchange, routing_key="#"))
        Sender(app).tell([first, second])

        (sent, ended) = heard.get(timeout=10).payload
        heard.close()
    app.close()

    assert (sent["type"], sent["uuid"], sent["timestamp"]) == ("task-sent", "job-1.waiting", first.at)
    assert (sent["name"], sent["queue"], sent["args"]) == ("release.waiting", "shop", "()")
    assert sent["kwargs"] == "{'app': 'shop', 'tag': 'v1-blue', 'release': 'rel-1'}"
    assert (ended["type"], ended["uuid"], ended["timestamp"]) == (
        "task-succeeded",
        "job-2.waiting",
        second.at,
    )


def test_one_thread_publishes_whoever_comes_first() -> None:
    slow = SlowSender()
    slow.go.set()
    background = BackgroundSender(cast("Sender", slow))
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait(10)
        background.send(offer())

    askers = [threading.Thread(target=ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(10)
    publishers = [
        thread for thread in threading.enumerate() if thread.name == "publisher" and thread.is_alive()
    ]
    background.close(timeout=10)

    assert slow.done == ["send job-1"] * 8
    assert len(publishers) == 1


def test_one_that_published_nothing_closes_at_once() -> None:
    BackgroundSender(cast("Sender", SlowSender())).close(timeout=10)


def test_a_close_does_not_wait_for_a_publisher_that_hangs() -> None:
    slow = SlowSender()
    background = BackgroundSender(cast("Sender", slow))
    background.send(offer())
    began = time.monotonic()

    background.close(timeout=0.05)

    assert time.monotonic() - began < 5
    slow.go.set()


def test_what_is_sent_holds_nothing_but_names(broker: Celery) -> None:
    """No secret, no payload, no actor: whoever reads the broker or Flower learns what the page shows."""
    Sender(broker).send(offer(index=3))

    [message] = received(broker, "releases")
    _, kwargs, _ = message["body"]
    assert set(kwargs) == {"job", "index", "fence", "release", "app", "tag"}
