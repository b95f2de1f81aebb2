"""The way to Redis, and what is said when it is away."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import redis

from release.problems import NotDurable
from release.redis_access import PREFIX, Silence, connect, key, load_script, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import fakeredis

    from release.redis_access import Client


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is held and not listened on: connections are refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_keys_stand_under_our_own_prefix() -> None:
    assert key("job", "01JOB") == f"{PREFIX}job:01JOB"


def test_a_server_that_never_answers_is_told_as_not_durable(deaf_port: int) -> None:
    client = connect(f"redis://127.0.0.1:{deaf_port}/0", timeout=0.05)

    with pytest.raises(NotDurable, match="TimeoutError") as told, told_as_not_durable():
        client.ping()
    client.close()
    assert told.value.is_in_doubt


def test_a_server_that_is_not_there_is_told_as_not_durable(closed_port: int) -> None:
    client = connect(f"redis://127.0.0.1:{closed_port}/0", timeout=0.5)

    with pytest.raises(NotDurable, match="ConnectionError") as told:
        load_script(client, "renew")(["01JOB", 1, 5000, 0])
    client.close()
    assert not told.value.is_in_doubt


def test_what_a_server_received_before_it_hung_up_is_in_doubt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        client = connect(f"redis://127.0.0.1:{server.getsockname()[1]}/0", timeout=5)
        hung_up = pool.submit(_read_and_hang_up, server)

        with pytest.raises(NotDurable, match="ConnectionError") as told, told_as_not_durable():
            client.set("name", "value")

        assert hung_up.result(10)
        client.close()
    assert told.value.is_in_doubt


def _read_and_hang_up(server: socket.socket) -> bytes:
    taken, _ = server.accept()
    with taken:
        return taken.recv(4096)


@pytest.mark.parametrize(
    "answer",
    [
        redis.exceptions.ConnectionError("Connection refused"),
        redis.exceptions.TimeoutError("Timeout reading from socket"),
        redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
        redis.exceptions.AuthenticationError("invalid username-password pair"),
        redis.exceptions.ReadOnlyError("You can't write against a read only replica."),
        redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        redis.exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
        redis.exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."),
        redis.exceptions.ResponseError("BUSY Redis is busy running a script."),
        redis.exceptions.ResponseError("MASTERDOWN Link with MASTER is down"),
    ],
    ids=lambda error: f"{type(error).__name__}-{str(error).split()[0]}",
)
def test_every_way_of_being_away_is_one_exception_with_its_cause(answer: Exception) -> None:
    with pytest.raises(NotDurable) as told, told_as_not_durable():
        raise answer

    assert told.value.__cause__ is answer
    silences = ("Connection refused", "Timeout reading from socket")  # with no error of a socket behind them
    assert told.value.is_in_doubt is (str(answer) in silences)


def test_a_mistake_of_ours_is_not_taken_for_an_outage() -> None:
    mistake = redis.exceptions.ResponseError("WRONGTYPE Operation against a key holding the wrong kind")

    with pytest.raises(redis.exceptions.ResponseError) as told, told_as_not_durable():
        raise mistake

    assert told.value is mistake


def test_what_is_no_unicode_is_stored_as_a_question_mark(client: Client) -> None:
    ours = connect("redis://127.0.0.1/0", timeout=1)
    options = ours.connection_pool.connection_kwargs

    client.set("name", "half \ud800 pair")

    assert client.get("name") == "half ? pair"
    assert (options["encoding_errors"], options["decode_responses"]) == ("replace", True)


def test_a_script_is_run_with_what_all_share_in_front(client: Client) -> None:
    renew = load_script(client, "renew")

    assert renew(["01JOB", 1, 5000, 1]) == [0]


def test_a_script_is_loaded_again_where_redis_forgot_it(client: Client) -> None:
    renew = load_script(client, "renew")
    renew(["01JOB", 1, 5000, 1])

    client.script_flush()

    assert renew(["01JOB", 1, 5000, 1]) == [0]


def test_a_script_says_when_redis_is_away(redis_server: fakeredis.FakeServer, client: Client) -> None:
    renew = load_script(client, "renew")
    redis_server.connected = False

    with pytest.raises(NotDurable, match="Redis did not answer: ConnectionError"):
        renew(["01JOB", 1, 5000, 1])


class Peer:
    """A Redis that answers, keeps silent or refuses; counts its PINGs and calls."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.pings = self.calls = 0
        self.now = 0.0
        self.silence = Silence(rest=1.0, clock=lambda: self.now)

    def ping(self) -> None:
        self.pings += 1
        self._answer()

    def call(self) -> None:
        with self.silence.noticed(self.ping):
            self.calls += 1
            self._answer()

    def _answer(self) -> None:
        if self.failure:
            raise self.failure


