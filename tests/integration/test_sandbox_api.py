"""The sandbox's API server over HTTP: watches, patches, permissions, bad weather."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import aiohttp
import pytest
from aiohttp import web

from sandbox.api.access import ADMIN, User
from sandbox.api.errors import ApiError
from sandbox.api.pods import Write
from sandbox.api.server import ApiServer
from sandbox.store import Json, Object, Store

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
ROUTES = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"
DEPLOYER = User("system:serviceaccount:default:deployer")
DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "app", "image": "a:1"}]},
        },
    },
}
ROUTE: Object = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "shop"},
    "spec": {"hosts": ["*"], "http": [{"name": "default", "route": [{"destination": {"host": "shop"}}]}]},
}


@dataclass
class PatientNode:
    """A kubelet whose only command runs until it is cancelled."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def log(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail_lines: int | None
    ) -> bytes:
        raise NotImplementedError

    def follow_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int | None = None,
    ) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], write: Write
    ) -> NoReturn:
        assert (namespace, pod, container, list(command)) == ("default", "a", "app", ["sleep"])
        await write(1, b"sleeping")
        self.started.set()
        try:
            while True:
                await asyncio.Event().wait()
        finally:
            self.cancelled.set()


@dataclass(frozen=True)
class Api:
    """A running API server and a client of it."""

    session: aiohttp.ClientSession
    store: Store
    server: ApiServer
    node: PatientNode

    async def send(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        kind: str = "application/json",
        user: str = "admin",
    ) -> tuple[int, Json, dict[str, str]]:
        headers = {"Content-Type": kind, "Authorization": f"Bearer {user}", "User-Agent": "tester/1"}
        data = None if body is None else json.dumps(body)
        async with self.session.request(method, path, data=data, headers=headers) as answer:
            named = {str(name): value for name, value in answer.headers.items()}
            return answer.status, await answer.json(content_type=None), named

    @asynccontextmanager
    async def watch(self, path: str) -> AsyncIterator["Stream"]:
        headers = {"Authorization": "Bearer admin"}
        async with self.session.get(path, headers=headers) as answer:
            assert answer.status == 200
            yield Stream(answer.content)


@dataclass(frozen=True)
class Stream:
    """The events of a watch."""

    content: aiohttp.StreamReader

    async def next(self) -> Object | None:
        """The next event, None at the end."""
        line = await asyncio.wait_for(self.content.readline(), 20)
        event: Object | None = json.loads(line) if line else None
        return event


def _play(scenario: Callable[[Api], Awaitable[None]]) -> None:
    async def run() -> None:
        store, node = Store(history=20), PatientNode()
        server = ApiServer(store, node, {"admin": ADMIN, "deployer": DEPLOYER})
        address = f"http://127.0.0.1:{await server.start()}"
        try:
            async with aiohttp.ClientSession(address) as session:
                await scenario(Api(session, store, server, node))
        finally:
            await server.stop()

    asyncio.run(run())


def _config_map(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}


def _told(event: Object | None) -> tuple[str, str]:
    assert event is not None
    return event["type"], event["object"]["metadata"].get("name", "")


def test_a_watch_tells_the_state_and_then_what_happens_to_the_selection() -> None:
    async def scenario(api: Api) -> None:
        await api.send("POST", CONFIG_MAPS, _config_map("a", color="blue"))
        async with api.watch(f"{CONFIG_MAPS}?watch=1&labelSelector=color%3Dblue") as stream:
            assert _told(await stream.next()) == ("ADDED", "a")

            await api.send("POST", CONFIG_MAPS, _config_map("b", color="green"))
            patch = {"metadata": {"labels": {"color": "blue"}}}
            await api.send("PATCH", f"{CONFIG_MAPS}/b", patch, kind="application/merge-patch+json")
            await api.send(
                "PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "y"}}, kind="application/merge-patch+json"
            )
            patch = {"metadata": {"labels": {"color": "red"}}}
            await api.send("PATCH", f"{CONFIG_MAPS}/a", patch, kind="application/merge-patch+json")
            await api.send("DELETE", f"{CONFIG_MAPS}/b")

            told = [_told(await stream.next()) for _ in range(4)]
            assert told == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a"), ("DELETED", "b")]

    _play(scenario)


