"""A command in a running container, as `kubectl exec` and exec probes want it."""

import asyncio
import os
import secrets
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.process import signal_group, spawn

Write = Callable[[int, bytes], Awaitable[None]]

_CHUNK = 64 * 1024


@dataclass(frozen=True)
class ExecOutcome:
    """How a command ended: its exit code, or why it never ran. One of the two is None."""

    exit_code: int | None
    error: str | None = None


@dataclass(frozen=True)
class Surroundings:
    """What a container's processes run in."""

    tree: Path
    variables: Mapping[str, str]


async def run_command(
    command: Sequence[str],
    surroundings: Surroundings,
    write: Write,
    *,
    on_start: Callable[[Process], None] = lambda _: None,
) -> ExecOutcome:
    """Run a command and hand on what it writes (1: stdout, 2: stderr). It ends if the caller is cancelled."""
    if why := find_obstacle(command, surroundings):
        return ExecOutcome(None, _refuse(why))
    async with _pipe() as (out, out_end), _pipe() as (err, err_end):
        try:
            process = await spawn(
                command, cwd=surroundings.tree, env=surroundings.variables, stdout=out_end, stderr=err_end
            )
        finally:
            os.close(out_end)
            os.close(err_end)
        try:
            on_start(process)
            await asyncio.gather(_hand_on(out, 1, write), _hand_on(err, 2, write))
            return ExecOutcome(exit_code(await process.wait()))
        finally:
            signal_group(process, signal.SIGKILL)
            await process.wait()


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe: where to read, and the end for a process to write to.

    Not asyncio's own PIPE: there Python 3.11 takes a process for ended only once its pipes are closed, and a
    command that leaves something running in the background would not end before that does.
    """
    reading, writing = os.pipe()
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
    )
    try:
        yield reader, writing
    finally:
        transport.close()


async def _hand_on(stream: asyncio.StreamReader, number: int, write: Write) -> None:
    while part := await stream.read(_CHUNK):
        await write(number, part)


def exit_code(returncode: int) -> int:
    """The code as a container runtime reports it: a signal counts as 128 and its number."""
    return 128 - returncode if returncode < 0 else returncode


def find_obstacle(command: Sequence[str], surroundings: Surroundings) -> str | None:
    """Why a command can't be started, in the words of a container runtime; None when it can."""
    name = command[0] if command else ""
    if os.sep not in name:
        folders = surroundings.variables.get("PATH", "").split(os.pathsep)
        places = [Path(folder) / name for folder in folders if folder and name]
        if any(place.is_file() and os.access(place, os.X_OK) for place in places):
            return None
        return f'exec: "{name}": executable file not found in $PATH'
    place = surroundings.tree / name
    if not place.is_file():
        return f'exec: "{name}": stat {name}: no such file or directory'
    return None if os.access(place, os.X_OK) else f'exec: "{name}": permission denied'


def _refuse(why: str) -> str:
    return (
        "error executing command in container: failed to exec in container: failed to start exec "
        f'"{secrets.token_hex(32)}": OCI runtime exec failed: exec failed: '
        f"unable to start container process: {why}: unknown"
    )
