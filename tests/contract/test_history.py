"""Releases of the past, page by page, over both kinds of Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release.history import EVERYTHING, History, Wanted
from release.model import Color, State
from release.problems import NotDurable
from release.redis_access import connect, key
from tests.contract.queue_line import new_job, to

if TYPE_CHECKING:
    from release.history import ReleasePage
    from tests.contract.queue_line import Line


def tags_of(page: ReleasePage) -> list[str]:
    return [release.tag for release in page.releases]


@pytest.fixture
def past(line: Line) -> Line:
    """Seven releases of two apps by turns; the third of them was cancelled."""
    for number in range(1, 8):
        app = "forum" if number % 2 == 0 else "shop"
        commit = f"{number}bc0ffee"
        line.queue.accept(new_job(str(number), app=app, tag=f"v{number}.0-Blue", commit=commit))
    line.claim("1", moves=(to(State.CANCELLED, "r-3", State.QUEUED),))
    return line


def test_every_release_is_found_once_page_by_page_the_newest_first(past: Line) -> None:
    first = past.store.history.read(limit=3)
    second = past.store.history.read(after=first.next, limit=3)
    third = past.store.history.read(after=second.next, limit=3)

    assert tags_of(first) == ["v7.0-Blue", "v6.0-Blue", "v5.0-Blue"]
    assert tags_of(second) == ["v4.0-Blue", "v3.0-Blue", "v2.0-Blue"]
    assert tags_of(third) == ["v1.0-Blue"]
    assert third.next is None


def test_a_page_that_ends_with_the_last_release_has_no_next(past: Line) -> None:
    page = past.store.history.read(limit=7)

    assert len(page.releases) == 7
    assert page.next is None


def test_apps_are_read_by_their_own_index_in_the_order_of_all(past: Line) -> None:
    both = past.store.history.read(Wanted(apps=["shop", "forum"]), limit=2)
    rest = past.store.history.read(Wanted(apps=["shop", "forum"]), after=both.next, limit=2)
    forum = past.store.history.read(Wanted(apps=["forum"]))

    assert tags_of(both) + tags_of(rest) == ["v7.0-Blue", "v6.0-Blue", "v5.0-Blue", "v4.0-Blue"]
    assert tags_of(forum) == ["v6.0-Blue", "v4.0-Blue", "v2.0-Blue"]
    assert past.store.history.read(Wanted(apps=[])).releases == ()


@pytest.mark.parametrize(
    ("wanted", "tags"),
    [
        (Wanted(state=State.CANCELLED), ["v3.0-Blue"]),
        (Wanted(text="V4"), ["v4.0-Blue"]),
        (Wanted(text="5BC0"), ["v5.0-Blue"]),
        (Wanted(text="ann", apps=["forum"], state=State.QUEUED), ["v6.0-Blue", "v4.0-Blue", "v2.0-Blue"]),
        (Wanted(color=Color.GREEN), []),
        (Wanted(text="c0ffee"), []),
    ],
)
def test_what_is_looked_for_is_found(past: Line, wanted: Wanted, tags: list[str]) -> None:
    page = past.store.history.read(wanted)

    assert tags_of(page) == tags
    assert page.next is None


def test_so_many_are_looked_at_for_a_page_and_the_next_goes_on(past: Line) -> None:
    few = History(past.client, most_read=1)

    page = few.read(Wanted(text="v1"), limit=2)

    assert tags_of(page) == ["v1.0-Blue"]
    assert few.read(EVERYTHING, after="1").releases == ()


def test_a_search_in_vain_tells_where_it_goes_on(past: Line) -> None:
    for number in range(300):
        past.queue.accept(new_job(f"more-{number}", app="crowd"))
    few = History(past.client, most_read=1)

    first = few.read(Wanted(text="v1.0"))
    second = few.read(Wanted(text="v1.0"), after=first.next)

    assert first.releases == ()
    assert first.next
    assert tags_of(second) == ["v1.0-Blue"]
    assert second.next is None


def test_what_was_forgotten_is_left_out(past: Line) -> None:
    past.client.delete(key("release", "r-6"))

    assert tags_of(past.store.history.read(limit=2)) == ["v7.0-Blue", "v5.0-Blue"]


def test_without_redis_nothing_is_said() -> None:
    history = History(connect("redis://127.0.0.1:1", timeout=1))

    with pytest.raises(NotDurable):
        history.read()