def test_a_watch_resumes_where_a_list_ended() -> None:
    async def scenario(api: Api) -> None:
        await api.send("POST", CONFIG_MAPS, _config_map("a"))
        _, listed, _ = await api.send("GET", CONFIG_MAPS)
        await api.send("POST", CONFIG_MAPS, _config_map("b"))

        version = listed["metadata"]["resourceVersion"]
        async with api.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={version}&timeoutSeconds=1") as stream:
            assert _told(await stream.next()) == ("ADDED", "b")
            assert await stream.next() is None

    _play(scenario)


@pytest.mark.parametrize("version", ["2", "999999"])
def test_a_watch_from_a_version_without_history_is_told_to_list_again(version: str) -> None:
    async def scenario(api: Api) -> None:
        for number in range(30):
            await api.send("POST", CONFIG_MAPS, _config_map(f"a{number}"))

        async with api.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={version}") as stream:
            event = await stream.next()
            assert event is not None
            assert event["type"] == "ERROR"
            assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
            assert await stream.next() is None

    _play(scenario)


def test_initial_events_end_with_a_bookmark() -> None:
    async def scenario(api: Api) -> None:
        await api.send("POST", CONFIG_MAPS, _config_map("a"))

        query = "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
        async with api.watch(f"{CONFIG_MAPS}?{query}") as stream:
            assert _told(await stream.next()) == ("ADDED", "a")
            event = await stream.next()
            assert event is not None
            assert event["type"] == "BOOKMARK"
            assert event["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}

    _play(scenario)


def test_all_watches_can_be_cut() -> None:
    async def scenario(api: Api) -> None:
        async with api.watch(f"{CONFIG_MAPS}?watch=1") as one, api.watch(f"{DEPLOYMENTS}?watch=1") as two:
            assert api.server.watches.cut() == 2

            assert await one.next() is None
            assert await two.next() is None

    _play(scenario)


def test_a_fault_answers_instead_of_the_server() -> None:
    async def scenario(api: Api) -> None:
        async def overload(request: web.Request) -> ApiError | None:
            if request.method == "GET":
                return ApiError(429, "TooManyRequests", "Too many requests", retry_after=1)
            return None

        api.server.fault = overload
        status, body, headers = await api.send("GET", CONFIG_MAPS)
        assert (status, body["reason"]) == (429, "TooManyRequests")
        assert headers["Retry-After"] == "1"
        assert (await api.send("POST", CONFIG_MAPS, _config_map("a")))[0] == 201

        api.server.fault = None
        assert (await api.send("GET", CONFIG_MAPS))[0] == 200

    _play(scenario)


def test_a_command_is_ended_when_its_client_goes_away() -> None:
    async def scenario(api: Api) -> None:
        pod = {"metadata": {"name": "a", "namespace": "default"}, "spec": {"containers": [{"name": "app"}]}}
        api.store.create("pods", pod)
        path = "/api/v1/namespaces/default/pods/a/exec?command=sleep&stdout=true"
        headers = {"Authorization": "Bearer admin"}

        socket = await api.session.ws_connect(path, protocols=["v4.channel.k8s.io"], headers=headers)
        await asyncio.wait_for(api.node.started.wait(), 20)
        await socket.close()

        await asyncio.wait_for(api.node.cancelled.wait(), 20)

    _play(scenario)


def test_a_put_needs_the_current_version_of_a_custom_resource() -> None:
    async def scenario(api: Api) -> None:
        _, created, _ = await api.send("POST", ROUTES, ROUTE)
        assert created["metadata"]["generation"] == 1

        missing = {**ROUTE, "spec": {"hosts": ["a"]}}
        stale = {**missing, "metadata": {"name": "shop", "resourceVersion": "1"}}
        current = {**missing, "metadata": created["metadata"]}

        assert (await api.send("PUT", f"{ROUTES}/shop", missing))[0] == 422
        assert (await api.send("PUT", f"{ROUTES}/shop", stale))[0] == 409
        status, written, _ = await api.send("PUT", f"{ROUTES}/shop", current)
        assert (status, written["metadata"]["generation"]) == (200, 2)

    _play(scenario)


def test_status_and_spec_are_written_apart() -> None:
    async def scenario(api: Api) -> None:
        await api.send("POST", DEPLOYMENTS, {**DEPLOYMENT, "status": {"replicas": 9}})
        merge = "application/merge-patch+json"

        patch = {"spec": {"replicas": 3}, "status": {"replicas": 3}}
        _, one, _ = await api.send("PATCH", f"{DEPLOYMENTS}/shop", patch, kind=merge)
        patch = {"spec": {"replicas": 4}, "status": {"replicas": 4}}
        _, two, _ = await api.send("PATCH", f"{DEPLOYMENTS}/shop/status", patch, kind=merge)

        assert (one["spec"]["replicas"], one["status"]) == (3, {})
        assert (two["spec"]["replicas"], two["status"]) == (3, {"replicas": 4})
        managers = {(e["manager"], e.get("subresource")) for e in two["metadata"]["managedFields"]}
        assert managers == {("tester", None), ("tester", "status")}

    _play(scenario)


def test_unknown_fields_are_warned_about_refused_or_ignored() -> None:
    async def scenario(api: Api) -> None:
        body = {**_config_map("a"), "dat": {}}

        status, strict, _ = await api.send("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", body)
        assert status == 400
        assert strict["message"] == (
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
            'strict decoding error: unknown field "dat"'
        )
        _, ignored, quiet = await api.send("POST", f"{CONFIG_MAPS}?fieldValidation=Ignore&dryRun=All", body)
        _, warned, loud = await api.send("POST", CONFIG_MAPS, body)
        assert "dat" not in ignored
        assert "dat" not in warned
        assert "Warning" not in quiet
        assert loud["Warning"] == '299 - "unknown field \\"dat\\""'

    _play(scenario)


def test_an_apply_that_would_create_needs_the_permission_to_create() -> None:
    async def scenario(api: Api) -> None:
        rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}]
        role = {"metadata": {"name": "r", "namespace": "default"}, "rules": rules}
        api.store.create("roles.rbac.authorization.k8s.io", role)
        binding = {
            "metadata": {"name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": "default"}],
            "roleRef": {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"},
        }
        bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"
        assert (await api.send("POST", bindings, binding))[0] == 201
        path, kind = f"{DEPLOYMENTS}/shop?fieldManager=m", "application/apply-patch+yaml"

        status, body, _ = await api.send("PATCH", path, DEPLOYMENT, kind=kind, user="deployer")
        assert (status, "cannot create resource" in body["message"]) == (403, True)
        await api.send("POST", DEPLOYMENTS, DEPLOYMENT)
        force = f"{path}&force=true"
        assert (await api.send("PATCH", force, DEPLOYMENT, kind=kind, user="deployer"))[0] == 200

    _play(scenario)


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "expected"),
    [
        ("PATCH", f"{DEPLOYMENTS}/shop", DEPLOYMENT, "application/apply-patch+yaml", 422),
        ("PATCH", f"{ROUTES}/shop", {}, "application/strategic-merge-patch+json", 415),
        ("PATCH", f"{ROUTES}/shop", [], "application/merge-patch+json", 400),
        ("POST", CONFIG_MAPS, _config_map("a"), "application/vnd.kubernetes.protobuf", 415),
        ("POST", CONFIG_MAPS, {**_config_map("a"), "kind": "Secret"}, "application/json", 400),
        ("POST", CONFIG_MAPS, {**_config_map("a"), "apiVersion": "v2"}, "application/json", 400),
        ("POST", CONFIG_MAPS, {"metadata": {"namespace": "x", "name": "a"}}, "application/json", 400),
        ("POST", CONFIG_MAPS, {"metadata": {"name": "a", "resourceVersion": "1"}}, "application/json", 400),
        ("POST", CONFIG_MAPS, [], "application/json", 400),
        ("POST", CONFIG_MAPS, {"metadata": []}, "application/json", 400),
        ("POST", CONFIG_MAPS, {"metadata": {"name": 1}}, "application/json", 400),
        ("POST", f"{CONFIG_MAPS}/a", {}, "application/json", 405),
        ("PUT", f"{CONFIG_MAPS}/a", _config_map("a"), "application/json", 404),
        ("PATCH", f"{CONFIG_MAPS}/a", {}, "application/merge-patch+json", 404),
        ("GET", "/apis/apps/v1/namespaces/default/statefulsets", None, "application/json", 404),
        ("GET", f"{CONFIG_MAPS}?labelSelector=a%20b", None, "application/json", 400),
        ("GET", f"{CONFIG_MAPS}?watch=1&resourceVersion=x", None, "application/json", 400),
    ],
)  # fmt: skip
def test_a_request_that_makes_no_sense_is_refused(
    method: str, path: str, body: Json, kind: str, expected: int
) -> None:  # fmt: skip
    async def scenario(api: Api) -> None:
        await api.send("POST", ROUTES, ROUTE)

        status, answer, _ = await api.send(method, path, body, kind=kind)

        assert status == expected
        assert answer["kind"] == "Status"
        assert answer["code"] == expected

    _play(scenario)


