import asyncio
import json
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.gateway import Gateway, GatewayError
from sandbox.gateway import gateway as gateway_module
from sandbox.store import Store

pytestmark = pytest.mark.needs_envoy

Object = dict[str, Any]
VIRTUAL_SERVICES = gateway_module.VIRTUAL_SERVICES
DESTINATION_RULES = gateway_module.DESTINATION_RULES
GATEWAYS = gateway_module.GATEWAYS
TEST_COOKIE = {"headers": {"cookie": {"regex": r"^(.*?;\s*)?(test=true)(;.*)?$"}}}
COLORS = ("blue", "green")
DEADLINE = 20.0


def named(name: str, **metadata: object) -> Object:
    return {"metadata": {"name": name, "namespace": "shop", **metadata}}


def to(subset: str, **more: object) -> Object:
    return {"destination": {"host": "myapp", "subset": subset}, **more}


@dataclass
class World:
    """A store with a gateway over it, and a client of both."""

    store: Store
    gateway: Gateway
    port: int
    session: aiohttp.ClientSession

    def serve(self, *http: Object) -> None:
        """Write the VirtualService with these entries."""
        wanted = {**named("myapp"), "spec": {"hosts": ["*"], "gateways": ["gw"], "http": list(http)}}
        if self.store.find(VIRTUAL_SERVICES, "shop", "myapp"):
            self.store.update(VIRTUAL_SERVICES, wanted, check_version=False)
        else:
            self.store.create(VIRTUAL_SERVICES, wanted)

    def declare_subsets(self, *colors: str) -> None:
        subsets = [{"name": color, "labels": {"color": color}} for color in colors]
        rule = {**named("myapp"), "spec": {"host": "myapp", "subsets": subsets}}
        self.store.create(DESTINATION_RULES, rule)

    def add_pod(self, color: str, port: int, *, ready: str = "True") -> None:
        annotations = {"sandbox.verdigris.dev/port": str(port)}
        pod = named(f"myapp-{color}", labels={"app": "myapp", "color": color}, annotations=annotations)
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        self.store.create("pods", {**pod, "spec": {"containers": []}, "status": status})

    def update(self, resource: str, name: str, change: Callable[[Object], None]) -> None:
        obj = self.store.get(resource, "shop", name)
        change(obj)
        self.store.update(resource, obj)

    async def ask(self, path: str = "/", **headers: str) -> tuple[int, str]:
        """Status and body once the gateway has settled."""
        await self.gateway.settle()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(path, headers=sent, allow_redirects=False) as response:
            return response.status, await response.text()

    async def ask_json(self, path: str = "/", **headers: str) -> Object:
        status, text = await self.ask(path, **headers)
        assert status == 200, text
        answer: Object = json.loads(text)
        return answer


