"""What happens and what releases write, waited for in one question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.events import BEGINNING, Heard

if TYPE_CHECKING:
    from tests.contract.queue_line import Line


def say(line: Line, name: str, *lines: str) -> None:
    job = line.store.find_job(name)
    assert job
    assert line.queue.log(name, fence=job.fence, subject=f"r-{name}", stage="sanity", lines=lines)


def test_events_and_lines_of_the_asked_logs_come_together(line: Line) -> None:
    line.accept("a")
    line.claim("a")
    say(line, "a", "first", "second")

    heard = line.store.events.listen(after=BEGINNING, logs={"r-a": "0", "r-nobody": "0"}, wait=0.01)

    assert {event.release_id for event in heard.events} == {"r-a"}
    assert [one.text for one in heard.lines["r-a"]][-2:] == ["first", "second"]
    assert set(heard.lines) == {"r-a"}


def test_nothing_comes_twice(line: Line) -> None:
    line.accept("a")
    line.claim("a")
    say(line, "a", "first")
    heard = line.store.events.listen(after=BEGINNING, logs={"r-a": "0"}, wait=0.01)
    newest, last = heard.events[-1].id, heard.lines["r-a"][-1].id

    assert line.store.events.listen(after=newest, logs={"r-a": last}, wait=0.01) == Heard()
    say(line, "a", "second")

    heard = line.store.events.listen(after=newest, logs={"r-a": last}, wait=5)
    assert [one.text for one in heard.lines["r-a"]] == ["second"]
    assert heard.events == ()


def test_a_job_knows_when_its_turn_came_whatever_is_offered_later(line: Line) -> None:
    line.accept("a", "b")
    first, second = line.store.find_job("a"), line.store.find_job("b")
    assert first
    assert second
    assert first.turn_at
    assert first.turn_at >= first.created_at
    assert second.turn_at is None

    line.claim("a")
    line.end("a")

    later = line.store.find_job("a")
    assert later
    assert later.turn_at == first.turn_at
