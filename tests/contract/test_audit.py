"""The audit trail, over Redis in the test's own process and over a real server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import fakeredis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release.audit import Audit
from release.audit_entries import CHANGE, SIGN_IN, Entry, Filter, NewEntry, Outcome
from release.jobs import NewJob, NewRelease
from release.loading import parse_config
from release.model import VERDIGRIS, Actor, Color, JobKind, State
from release.problems import NotDurable
from release.queue import Queue
from release.records import Move
from release.redis_access import key
from release.requests import Requests
from release.roles import Action
from release.store import Store
from release.transitions import sources_of
from tests.unit.release.desk import Sent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from release.redis_access import Client
    from tests.contract.queue_line import Line

CI, OCTOCAT = Actor("token", "ci"), Actor("git", "octocat")
CONFIG = """
apps:
  shop:
    repository: https://git.example.com/acme/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    when_newer: cancel-queued
    gateway: {address: "http://gateway.example.com"}
"""
REFUSED, ACCEPTED = Outcome.REFUSED, Outcome.ACCEPTED


@pytest.fixture
def audit(client: Client) -> Audit:
    return Audit(client)


def entry(
    app: str = "shop",
    *,
    actor: Actor = CI,
    action: Action = Action.PROMOTE,
    outcome: Outcome = ACCEPTED,
    release: str = "R1",
    reason: str = "",
) -> NewEntry:
    return NewEntry(actor=actor, action=action, outcome=outcome, app=app, release=release, reason=reason)


def reasons(entries: Iterable[Entry]) -> list[str]:
    return [one.reason for one in entries]


def all_of(audit: Audit, wanted: Filter, *, limit: int) -> list[Entry]:
    """Every page, one after the other."""
    found: list[Entry] = []
    after = None
    while True:
        page = audit.read(wanted, after=after, limit=limit)
        assert len(page.entries) <= limit
        found += page.entries
        if page.next is None:
            return found
        after = page.next


def accept(client: Client, release_id: str = "R1", *, tag: str = "v1-blue", reason: str = "") -> None:
    """A release that a Git host asks for."""
    release = NewRelease(release_id, "shop", tag, Color.BLUE, "", OCTOCAT, reason)
    Queue(client).accept(
        NewJob(
            id=f"J{release_id}",
            app="shop",
            kind=JobKind.DEPLOY,
            queue="shop",
            color=Color.BLUE,
            release_id=release_id,
            tag=tag,
            actor=OCTOCAT,
            release=release,
        )
    )


def settle(client: Client, *states: State, release_id: str = "R1") -> None:
    queue = Queue(client)
    queue.settle([Move(release_id, sources_of(one), one, VERDIGRIS, f"now {one}") for one in states])


def test_an_empty_trail_is_an_empty_page(audit: Audit) -> None:
    page = audit.read()

    assert (page.entries, page.next, page.cut) == ((), None, 0)
    assert list(audit.export()) == []
    assert audit.trim() == 0


def test_what_was_entered_is_read_back_whole(audit: Audit) -> None:
    new = NewEntry(
        actor=CI,
        action=Action.PROMOTE,
        outcome=REFUSED,
        address="192.0.2.7",
        app="shop",
        release="R1",
        reason="now",
        why="not-allowed",
        before={"state": "ready", "live": "R0"},
        after={"state": "ready", "live": "R0"},
    )

    entry_id = audit.write(new)

    (found,) = audit.read().entries
    assert found.id == entry_id
    assert found.number == 1
    assert abs(datetime.now(UTC) - found.at) < timedelta(minutes=1)
    assert {name: getattr(found, name) for name in NewEntry.__dataclass_fields__} == {
        name: getattr(new, name) for name in NewEntry.__dataclass_fields__
    }


def test_who_signs_in_without_a_role_is_found_by_that(audit: Audit) -> None:
    audit.write(entry())
    audit.write(NewEntry(actor=Actor("person", "zoe"), action=SIGN_IN, outcome=REFUSED, why="no-role"))

    (found,) = audit.read(Filter(action="sign-in")).entries

    assert (found.action, found.actor, found.app) == (SIGN_IN, Actor("person", "zoe"), "")


def test_each_step_of_a_release_is_entered_with_what_was_before_and_after(
    client: Client, audit: Audit
) -> None:
    accept(client, reason="a tag")
    settle(client, State.RUNNING, State.RUNNING, State.LIVE, State.READY)

    found = audit.read(Filter(release="R1")).entries[::-1]

    assert [(dict(one.before), dict(one.after)) for one in found] == [
        ({}, {"state": "queued", "tag": "v1-blue"}),
        ({"state": "queued", "tag": "v1-blue"}, {"state": "running", "tag": "v1-blue"}),
        ({"state": "running", "tag": "v1-blue"}, {"state": "ready", "tag": "v1-blue"}),
    ]
    assert [(one.actor, one.reason) for one in found] == [
        (OCTOCAT, "a tag"),
        (VERDIGRIS, "now running"),
        (VERDIGRIS, "now ready"),
    ]
    assert {(one.action, one.outcome, one.app, one.address) for one in found} == {
        (CHANGE, Outcome.DONE, "shop", "")
    }
    assert [one.number for one in found] == [1, 2, 3]


def test_what_a_delivery_makes_is_entered_with_where_it_came_from(client: Client, audit: Audit) -> None:
    requests = Requests(parse_config(CONFIG, name="verdigris.yml"), Store(client), Queue(client), Sent())
    # given a deploy that runs and one that waits behind it, both asked for by hand
    for tag in ("v1-blue", "v2-blue"):
        requests.deploy("shop", tag, actor=CI)

    # when a delivery brings a newer tag
    requests.deploy("shop", "v3-blue", actor=OCTOCAT, delivery="id-3", address="192.0.2.7")

    # then its release, and the end of the one that gave way, have its address and its id
    made = {one.after["tag"]: one for one in audit.read(Filter(actor="octocat")).entries}
    assert {tag: one.after["state"] for tag, one in made.items()} == {
        "v3-blue": "queued",
        "v2-blue": "superseded",
    }
    assert {(one.address, one.after["delivery"]) for one in made.values()} == {("192.0.2.7", "id-3")}
    # and what was asked for otherwise has neither
    by_hand = audit.read(Filter(actor="ci")).entries
    assert [(one.address, "delivery" in one.after) for one in by_hand] == [("", False)] * 2


def test_the_trail_outlives_the_release(client: Client, audit: Audit) -> None:
    accept(client)
    settle(client, State.RUNNING, State.FAILED)
    Queue(client).cancel("JR1", actor=CI, problem=None)  # type: ignore[arg-type]  # none is needed here
    before = audit.read().entries

    assert Queue(client).forget("shop", ["R1"]) == 1

    assert Store(client).changes("R1") == []
    assert audit.read().entries == before
    assert audit.read(Filter(release="R1")).entries == before


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), "gfedcba"),
        (Filter(app="shop"), "geca"),
        (Filter(app="sho"), ""),
        (Filter(actor="token:ci"), "cba"),
        (Filter(actor="ci"), "dcba"),
        (Filter(actor="person:ci"), "d"),
        (Filter(actor="git:ci"), ""),
        (Filter(actor="a:b"), "e"),
        (Filter(actor="git:a:b"), "e"),
        (Filter(action="promote"), "dcba"),
        (Filter(action="rollback"), "e"),
        (Filter(action="change"), "gf"),
        (Filter(outcome="refused"), "db"),
        (Filter(outcome="accepted"), "eca"),
        (Filter(outcome="done"), "gf"),
        (Filter(release="R2"), "cb"),
        (Filter(actor="verdigris"), "gf"),
        (Filter(actor="verdigris:verdigris", app="shop"), "g"),
        (Filter(actor="token:verdigris"), ""),
        (Filter(app="shop", actor="ci", release="R2"), "c"),
        (Filter(app="shop", outcome="refused"), ""),
    ],
    ids=lambda value: str(value.named) if isinstance(value, Filter) else value,
)
def test_only_what_is_wanted_is_found(client: Client, audit: Audit, wanted: Filter, expected: str) -> None:
    for new in (
        entry(reason="a"),
        entry("blog", release="R2", outcome=REFUSED, reason="b"),
        entry(release="R2", reason="c"),
        entry("blog", actor=Actor("person", "ci"), outcome=REFUSED, reason="d"),
        entry(actor=Actor("git", "a:b"), action=Action.ROLLBACK, reason="e"),
    ):
        audit.write(new)
    release = NewRelease("R3", "blog", "v1-blue", Color.BLUE, "", VERDIGRIS, "f", state=State.READY)
    Queue(client).recover([release])
    release = NewRelease("R4", "shop", "v1-blue", Color.BLUE, "", VERDIGRIS, "g", state=State.READY)
    Queue(client).recover([release])

    assert "".join(reasons(audit.read(wanted).entries)) == expected
    assert "".join(reasons(all_of(audit, wanted, limit=1))) == expected
    exported = [json.loads(line)["reason"] for line in audit.export(wanted)]
    assert "".join(exported) == expected[::-1]


def test_times_have_a_beginning_that_counts_and_an_end_that_does_not(client: Client, audit: Audit) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    times = [noon + timedelta(milliseconds=one) for one in (-1, 0, 1, 1000)]
    record: dict[Any, Any] = {"n": 1, **entry().as_record()}
    for at in times:
        client.xadd(key("audit"), record, id=f"{round(at.timestamp() * 1000)}-0")

    def find(**wanted: datetime) -> list[datetime]:
        found = all_of(audit, Filter(**wanted), limit=1)  # type: ignore[arg-type]  # only times are given
        exported = [json.loads(line)["at"] for line in audit.export(Filter(**wanted))]  # type: ignore[arg-type]  # as above
        assert [datetime.fromisoformat(one) for one in exported] == [one.at for one in found[::-1]]
        return [one.at for one in found[::-1]]

    assert find(since=noon) == times[1:]
    assert find(until=noon) == times[:1]
    assert find(since=noon, until=noon + timedelta(seconds=1)) == times[1:3]
    assert find(since=noon + timedelta(microseconds=1)) == times[2:]
    assert find(until=noon + timedelta(microseconds=1)) == times[:2]
    assert find(since=datetime(1, 1, 1, tzinfo=UTC)) == times


def test_what_lies_before_every_entry_is_empty_and_no_mistake(audit: Audit) -> None:
    audit.write(entry(reason="now"))
    long_ago = Filter(until=datetime(1097, 11, 19, tzinfo=UTC))

    assert audit.read(long_ago).entries == ()
    assert audit.read(after="0").entries == ()
    assert audit.read(long_ago, after="0-0").entries == ()
    assert list(audit.export(long_ago)) == []
    assert reasons(audit.read(Filter(since=datetime(1097, 11, 19, tzinfo=UTC))).entries) == ["now"]


def test_a_place_outside_of_the_times_leaves_them_as_they_are(client: Client, audit: Audit) -> None:
    for at in (1000, 2000, 3000):
        record: dict[Any, Any] = {"n": 1, **entry(reason=str(at)).as_record()}
        client.xadd(key("audit"), record, id=f"{at}-5")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    wanted = Filter(since=epoch + timedelta(seconds=2), until=epoch + timedelta(seconds=3))

    assert reasons(audit.read(wanted, after="9999").entries) == ["2000"]
    assert reasons(audit.read(wanted, after="2000-6").entries) == ["2000"]
    assert reasons(audit.read(wanted, after="2000-5").entries) == []
    assert [json.loads(line)["reason"] for line in audit.export(wanted, after="1000-5")] == ["2000"]
    assert list(audit.export(wanted, after="2000-5")) == []


def test_pages_follow_each_other_over_many_batches(audit: Audit) -> None:
    for number in range(450):
        audit.write(entry("shop" if number % 9 else "blog", reason=str(number)))

    page = audit.read(Filter(app="blog"), limit=7)

    assert reasons(page.entries) == [str(number) for number in range(441, 378, -9)]
    assert page.next == page.entries[-1].id
    everything = [str(number) for number in range(449, -1, -1)]
    assert reasons(all_of(audit, Filter(), limit=200)) == everything
    assert reasons(all_of(audit, Filter(), limit=199)) == everything
    assert reasons(all_of(audit, Filter(app="blog"), limit=3)) == everything[8::9]


def test_one_page_looks_at_so_many_entries_at_most(client: Client) -> None:
    # Given a rare entry behind many that share each single value with it
    audit = Audit(client, most_read=200)
    audit.write(entry("blog", actor=OCTOCAT, reason="rare"))
    for number in range(401):
        audit.write(entry("blog" if number % 2 else "shop", actor=CI if number % 2 else OCTOCAT))

    page = audit.read(Filter(app="blog", actor="octocat"))

    # Then a page may be empty, and still lead on
    assert page.entries == ()
    assert page.next is not None
    assert reasons(all_of(audit, Filter(app="blog", actor="octocat"), limit=10)) == ["rare"]


def test_the_trail_keeps_its_newest_entries_and_tells_how_many_it_lost(client: Client) -> None:
    audit = Audit(client, keep=100)
    for number in range(1, 501):
        audit.write(entry(release=f"R{number}"))

    assert 100 <= client.xlen(key("audit")) <= 250  # Redis cuts by whole nodes of 100
    page = audit.read(limit=1000)
    assert page.cut == page.entries[-1].number - 1 > 200
    assert [one.number for one in page.entries] == list(range(500, page.cut, -1))
    # What an index still has of those that were cut is passed over
    assert audit.read(Filter(release="R1")).entries == ()
    assert len(audit.read(Filter(app="shop"), limit=1000).entries) == 500 - page.cut


def test_trimming_cuts_the_indexes_too(client: Client) -> None:
    written = Audit(client)
    for number in range(500):
        written.write(entry(release=f"R{number}"))

    audit = Audit(client, keep=100)
    cut = audit.trim()

    assert cut == audit.read().cut >= 200
    index = next(one for one in client.scan_iter(key("audit-by", "app", "*")))
    assert client.xlen(index) <= 500 - cut + 100
    assert audit.trim() == cut


def test_a_step_is_taken_whatever_became_of_the_keys_of_an_index(client: Client, audit: Audit) -> None:
    accept(client)
    for index in client.scan_iter(key("audit-by", "*")):
        client.set(index, "somebody was here")

    settle(client, State.RUNNING)

    assert [one.target for one in Store(client).changes("R1")] == [State.QUEUED, State.RUNNING]
    assert len(audit.read().entries) == 2


HOSTILE = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["\ud800", "\r\n{}", "\u2028", '"}\n{"id": "0', "x" * 5000, "\x00", "…", "\u202e", "a:b:c", ":"]
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(HOSTILE, min_size=8, max_size=8))
def test_hostile_text_is_kept_found_and_exported_as_one_line(texts: list[str], audit: Audit) -> None:
    actor, address, app, release, reason, why, name, value = texts
    new = NewEntry(
        actor=Actor("git", actor),
        action=Action.DEPLOY,
        outcome=REFUSED,
        address=address,
        app=app,
        release=release,
        reason=reason,
        why=why,
        before={name: value},
        after={"size": "x" * 10_000},
    )

    entry_id = audit.write(new)

    found = audit.read(limit=1).entries[0]
    assert found.id == entry_id
    assert len(found.reason) <= 1000
    assert found.reason[:900] == reason.encode(errors="replace").decode()[:900]
    assert "cut" in found.after
    wanted = Filter(app=found.app or None, actor=str(found.actor), release=found.release or None)
    assert audit.read(wanted, limit=1).entries[0].id == entry_id
    line = list(audit.export(after=None))[-1]
    assert line.isascii()
    assert line.splitlines() == [line.removesuffix("\n")]
    assert json.loads(line)["id"] == entry_id


def test_without_redis_nothing_is_entered_and_nothing_is_read() -> None:
    server = fakeredis.FakeServer()
    audit = Audit(fakeredis.FakeRedis(server=server, decode_responses=True))
    server.connected = False

    for ask in (
        lambda: audit.write(entry()),
        audit.read,
        lambda: audit.read(Filter(app="shop")),
        lambda: list(audit.export()),
        audit.trim,
    ):
        with pytest.raises(NotDurable):
            ask()


def test_whether_there_is_something_new_of_an_app_is_one_look(line: Line) -> None:
    before = line.store.audit.find_newest("shop")
    line.accept("a")
    after = line.store.audit.find_newest("shop")

    assert before == ""
    assert after
    assert line.store.audit.find_newest("shop") == after
