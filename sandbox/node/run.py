"""One run of a container: its main process with its log, its probes, the commands beside it, its end.

Whether there will be another run is the container's decision.
"""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import aiohttp

from sandbox.node.command import ExecOutcome, Surroundings, Write, exit_code, run_command
from sandbox.node.log import Log
from sandbox.node.probe import Answer, ProbeKind, Schedule, Target, ask, attempt, watch
from sandbox.process import signal_group, spawn
from sandbox.store import Object

# As the kubelet: what a preStop hook leaves for the process to end by itself, at least.
_LEFT_BY_HOOK = 2.0


class Observer(Protocol):
    """Who is told what happens during a run."""

    def set_started(self, *, is_started: bool) -> None:
        """The container counts as started, or doesn't yet."""

    def set_ready(self, *, is_ready: bool) -> None:
        """A readiness probe has come to another verdict."""

    def say(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Something for the pod's events."""

    def get_port(self, wanted: int | str) -> int:
        """Where a port of the manifest is on this machine."""

    def get_grace(self) -> float:
        """Seconds that a process is given to end, unless a probe says otherwise."""


class Run:
    """A process that runs now, or did a moment ago."""

    def __init__(
        self,
        spec: Object,
        surroundings: Surroundings,
        observer: Observer,
        *,
        process: Process,
        log: Log,
        session: aiohttp.ClientSession,
    ) -> None:
        """`spec`: the container's."""
        self.log = log
        self.surroundings = surroundings
        self._spec = spec
        self._process = process
        self._observer = observer
        self._target = Target(observer.get_port, self._execute_quietly, session)
        self._commands: set[Process] = set()
        self._started = asyncio.Event()
        self._is_ending = False

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process.returncode is None

    async def attend(self) -> int:
        """Probe the process until it ends; its exit code."""
        if not self._spec.get(ProbeKind.STARTUP.field):
            self._started.set()
        try:
            async with asyncio.TaskGroup() as group:
                probes = [group.create_task(probe) for probe in self._probes()]
                await self._process.wait()
                for probe in probes:
                    probe.cancel()
        finally:
            self.kill()
            await self._process.wait()
        await self.log.finish()
        return exit_code(await self._process.wait())

    def kill(self) -> None:
        """End everything now."""
        for process in (self._process, *self._commands):
            signal_group(process, signal.SIGKILL)

    async def end(self, grace: float, *, with_hook: bool = True) -> None:
        """End as a kubelet does: preStop, TERM to the main process, KILL to all after `grace` seconds."""
        self._is_ending = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        if with_hook and await self._run_hook(grace):
            deadline = max(deadline, loop.time() + _LEFT_BY_HOOK)
        if not self.is_running:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), max(0.0, deadline - loop.time()))
        except TimeoutError:
            self.kill()
            await self._process.wait()

    async def execute(self, command: Sequence[str], write: Write) -> ExecOutcome:
        """Run a command beside the main process; it ends with that at the latest."""
        mine: list[Process] = []

        def remember(process: Process) -> None:
            mine.append(process)
            self._commands.add(process)

        try:
            return await run_command(command, self.surroundings, write, on_start=remember)
        finally:
            self._commands.difference_update(mine)

    async def _execute_quietly(self, command: list[str]) -> tuple[int, str]:
        parts: list[bytes] = []

        async def keep(_: int, part: bytes) -> None:
            parts.append(part)

        outcome = await self.execute(command, keep)
        code = 1 if outcome.exit_code is None else outcome.exit_code
        return code, outcome.error or b"".join(parts).decode(errors="replace")

    async def _run_hook(self, grace: float) -> bool:
        """Run the preStop hook, if there is one, within the grace period; says whether there is."""
        hook = (self._spec.get("lifecycle") or {}).get("preStop")
        if not hook or not grace or not self.is_running:
            return False
        try:
            answer = await asyncio.wait_for(attempt(hook, self._target), grace)
        except TimeoutError:
            answer = Answer(is_success=False, message=f"still running after {grace:g}s")
        if not answer.is_success:
            self._observer.say("FailedPreStopHook", f"PreStopHook failed: {answer.message}", warning=True)
        return True

    def _probes(self) -> Iterator["asyncio._CoroutineLike[None]"]:
        judges = {
            ProbeKind.STARTUP: self._judge_start,
            ProbeKind.READINESS: self._judge_readiness,
            ProbeKind.LIVENESS: self._judge_life,
        }
        for kind, judge in judges.items():
            if probe := self._spec.get(kind.field):
                yield self._probe(kind, probe, judge)

    async def _probe(self, kind: ProbeKind, probe: Object, judge: Callable[[bool], Awaitable[bool]]) -> None:
        if kind is not ProbeKind.STARTUP:
            await self._started.wait()
        attempt_once = partial(ask, probe, self._target)
        await watch(
            Schedule.of(probe), attempt_once, on_verdict=judge, on_failure=partial(self._complain, kind)
        )

    def _complain(self, kind: ProbeKind, answer: Answer) -> None:
        self._observer.say("Unhealthy", f"{kind.value} probe failed: {answer.message}", warning=True)

    async def _judge_start(self, is_success: bool) -> bool:  # noqa: FBT001 -- the state itself is the argument
        if not is_success:
            return await self._condemn(ProbeKind.STARTUP)
        self._observer.set_started(is_started=True)
        self._started.set()
        return False

    async def _judge_readiness(self, is_success: bool) -> bool:  # noqa: FBT001 -- the state itself is the argument
        self._observer.set_ready(is_ready=is_success)
        return True

    async def _judge_life(self, is_success: bool) -> bool:  # noqa: FBT001 -- the state itself is the argument
        return is_success or await self._condemn(ProbeKind.LIVENESS)

    async def _condemn(self, kind: ProbeKind) -> bool:
        """End the run, so that the container is restarted. A run that is ending already is left in peace."""
        if not self._is_ending:
            message = f"Container {self._spec['name']} failed {kind.value.lower()} probe, will be restarted"
            self._observer.say("Killing", message)
            grace = self._spec[kind.field].get("terminationGracePeriodSeconds")
            await self.end(grace or self._observer.get_grace())
        return False


async def start_process(command: Sequence[str], surroundings: Surroundings, log: Log) -> Process:
    """Start a container's main process, which writes into `log`."""
    output = await log.open()
    try:
        return await spawn(
            command, cwd=surroundings.tree, env=surroundings.variables, stdout=output, stderr=output
        )
    finally:
        os.close(output)
