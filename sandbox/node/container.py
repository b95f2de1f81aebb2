"""The life of one container: pulled, configured, run, restarted.

It keeps the facts in its record and asks its pod to report them. What a status makes of them stays out.
"""

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from sandbox.images import Image, InvalidImageName, PullError
from sandbox.node.command import ExecOutcome, Surroundings, Write, find_obstacle
from sandbox.node.environment import ConfigError, build_command, build_environment
from sandbox.node.log import Log
from sandbox.node.machine import Backoff, Machine, NeverPulled, pull_policy
from sandbox.node.probe import ProbeKind
from sandbox.node.run import Run, start_process
from sandbox.node.status import ContainerRecord, format_duration, grace_period, terminated, waiting
from sandbox.store import Object

# A container that ran this long (seconds) begins with the shortest pause again.
_FORGIVEN_AFTER = 20.0
_START_ERROR = 128


class Pod(Protocol):
    """What a container needs of its pod."""

    @property
    def object(self) -> Object:
        """The pod as it is in the store, or was last."""

    def report(self) -> None:
        """Write the status anew."""

    def say(self, reason: str, message: str, *, warning: bool = False, container: str = "") -> None:
        """Write an event."""

    def find_config(self, resource: str, name: str) -> Object | None:
        """A Secret or ConfigMap of the pod's namespace."""

    def find_port(self, wanted: int | str) -> int | None:
        """Where a port that a container of the pod declares is on this machine."""


