import asyncio
import os
from pathlib import Path

from sandbox.node.log import Log

DEADLINE = 30


async def written(log: Log, *parts: bytes) -> None:
    """Write through the pipe, as a process does, and end."""
    pipe = await log.open()
    for part in parts:
        await asyncio.to_thread(os.write, pipe, part)
    os.close(pipe)
    await log.finish()


def test_the_last_lines_are_read(tmp_path: Path) -> None:
    async def scenario() -> list[bytes]:
        log = Log(tmp_path / "0.log")
        await written(log, b"one\ntwo\n", b"three\n")
        found = [log.read(), log.read(2), log.read(0), log.read(9)]
        log.discard()
        return found

    everything = b"one\ntwo\nthree\n"
    assert asyncio.run(scenario()) == [everything, b"two\nthree\n", b"", everything]


def test_a_log_keeps_its_last_part_in_whole_lines(tmp_path: Path) -> None:
    async def scenario() -> bytes:
        log = Log(tmp_path / "0.log", limit=100)
        await written(log, *(b"line %03d\n" % number for number in range(500)))
        found = log.read()
        log.discard()
        return found

    found = asyncio.run(scenario())
    assert 90 <= len(found) <= 200
    assert len(found) % 9 == 0
    assert found.endswith(b"line 499\n")


def test_a_follower_gets_what_was_and_what_comes_until_the_end(tmp_path: Path) -> None:
    async def scenario() -> tuple[bytes, bytes]:
        log = Log(tmp_path / "0.log")
        pipe = await log.open()
        log.data_received(b"before\n")
        follower = log.follow()
        first = await anext(follower)
        log.data_received(b"after\n")
        os.close(pipe)
        async with asyncio.timeout(DEADLINE):
            rest = b"".join([part async for part in follower])
            late = b"".join([part async for part in log.follow(1)])
        log.discard()
        return first + rest, late

    assert asyncio.run(scenario()) == (b"before\nafter\n", b"after\n")


def test_a_follower_that_does_not_keep_up_is_let_go(tmp_path: Path) -> None:
    async def scenario() -> int:
        log = Log(tmp_path / "0.log")
        log.data_received(b"0")
        follower = log.follow()
        await anext(follower)
        for _ in range(5000):
            log.data_received(b"x")
        async with asyncio.timeout(DEADLINE):
            count = len([part async for part in follower])
        log.discard()
        return count

    assert asyncio.run(scenario()) < 1001
