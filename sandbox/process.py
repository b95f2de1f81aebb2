"""Child processes of the sandbox: started in a group of their own, ended as a group, never left behind.

Every pod, Envoy and command in a pod is started here. What runs and when it is restarted is not decided here.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from sandbox import reaper

_PROGRAM = (sys.executable, "-I", "-S", reaper.__file__)

Stream = int | IO[bytes] | None


@dataclass
class _Will:
    """The pipe to the reaper. One per interpreter, because the interpreter's death is what it is about."""

    pipe: int | None = None
    followers: set[asyncio.Task[None]] = field(default_factory=set)

    def open(self) -> int:
        """The end to write to; starts the reaper at the first call."""
        if self.pipe is None:
            self.pipe = _start_reaper()
        return self.pipe


_will = _Will()


async def spawn(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: Stream = asyncio.subprocess.DEVNULL,
    stdout: Stream = None,
    stderr: Stream = None,
    descriptors: Sequence[int] = (),
) -> asyncio.subprocess.Process:
    """Start a program in a session and process group of its own (its id is the process's).

    The group ends with the process: when that has exited, whatever it left running in its group is killed, as
    in a container. All of it is killed when this interpreter dies, however it dies. A bare program name is
    looked for on `env`'s PATH, a relative path with a slash under `cwd`.

    Raises:
        FileNotFoundError: there is no such executable; its message names it.
    """
    program = _find_program(argv[0], cwd=cwd, env=env)
    will = _will.open()
    process = await asyncio.create_subprocess_exec(
        *_PROGRAM,
        "run",
        str(will),
        program,
        *argv,
        cwd=cwd,
        env=env,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=(will, *descriptors),
        start_new_session=True,
    )
    follower = asyncio.create_task(_follow(process, will))
    _will.followers.add(follower)
    follower.add_done_callback(_will.followers.discard)
    return process


async def stop(process: asyncio.subprocess.Process, *, grace: float) -> int:
    """TERM to the group, KILL to what is left of it after `grace` seconds. Returns the exit code."""
    signal_group(process, signal.SIGTERM)
    try:
        return await asyncio.wait_for(process.wait(), grace)
    except TimeoutError:
        signal_group(process, signal.SIGKILL)
        return await process.wait()


def signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal to a process that `spawn` started and to its children; nothing when it has ended."""
    if process.returncode is None:
        _kill_group(process.pid, number)


async def _follow(process: asyncio.subprocess.Process, will: int) -> None:
    await process.wait()
    _kill_group(process.pid, signal.SIGKILL)
    with suppress(BrokenPipeError):  # the reaper was killed: its list died with it
        os.write(will, b"-%d\n" % process.pid)


def _kill_group(group: int, number: signal.Signals) -> None:
    # PermissionError is macOS's word for a group of which only a zombie is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _find_program(name: str, *, cwd: Path | None, env: Mapping[str, str] | None) -> str:
    search = (os.environ if env is None else env).get("PATH", os.defpath)
    place = str(Path(cwd or ".") / name) if os.sep in name else name
    found = shutil.which(place, path=search)
    if found is None:
        raise FileNotFoundError(f'exec: "{name}": executable file not found in $PATH')
    return str(Path(found).absolute())


def _start_reaper() -> int:
    """Start the reaper and return the pipe's end to write to.

    Not by `subprocess`: that wants somebody to wait for it, and this one outlives everybody.
    """
    reading, writing = os.pipe()
    devnull = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    actions = [(os.POSIX_SPAWN_DUP2, reading, 0), *devnull]
    os.posix_spawn(sys.executable, [*_PROGRAM, "watch"], os.environ, file_actions=actions)
    os.close(reading)
    return writing