def test_names_are_generated_and_secrets_encoded() -> None:
    async def scenario(api: Api) -> None:
        _, one, _ = await api.send("POST", CONFIG_MAPS, {"metadata": {"generateName": "run-"}})
        secret = {"metadata": {"name": "s"}, "stringData": {"a": "b"}}
        _, two, _ = await api.send("POST", "/api/v1/namespaces/default/secrets", secret)

        assert len(one["metadata"]["name"]) == len("run-") + 5
        assert (two["data"], two["type"]) == ({"a": "Yg=="}, "Opaque")
        assert "stringData" not in two

    _play(scenario)


def test_a_collection_can_be_deleted_by_label() -> None:
    async def scenario(api: Api) -> None:
        for name, color in (("a", "blue"), ("b", "green")):
            await api.send("POST", CONFIG_MAPS, _config_map(name, color=color))

        status, gone, _ = await api.send("DELETE", f"{CONFIG_MAPS}?labelSelector=color%3Dblue")

        assert (status, [item["metadata"]["name"] for item in gone["items"]]) == (200, ["a"])
        assert [obj["metadata"]["name"] for obj in api.store.list("configmaps")] == ["b"]

    _play(scenario)


def test_removing_the_last_finalizer_of_a_marked_object_removes_it() -> None:
    async def scenario(api: Api) -> None:
        held = {"metadata": {"name": "a", "finalizers": ["example.com/lock"]}}
        await api.send("POST", CONFIG_MAPS, held)
        await api.send("DELETE", f"{CONFIG_MAPS}/a")
        assert (await api.send("GET", f"{CONFIG_MAPS}/a"))[0] == 200

        patch = {"metadata": {"finalizers": None}}
        await api.send("PATCH", f"{CONFIG_MAPS}/a", patch, kind="application/merge-patch+json")

        assert (await api.send("GET", f"{CONFIG_MAPS}/a"))[0] == 404

    _play(scenario)


