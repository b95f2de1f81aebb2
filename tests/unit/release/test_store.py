"""Reading back releases, jobs, logs and observations; what is told while Redis is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.jobs import NewJob, NewRelease
from release.model import Actor, Color, JobKind, JobState, StageState, State
from release.observation import ColorObservation, Observation
from release.problems import NotDurable, ProblemDocument
from release.queue import Queue
from release.records import Move
from release.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    import fakeredis

    from release.records import Offer
    from release.redis_access import Client

GIT = Actor("git", "octocat")
PROBLEM = ProblemDocument("cancelled", "Cancelled", "shop: cancelled", "ask again")

HOSTILE = [
    'it\'s "quoted"',
    "two\nlines\r\nand a\ttab",
    "a NUL \0 inside",
    "\x1b[31mred\x7f",
    "Grüße 日本 😀 \u202e",
    '"}],"state":"live","x":[{"',
    "%s %d {0} ${HOME} `id` ]] --[[ ..",
    "",
]


def new_job(
    number: int,
    *,
    app: str = "shop",
    tag: str = "v1-blue",
    kind: JobKind = JobKind.DEPLOY,
    release_id: str | None = None,
    actor: Actor = GIT,
    reason: str = "",
) -> NewJob:
    """Job ``j1`` with its new release ``r1``; or, with ``release_id``, of a release that exists (or none)."""
    release = NewRelease(f"r{number}", app, tag, Color.BLUE, "c0ffee", actor, reason)
    return NewJob(
        id=f"j{number}",
        app=app,
        kind=kind,
        queue=app,
        color=Color.BLUE,
        release_id=f"r{number}" if release_id is None else release_id,
        tag=tag,
        actor=actor,
        reason=reason,
        release=release if release_id is None else None,
    )


def moved(release_id: str, source: State, target: State) -> Move:
    return Move(release_id, frozenset({source}), target, GIT, f"now {target}")


def claim(queue: Queue, offer: Offer | None, *, moves: tuple[Move, ...] = ()) -> int:
    """Take an offered stage; the fence to hold it by."""
    assert offer is not None
    assert queue.claim(offer.job_id, index=offer.index, fence=offer.fence, owner="w1", moves=moves)
    return offer.fence


def test_nothing_is_found_in_an_empty_redis(store: Store) -> None:
    assert (store.find_release("r1"), store.find_job("j1"), store.observation("shop")) == (None, None, None)
    assert store.releases() == store.releases("shop") == store.releases_on_a_color("shop") == []
    assert store.jobs_of("r1") == store.recent_jobs("shop") == store.queue("shop") == []
    assert (store.log("r1"), store.changes("r1")) == ([], [])


def test_redis_that_answers_is_reachable(store: Store) -> None:
    assert store.is_reachable()


def test_a_new_release_is_found_with_its_job_and_its_first_change(store: Store, queue: Queue) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)

    queue.accept(new_job(1, reason="pushed"))

    release, job = store.find_release("r1"), store.find_job("j1")
    assert release is not None
    assert job is not None
    assert (release.state, release.commit, release.actor) == (State.QUEUED, "c0ffee", GIT)
    assert before < release.created_at < datetime.now(UTC) + timedelta(seconds=1)
    assert (job.state, job.release_id, job.stage_index) == (JobState.OFFERED, "r1", 0)
    assert [(change.source, change.target, change.reason) for change in store.changes("r1")] == [
        (None, State.QUEUED, "pushed")
    ]


def test_releases_come_newest_first_of_one_app_or_of_all(store: Store, queue: Queue) -> None:
    for number, app in enumerate(["shop", "blog", "shop"], start=1):
        queue.accept(new_job(number, app=app, tag=f"v{number}-blue"))

    assert [one.id for one in store.releases()] == ["r3", "r2", "r1"]
    assert [one.id for one in store.releases("shop")] == ["r3", "r1"]
    assert [one.id for one in store.releases(limit=2)] == ["r3", "r2"]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_gives_nothing_and_not_everything(store: Store, queue: Queue, limit: int) -> None:
    queue.accept(new_job(1))

    assert store.releases(limit=limit) == []
    assert store.recent_jobs("shop", limit=limit) == []


def test_jobs_of_a_release_come_oldest_first_and_those_of_an_app_newest_first(
    store: Store, queue: Queue
) -> None:
    queue.accept(new_job(1))
    queue.accept(new_job(2, kind=JobKind.PROMOTE, release_id="r1"))
    queue.accept(new_job(3, kind=JobKind.DECOMMISSION, release_id=""))

    assert [job.id for job in store.jobs_of("r1")] == ["j1", "j2"]
    assert [job.id for job in store.recent_jobs("shop")] == ["j3", "j2", "j1"]
    assert [job.id for job in store.recent_jobs("shop", limit=1)] == ["j3"]


def test_a_queue_shows_its_active_job_first(store: Store, queue: Queue) -> None:
    for number in (1, 2, 3):
        queue.accept(new_job(number, tag=f"v{number}-blue"))

    assert [(job.id, job.state) for job in store.queue("shop")] == [
        ("j1", JobState.OFFERED),
        ("j2", JobState.WAITING),
        ("j3", JobState.WAITING),
    ]
    assert store.find_active("shop") == store.queue("shop")[0]
    assert store.find_active("blog") is None


def test_only_releases_whose_pods_should_run_are_on_a_color(store: Store, queue: Queue) -> None:
    fence = claim(queue, queue.accept(new_job(1)).offer, moves=(moved("r1", State.QUEUED, State.RUNNING),))
    assert store.releases_on_a_color("shop") == []

    queue.move("j1", fence=fence, moves=[moved("r1", State.RUNNING, State.READY)])
    assert [one.id for one in store.releases_on_a_color("shop")] == ["r1"]

    queue.move("j1", fence=fence, moves=[moved("r1", State.READY, State.SUPERSEDED)])
    assert store.releases_on_a_color("shop") == []


def test_a_log_is_read_on_from_the_last_line(store: Store, queue: Queue) -> None:
    fence = claim(queue, queue.accept(new_job(1)).offer)
    queue.log("j1", fence=fence, subject="r1", stage="sanity", lines=["one", "two", "three"])

    first = store.log("r1", limit=2)
    rest = store.log("r1", after=first[-1].id)

    assert [(line.stage, line.text) for line in first] == [("sanity", "one"), ("sanity", "two")]
    assert [line.text for line in rest] == ["three"]
    assert store.log("r1", after=rest[-1].id) == []


def test_every_step_is_kept_with_actor_reason_and_time(store: Store, queue: Queue) -> None:
    fence = claim(queue, queue.accept(new_job(1)).offer, moves=(moved("r1", State.QUEUED, State.RUNNING),))
    queue.move("j1", fence=fence, moves=[moved("r1", State.RUNNING, State.FAILED)])

    changes = store.changes("r1")

    assert [(one.source, one.target, one.reason) for one in changes[1:]] == [
        (State.QUEUED, State.RUNNING, "now running"),
        (State.RUNNING, State.FAILED, "now failed"),
    ]
    assert {(one.release_id, one.app, one.actor) for one in changes} == {("r1", "shop", GIT)}
    assert changes[0].at <= changes[1].at <= changes[2].at


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_survives_the_way_there_and_back(store: Store, queue: Queue, text: str) -> None:
    actor, problem = Actor("git", text), ProblemDocument("failed", text, text, text)

    fence = claim(queue, queue.accept(new_job(1, tag=text, actor=actor, reason=text)).offer)
    move = Move("r1", frozenset({State.QUEUED}), State.RUNNING, actor, text)
    assert queue.move("j1", fence=fence, moves=[move], release_id="r1", fields={"image": text})
    assert queue.log("j1", fence=fence, subject="r1", stage="sanity", lines=[text])
    queue.cancel("j1", actor=actor, problem=problem)

    release, job, change = store.find_release("r1"), store.find_job("j1"), store.changes("r1")[-1]
    assert release is not None
    assert job is not None
    assert (release.tag, release.reason, release.actor) == (text, text, actor)
    assert (release.image or "") == text
    assert (job.tag, job.reason, job.actor, job.cancel_requested_by) == (text, text, actor, actor)
    assert (change.reason, change.actor, change.target) == (text, actor, State.RUNNING)
    assert [line.text for line in store.log("r1")] == [text]


def test_half_a_surrogate_pair_does_no_harm(store: Store, queue: Queue) -> None:
    """JSON allows it in a payload; UTF-8 and Redis' JSON reader don't."""
    broken = "v\udc80\ud800-blue"
    fence = claim(
        queue, queue.accept(new_job(1, tag=broken, actor=Actor("git", broken), reason=broken)).offer
    )
    queue.log("j1", fence=fence, subject="r1", stage="sanity", lines=[broken])

    release = store.find_release("r1")

    assert release is not None
    assert (release.tag, release.reason, release.actor.name) == ("v??-blue", "v??-blue", "v??-blue")
    assert store.find_release(broken) is None
    assert [line.text for line in store.log("r1")] == ["v??-blue"]


@pytest.mark.parametrize("name", ["r1:jobs", "r1:changes", "", ":", "\0", "*", "r1\n"])
def test_a_hostile_id_finds_nothing(store: Store, queue: Queue, name: str) -> None:
    queue.accept(new_job(1))

    assert (store.find_release(name), store.find_job(name)) == (None, None)
    assert (store.jobs_of(name), store.changes(name), store.log(name)) == ([], [], [])


def test_records_that_are_gone_leave_lists_without_them(store: Store, queue: Queue, client: Client) -> None:
    queue.accept(new_job(1))
    queue.accept(new_job(2, tag="v2-blue"))

    client.delete("verdigris:job:j1", "verdigris:release:r1")

    assert [one.id for one in store.releases("shop")] == ["r2"]
    assert [job.id for job in store.queue("shop")] == ["j2"]


def an_observation(at: datetime) -> Observation:
    return Observation(
        app="shop",
        at=at,
        live=Color.BLUE,
        blue=ColorObservation(Color.BLUE, exists=True, release="r1", replicas=2, available=2),
        green=ColorObservation(Color.GREEN, exists=False),
    )


def test_the_last_observation_of_an_app_is_kept(store: Store) -> None:
    first = an_observation(datetime(2025, 6, 1, 12, tzinfo=UTC))
    last = an_observation(first.at + timedelta(seconds=10))

    store.observe(first)
    store.observe(last)

    assert store.observation("shop") == last
    assert store.observation("blog") is None


def test_a_ticket_is_spent_once(store: Store, client: Client) -> None:
    assert store.spend("t1", seconds=60)
    assert not store.spend("t1", seconds=60)
    assert store.spend("t2", seconds=60)
    assert 0 < client.ttl("verdigris:spent:t1") <= 60


def test_a_session_that_was_signed_out_of_is_remembered_as_long_as_it_would_have_counted(
    store: Store, client: Client
) -> None:
    assert not store.is_session_ended("s1")

    store.end_session("s1", seconds=60)

    assert store.is_session_ended("s1")
    assert not store.is_session_ended("s2")
    assert 0 < client.ttl("verdigris:ended:s1") <= 60


def test_tasks_that_wait_in_the_broker_are_told_by_their_ids(store: Store, client: Client) -> None:
    client.lpush("releases", '{"headers": {"id": "r1.0-sanity.f12.abcdef"}}')
    client.lpush("releases", '{"headers": {"id": "r2.0-sanity.f13.abcdef"}}')

    assert sorted(store.task_ids("releases")) == ["r1.0-sanity.f12.abcdef", "r2.0-sanity.f13.abcdef"]
    assert store.task_ids("switches") == []


READS: dict[str, Callable[[Store], object]] = {
    "oldest_releases": lambda store: store.oldest_releases("shop", limit=1),
    "is_reachable": lambda store: store.is_reachable(),
    "find_release": lambda store: store.find_release("r1"),
    "find_job": lambda store: store.find_job("j1"),
    "releases": lambda store: store.releases(),
    "releases_on_a_color": lambda store: store.releases_on_a_color("shop"),
    "jobs_of": lambda store: store.jobs_of("r1"),
    "recent_jobs": lambda store: store.recent_jobs("shop"),
    "queue": lambda store: store.queue("shop"),
    "log": lambda store: store.log("r1"),
    "changes": lambda store: store.changes("r1"),
    "observation": lambda store: store.observation("shop"),
    "last_seen_before": lambda store: store.last_seen_before(datetime.now(UTC)),
    "observe": lambda store: store.observe(an_observation(datetime.now(UTC))),
    "spend": lambda store: store.spend("t1", seconds=60),
    "end_session": lambda store: store.end_session("s1", seconds=60),
    "is_session_ended": lambda store: store.is_session_ended("s1"),
    "find_active": lambda store: store.find_active("shop"),
    "task_ids": lambda store: store.task_ids("releases"),
    "starting": lambda store: store.starting(),
    "checks": lambda store: store.checks("shop", "c0ffee"),
}

WRITES: dict[str, Callable[[Queue], object]] = {
    "accept": lambda queue: queue.accept(new_job(2)),
    "claim": lambda queue: queue.claim("j1", index=0, fence=1, owner="w1"),
    "renew": lambda queue: queue.renew("j1", fence=1),
    "look": lambda queue: queue.look("j1", fence=1),
    "done": lambda queue: queue.done("j1", index=0, fence=1, outcome=StageState.PASSED),
    "lost": lambda queue: queue.lost("j1", fence=1, why="gone"),
    "reap": lambda queue: queue.reap(),
    "cancel": lambda queue: queue.cancel("j1", actor=GIT, problem=PROBLEM),
    "move": lambda queue: queue.move("j1", fence=1),
    "settle": lambda queue: queue.settle([]),
    "forget": lambda queue: queue.forget("shop", []),
    "recover": lambda queue: queue.recover([]),
    "start": lambda queue: queue.start("j1", moves=[], fields={}),
    "postpone": lambda queue: queue.postpone(
        "j1", fence=1, moves=[], fields={}, patience=60, reason="frozen"
    ),
    "wait": lambda queue: queue.wait("j1", reason="waiting for CI", fields={}),
    "end_wait": lambda queue: queue.end_wait("j1", problem=PROBLEM, moves=[]),
    "note_checks": lambda queue: queue.note_checks("shop", "c0ffee", []),
    "tell_of_job": lambda queue: queue.tell_of_job("j1", mark="1", text="no worker"),
    "tell_of_release": lambda queue: queue.tell_of_release("r1", mark="moved", text="somebody moved users"),
    "log": lambda queue: queue.log("j1", fence=1, subject="r1", stage="sanity", lines=["one"]),
}


def public_methods(of: type) -> set[str]:
    return {name for name in vars(of) if not name.startswith("_")}


@pytest.mark.parametrize("call", READS.values(), ids=READS)
def test_a_store_without_redis_says_so(
    store: Store, queue: Queue, redis_server: fakeredis.FakeServer, call: Callable[[Store], object]
) -> None:
    queue.accept(new_job(1))
    redis_server.connected = False

    with pytest.raises(NotDurable, match="Redis did not answer"):
        call(store)


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_a_queue_without_redis_says_so(
    queue: Queue, redis_server: fakeredis.FakeServer, call: Callable[[Queue], object]
) -> None:
    queue.accept(new_job(1))
    redis_server.connected = False

    with pytest.raises(NotDurable, match="Redis did not answer"):
        call(queue)


def test_every_method_is_asked_without_redis() -> None:
    assert public_methods(Store) == set(READS)
    assert public_methods(Queue) == set(WRITES)
