"""The processes of a campaign, started as in earnest and restarted when they end; and how to hurt them.

A worker runs under a shell that starts it again, as a Procfile's runner would. So its main process can be
killed alone: the pool child that it leaves behind lives on. The crew ends all of them with the campaign,
however that ends.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import requests

from cli.commands.processes import gunicorn_arguments, worker_arguments
from cli.demo.crew import Crew, Member
from release.plan import RELEASES_QUEUE, SWITCHES_QUEUE
from sandbox.datastore import redis_command

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from tests.faults.place import Place

START_DEADLINE: Final = 60.0
REDIS: Final = "redis"
WEB: Final = "web"
CLUSTER: Final = "cluster"


class NotStarted(Exception):
    """A process of the campaign does not come up; the message ends with its log."""


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of one worker at a moment: Celery's main one, its pool child, what earlier ones left."""

    main: int | None
    children: tuple[int, ...]
    orphans: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        """Everything but the shell that supervises."""
        return (*((self.main,) if self.main else ()), *self.children, *self.orphans)


class House:
    """A campaign's processes."""

    def __init__(self, place: Place, *, workers: int) -> None:
        self._place = place
        self.workers = _names(workers)
        self._crew = Crew(environment=place.environment(), logs=place.logs)

    def __enter__(self) -> Self:
        """Start everything and wait until it answers."""
        try:
            for member in self._members():
                self._crew.start(member)
            self._wait(CLUSTER, (self._place.folder / "kubeconfig").exists)
            self._wait(WEB, self._is_web_ready)
            for worker in self.workers:
                self._wait(worker, lambda name=worker: self._has_started(name))  # type: ignore[misc]
        except BaseException:
            self._crew.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crew.close()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to Redis or the whole of the web process; it is started again when it ends."""
        pid = self._pid(name)
        with suppress(ProcessLookupError):
            if name == WEB:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)

    def group(self, worker: str) -> Group:
        """A worker's processes now."""
        shell = self._pid(worker)
        parents = dict(_members_of(shell))
        main = next((pid for pid, parent in sorted(parents.items()) if parent == shell), None)
        children = tuple(pid for pid, parent in parents.items() if main and parent == main)
        known = {shell, main, *children}
        return Group(main, children, tuple(pid for pid in parents if pid not in known))

    def is_busy(self, worker: str) -> bool:
        """Whether a worker's log ends within a task, as far as it has been written."""
        lines = self.log_of(worker).read_text(errors="replace").splitlines()[-12:]
        about = [line for line in lines if '"event": "Task ' in line or " ready." in line]
        return bool(about) and " received" in about[-1]

    def log_of(self, name: str) -> Path:
        """What a process says."""
        return self._crew.log_of(name)

    def _members(self) -> list[Member]:
        web, redis, api, gateway = self._place.ports
        cluster = ("tests.faults.cluster", self._place.folder, api, gateway, self._place.seed)
        python = sys.executable
        commands = {
            REDIS: redis_command(self._place.folder / "redis", redis),
            CLUSTER: [python, "-m", *map(str, cluster), *self._place.apps],
            WEB: [python, "-m", "gunicorn", *gunicorn_arguments(f"127.0.0.1:{web}", 2)],
        }
        members = [
            Member(name, self._shell(name, command), rank=int(name == WEB))
            for name, command in commands.items()
        ]
        return [*members, *(Member(name, self._worker(name)) for name in self.workers)]

    def _worker(self, name: str) -> tuple[str, ...]:
        queue = SWITCHES_QUEUE if name.startswith(SWITCHES_QUEUE) else RELEASES_QUEUE
        return self._shell(name, [sys.executable, "-m", "celery", *worker_arguments(queue, name)], again=True)

    def _shell(self, name: str, command: Iterable[str], *, again: bool = False) -> tuple[str, ...]:
        """The command, under a shell that has written its process id down."""
        line, pid = shlex.join(command), shlex.quote(str(self._pid_file(name)))
        run = f"while :; do {line}; sleep 0.3; done" if again else f"exec {line}"
        return ("sh", "-c", f"echo $$ > {pid}; {run}")

    def _pid_file(self, name: str) -> Path:
        return self._place.folder / f"{name}.pid"

    def _pid(self, name: str) -> int:
        return int(self._pid_file(name).read_text())

    def _wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_DEADLINE
        while not is_ready():
            if time.monotonic() > until:
                log = self.log_of(name)
                lines = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
                raise NotStarted(
                    f"{name} was not ready within {START_DEADLINE:.0f} s. Its log ends with:\n"
                    + "\n".join(lines)
                )
            time.sleep(0.05)

    def _is_web_ready(self) -> bool:
        try:
            return requests.get(f"{self._place.web}/readyz", timeout=1).ok
        except requests.RequestException:
            return False

    def _has_started(self, worker: str) -> bool:
        log = self.log_of(worker)
        return log.exists() and " ready." in log.read_text(errors="replace")


def _names(workers: int) -> tuple[str, ...]:
    """Half of them for switches, which take longer than a deploy here; and one that is lost is taken over."""
    switches = max(1, workers // 2)
    counts = {RELEASES_QUEUE: workers - switches, SWITCHES_QUEUE: switches}
    return tuple(f"{queue}-{number}" for queue, count in counts.items() for number in range(1, count + 1))


def _members_of(group: int) -> Iterator[tuple[int, int]]:
    """The processes of a process group, each with its parent; zombies don't count."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            # After the program's name, which may hold anything: state, parent, group.
            state, parent, leader = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(leader) == group and state != "Z":
                yield int(entry.name), int(parent)