@pytest.fixture
def peer() -> Peer:
    return Peer()


def test_a_silent_redis_is_not_asked_again_for_a_moment(peer: Peer) -> None:
    peer.failure = redis.exceptions.TimeoutError("Timeout reading from socket")
    for _ in range(3):
        with pytest.raises(redis.exceptions.TimeoutError):
            peer.call()

    assert (peer.calls, peer.pings) == (1, 0)


def test_after_the_moment_it_is_asked_with_a_ping_alone(peer: Peer) -> None:
    peer.failure = redis.exceptions.TimeoutError("Timeout reading from socket")
    for peer.now in (0.0, 1.0, 1.5, 2.0):
        with pytest.raises(redis.exceptions.TimeoutError):
            peer.call()

    assert (peer.calls, peer.pings) == (1, 2)


def test_once_it_answers_the_call_itself_is_made(peer: Peer) -> None:
    peer.failure = redis.exceptions.TimeoutError("Timeout reading from socket")
    with pytest.raises(redis.exceptions.TimeoutError):
        peer.call()
    peer.failure, peer.now = None, 1.0

    peer.call()
    peer.call()

    assert (peer.calls, peer.pings) == (3, 1)


def test_a_refused_connection_is_tried_each_time(peer: Peer) -> None:
    peer.failure = redis.exceptions.ConnectionError("Connection refused")
    for _ in range(3):
        with pytest.raises(redis.exceptions.ConnectionError):
            peer.call()

    assert (peer.calls, peer.pings) == (3, 0)


def test_one_caller_alone_waits_for_the_ping(peer: Peer) -> None:
    # Given a silence whose moment is over, and a caller whose PING is not answered yet
    peer.failure = redis.exceptions.TimeoutError("Timeout reading from socket")
    with pytest.raises(redis.exceptions.TimeoutError):
        peer.call()
    peer.failure, peer.now = None, 1.0
    with ThreadPoolExecutor(1) as pool:
        asked, answered = threading.Event(), threading.Event()

        def wait() -> None:
            asked.set()
            answered.wait(10)

        def call() -> None:
            with peer.silence.noticed(wait):
                pass

        first = pool.submit(call)
        asked.wait(10)
        # When another comes, then it is told at once
        with pytest.raises(redis.exceptions.TimeoutError, match="silent a moment ago"):
            peer.call()
        answered.set()
        first.result(10)
    peer.call()
    assert peer.calls == 2


def test_twenty_callers_wait_together_and_whoever_comes_later_not_at_all(deaf_port: int) -> None:
    client = connect(f"redis://127.0.0.1:{deaf_port}/0", timeout=0.5)

    def seconds(_: int) -> float:
        began = time.monotonic()
        with client.pipeline() as pipeline:
            pipeline.hgetall("a")
            with pytest.raises(NotDurable), told_as_not_durable():
                pipeline.execute()
        return time.monotonic() - began

    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(seconds, range(20)))
    assert max(together) < 1.5
    assert max(seconds(number) for number in range(5)) < 0.2
    client.close()
