import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from sandbox.node.probe import Answer, Schedule, Target, ask, watch
from sandbox.store import Object

DEADLINE = 30
GOOD, BAD, REFUSED = (
    Answer(is_success=True),
    Answer(is_success=False),
    Answer(is_success=False, is_refused=True),
)


def play(answers: list[Answer], *, successes: int = 1, failures: int = 3) -> tuple[list[bool], int]:
    """The verdicts over a series of answers, and how many failures were complained of."""
    schedule = Schedule(initial_delay=0, period=0.001, timeout=1, successes=successes, failures=failures)
    verdicts: list[bool] = []
    complaints: list[Answer] = []
    rest = iter(answers)

    async def try_once() -> Answer:
        return next(rest)

    async def note(verdict: bool) -> bool:  # noqa: FBT001  the probe's own signature
        verdicts.append(verdict)
        return True

    with pytest.raises(RuntimeError):  # the answers are used up
        asyncio.run(watch(schedule, try_once, on_verdict=note, on_failure=complaints.append))
    return verdicts, len(complaints)


def test_a_verdict_needs_as_many_equal_answers_as_its_threshold() -> None:
    assert play([BAD, BAD, GOOD, BAD, BAD, BAD, GOOD]) == ([True, False, True], 5)
    assert play([GOOD, BAD, GOOD, GOOD], successes=2) == ([True], 1)


def test_a_long_run_of_equal_answers_is_one_verdict() -> None:
    assert play([GOOD] * 5 + [BAD] * 5) == ([True, False], 5)


def test_refused_connections_at_the_start_do_not_count_within_the_first_period() -> None:
    async def scenario() -> tuple[float, list[Answer]]:
        answers = iter([REFUSED, REFUSED, GOOD])
        complaints: list[Answer] = []

        async def try_once() -> Answer:
            return next(answers)

        async def stop(verdict: bool) -> bool:  # noqa: FBT001  as above
            assert verdict
            return False

        schedule = Schedule(initial_delay=0, period=60, timeout=1, successes=1, failures=1)
        start = asyncio.get_running_loop().time()
        await watch(schedule, try_once, on_verdict=stop, on_failure=complaints.append)
        return asyncio.get_running_loop().time() - start, complaints

    took, complaints = asyncio.run(scenario())
    assert took < DEADLINE
    assert complaints == []


def test_a_schedule_has_kubernetes_defaults() -> None:
    expected = Schedule(initial_delay=0, period=10, timeout=1, successes=1, failures=3)
    assert Schedule.of({"httpGet": {}}) == expected


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[int]:
    """Answers every request with the same bytes; nothing at all when there are none."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readline():  # a mere connection sends nothing
                writer.write(answer)
                await (writer.drain() if answer else reader.read())
        finally:
            writer.close()

    started = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with started:
        yield started.sockets[0].getsockname()[1]


async def execute(command: list[str]) -> tuple[int, str]:
    if command == ["sleep"]:
        await asyncio.sleep(DEADLINE)
    return (0, "") if command == ["true"] else (1, "no such thing")


async def probe(handler: Object, port: int) -> Answer:
    async with aiohttp.ClientSession() as session:
        return await ask(handler, Target(lambda _: port, execute, session))


def http(answer: bytes, **probed: object) -> Answer:
    async def scenario() -> Answer:
        async with server(answer) as port:
            return await probe({"httpGet": {"path": "/ready", "port": 3000}, **probed}, port)

    return asyncio.run(scenario())


@pytest.mark.parametrize(("status", "expected"), [(200, True), (302, True), (404, False), (503, False)])
def test_an_http_probe_goes_by_the_status(status: int, expected: bool) -> None:  # noqa: FBT001  a table
    answer = http(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nLocation: /away\r\n\r\n" % status)
    assert answer.is_success is expected
    assert answer.message == ("" if expected else f"HTTP probe failed with statuscode: {status}")


def test_a_probe_that_takes_too_long_fails() -> None:
    assert http(b"", timeoutSeconds=0.05).message == "context deadline exceeded"
    slow = asyncio.run(probe({"exec": {"command": ["sleep"]}, "timeoutSeconds": 0.05}, 1))
    assert slow.message == 'command "sleep" timed out after 0.05s'


def run_closed(handler: Callable[[int], Object]) -> tuple[Answer, int]:
    async def scenario() -> tuple[Answer, int]:
        async with server(b"") as port:
            pass
        return await probe(handler(port), port), port

    return asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
def test_where_nothing_listens_the_connection_is_refused(kind: str) -> None:
    answer, port = run_closed(lambda port: {kind: {"port": port}})
    assert (answer.is_success, answer.is_refused) == (False, True)
    assert answer.message.endswith(f"dial tcp 127.0.0.1:{port}: connect: connection refused")


def test_exec_and_tcp_probes() -> None:
    async def scenario() -> list[Answer]:
        async with server(b"x") as port:
            handlers: list[Object] = [
                {"exec": {"command": ["true"]}},
                {"exec": {"command": ["false"]}},
                {"tcpSocket": {"port": 3000}},
                {"grpc": {"port": 1}},
            ]
            return [await probe(handler, port) for handler in handlers]

    answers = asyncio.run(scenario())
    assert [answer.is_success for answer in answers] == [True, False, True, False]
    assert answers[1].message == "no such thing"


Attempt = Callable[[], Awaitable[Answer]]
