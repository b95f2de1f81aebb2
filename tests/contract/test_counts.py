"""Numbers for monitoring are exact, outlive who made them, and cost few questions for however many apps."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fakeredis
import pytest

import release.counts
from release.counts import BOUNDS, Counts, QueueLength, Stuck
from release.model import Color, JobKind, Probe, StageState, State
from release.observation import ColorObservation, Observation
from release.problems import NotDurable
from release.records import Move, dump_probe
from release.redis_access import key
from tests.contract.queue_line import ANNA, HOUR, new_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.counts import Numbers
    from release.redis_access import Client
    from tests.contract.queue_line import Line

PROBE = Probe(requests=120, lost=2, first_new=0.0496, last_old=None)


def read(line: Line, *apps: str) -> Numbers:
    return line.store.counts.read(apps=apps or ("shop",), queues=["shared"])


def accept_promote(line: Line, name: str) -> None:
    line.queue.accept(replace(new_job(name, kind=JobKind.PROMOTE, release_id="r-a"), moves=()))


def age(line: Line, job: str, field: str, seconds: float) -> None:
    """Let a time of a job lie so far back."""
    then = int(line.client.hget(key("job", job), field) or 0) - seconds * 1000
    line.client.hset(key("job", job), field, str(int(then)))


def seen(app: str, live: Color | None, *, problem: str = "", ago: float = 0) -> Observation:
    blue, green = (ColorObservation(color, exists=False) for color in Color)
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return Observation(app, at, live, blue, green, problem=problem)


def test_stages_and_steps_of_releases_are_counted_with_the_step(line: Line) -> None:
    line.accept("a")
    line.claim("a", moves=(Move("r-a", frozenset({State.QUEUED}), State.RUNNING, ANNA, "its turn"),))
    line.end("a")
    line.claim("a")
    line.end("a", StageState.FAILED)

    totals = read(line).totals

    assert totals["releases", "shop", "queued"] == totals["releases", "shop", "running"] == 1
    assert totals["stages", "shop", "sanity", "passed"] == totals["stages", "shop", "deploy", "failed"] == 1
    assert sum(value for name, value in totals.items() if name[:2] == ("stage-took", "sanity")) == 1
    assert totals["stage-milliseconds", "sanity"] >= 0


def test_a_stage_is_counted_once_though_its_end_is_told_twice(line: Line) -> None:
    line.accept("a")
    job = line.claim("a")
    for _ in range(2):
        line.queue.done("a", index=0, fence=job.fence, outcome=StageState.PASSED)

    assert read(line).totals["stages", "shop", "sanity", "passed"] == 1


@pytest.mark.parametrize(("took", "bound"), [(90_000, "120000"), (120_001, "300000"), (4_000_000, "more")])
def test_a_duration_is_counted_in_the_first_bound_that_holds_it(line: Line, took: int, bound: str) -> None:
    line.accept("a")
    line.claim("a")
    age(line, "a", "s0.started", took / 1000)
    line.end("a")

    totals = read(line).totals

    (found,) = [name[2] for name in totals if name[:2] == ("stage-took", "sanity")]
    assert str(found).removesuffix(".0") == bound
    assert took <= totals["stage-milliseconds", "sanity"] < took + 60_000


def test_the_bounds_are_those_of_the_scripts() -> None:
    folder = Path(release.counts.__file__).parent / "lua"
    told = re.search(r"local bounds = \{(.*)\}", (folder / "common.lua").read_text(encoding="utf-8"))

    assert told
    assert tuple(int(one) for one in told[1].split(",")) == BOUNDS


def test_what_a_prober_saw_is_counted_when_its_switch_is_over(line: Line) -> None:
    line.accept("a")
    line.finish("a")
    accept_promote(line, "p")
    job = line.claim("p")
    # Given a prober's findings that are kept twice, after a lost answer
    for _ in range(2):
        line.queue.move("p", fence=job.fence, job_fields={"probe": dump_probe(PROBE)})
    assert ("switches", "shop", "promote") not in read(line).totals
    # When the switch is over, which is told twice as well
    for _ in range(2):
        line.queue.done("p", index=0, fence=job.fence, outcome=StageState.PASSED)
    # Then all is counted once; what is not known is not counted
    totals = read(line).totals
    assert totals["switches", "shop", "promote"] == 1
    assert totals["switch-requests", "shop"] == 120
    assert totals["switch-lost", "shop"] == 2
    assert totals["switch-milliseconds", "promote", "first_new"] == 50
    assert [str(name[3]).removesuffix(".0") for name in totals if name[0] == "switch-took"] == ["100"]


def test_a_switch_without_a_prober_is_not_counted_as_one_that_lost_nothing(line: Line) -> None:
    line.accept("a")
    line.finish("a")
    accept_promote(line, "p")
    line.finish("p")

    assert not [name for name in read(line).totals if name[0].startswith("switch")]


def test_what_waits_behind_the_active_job_is_the_length_and_the_longest_wait_the_age(line: Line) -> None:
    line.accept("a", "b", "c")
    for name in ("a", "b", "c"):
        age(line, name, "queued", {"a": 900, "b": 300, "c": 100}[name])

    found = read(line).queues["shared"]

    assert found.waiting == 2
    assert 300 <= found.oldest < 360


def test_an_empty_queue_has_no_length_and_no_age(line: Line) -> None:
    assert read(line).queues == {"shared": QueueLength(0, 0.0)}


def test_a_queue_that_the_configuration_has_no_more_is_seen_while_something_stands_in_it(line: Line) -> None:
    line.queue.accept(replace(new_job("a"), queue="former"))

    assert set(read(line).queues) == {"shared", "former"}


def test_the_wait_for_ci_is_no_wait_in_the_queue(line: Line) -> None:
    # Given a job that was accepted an hour ago, and came into its queue just now
    line.accept("a", "b")
    age(line, "b", "created", 3600)

    assert read(line).queues["shared"].oldest < 60


def test_held_jobs_and_those_that_wait_to_start_are_counted(line: Line) -> None:
    line.client.zadd(key("held"), {"x": 1})
    line.client.zadd(key("starting"), {"y": 1, "z": 1})

    assert (read(line).held, read(line).starting) == (1, 2)


def test_an_offer_that_nobody_takes_is_stuck_after_a_minute(line: Line) -> None:
    line.accept("a")
    assert read(line).stuck == {}
    age(line, "a", "offered", 61)

    assert read(line).stuck == {Stuck("not-taken", "releases"): 1}


def test_a_switch_that_nobody_takes_waits_for_other_workers(line: Line) -> None:
    line.accept("a")
    line.finish("a")
    accept_promote(line, "p")
    age(line, "p", "offered", 61)

    assert read(line).stuck == {Stuck("not-taken", "switches"): 1}


def test_a_claim_whose_lease_is_long_over_is_stuck(line: Line) -> None:
    line.accept("a")
    line.claim("a")
    assert read(line).stuck == {}
    line.client.zincrby(key("watch"), -HOUR - 11_000, "a")

    assert read(line).stuck == {Stuck("lease-over", "releases"): 1}


def test_a_record_that_was_removed_by_hand_is_not_stuck(line: Line) -> None:
    line.accept("a")
    line.client.delete(key("job", "a"))

    assert read(line).stuck == {}


def test_it_is_known_when_a_reconciler_looked_last(line: Line) -> None:
    assert read(line).looked is None
    line.queue.reap()

    assert 0 <= (read(line).looked or 0) < 60


def test_what_a_worker_saw_of_each_app_is_told_with_its_age(line: Line) -> None:
    line.store.observe(seen("shop", Color.GREEN, ago=120))
    line.store.observe(seen("blog", None, problem="the API server does not answer"))

    found = read(line, "shop", "blog", "new").seen

    assert set(found) == {"shop", "blog"}
    assert (found["shop"].live, found["shop"].is_readable) == (Color.GREEN, True)
    assert 120 <= found["shop"].age < 180
    assert (found["blog"].live, found["blog"].is_readable) == (None, False)


def test_nothing_is_known_without_redis() -> None:
    server = fakeredis.FakeServer()
    counts = Counts(fakeredis.FakeRedis(server=server, decode_responses=True))
    server.connected = False

    with pytest.raises(NotDurable, match="Redis did not answer"):
        counts.read(apps=["shop"], queues=[])


def test_a_thousand_apps_are_read_in_two_round_trips(client: Client) -> None:
    # Given a thousand apps with a queue of their own, in which jobs stand
    apps = [f"app-{number}" for number in range(1000)]
    with client.pipeline(transaction=False) as pipeline:
        for app in apps:
            pipeline.sadd(key("queues"), app)
            pipeline.rpush(key("queue", app), f"{app}-a", f"{app}-b")
            pipeline.hset(key("job", f"{app}-a"), mapping={"state": "running", "kind": "deploy", "index": 0})
            pipeline.hset(key("job", f"{app}-a"), "stages", "sanity")
            pipeline.hset(key("job", f"{app}-b"), mapping={"state": "waiting", "queued": 1})
            pipeline.zadd(key("watch"), {f"{app}-a": 1e15})
        pipeline.execute()
    counts = Counts(client)
    counts.read(apps=apps, queues=apps)
    # When they are read with a client that counts its questions
    with asked(client) as questions:
        found = counts.read(apps=apps, queues=apps)
    # Then there are two
    assert len(found.queues) == 1000
    assert found.queues["app-7"].waiting == 1
    assert questions == ["EVALSHA", "MGET"]


@contextmanager
def asked(client: Client) -> Iterator[list[str]]:
    """The commands that a client sends."""
    sent: list[str] = []
    send = client.execute_command

    def note(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- as redis-py has it
        sent.append(str(arguments[0]))
        return send(*arguments, **options)

    client.execute_command = note  # type: ignore[method-assign]  # it is put back below
    try:
        yield sent
    finally:
        del client.execute_command
