"""The demo's house: every process that it needs, started in order and ready before the play begins."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Final

import requests

from cli.commands.processes import flower_arguments, gunicorn_arguments, worker_arguments
from cli.demo.crew import Crew, Member
from cli.demo.place import NAMESPACE
from cli.demo.play import Unexpected
from sandbox.datastore import redis_command

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from cli.demo.place import Place

START_DEADLINE: Final = 40.0


def members(place: Place, web: socket) -> list[Member]:
    """What runs, in the order of its start. ``web`` is the socket that the web process listens on."""
    python = sys.executable
    return [
        Member("redis", tuple(redis_command(place.directory, place.redis_port)), rank=0),
        Member("sandbox", _sandbox(python, place), rank=0),
        Member("web", _web(python, web), descriptors=(web.fileno(),)),
        Member("releases-1", _worker("releases", "releases-1")),
        Member("releases-2", _worker("releases", "releases-2")),
        Member("switches", _worker("switches", "switches")),
        Member("signals", _worker("signals", "signals")),
        Member("flower", _flower(place)),
    ]


def open_house(place: Place, crew: Crew, web: socket) -> None:
    """Start everything and wait until it answers.

    Raises:
        Unexpected: something does not start; the message names it and ends with its log.
    """
    for member in members(place, web):
        crew.start(member)
    wait_until(crew, "sandbox", lambda: _is_sandbox_ready(place))
    wait_until(crew, "web", lambda: _is_web_ready(place))


def wait_until(crew: Crew, name: str, is_ready: Callable[[], bool]) -> None:
    """Wait for one process to be ready."""
    until = time.monotonic() + START_DEADLINE
    while not is_ready():
        if time.monotonic() > until:
            log = crew.log_of(name)
            lines = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
            raise Unexpected(
                f"{name} was not ready within {START_DEADLINE:.0f} s. Its log ends with:\n" + "\n".join(lines)
            )
        time.sleep(0.05)


def _sandbox(python: str, place: Place) -> tuple[str, ...]:
    return (
        python,
        "-m",
        "sandbox",
        "--directory",
        str(place.sandbox),
        "--api-port",
        str(place.api_port),
        "--gateway-port",
        str(place.gateway_port),
        "--images",
        str(place.images),
        "--namespace",
        NAMESPACE,
        "--objects",
        str(place.objects),
        "--account",
        place.account.path,
    )


def _web(python: str, web: socket) -> tuple[str, ...]:
    return (python, "-m", "gunicorn", *gunicorn_arguments(f"fd://{web.fileno()}", workers=1))


def _worker(queue: str, name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", *worker_arguments(queue, name))


def _flower(place: Place) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", *flower_arguments("127.0.0.1", place.flower_port, None))


def _is_sandbox_ready(place: Place) -> bool:
    endpoints = place.sandbox / "sandbox.json"
    return endpoints.exists() and bool(json.loads(endpoints.read_text()))


def _is_web_ready(place: Place) -> bool:
    try:
        return requests.get(f"{place.web}/readyz", timeout=1).ok
    except requests.RequestException:
        return False