@asynccontextmanager
async def echo(color: str) -> AsyncIterator[int]:
    """An app that answers with what it was asked. Yields its port."""

    async def answer(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return web.json_response({"color": color, "path": request.path_qs, "headers": headers})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_gateway(directory: Path) -> AsyncIterator[World]:
    """A gateway over a Service and a Gateway, without pods and routes."""
    store = Store()
    ports = [{"port": 80, "name": "http"}]
    store.create("services", {**named("myapp"), "spec": {"selector": {"app": "myapp"}, "ports": ports}})
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    store.create(
        GATEWAYS, {**named("gw"), "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]}}
    )
    gateway = Gateway(store, directory=directory)
    port = await gateway.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield World(store, gateway, port, session)
    finally:
        await gateway.stop()


@asynccontextmanager
async def two_colors(directory: Path) -> AsyncIterator[World]:
    """The same with a ready pod and a subset of each color."""
    async with echo("blue") as blue, echo("green") as green, running_gateway(directory) as world:
        world.add_pod("blue", blue)
        world.add_pod("green", green)
        world.declare_subsets(*COLORS)
        yield world


def play(scenario: Callable[[World], Awaitable[None]], directory: Path) -> None:
    async def whole() -> None:
        async with two_colors(directory) as world:
            await scenario(world)

    asyncio.run(whole())


def test_the_default_route_and_the_test_cookie_reach_their_colors(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.serve({"match": [TEST_COOKIE], "route": [to("blue")]}, {"route": [to("green")]})
        assert (await world.ask_json())["color"] == "green"
        for cookie in ("test=true", "a=1; test=true", "a=1;test=true", "test=true; b=2"):
            assert (await world.ask_json(cookie=cookie))["color"] == "blue", cookie
        for cookie in ("test=false", "latest=true", "a=1; mytest=true", "test=truely"):
            assert (await world.ask_json(cookie=cookie))["color"] == "green", cookie

    play(scenario, tmp_path)


def test_a_route_to_a_subset_that_has_not_arrived_answers_503_as_behind_istio(tmp_path: Path) -> None:
    async def whole() -> None:
        async with echo("blue") as blue, running_gateway(tmp_path) as world:
            # given a route that names a subset, and a ready pod
            world.add_pod("blue", blue)
            world.serve({"route": [to("blue")]})
            # then it fails until a DestinationRule declares the subset
            assert (await world.ask())[0] == 503
            world.declare_subsets("blue")
            assert (await world.ask_json())["color"] == "blue"
            # and fails again when that goes
            world.store.delete(DESTINATION_RULES, "shop", "myapp")
            assert (await world.ask())[0] == 503

    asyncio.run(whole())


def test_only_ready_pods_that_stay_get_requests(tmp_path: Path) -> None:
    async def whole() -> None:
        async with echo("blue") as blue, running_gateway(tmp_path) as world:
            world.declare_subsets("blue")
            world.serve({"route": [to("blue")]})
            assert (await world.ask())[0] == 503
            world.add_pod("blue", blue, ready="False")
            assert (await world.ask())[0] == 503
            world.update("pods", "myapp-blue", set_ready)
            assert (await world.ask())[0] == 200
            world.update("pods", "myapp-blue", mark_deleted)
            assert (await world.ask())[0] == 503

    asyncio.run(whole())


def set_ready(pod: Object) -> None:
    pod["status"]["conditions"][0]["status"] = "True"


def mark_deleted(pod: Object) -> None:
    pod["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z"


def test_without_a_route_the_gateway_answers_404(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        assert (await world.ask())[0] == 404
        world.serve({"route": [to("blue")]})
        assert (await world.ask())[0] == 200
        world.store.delete(VIRTUAL_SERVICES, "shop", "myapp")
        assert (await world.ask())[0] == 404

    play(scenario, tmp_path)


def test_hosts_are_told_apart_without_their_port(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.serve({"route": [to("blue")]})
        world.update(VIRTUAL_SERVICES, "myapp", lambda obj: obj["spec"].update(hosts=["shop.example"]))
        assert (await world.ask(Host="shop.example"))[0] == 200
        answer = await world.ask_json(Host=f"shop.example:{world.port}")
        assert answer["headers"]["host"] == f"shop.example:{world.port}"
        assert (await world.ask(Host="other.example"))[0] == 404

    play(scenario, tmp_path)


MATCHES: list[tuple[Object, list[tuple[str, Mapping[str, str], bool]]]] = [
    ({"uri": {"exact": "/a"}}, [("/a", {}, True), ("/a?b=1", {}, True), ("/a/b", {}, False)]),
    ({"uri": {"prefix": "/a"}}, [("/a/b", {}, True), ("/b", {}, False), ("/A", {}, False)]),
    ({"uri": {"prefix": "/a"}, "ignoreUriCase": True}, [("/A", {}, True)]),
    ({"uri": {"regex": "/a[0-9]+"}}, [("/a12", {}, True), ("/a12x", {}, False)]),
    ({"method": {"exact": "POST"}}, [("/", {}, False)]),
    ({"authority": {"prefix": "canary."}}, [("/", {"Host": "canary.example"}, True), ("/", {}, False)]),
    ({"queryParams": {"v": {"exact": "2"}}}, [("/?v=2", {}, True), ("/?v=3", {}, False), ("/", {}, False)]),
    ({"queryParams": {"v": {"regex": "2+"}}}, [("/?v=22", {}, True), ("/?v=23", {}, False)]),
    ({"headers": {"x-a": {}}}, [("/", {"x-a": "any"}, True), ("/", {}, False)]),
    ({"headers": {"x-a": {"prefix": "b"}}}, [("/", {"X-A": "bc"}, True), ("/", {"x-a": "c"}, False)]),
    (
        {"withoutHeaders": {"x-a": {"exact": "1"}}},
        [("/", {}, True), ("/", {"x-a": "2"}, True), ("/", {"x-a": "1"}, False)],
    ),
    ({"withoutHeaders": {"x-a": {}}}, [("/", {}, True), ("/", {"x-a": "2"}, False)]),
]


def test_envoy_reads_the_conditions_as_istio_means_them(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        for match, requests in MATCHES:
            world.serve({"match": [match], "route": [to("blue")]}, {"route": [to("green")]})
            for path, headers, is_matched in requests:
                color = (await world.ask_json(path, **headers))["color"]
                assert (color == "blue") is is_matched, (match, path, headers)

    play(scenario, tmp_path)


def test_actions_other_than_forwarding_are_played(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.serve({"directResponse": {"status": 418, "body": {"string": "teapot"}}})
        assert await world.ask() == (418, "teapot")
        world.serve({"redirect": {"uri": "/v2", "redirectCode": 302}})
        await world.gateway.settle()
        async with world.session.get("/v1", allow_redirects=False) as response:
            assert (response.status, response.headers["location"][-3:]) == (302, "/v2")
        world.serve({"route": [to("blue")], "fault": {"abort": {"httpStatus": 555}}})
        assert (await world.ask())[0] == 555

    play(scenario, tmp_path)


def test_requests_and_answers_are_changed_on_their_way(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        headers = {
            "request": {"set": {"x-color": "blue", "Host": "inner"}, "add": {"x-share": "50%"}},
            "response": {"set": {"x-served-by": "gateway"}},
        }
        match = [{"uri": {"prefix": "/old"}}]
        world.serve({"match": match, "route": [to("blue")], "rewrite": {"uri": "/new"}, "headers": headers})
        answer = await world.ask_json("/old/a?b=1", x_color="red")
        assert answer["path"] == "/new/a?b=1"
        seen = {name: answer["headers"][name] for name in ("x-color", "x-share", "host")}
        assert seen == {"x-color": "blue", "x-share": "50%", "host": "inner"}
        async with world.session.get("/old") as response:
            assert response.headers["x-served-by"] == "gateway"
        world.serve(
            {"match": [{"uri": {"regex": "/o.*"}}], "route": [to("blue")], "rewrite": {"uri": "/whole"}}
        )
        assert (await world.ask_json("/old/a?b=1"))["path"] == "/whole?b=1"

    play(scenario, tmp_path)


def test_weights_share_the_requests(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.serve({"route": [to("blue", weight=50), to("green", weight=50)]})
        assert {(await world.ask_json())["color"] for _ in range(40)} == set(COLORS)
        world.serve({"route": [to("blue", weight=100), to("green", weight=0)]})
        assert {(await world.ask_json())["color"] for _ in range(40)} == {"blue"}

    play(scenario, tmp_path)


def test_envoy_accepts_an_entry_with_everything_in_it(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        origins = [{"exact": "https://a.example"}, {"regex": "https://.*"}]
        world.serve(
            {
                "name": "everything",
                "match": [{"uri": {"prefix": "/"}, "scheme": {"exact": "http"}}, TEST_COOKIE],
                "route": [
                    to("blue", weight=1, headers={"request": {"remove": ["x-a"]}}),
                    to("green", weight=9),
                ],
                "timeout": "1m30s",
                "retries": {
                    "attempts": 3,
                    "perTryTimeout": "2s",
                    "retryOn": "5xx,reset,503",
                    "backoff": "10ms",
                },
                "rewrite": {"authority": "inner", "uriRegexRewrite": {"match": "^/a", "rewrite": "/b"}},
                "fault": {"delay": {"fixedDelay": "5ms", "percentage": {"value": 0.1}}},
                "corsPolicy": {
                    "allowOrigins": origins,
                    "allowMethods": ["GET"],
                    "maxAge": "24h",
                    "allowCredentials": True,
                },
                "mirror": {"host": "myapp", "subset": "green"},
                "mirrorPercentage": {"value": 1},
            }
        )
        assert (await world.ask_json("/a/c"))["path"] == "/b/c"
        async with world.session.get("/", headers={"Origin": "https://a.example"}) as response:
            assert response.headers["access-control-allow-origin"] == "https://a.example"

    play(scenario, tmp_path)


def test_a_refused_configuration_is_told_and_the_former_one_serves_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(world: World) -> None:
        world.serve({"route": [to("blue")]})
        assert (await world.ask_json())["color"] == "blue"
        # when Envoy is given something that only Envoy knows to be wrong
        world.serve({"directResponse": {"status": 99}})
        with pytest.raises(GatewayError, match="Envoy refused a change"):
            await world.gateway.settle()
        async with world.session.get("/") as response:
            assert response.status == 200
        # then the next good one is taken
        world.serve({"route": [to("green")]})
        assert (await world.ask_json())["color"] == "green"

    with caplog.at_level(logging.ERROR):
        play(scenario, tmp_path)
    assert "serves the former routes" in caplog.text


def test_what_is_not_played_is_listed_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(world: World) -> None:
        world.serve({"route": [to("blue")], "somethingNew": 1})
        assert (await world.ask())[0] == 200
        world.serve({"route": [to("green")], "somethingNew": 1})
        assert (await world.ask())[0] == 200
        (line,) = world.gateway.ignored
        assert line.startswith("VirtualService shop/myapp: spec.http[0].somethingNew is ignored")

    with caplog.at_level(logging.WARNING):
        play(scenario, tmp_path)
    assert caplog.text.count("somethingNew") == 1


def test_an_envoy_that_dies_is_started_again_on_the_same_port(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(world: World) -> None:
        world.serve({"route": [to("blue")]})
        await world.gateway.settle()
        process = world.gateway._envoy._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(DEADLINE):
            await answers_again(world)
        # and it follows changes as before
        world.serve({"route": [to("green")]})
        assert (await world.ask_json())["color"] == "green"

    with caplog.at_level(logging.ERROR):
        play(scenario, tmp_path)
    assert "ended with code -9; restart 1" in caplog.text


def test_an_envoy_that_keeps_dying_stays_down_and_whoever_waits_is_told(tmp_path: Path) -> None:
    async def whole() -> None:
        gateway = Gateway(Store(), directory=tmp_path, max_restarts=0)
        await gateway.start()
        try:
            process = gateway._envoy._process
            assert process is not None
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            await asyncio.sleep(0)
            with pytest.raises(GatewayError, match="code -9 after 0 restarts"):
                await told(gateway)
        finally:
            await gateway.stop()

    asyncio.run(whole())


async def told(gateway: Gateway) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            await gateway.settle()
            await asyncio.sleep(0.01)


async def answers_again(world: World) -> None:
    while True:
        try:
            async with world.session.get("/") as response:
                if response.status == 200 and world.gateway._envoy._session is not None:
                    return
        except aiohttp.ClientError:
            await asyncio.sleep(0.02)


def test_a_taken_port_is_refused_with_the_port_in_the_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(GatewayError, match=rf"can't listen on 127\.0\.0\.1:{port}"):
            asyncio.run(Gateway(Store(), directory=tmp_path).start(port))


@asynccontextmanager
async def fast_backend(color: bytes) -> AsyncIterator[int]:
    """The smallest server that keeps connections alive: one that can stand the load of the test beside it."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(color), color)
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in filter(None, tasks):
            task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)


async def load(port: int, end: float) -> dict[bytes, int]:
    """Requests one after the other over one connection. Counts answers by status and body."""
    counts: dict[bytes, int] = {}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        writer.write(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        outcome = head.split(b" ")[1] + b" " + await reader.readexactly(length)
        counts[outcome] = counts.get(outcome, 0) + 1
    writer.close()
    await writer.wait_closed()
    return counts


def test_twelve_switches_under_load_lose_no_request(tmp_path: Path) -> None:
    async def whole() -> dict[bytes, int]:
        async with (
            fast_backend(b"blue") as blue,
            fast_backend(b"green") as green,
            running_gateway(tmp_path) as world,
        ):
            world.add_pod("blue", blue)
            world.add_pod("green", green)
            world.declare_subsets(*COLORS)
            world.serve({"route": [to("blue")]})
            await world.gateway.settle()
            return await switched_under_load(world)

    counts = asyncio.run(whole())
    assert set(counts) == {b"200 blue", b"200 green"}
    assert min(counts.values()) > 100, counts


async def switched_under_load(world: World) -> dict[bytes, int]:
    end = time.monotonic() + 3
    clients = [asyncio.create_task(load(world.port, end)) for _ in range(8)]
    for number in range(12):
        await asyncio.sleep(0.2)
        world.serve({"route": [to(COLORS[(number + 1) % 2])]})
        await world.gateway.settle()
    total: dict[bytes, int] = {}
    for counts in await asyncio.gather(*clients):
        for outcome, count in counts.items():
            total[outcome] = total.get(outcome, 0) + count
    return total


def test_pods_that_come_and_go_under_load_lose_no_request(tmp_path: Path) -> None:
    async def whole() -> dict[bytes, int]:
        async with (
            fast_backend(b"one") as one,
            fast_backend(b"two") as two,
            running_gateway(tmp_path) as world,
        ):
            world.add_pod("blue", one)
            world.declare_subsets("blue")
            world.serve({"route": [to("blue")]})
            await world.gateway.settle()
            end = time.monotonic() + 2
            clients = [asyncio.create_task(load(world.port, end)) for _ in range(4)]
            for _ in range(6):
                await add_then_remove_a_pod(world, two)
            return {outcome: n for counts in await asyncio.gather(*clients) for outcome, n in counts.items()}

    outcomes = asyncio.run(whole())
    assert set(outcomes) == {b"200 one", b"200 two"}


async def add_then_remove_a_pod(world: World, port: int) -> None:
    labels = {"app": "myapp", "color": "blue"}
    annotations = {"sandbox.verdigris.dev/port": str(port)}
    pod = named("second", labels=labels, annotations=annotations)
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    world.store.create("pods", {**pod, "spec": {"containers": []}, "status": status})
    await world.gateway.settle()
    await asyncio.sleep(0.1)
    world.update("pods", "second", mark_deleted)
    await world.gateway.settle()
    await asyncio.sleep(0.1)
    world.store.delete("pods", "shop", "second")