def test_openapi_documents_are_kept_by_clients_as_a_real_server_lets_them() -> None:
    async def scenario(api: Api) -> None:
        plain = {"Authorization": "Bearer admin"}
        async with api.session.get("/openapi/v3", headers=plain) as answer:
            index = await answer.json(content_type="text/plain")
            assert "ETag" not in answer.headers
        url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]

        async with api.session.get(url, headers=plain) as answer:
            assert (await answer.json())["openapi"] == "3.0.0"
            assert answer.headers["Cache-Control"] == "public, immutable"
            tag = answer.headers["ETag"]
        assert url.endswith(tag.strip('"'))

        known = plain | {"If-None-Match": tag}
        async with api.session.get(url, headers=known) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        old = "/openapi/v3/apis/apps/v1?hash=OLD"
        async with api.session.get(old, headers=plain, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (301, url)

    _play(scenario)


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        ("/openapi/v3/apis/nothing/v1", "application/json", 404),
        ("/openapi/v4", "application/json", 404),
        ("/openapi/v3/api/v1", "text/html", 406),
        ("/openapi/v2", "text/html", 406),
    ],
)
def test_openapi_documents_that_are_not_there_are_refused(path: str, accept: str, expected: int) -> None:
    async def scenario(api: Api) -> None:
        headers = {"Authorization": "Bearer admin", "Accept": accept}
        async with api.session.get(path, headers=headers) as answer:
            assert answer.status == expected
        async with api.session.get(path, headers={"Accept": accept}) as answer:
            assert answer.status == 401

    _play(scenario)


def test_the_document_of_version_2_is_compressed_where_the_client_asks() -> None:
    async def scenario(api: Api) -> None:
        form = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
        headers = {"Authorization": "Bearer admin", "Accept": form.replace("v2.v1", "v2@v1")}
        bodies: list[bytes] = []
        for encoding in ("identity", "gzip"):
            async with api.session.get(
                "/openapi/v2", headers=headers | {"Accept-Encoding": encoding}
            ) as answer:
                assert answer.headers["Content-Type"] == form
                assert answer.headers.get("Content-Encoding", "identity") == encoding
                bodies.append(await answer.read())
        assert bodies[0] == bodies[1]
        assert bodies[0].startswith(b"\x0a\x032.0")

    _play(scenario)
