"""What is to be told outside waits in Redis: once for each event, in order, whatever happens to workers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from release.channels import Topic
from release.events import EventKind
from release.redis_access import key
from release.signal_lines import SignalLines, Timing
from release.signals import Message, Signal

if TYPE_CHECKING:
    from release.redis_access import Client
    from release.signal_lines import SignalOffer
    from tests.contract.queue_line import Line

IMPATIENT = Timing(offered=0, claimed=0, oldest_event=3600, oldest_try=0)


@pytest.fixture
def lines(client: Client) -> SignalLines:
    return SignalLines(client)


def message(name: str, *, channel: str = "chat", subject: str = "", age: float = 0) -> Message:
    at = datetime.now(UTC) - timedelta(seconds=age)
    return Message(
        f"{name}_{channel}", channel, Signal(name, (Topic.LIVE,), "shop", at, f"{name} is live"), subject
    )


def offered(lines: SignalLines, channel: str = "chat") -> SignalOffer:
    (offer,) = lines.offer([channel])
    return offer


def tell(lines: SignalLines, channel: str = "chat") -> str:
    """Send the first of a line, as a worker would."""
    offer = offered(lines, channel)
    assert lines.claim(channel, offer.message.id, number=offer.number)
    assert lines.note_sent(channel, offer.message.id, number=offer.number)
    return offer.message.signal.id


def fail(lines: SignalLines, *, again_in: float | None = 0, error: str = "503") -> str:
    offer = offered(lines)
    assert lines.claim("chat", offer.message.id, number=offer.number)
    assert lines.note_failure("chat", offer.message.id, number=offer.number, error=error, again_in=again_in)
    return offer.message.signal.id


def test_what_happened_before_the_first_worker_is_not_read(line: Line, lines: SignalLines) -> None:
    line.accept("a")
    cursor = lines.begin()
    line.accept("b")

    batch = lines.read(after=cursor)

    assert {event.release_id for event in batch.events if event.kind is EventKind.RELEASE} == {"r-b"}
    assert lines.begin() == cursor, "it is kept, whoever asks"


def test_without_any_event_reading_waits_and_stays(lines: SignalLines) -> None:
    cursor = lines.begin()

    batch = lines.read(after=cursor, wait=0.01)

    assert (cursor, batch.place, batch.events) == ("0-0", "0-0", ())


def test_of_two_workers_that_read_the_same_one_counts(line: Line, lines: SignalLines) -> None:
    cursor = lines.begin()
    line.accept("a")
    first, second = lines.read(after=cursor), lines.read(after=cursor)

    assert lines.take(first, [message("1")])
    assert not lines.take(second, [message("1"), message("2")])

    assert lines.states(["chat"])[0].pending == 1
    assert lines.begin() == first.place


def test_an_event_that_nobody_understands_is_passed_over(
    line: Line, lines: SignalLines, client: Client
) -> None:
    cursor = lines.begin()
    client.xadd(key("events"), {"kind": "moon", "app": "shop", "release": "", "data": '{"at": 1}'})
    client.xadd(key("events"), {"kind": "job"})
    line.accept("a")

    batch = lines.read(after=cursor)

    assert [event.kind for event in batch.events] == [EventKind.RELEASE, EventKind.JOB, EventKind.JOB]
    assert lines.take(batch, [])
    assert lines.read(after=lines.begin()).events == ()


def test_a_line_is_told_in_order_one_at_a_time(lines: SignalLines) -> None:
    for name in ("1", "2", "3"):
        lines.add(message(name))
    lines.add(message("1", channel="hook"))

    both = lines.offer(["chat", "hook", "quiet"])

    assert [(one.message.channel, one.message.signal.id) for one in both] == [("chat", "1"), ("hook", "1")]
    assert lines.offer(["chat", "hook"]) == []
    assert lines.claim("chat", both[0].message.id, number=both[0].number)
    assert lines.note_sent("chat", both[0].message.id, number=both[0].number)
    assert [tell(lines), tell(lines)] == ["2", "3"]
    (state,) = lines.states(["chat"])
    assert (state.pending, state.sent, state.sent_id, state.failing_since) == (0, 3, "3_chat", None)
    assert state.sent_at


def test_a_message_is_claimed_once(lines: SignalLines) -> None:
    lines.add(message("1"))
    offer = offered(lines)

    assert lines.claim("chat", "1_chat", number=offer.number)
    assert lines.claim("chat", "1_chat", number=offer.number) is None
    assert lines.claim("chat", "1_chat", number=offer.number + 1) is None
    assert lines.claim("chat", "other", number=offer.number) is None


def test_the_same_message_stands_in_a_line_once(lines: SignalLines) -> None:
    lines.add(message("1"))
    lines.add(message("1"))

    assert lines.states(["chat"])[0].pending == 1


def test_what_a_dead_worker_left_is_offered_again_and_the_old_offer_does_not_count(client: Client) -> None:
    impatient = SignalLines(client, IMPATIENT)
    impatient.add(message("1"))
    first = offered(impatient)
    assert impatient.claim("chat", "1_chat", number=first.number)

    second = offered(impatient)

    assert second.message == first.message
    assert second.number > first.number
    assert impatient.claim("chat", "1_chat", number=first.number) is None
    assert not impatient.note_failure("chat", "1_chat", number=first.number, error="late", again_in=1)
    assert impatient.claim("chat", "1_chat", number=second.number)


def test_that_a_message_was_sent_counts_whoever_says_it(client: Client) -> None:
    # given a worker that was slow, so that another was offered what it sends
    impatient = SignalLines(client, IMPATIENT)
    impatient.add(message("1"))
    first = offered(impatient)
    assert impatient.claim("chat", "1_chat", number=first.number)
    second = offered(impatient)

    assert impatient.note_sent("chat", "1_chat", number=first.number)

    assert impatient.claim("chat", "1_chat", number=second.number) is None
    assert not impatient.note_sent("chat", "1_chat", number=second.number)
    assert impatient.states(["chat"])[0].sent == 1


def test_a_channel_that_fails_rests_and_is_known_for_it(lines: SignalLines) -> None:
    lines.add(message("1"))

    fail(lines, again_in=60, error="503: away")

    assert lines.offer(["chat"]) == []
    (state,) = lines.states(["chat"])
    assert (state.pending, state.error, state.error_id, state.dropped) == (1, "503: away", "1_chat", 0)
    assert state.next_try
    assert state.failing_since
    assert lines.failing(["chat", "hook"]) == {"chat": state.failing_since}
    assert lines.failing(["hook"]) == {}


def test_a_success_ends_a_failure(lines: SignalLines) -> None:
    lines.add(message("1"))
    fail(lines)
    since = lines.states(["chat"])[0].failing_since
    fail(lines)
    assert lines.states(["chat"])[0].failing_since == since, "of the first of them"
    claim = lines.claim("chat", "1_chat", number=offered(lines).number)
    assert claim
    assert claim.failures == 2

    assert lines.note_sent("chat", "1_chat", number=3)

    assert lines.failing(["chat"]) == {}
    assert lines.states(["chat"])[0].error == "503", "what it was is still told"


def test_what_is_refused_for_good_is_dropped_and_the_next_goes_on(lines: SignalLines) -> None:
    lines.add(message("1"))
    lines.add(message("2"))

    fail(lines, again_in=None, error="404: no such hook")

    (state,) = lines.states(["chat"])
    assert (state.pending, state.dropped, state.dropped_why) == (1, 1, "404: no such hook")
    assert state.dropped_at
    assert lines.failing(["chat"])
    assert tell(lines) == "2"


def test_a_message_that_alone_is_refused_holds_the_others_up_three_times_only(lines: SignalLines) -> None:
    lines.add(message("1"))
    lines.add(message("2"))

    assert [fail(lines), fail(lines), fail(lines), tell(lines), tell(lines)] == ["1", "1", "1", "2", "1"]


def test_a_message_is_given_up_when_it_is_old(client: Client) -> None:
    impatient = SignalLines(client, replace(IMPATIENT, oldest_try=-1))
    impatient.add(message("1"))

    fail(impatient, error="503: still away")

    (state,) = impatient.states(["chat"])
    assert (state.pending, state.dropped, state.dropped_why) == (0, 1, "503: still away")


def test_what_happened_more_than_an_hour_ago_is_dropped_and_told(line: Line, lines: SignalLines) -> None:
    cursor = lines.begin()
    line.accept("a")

    assert lines.take(lines.read(after=cursor), [message("1", age=3700), message("2", age=3500)])

    (state,) = lines.states(["chat"])
    assert (state.pending, state.dropped) == (1, 1)
    assert state.dropped_why.startswith("it was older than an hour")


def test_of_one_subject_only_the_newest_is_told(lines: SignalLines) -> None:
    lines.add(message("1", subject="smoke"))
    lines.add(message("2", subject="deploy"))
    lines.add(message("3", subject="smoke"))

    assert [tell(lines), tell(lines)] == ["2", "3"]
    lines.add(message("4", subject="smoke"))
    assert tell(lines) == "4"


def test_what_is_on_its_way_is_not_cut_off_by_a_newer_one_but_not_tried_again(lines: SignalLines) -> None:
    lines.add(message("1", subject="smoke"))
    offer = offered(lines)
    assert lines.claim("chat", "1_chat", number=offer.number)
    lines.add(message("2", subject="smoke"))

    assert lines.note_failure("chat", "1_chat", number=offer.number, error="503", again_in=0)

    assert tell(lines) == "2"
    (state,) = lines.states(["chat"])
    assert (state.pending, state.dropped) == (0, 0)


def test_a_line_is_bounded_and_loses_its_oldest(lines: SignalLines, client: Client) -> None:
    for number in range(1001):
        lines.add(message(str(number)))

    (state,) = lines.states(["chat"])
    assert (state.pending, state.dropped, state.dropped_why) == (1000, 1, "more than 1000 waited")
    assert tell(lines) == "1"
    assert client.exists(key("signals", "message", "0_chat")) == 0


def test_a_message_that_was_removed_by_hand_is_passed_over(lines: SignalLines, client: Client) -> None:
    lines.add(message("1"))
    lines.add(message("2"))
    client.delete(key("signals", "message", "1_chat"))

    assert tell(lines) == "2"
    assert lines.offer(["chat"]) == []


def test_a_message_that_is_on_its_way_is_not_the_one_that_a_full_line_loses(lines: SignalLines) -> None:
    lines.add(message("0"))
    offer = offered(lines)
    for number in range(1, 1001):
        lines.add(message(str(number)))

    assert lines.claim("chat", "0_chat", number=offer.number)
    assert lines.note_sent("chat", "0_chat", number=offer.number)
    assert tell(lines) == "2"


def test_events_that_were_cut_before_they_were_read_are_told(
    line: Line, lines: SignalLines, client: Client
) -> None:
    line.accept("a")
    cursor = lines.begin()
    line.accept("b")
    assert not lines.read(after=cursor).is_cut

    client.xtrim(key("events"), maxlen=1, approximate=False)
    batch = lines.read(after=cursor)

    assert batch.is_cut
    assert lines.take(batch, [], channels=["chat"])
    (state, other) = lines.states(["chat", "other"])
    assert state.dropped_why.startswith("more happened than Redis keeps")
    assert (state.dropped, other.dropped_at) == (0, None), "nobody knows how many they were"
    assert not lines.read(after=lines.begin()).is_cut


def test_what_is_read_from_the_beginning_on_was_not_cut(line: Line, lines: SignalLines) -> None:
    cursor = lines.begin()
    line.accept("a")

    batch = lines.read(after=cursor)

    assert not batch.is_cut
    assert lines.take(batch, [], channels=["chat"])
    assert lines.states(["chat"])[0].dropped_at is None
