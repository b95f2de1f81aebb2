"""Tables against the recorded ones, ages, states of pods, discovery, OpenAPI and the kubeconfig."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.api.discovery import find_group
from sandbox.api.durations import format_age, format_duration
from sandbox.api.kubeconfig import split_token, write_kubeconfig
from sandbox.api.podstate import count_ready, describe_restarts, describe_state
from sandbox.api.resources import RESOURCES, get_resource
from sandbox.api.tables import make_table
from sandbox.store import Object

DATA = Path(__file__).parents[2] / "data"
KUBECTL = [json.loads(line) for line in (DATA / "kubectl.jsonl").read_text(encoding="utf-8").splitlines()]
TRANSCRIPTS = {
    entry["name"]: entry
    for entry in map(json.loads, (DATA / "transcripts.jsonl").read_text(encoding="utf-8").splitlines())
}
NOW = datetime(2026, 11, 23, 1, 6, 50, tzinfo=UTC)


def _recorded_table(resource: str) -> tuple[Object, Object]:
    """A table as it was recorded, and an object that one of its rows was made from."""
    plural = resource.partition(".")[0]
    table: Object = next(
        entry["response"]["body"]
        for entry in KUBECTL
        if f"/{plural}?" in entry["request"]["path"] and "as=Table" in (entry["request"]["accept"] or "")
    )
    name = table["rows"][0]["object"]["metadata"]["name"]
    bodies = [
        body for entry in KUBECTL if "response" in entry for body in _objects(entry["response"].get("body"))
    ]
    named = [body for body in bodies if body["metadata"].get("name") == name and "spec" in body]
    kind = get_resource(resource).kind
    found: Object = [body for body in named if body.get("kind", "Pod") == kind][-1]
    return table, found


def _objects(body: Any) -> list[Object]:  # noqa: ANN401  any JSON
    if not isinstance(body, dict) or "metadata" not in body:
        return []
    items: list[Object] = body.get("items", [body])
    return items


@pytest.mark.parametrize(
    "resource",
    ["pods", "virtualservices.networking.istio.io", "destinationrules.networking.istio.io"],
)
def test_columns_and_cells_are_those_of_a_real_server(resource: str) -> None:
    recorded, obj = _recorded_table(resource)

    table = make_table(get_resource(resource), [obj], "1", now=NOW)

    expected = [(c["name"], c["type"], c["format"], c["priority"]) for c in recorded["columnDefinitions"]]
    assert [
        (c["name"], c["type"], c["format"], c["priority"]) for c in table["columnDefinitions"]
    ] == expected
    age = [name for name, *_ in expected].index("Age")
    cells, wanted = table["rows"][0]["cells"], recorded["rows"][0]["cells"]
    assert [c for i, c in enumerate(cells) if i != age] == [c for i, c in enumerate(wanted) if i != age]


def test_the_columns_of_a_deployment_are_those_of_a_real_server() -> None:
    recorded = next(e for e in KUBECTL if "/deployments?limit" in e["request"]["path"])["response"]["body"]
    deployment = TRANSCRIPTS["deployment-get-available"]["response"]["body"]

    table = make_table(get_resource("deployments.apps"), [deployment], "1", now=NOW)

    assert [c["name"] for c in table["columnDefinitions"]] == [
        c["name"] for c in recorded["columnDefinitions"]
    ]
    assert table["rows"][0]["cells"] == [
        "myapp-green", "1/1", 1, 1, "84m", "myapp", "docker.io/acme/myapp:v1.0", "app=myapp,color=green",
    ]  # fmt: skip
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize("resource", [r for r in RESOURCES if r.stored], ids=lambda r: r.key)
def test_every_kind_has_a_table_even_for_a_bare_object(resource: Any) -> None:  # noqa: ANN401  pytest's
    bare: Object = {"metadata": {"name": "a"}, "spec": {}, "involvedObject": {}, "roleRef": {}}

    table = make_table(resource, [bare], "1", now=NOW)

    assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"])
    assert "a" in table["rows"][0]["cells"]


@pytest.mark.parametrize(
    ("recording", "state"),
    [
        ("pods-list-by-label", "Running"),
        ("pods-list-image-pull-error", "ErrImagePull"),
        ("pods-list-crash-loop", "CrashLoopBackOff"),
        ("pods-list-unschedulable", "Pending"),
        ("pods-list-invalid-image-name", "InvalidImageName"),
        ("pods-list-config-error", "CreateContainerConfigError"),
    ],
)
def test_the_state_of_a_pod_is_what_is_wrong_with_it(recording: str, state: str) -> None:
    pod = TRANSCRIPTS[recording]["response"]["body"]["items"][0]

    assert describe_state(pod) == state
    assert count_ready(pod) == ((1, 1) if state == "Running" else (0, 1))


def test_a_pod_on_its_way_out_is_terminating_and_an_ended_one_says_how() -> None:
    ended = {"state": {"terminated": {"exitCode": 3}}, "restartCount": 0}
    pod: Object = {"metadata": {}, "spec": {}, "status": {"containerStatuses": [ended]}}

    assert describe_state(pod) == "ExitCode:3"
    assert describe_restarts(pod, NOW) == "0"
    pod["metadata"]["deletionTimestamp"] = "2026-11-23T01:00:00Z"
    assert describe_state(pod) == "Terminating"


def test_restarts_tell_when_the_last_one_was() -> None:
    ended = {"terminated": {"finishedAt": "2026-11-23T01:05:50Z"}}
    pod = {
        "metadata": {},
        "spec": {},
        "status": {"containerStatuses": [{"restartCount": 2, "lastState": ended}]},
    }

    assert describe_restarts(pod, NOW) == "2 (60s ago)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (252, "4m12s"),
        (5040, "84m"),
        (11100, "3h5m"),
        (40000, "11h"),
        (190800, "2d5h"),
        (864000, "10d"),
        (2 * 365 * 86400 + 86400, "2y1d"),
    ],
)
def test_ages_read_as_kubectl_prints_them(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


def test_an_unknown_age_says_so() -> None:
    assert format_age(None, NOW) == "<unknown>"


def test_a_group_is_found_by_name() -> None:
    group = find_group("networking.istio.io")

    assert group is not None
    assert [v["version"] for v in group["versions"]] == ["v1", "v1beta1", "v1alpha3"]
    assert find_group("nothing") is None


def test_a_kubeconfig_is_private_and_carries_the_token_for_every_client(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kubeconfig"

    write_kubeconfig(path, "http://127.0.0.1:1", "secret")
    write_kubeconfig(path, "http://127.0.0.1:2", "secret")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert document["clusters"][0]["cluster"]["server"] == "http://127.0.0.1:2/as/secret"
    assert document["users"][0]["user"] == {"token": "secret"}
    assert [p.name for p in path.parent.iterdir()] == ["kubeconfig"]


def test_a_token_in_the_path_is_split_off() -> None:
    assert split_token("/as/secret/api/v1") == ("Bearer secret", "/api/v1")
    assert split_token("/as/secret") == ("Bearer secret", "/")
    assert split_token("/api/v1") == (None, "/api/v1")