class Container:
    """One container of a pod, over all its runs."""

    def __init__(self, spec: Object, pod: Pod, machine: Machine, directory: Path) -> None:
        """`directory`: for its logs."""
        self.spec = spec
        self.record = ContainerRecord(spec["name"], spec["image"], spec.get("resources") or {})
        self.port = machine.ports.claim()
        self._pod = pod
        self._machine = machine
        self._directory = directory
        self._logs: list[Log] = []  # of the last two runs
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._is_ending = False
        self._is_cancelled = False

    @property
    def is_running(self) -> bool:
        """Whether there is a process now."""
        return self._run is not None and self._run.is_running

    def find_log(self, *, previous: bool) -> Log | None:
        """The log of the run that is or was last; or of the one before what runs now."""
        if previous and "waiting" not in self.record.state:
            return self._logs[-2] if len(self._logs) > 1 else None
        return self._logs[-1] if self._logs else None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to live."""
        self._task = group.create_task(self._live())

    def nudge(self) -> None:
        """A Secret or ConfigMap has changed: what was missing may be there."""
        self._nudged.set()

    def kill(self) -> None:
        """End the process now."""
        if self._run is not None:
            self._run.kill()

    async def terminate(self, grace: float, *, with_hook: bool = True) -> None:
        """End for good, within `grace` seconds."""
        self._is_ending = True
        async with self._starting:
            pass  # a process that is just being started is waited for, so that it can be ended
        if self._run is not None:
            await self._run.end(grace, with_hook=with_hook)
        elif self._task is not None and not self._is_cancelled:
            self._is_cancelled = True  # once: a second cancellation would cut short what the first has to end
            self._task.cancel()

    def discard(self) -> None:
        """Give back what it held."""
        self._machine.ports.release(self.port)
        for log in self._logs:
            log.discard()

    async def execute(self, command: Sequence[str], write: Write) -> ExecOutcome:
        """Run a command beside the main process."""
        if self._run is None or not self._run.is_running:
            return ExecOutcome(None, f'container not found ("{self.record.name}")')
        return await self._run.execute(command, write)

    def say(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Write an event about this container."""
        self._pod.say(reason, message, warning=warning, container=self.record.name)

    def set_started(self, *, is_started: bool) -> None:
        """A container is ready once it has started, unless a probe is to say so."""
        self.record.is_started = is_started
        self.record.is_ready = is_started and not self.spec.get(ProbeKind.READINESS.field)
        self._pod.report()

    def set_ready(self, *, is_ready: bool) -> None:
        """A readiness probe has come to another verdict."""
        self.record.is_ready = is_ready
        self._pod.report()

    def get_port(self, wanted: int | str) -> int:
        """Where a port of the manifest is on this machine. One that nobody declares: where we listen."""
        return self._pod.find_port(wanted) or self.port

    def get_grace(self) -> float:
        """Seconds that a process is given to end."""
        return grace_period(self._pod.object)

    async def _live(self) -> None:
        loop, backoff, is_first = asyncio.get_running_loop(), Backoff(), True
        while not self._is_ending:
            image = await self._pull()
            surroundings, command = await self._configure(image)
            began = loop.time()
            await self._run_once(image, surroundings, command)
            if self._is_over():
                return
            if loop.time() - began > _FORGIVEN_AFTER:
                backoff.reset()
            elif not is_first:  # the first restart comes at once
                await self._back_off(backoff.take())
            is_first = False

    def _is_over(self) -> bool:
        """Whether there will be no further run: the pod ends, or its restart policy says so."""
        policy = self._pod.object["spec"].get("restartPolicy", "Always")
        ended = self.record.state.get("terminated", {})
        is_enough = policy == "Never" or (policy == "OnFailure" and ended.get("exitCode") == 0)
        return self._is_ending or is_enough

    def _wait_because(self, reason: str, message: str) -> None:
        if "terminated" in self.record.state:
            self.record.last_state = self.record.state
        self.record.state = waiting(reason, message)
        self._pod.report()

    async def _back_off(self, pause: float) -> None:
        metadata = self._pod.object["metadata"]
        pod = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        name = self.record.name
        self.say("BackOff", f"Back-off restarting failed container {name} in pod {pod}", warning=True)
        message = f"back-off {format_duration(pause)} restarting failed container={name} pod={pod}"
        self._wait_because("CrashLoopBackOff", message)
        await asyncio.sleep(pause)

    async def _pull(self) -> Image:
        """The container's image, however long that takes.

        A name that is none is never asked for again: the pod waits for its deletion.
        """
        name, backoff = self.spec["image"], Backoff()
        while True:
            try:
                return await self._pull_once(name)
            except InvalidImageName as error:
                self.say("InspectFailed", str(error), warning=True)
                self._wait_because("InvalidImageName", str(error))
                await asyncio.get_running_loop().create_future()
            except PullError as error:
                await self._wait_for_image(name, error, backoff.take())

    async def _pull_once(self, name: str) -> Image:
        image = self._machine.images.find(name, pull_policy(self.spec))
        if image is not None:
            self.say("Pulled", f'Container image "{name}" already present on machine')
            return image
        self.say("Pulling", f'Pulling image "{name}"')
        image = await self._machine.images.pull(name)
        self.say("Pulled", f'Successfully pulled image "{name}"')
        return image

    async def _wait_for_image(self, name: str, error: PullError, pause: float) -> None:
        """The error stands for a quarter of the pause, then the kubelet's word for waiting."""
        reason = "ErrImageNeverPull" if isinstance(error, NeverPulled) else "ErrImagePull"
        self.say("Failed", f'Failed to pull image "{name}": {error}', warning=True)
        self.say("Failed", f"Error: {reason}", warning=True)
        self._wait_because(reason, str(error))
        await asyncio.sleep(pause / 4)
        if reason == "ErrImagePull":
            self.say("BackOff", f'Back-off pulling image "{name}"')
            self.say("Failed", "Error: ImagePullBackOff", warning=True)
            self._wait_because("ImagePullBackOff", f'Back-off pulling image "{name}": {reason}: {error}')
        await asyncio.sleep(pause * 3 / 4)

    async def _configure(self, image: Image) -> tuple[Surroundings, list[str]]:
        """Environment and command line; waits until every Secret and ConfigMap they need is there."""
        while True:
            self._nudged.clear()
            self.port = self._machine.ports.claim(self.port)
            pod, lookup = self._pod.object, self._pod.find_config
            try:
                variables = build_environment(self.spec, pod, tree=image.tree, port=self.port, lookup=lookup)
            except ConfigError as error:
                self.say("Failed", f"Error: {error}", warning=True)
                self._wait_because("CreateContainerConfigError", str(error))
                await self._nudged.wait()
            else:
                command = build_command(self.spec, image.command, variables)
                return Surroundings(image.tree, variables), command

    async def _run_once(self, image: Image, surroundings: Surroundings, command: Sequence[str]) -> None:
        """One run, from the start of the process until its end is on record."""
        async with self._starting:
            if self._is_ending:
                return
            self._begin(image)
            started = self._machine.now()
            if why := find_obstacle(command, surroundings):
                self._refuse(why)
                return
            self._run = await self._start(surroundings, command)
        self.record.state = {"running": {"startedAt": started}}
        self.say("Created", f"Created container: {self.record.name}")
        self.say("Started", f"Started container {self.record.name}")
        self.set_started(is_started=not self.spec.get(ProbeKind.STARTUP.field))
        code = await self._run.attend()
        self._run = None
        self._end(code, started=started)

    def _begin(self, image: Image) -> None:
        record = self.record
        record.restarts += bool(record.container_id)
        if "terminated" in record.state:
            record.last_state = record.state
        record.image, record.image_id = str(image.reference), image.identifier
        record.container_id = f"containerd://{secrets.token_hex(32)}"

    async def _start(self, surroundings: Surroundings, command: Sequence[str]) -> Run:
        log = Log(self._directory / f"{self.record.restarts}.log")
        self._logs.append(log)
        if len(self._logs) > 2:  # noqa: PLR2004 -- of this run and of the one before
            self._logs.pop(0).discard()
        process = await start_process(command, surroundings, log)
        session = self._machine.session
        return Run(self.spec, surroundings, self, process=process, log=log, session=session)

    def _refuse(self, why: str) -> None:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
            "create failed: unable to start container process: error during container init: "
            f"{why}: unknown"
        )
        self.say("Failed", f"Error: {message}", warning=True)
        self._end(_START_ERROR, started=self._machine.now(), reason="StartError", message=message)

    def _end(self, code: int, *, started: str, **more: str) -> None:
        record = self.record
        record.is_ready = record.is_started = False
        finished, identifier = self._machine.now(), record.container_id
        record.state = terminated(code, started=started, finished=finished, container_id=identifier, **more)
        self._pod.report()
