"""Probes: is a container started, ready, alive? How often to ask, and how many answers make a verdict.

What follows from a verdict is the container's business.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from sandbox.store import Object

_FIRST_PAUSE = 0.1
_HTTP_FAILURE = 400
_SHOWN = 1024


class ProbeKind(StrEnum):
    """What a probe decides, as the kubelet writes it in its events."""

    STARTUP = "Startup"
    READINESS = "Readiness"
    LIVENESS = "Liveness"

    @property
    def field(self) -> str:
        """The probe's name in a container's spec."""
        return f"{self.value.lower()}Probe"


@dataclass(frozen=True)
class Answer:
    """One attempt. `is_refused`: nothing listens, which a process that starts has to be forgiven."""

    is_success: bool
    message: str = ""
    is_refused: bool = False


@dataclass(frozen=True)
class Schedule:
    """When to ask and when to believe it. Times in seconds."""

    initial_delay: float
    period: float
    timeout: float
    successes: int
    failures: int

    @classmethod
    def of(cls, probe: Object) -> "Schedule":
        """The schedule of a probe, with Kubernetes' defaults."""
        return cls(
            initial_delay=probe.get("initialDelaySeconds") or 0,
            period=probe.get("periodSeconds") or 10,
            timeout=probe.get("timeoutSeconds") or 1,
            successes=probe.get("successThreshold") or 1,
            failures=probe.get("failureThreshold") or 3,
        )


Execute = Callable[[list[str]], Awaitable[tuple[int, str]]]


@dataclass(frozen=True)
class Target:
    """Where a container's probes and hooks go.

    `get_port` knows where a port of the manifest, a number or a name, is on this machine; `execute` runs a
    command in the container and returns its exit code and output.
    """

    get_port: Callable[[int | str], int]
    execute: Execute
    session: aiohttp.ClientSession


async def ask(probe: Object, target: Target) -> Answer:
    """Try once, within the probe's timeout; what went wrong is the answer, in the kubelet's words."""
    timeout = Schedule.of(probe).timeout
    try:
        async with asyncio.timeout(timeout):
            return await attempt(probe, target)
    except TimeoutError:
        if probe.get("exec"):
            command = " ".join(probe["exec"]["command"])
            return Answer(is_success=False, message=f'command "{command}" timed out after {timeout}s')
        return Answer(is_success=False, message="context deadline exceeded")


async def attempt(handler: Object, target: Target) -> Answer:
    """Do what a probe or a lifecycle hook says, once, for as long as it takes."""
    if handler.get("exec"):
        code, output = await target.execute(list(handler["exec"]["command"]))
        return Answer(is_success=code == 0, message=output[:_SHOWN])
    if handler.get("httpGet"):
        return await _get(handler["httpGet"], target)
    if handler.get("tcpSocket"):
        return await _connect(target.get_port(handler["tcpSocket"]["port"]))
    if handler.get("sleep"):
        await asyncio.sleep(handler["sleep"].get("seconds") or 0)
        return Answer(is_success=True)
    return Answer(is_success=False, message="the sandbox has only exec, httpGet, tcpSocket and sleep")


async def _get(action: Object, target: Target) -> Answer:
    port = target.get_port(action["port"])
    path = action.get("path") or "/"
    url = f"{(action.get('scheme') or 'HTTP').lower()}://127.0.0.1:{port}/{path.removeprefix('/')}"
    headers = {"User-Agent": "kube-probe/1.36", "Connection": "close"}
    headers |= {header["name"]: header["value"] for header in action.get("httpHeaders") or ()}
    try:
        async with target.session.get(url, headers=headers, allow_redirects=False, ssl=False) as response:
            status = response.status
    except aiohttp.ClientConnectorError:
        return Answer(is_success=False, message=f'Get "{url}": {_refused(port)}', is_refused=True)
    except aiohttp.ClientError as error:
        return Answer(is_success=False, message=f'Get "{url}": {error}')
    if status >= _HTTP_FAILURE:
        return Answer(is_success=False, message=f"HTTP probe failed with statuscode: {status}")
    return Answer(is_success=True)


async def _connect(port: int) -> Answer:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return Answer(is_success=False, message=_refused(port), is_refused=True)
    writer.close()
    return Answer(is_success=True)


def _refused(port: int) -> str:
    return f"dial tcp 127.0.0.1:{port}: connect: connection refused"


async def watch(
    schedule: Schedule,
    try_once: Callable[[], Awaitable[Answer]],
    *,
    on_verdict: Callable[[bool], Awaitable[bool]],
    on_failure: Callable[[Answer], None],
) -> None:
    """Ask until `on_verdict`, which hears once of every run of equal answers that is long enough, says False.

    In the first period refused connections are asked again at once and don't count: a process that starts
    within a tenth of a second shall not look unready for the ten seconds of a default period.
    """
    await asyncio.sleep(schedule.initial_delay)
    answer = await _first_answer(schedule, try_once)
    run = 0
    last: bool | None = None
    while True:
        run = run + 1 if answer.is_success is last else 1
        last = answer.is_success
        if not last:
            on_failure(answer)
        is_long_enough = run == (schedule.successes if last else schedule.failures)
        if is_long_enough and not await on_verdict(last):
            return
        await asyncio.sleep(schedule.period)
        answer = await try_once()


async def _first_answer(schedule: Schedule, try_once: Callable[[], Awaitable[Answer]]) -> Answer:
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + schedule.period, _FIRST_PAUSE
    answer = await try_once()
    while answer.is_refused and loop.time() < end:
        await asyncio.sleep(min(pause, max(0.0, end - loop.time())))
        pause *= 1.5
        answer = await try_once()
    return answer
