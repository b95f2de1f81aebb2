"""The sandbox's API server against requests and answers recorded from a real one (v1.36)."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.api.access import ADMIN, User
from sandbox.api.pods import Write
from sandbox.api.server import ApiServer
from sandbox.store import Object, Store

TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts.jsonl"
RECORDINGS: dict[str, dict[str, Any]] = {
    entry["name"]: entry for entry in map(json.loads, TRANSCRIPTS.read_text(encoding="utf-8").splitlines())
}
POD = "pods-list-by-label"
SERVICE_ACCOUNT = User("system:serviceaccount:shop:weak")
PODS = "tests/integration/test_sandbox_pods.py: needs the controllers and the kubelet"


@dataclass(frozen=True)
class Case:
    """What must be there before a recording can be replayed, and how its request is brought up to date.

    `after`: recordings replayed before it. `seeds`: recordings whose answers are put into the store (object
    or list), or states from `_rewound`. `version`: what the request's resourceVersion was, `current` or
    `stale`. `without`: what the answer's object has that controllers write.
    """

    after: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    version: str = ""
    token: str = "admin"
    without: tuple[str, ...] = ()


NAMESPACE = ("namespace-create",)
GREEN = (*NAMESPACE, "service-apply-create", "deployment-apply-create")
ROUTE = (*NAMESPACE, "virtualservice-apply-create")
SWITCHED = (*ROUTE, "virtualservice-apply-with-resource-version")
BLUE = (*NAMESPACE, "deployment-apply-missing-image")
CASES: dict[str, Case] = {
    "version": Case(),
    "api": Case(),
    "api-v1": Case(),
    "apis": Case(),
    "apis-apps-v1": Case(),
    "apis-networking-istio-v1": Case(),
    "aggregated-discovery": Case(),
    "namespace-create": Case(),
    "service-apply-dry-run": Case(NAMESPACE),
    "service-apply-create": Case((*NAMESPACE, "service-apply-dry-run")),
    "service-apply-unchanged": Case((*NAMESPACE, "service-apply-create")),
    "deployment-apply-create": Case(NAMESPACE),
    "deployment-get-available": Case(NAMESPACE, ("deployment-get-available",)),
    "deployment-get-missing": Case(GREEN),
    "pods-list-by-label": Case(NAMESPACE, (POD, "pods-list-image-pull-error")),
    "replicasets-list": Case(NAMESPACE, ("replicasets-list",)),
    "endpointslices-list": Case(NAMESPACE, ("endpointslices-list",)),
    "pod-log": Case(NAMESPACE, (POD,)),
    "deployment-apply-bad-type": Case(NAMESPACE),
    "deployment-apply-selector-mismatch": Case(NAMESPACE),
    "deployment-apply-unknown-field": Case(NAMESPACE),
    "deployment-apply-strict-unknown-field": Case(NAMESPACE),
    "deployment-apply-immutable-selector": Case(GREEN),
    "deployment-apply-invalid-label": Case(NAMESPACE),
    "virtualservice-get-missing": Case(NAMESPACE),
    "gateway-apply-create": Case(NAMESPACE),
    "destinationrule-apply-create": Case(NAMESPACE),
    "virtualservice-apply-create": Case(NAMESPACE),
    "virtualservice-get-v1alpha3": Case(ROUTE),
    "virtualservice-get-v1beta1": Case(ROUTE),
    "virtualservice-apply-with-resource-version": Case(ROUTE, version="current"),
    "virtualservice-apply-stale-resource-version": Case(SWITCHED, version="stale"),
    "virtualservice-apply-other-manager-conflict": Case(SWITCHED),
    "virtualservice-json-patch-test-fails": Case(SWITCHED),
    "virtualservice-merge-patch": Case(SWITCHED),
    "virtualservice-apply-invalid-crd": Case(SWITCHED),
    "apply-unknown-kind": Case(NAMESPACE),
    "apply-missing-namespace": Case(),
    "apply-name-mismatch": Case(NAMESPACE),
    "apply-body-not-yaml": Case(NAMESPACE),
    "deployment-apply-missing-image": Case(NAMESPACE),
    "pods-list-image-pull-error": Case(NAMESPACE, (POD, "pods-list-image-pull-error")),
    "pods-list-crash-loop": Case(NAMESPACE, (POD, "pods-list-crash-loop")),
    "pod-log-previous": Case(NAMESPACE, ("pods-list-crash-loop",)),
    "scale-get": Case(NAMESPACE, ("deployment-get-available",)),
    "deployment-delete": Case(NAMESPACE, ("deployment-get-progress-deadline-exceeded",)),
    "deployment-delete-missing": Case(NAMESPACE),
    "events-list": Case(NAMESPACE, ("events-list",)),
    "selfsubjectaccessreview-allowed": Case(),
    "forbidden": Case(GREEN, token="weak"),
    "selfsubjectaccessreview-denied": Case(NAMESPACE, token="weak"),
    "unauthorized": Case(GREEN, token="wrong"),
    "exec-ok": Case(NAMESPACE, (POD,)),
    "exec-ok-v5": Case(NAMESPACE, (POD,)),
    "exec-nonzero-exit": Case(NAMESPACE, (POD,)),
    "exec-command-not-found": Case(NAMESPACE, (POD,)),
    "exec-no-such-container": Case(NAMESPACE, (POD,)),
    "exec-no-such-pod": Case(NAMESPACE, (POD,)),
    "virtualservice-json-patch-switch-with-resource-version": Case(NAMESPACE, ("before-switch",), "current"),
    "virtualservice-json-patch-switch-stale-resource-version": Case(
        NAMESPACE, ("virtualservice-json-patch-switch-with-resource-version",), "stale"
    ),
    "virtualservice-json-patch-test-op-fails": Case(
        NAMESPACE, ("virtualservice-json-patch-switch-with-resource-version",)
    ),
    "virtualservice-json-patch-insert-test-entry": Case(
        NAMESPACE, ("virtualservice-json-patch-switch-with-resource-version",)
    ),
    "virtualservice-json-patch-remove-test-entry": Case(
        NAMESPACE, ("virtualservice-json-patch-insert-test-entry",)
    ),
    "virtualservice-get-managed-fields": Case(NAMESPACE, ("virtualservice-json-patch-remove-test-entry",)),
    "deployment-create-exists": Case(GREEN),
    "deployment-delete-stale-precondition": Case(GREEN),
    "deployment-scale-patch": Case(NAMESPACE, ("deployment-get-available",)),
    "replicasets-list-pod-template-hash": Case(NAMESPACE, ("replicasets-list-pod-template-hash",)),
    "deployment-apply-over-kubectl-apply-conflict": Case(NAMESPACE, ("before-force",)),
    "deployment-apply-over-kubectl-apply-forced": Case(NAMESPACE, ("before-force",)),
    "deployment-get-quota-exceeded": Case(NAMESPACE, ("deployment-get-quota-exceeded",)),
    "pods-list-unschedulable": Case(NAMESPACE, (POD, "pods-list-unschedulable")),
    "pods-list-invalid-image-name": Case(NAMESPACE, (POD, "pods-list-invalid-image-name")),
    "pods-list-config-error": Case(NAMESPACE, (POD, "pods-list-config-error")),
    "pods-list-oom-killed": Case(NAMESPACE, (POD, "pods-list-oom-killed")),
    "deployment-apply-crashing-image": Case(NAMESPACE, ("before-crashing-image",)),
    "deployment-apply-never-ready": Case(NAMESPACE, ("before-never-ready",)),
    "deployment-get-progress-deadline-exceeded": Case(
        NAMESPACE, ("deployment-get-progress-deadline-exceeded",)
    ),
    "deployment-get-after-scale": Case(
        (*NAMESPACE, "deployment-scale-patch"), ("deployment-get-available",), without=("status",)
    ),
}
ELSEWHERE: dict[str, str] = {
    "watch-deployment-rollout": PODS,
    "watch-deployment-image-pull-error": PODS,
    "watch-pods-crash-loop": PODS,
}
DISCOVERY = ("api", "api-v1", "apis", "apis-apps-v1", "apis-networking-istio-v1", "aggregated-discovery")

_CHANGING = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "clusterIP", "serverAddress"}
)
_KINDS = {
    "Deployment": "deployments.apps",
    "Pod": "pods",
    "ReplicaSet": "replicasets.apps",
    "EndpointSlice": "endpointslices.discovery.k8s.io",
    "Event": "events",
    "VirtualService": "virtualservices.networking.istio.io",
}


def test_every_recording_is_replayed_here_or_elsewhere() -> None:
    assert len(RECORDINGS) == 82
    assert CASES.keys() | ELSEWHERE.keys() == RECORDINGS.keys()
    assert not CASES.keys() & ELSEWHERE.keys()
    for place in ELSEWHERE.values():
        assert (Path(__file__).parents[2] / place.partition(":")[0]).suffix == ".py"


@pytest.mark.parametrize("name", [n for n in CASES if n not in DISCOVERY and not n.startswith("exec")])
def test_a_recorded_request_gets_the_recorded_answer(name: str) -> None:
    recorded = RECORDINGS[name]["response"]

    status, content_type, body = asyncio.run(_replay(name))

    assert status == recorded["status"]
    assert content_type == recorded["content_type"]
    case = CASES[name]
    expected = _normalize(_without(recorded["body"], case.without), keep_generation=not case.seeds)
    assert _normalize(_without(body, case.without), keep_generation=not case.seeds) == expected


@pytest.mark.parametrize("name", ["exec-no-such-container", "exec-no-such-pod"])
def test_a_refused_exec_gets_the_recorded_answer(name: str) -> None:
    recorded = RECORDINGS[name]["response"]

    status, _, body = asyncio.run(_replay(name))

    assert status == recorded["status"]
    assert body == json.loads(recorded["body"])


@pytest.mark.parametrize("name", ["exec-ok", "exec-ok-v5", "exec-nonzero-exit", "exec-command-not-found"])
def test_an_exec_gets_the_recorded_frames(name: str) -> None:
    frames = asyncio.run(_replay_exec(name))

    assert frames == RECORDINGS[name]["frames"]


@pytest.mark.parametrize("name", DISCOVERY[:-1])
def test_discovery_names_what_is_served_as_the_recorded_server_does(name: str) -> None:
    recorded = RECORDINGS[name]["response"]

    status, content_type, body = asyncio.run(_replay(name))

    assert (status, content_type) == (recorded["status"], recorded["content_type"])
    listed = "resources" if "resources" in body else "groups" if "groups" in body else "versions"
    expected = [_without(entry, ("storageVersionHash",)) for entry in recorded["body"][listed]]
    assert body[listed]
    for entry in body[listed]:
        assert entry in expected or entry["name"] == "autoscaling"  # served at v2 only
    assert _without(body, (listed, "serverAddressByClientCIDRs")) == _without(
        recorded["body"], (listed, "serverAddressByClientCIDRs")
    )


def test_aggregated_discovery_names_what_is_served_as_the_recorded_server_does() -> None:
    recorded = RECORDINGS["aggregated-discovery"]["response"]
    wanted = recorded["content_type"]

    status, content_type, body = asyncio.run(_replay(DISCOVERY[-1], accept=wanted))

    assert (status, content_type) == (200, wanted)
    expected = _list_aggregated(recorded["body"])
    served = _list_aggregated(body)
    assert len(served) > 10
    for key, resource in served.items():
        assert resource == expected[key]


def _list_aggregated(body: Object) -> dict[tuple[str, str, str], Object]:
    return {
        (group["metadata"]["name"], version["version"], resource["resource"]): resource
        for group in body["items"]
        for version in group["versions"]
        for resource in version["resources"]
    }


@dataclass(frozen=True)
class Outcome:
    """How a canned command ended."""

    exit_code: int | None
    error: str | None


@dataclass
class RecordedNode:
    """A kubelet that answers as the recorded one did."""

    name: str
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def log(
        self, namespace: str, pod: str, container: str, *, previous: bool, tail_lines: int | None
    ) -> bytes:
        self.asked.append((namespace, pod, container, str(previous), str(tail_lines)))
        text: str = RECORDINGS[self.name]["response"]["body"]
        return text.encode()

    async def follow_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        previous: bool = False,
        tail_lines: int | None = None,
    ) -> AsyncIterator[bytes]:
        yield self.log(namespace, pod, container, previous=previous, tail_lines=tail_lines)

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], write: Write
    ) -> Outcome:
        self.asked.append((namespace, pod, container, *command))
        frames = [frame for frame in RECORDINGS[self.name]["frames"] if frame["opcode"] == 2]
        for frame in frames[1:-1]:
            await write(frame["channel"], frame["text"].encode())
        status = json.loads(frames[-1]["text"])
        if status["status"] == "Success":
            return Outcome(0, None)
        cause = status["details"]["causes"][0]
        if status["reason"] == "NonZeroExitCode":
            return Outcome(int(cause["message"]), None)
        return Outcome(None, cause["message"])


@asynccontextmanager
async def _serve(name: str) -> AsyncIterator[tuple[aiohttp.ClientSession, Store]]:
    store = Store()
    tokens = {"admin": ADMIN, "weak": SERVICE_ACCOUNT}
    server = ApiServer(store, RecordedNode(name), tokens)
    address = f"http://127.0.0.1:{await server.start()}"
    headers = {"Authorization": f"Bearer {CASES[name].token}", "User-Agent": "python-urllib3/2.5"}
    async with aiohttp.ClientSession(address, headers=headers) as session:
        await _prepare(name, session, store)
        yield session, store
    await server.stop()


async def _prepare(name: str, session: aiohttp.ClientSession, store: Store) -> None:
    """Bring the server into the state that a recording begins in: namespace, seeds, then earlier requests."""
    admin = {"Authorization": "Bearer admin"}
    case = CASES[name]
    steps = list(case.after)
    if steps[:1] == ["namespace-create"]:
        await _send(steps.pop(0), session, store, headers=admin)
    for seed in case.seeds:
        body = _rewound().get(seed) or RECORDINGS[seed]["response"]["body"]
        for obj in body.get("items", [body]):
            store.create(_KINDS[body["kind"].removesuffix("List")], obj)
    for step in steps:
        status, _, body = await _send(step, session, store, headers=admin)
        assert status == RECORDINGS[step]["response"]["status"], body


async def _replay(name: str, accept: str = "*/*") -> tuple[int, str, Any]:
    async with _serve(name) as (session, store):
        return await _send(name, session, store, headers={"Accept": accept})


async def _send(
    name: str, session: aiohttp.ClientSession, store: Store, *, headers: dict[str, str]
) -> tuple[int, str, Any]:
    request = RECORDINGS[name]["request"]
    body = _with_version(request.get("body"), CASES[name].version, store)
    data = body if body is None or isinstance(body, str) else json.dumps(body)
    if request.get("content_type"):
        headers = {**headers, "Content-Type": request["content_type"]}
    headers = {**headers, **request.get("headers", {}), "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    async with session.request(request["method"], request["path"], data=data, headers=headers) as answer:
        text = await answer.text()
        is_json = "json" in answer.headers["Content-Type"]
        return answer.status, answer.headers["Content-Type"], json.loads(text) if is_json else text


async def _replay_exec(name: str) -> list[dict[str, Any]]:
    request = RECORDINGS[name]["request"]
    async with _serve(name) as (session, _):
        protocols = [request["headers"]["Sec-WebSocket-Protocol"]]
        async with session.ws_connect(request["path"], protocols=protocols) as socket:
            assert socket.protocol == protocols[0]
            frames: list[dict[str, Any]] = [
                {"opcode": 2, "channel": message.data[0], "text": message.data[1:].decode()}
                async for message in socket
            ]
            return [*frames, {"opcode": "close", "data": "", "code": socket.close_code}]


def _with_version(body: Any, version: str, store: Store) -> Any:  # noqa: ANN401  any JSON body
    """The body with a resourceVersion of this server in place of the recorded one."""
    if not version:
        return body
    live = store.get("virtualservices.networking.istio.io", "shop", "myapp-blue-green")
    wanted = live["metadata"]["resourceVersion"] if version == "current" else "1"
    if isinstance(body, list):
        return [{**body[0], "value": wanted}, *body[1:]]
    return {**body, "metadata": {**body["metadata"], "resourceVersion": wanted}}


def _without(body: Any, names: Sequence[str]) -> Any:  # noqa: ANN401  any JSON body
    return {k: v for k, v in body.items() if k not in names} if isinstance(body, dict) else body


def _normalize(value: Any, *, keep_generation: bool, key: str = "") -> Any:  # noqa: ANN401  any JSON value
    """The value without what differs from run to run; that it is there still counts."""
    if key in _CHANGING or (key == "generation" and not keep_generation):
        return "<changing>"
    if isinstance(value, dict):
        return {k: _normalize(v, keep_generation=keep_generation, key=k) for k, v in value.items()}
    if isinstance(value, list):
        return [
            "<changing>" if key == "clusterIPs" else _normalize(v, keep_generation=keep_generation)
            for v in value
        ]
    if isinstance(value, str) and key == "message":
        return re.sub(r"\(\d+\)", "(<version>)", value)
    if key in {"gitVersion", "gitCommit", "goVersion", "compiler", "platform"}:
        return "<build>"
    return value


def _body(name: str) -> Object:
    copied: Object = json.loads(json.dumps(RECORDINGS[name]["response"]["body"]))
    return copied


def _rewound() -> dict[str, Object]:
    """States that no recording shows whole, made from the answer that followed and what it changed."""
    return {
        "before-crashing-image": _rewind_apply(
            "deployment-apply-crashing-image", "deployment-apply-missing-image"
        ),
        "before-never-ready": _rewind_apply(
            "deployment-apply-never-ready", "deployment-apply-crashing-image"
        ),
        "before-switch": _rewind_switch(),
        "before-force": _rewind_force(),
    }


def _rewind_apply(name: str, earlier: str) -> Object:
    body, before = _body(name), _body(earlier)
    body["spec"] = before["spec"]
    applied, *others = body["metadata"]["managedFields"]
    body["metadata"]["managedFields"] = [
        {**applied, "fieldsV1": before["metadata"]["managedFields"][0]["fieldsV1"]},
        *others,
    ]
    return body


def _rewind_switch() -> Object:
    body = _body("virtualservice-json-patch-switch-with-resource-version")
    body["spec"]["http"][0]["route"][0]["destination"]["subset"] = "green"
    *entries, _ = body["metadata"]["managedFields"]
    entries[2]["fieldsV1"]["f:spec"] = {"f:http": {}}
    body["metadata"]["managedFields"] = entries
    return body


def _rewind_force() -> Object:
    body = _body("deployment-apply-over-kubectl-apply-forced")
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/acme/myapp:v1.0"
    _, controller, kubectl = body["metadata"]["managedFields"]
    container = 'k:{"name":"app"}'
    kubectl["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"][container]["f:image"] = {}
    body["metadata"]["managedFields"] = [controller, kubectl]
    return body
