"""What stands between who tells and who sends."""

from __future__ import annotations

import threading

from webhook.streams import MOST_UNTAKEN, PATIENCE, Stream, frame


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_frame_is_as_browsers_read_it() -> None:
    assert frame("changed", "something") == b"event: changed\ndata: something\n\n"
    assert frame("lines", "<p>a</p>\n<p>b</p>", event_id="7-1") == (
        b"id: 7-1\nevent: lines\ndata: <p>a</p>\ndata: <p>b</p>\n\n"
    )


def test_what_is_told_is_taken_once() -> None:
    stream = Stream()
    stream.push(b"one ")
    stream.push(b"two")

    assert stream.take() == b"one two"
    assert stream.take() == b""


def test_whoever_sends_is_woken_for_what_is_told_and_for_the_end() -> None:
    stream, woken = Stream(), []
    stream.push(b"before")
    stream.call_when_told(lambda: woken.append("x"))
    stream.push(b"after")
    stream.end()

    assert len(woken) == 3
    assert stream.take() == b"beforeafter"
    stream.push(b"too late")
    assert stream.take() == b""


def test_nobody_is_woken_for_nothing() -> None:
    woken: list[str] = []
    Stream().call_when_told(lambda: woken.append("x"))
    assert woken == []


def test_a_stream_that_nobody_takes_from_ends() -> None:
    clock = Clock()
    full, late = Stream(clock), Stream(clock)
    full.push(b"x" * MOST_UNTAKEN)
    late.push(b"x")
    assert not full.is_over
    full.push(b"x")
    clock.now += PATIENCE + 1
    late.push(b"x")

    assert full.is_over
    assert late.is_over
    assert full.take() == late.take() == b""


def test_a_thread_of_its_own_gets_what_is_told_until_the_end() -> None:
    stream, got = Stream(), []
    stream.push(b"a")
    reader = threading.Thread(target=lambda: got.extend(stream.frames()))
    reader.start()
    stream.push(b"b")
    stream.end()
    reader.join(10)

    assert not reader.is_alive()
    assert b"".join(got) == b"ab"


def test_a_reader_that_goes_ends_the_stream() -> None:
    stream = Stream()
    stream.push(b"a")
    frames = stream.frames()
    assert next(frames) == b"a"
    frames.close()  # type: ignore[attr-defined]  # it is a generator
    assert stream.is_over
