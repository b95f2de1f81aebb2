"""What a release, a promote and a rollback ask of the cluster and of Redis: no more than when last counted.

Stages run in this process, so Celery's own traffic is not among it; nor are the heartbeats, whose number is
the time's. A bound that is too low now is either a round trip that somebody added, or worth a raise: then say
why in docs/performance.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import redis

from release.redis_access import connect
from sandbox.datastore import DatastoreError, find_redis_server, start_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aiohttp import web

    from tests.integration.line import Line

pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_redis]

UPKEEP = frozenset({"EVALSHA renew", "HELLO 3", "PING "})
"""Of the claim, and of connections: their numbers are the time's and the threads'."""

NOTHING: frozenset[str] = frozenset()


@dataclass
class Asked:
    """Requests to the API, and commands to Redis that did not come from a script, each in a few words."""

    cluster: list[str] = field(default_factory=list)
    redis: list[str] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    """How many requests had been answered when each of the cluster's came in."""
    answered: int = 0

    def check(self, *, cluster: int, redis: int) -> None:
        """At most so many of each."""
        assert len(self.cluster) <= cluster, f"{len(self.cluster)} requests:\n{_listed(self.cluster)}"
        assert len(self.redis) <= redis, f"{len(self.redis)} commands:\n{_listed(self.redis)}"

    def rounds_before(self, call: str) -> int:
        """How many times somebody had to wait for an answer before this was sent."""
        return len(set(self.rounds[: self.cluster.index(call)]))


def _listed(calls: list[str]) -> str:
    counts = "\n".join(f"{number:4} {call}" for call, number in Counter(calls).most_common())
    return f"{counts}\nin their order:\n" + "\n".join(calls)


@pytest.fixture
def line(make_line: Callable[..., Line], tmp_path: Path) -> Iterator[Line]:
    """An app whose queue is in a real Redis."""
    try:
        server = find_redis_server()
    except DatastoreError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a real Redis: {error}")
        pytest.skip(str(error))
    with start_redis(tmp_path / "redis", server=server) as running:
        yield make_line(client=connect(running.url, timeout=5))


@contextmanager
def counted(line: Line, *, slowly: float = 0.0) -> Iterator[Asked]:
    """What is asked while the block runs, of this line's namespace and Redis.

    ``slowly``: seconds that the API takes to answer until something is written, so that one sees what goes
    on meanwhile.
    """
    asked = Asked()

    async def note(request: web.Request) -> None:
        if line.namespace in request.path:
            kind = request.path.partition(f"/namespaces/{line.namespace}/")[2].partition("/")[0]
            watch = " (watch)" if "watch" in request.query else ""
            asked.cluster.append(f"{request.method} {kind}{watch}")
            asked.rounds.append(asked.answered)
            if all(call.startswith("GET") for call in asked.cluster):
                await asyncio.sleep(slowly)
            asked.answered += 1

    port = line.redis.connection_pool.connection_kwargs["port"]
    with monitored(port, asked.redis):
        line.town.server.fault = note
        try:
            yield asked
        finally:
            line.town.server.fault = None


@contextmanager
def monitored(port: int, commands: list[str]) -> Iterator[None]:
    """Commands as Redis itself tells them, scripts by their names."""
    names, end = _scripts(), f"end-{uuid4()}"
    client = redis.Redis(port=port, decode_responses=True)
    heard = threading.Event()
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]  # the library's

        def listen() -> None:
            while end not in (told := monitor.next_command())["command"]:
                shown = _shown(told, names)
                if shown and shown not in UPKEEP:
                    commands.append(shown)
            heard.set()

        threading.Thread(target=listen, daemon=True).start()
        yield
        client.echo(end)
        assert heard.wait(10), "Redis did not tell of the end"
    client.close()


def _shown(told: dict[str, Any], names: dict[str, str]) -> str:
    """The command with what it is about, without ids; empty where a script sent it."""
    if told["client_type"] == "lua":
        return ""
    command, _, rest = told["command"].partition(" ")
    first = rest.partition(" ")[0]
    return f"{command} {names.get(first, first.split(':')[1] if ':' in first else first)}"


def _scripts() -> dict[str, str]:
    folder = resources.files("release") / "lua"
    common = (folder / "common.lua").read_text("utf-8")
    files = [one for one in folder.iterdir() if one.name.endswith(".lua")]
    return {
        hashlib.sha1(f"{common}\n{one.read_text('utf-8')}".encode()).hexdigest(): one.name[:-4]  # noqa: S324 -- as Redis names scripts
        for one in files
    }


def test_a_release_asks_no_more_than_was_counted(line: Line) -> None:
    # given an app that is live, so that nothing is done for the first time
    line.go_live("v1.0-blue")
    line.deploy("v2.0-green")

    with counted(line) as asked:
        assert line.deploy("v3.0-green").state == "ready"

    # 61 and 44, and a little more: how often a rollout is looked at, and told of, differs.
    asked.check(cluster=66, redis=49)


def test_a_promote_asks_no_more_than_was_counted(line: Line) -> None:
    line.go_live("v1.0-blue")
    line.deploy("v2.0-green")

    with counted(line) as asked:
        assert line.promote().state == "done"

    asked.check(cluster=25, redis=28)


def test_until_users_are_moved_a_promote_asks_for_each_thing_once_before_and_once_at_the_switch(
    line: Line,
) -> None:
    line.go_live("v1.0-blue")
    line.deploy("v2.0-green")

    with counted(line) as asked:
        line.promote()

    before = asked.cluster[: asked.cluster.index("PATCH virtualservices")]
    assert len(before) <= 10, _listed(before)


def test_what_a_switch_is_decided_by_is_asked_for_together(line: Line) -> None:
    line.go_live("v1.0-blue")
    line.deploy("v2.0-green")

    with counted(line, slowly=0.25) as asked:
        line.promote()

    # First look, what its Deployment tells of, the route for the switch, second look.
    assert asked.rounds_before("PATCH virtualservices") <= 4, _listed(asked.cluster)


def test_a_rollback_asks_no_more_than_was_counted(line: Line) -> None:
    line.go_live("v1.0-blue")
    line.go_live("v2.0-green")

    with counted(line) as asked:
        assert line.rollback().state == "done"

    asked.check(cluster=23, redis=24)
