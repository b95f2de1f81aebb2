"""What a cluster offers, read from its answers."""

from __future__ import annotations

import base64
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.errors import Unauthorized
from cluster.survey import (
    HastyPool,
    Offer,
    PluginFailed,
    find_control_plane,
    find_expiry,
    find_istio,
    find_lead,
    has_namespace,
    reach,
    read_version,
)
from release.problems import Problem
from tests.unit.cluster.fakes import Answer, FakePool, fake_cluster

if TYPE_CHECKING:
    from pathlib import Path

ROUTING = [{"name": name} for name in ("virtualservices", "destinationrules", "gateways", "sidecars")]


def group(*versions: str) -> Answer:
    return Answer(200, {"versions": [{"version": version} for version in versions]})


def refusal(status: int) -> Answer:
    return Answer(status, {"message": "no", "code": status})


def test_the_version_is_the_servers_own() -> None:
    cluster, pool = fake_cluster([Answer(200, {"gitVersion": "v1.36.2"})])

    assert read_version(cluster) == "v1.36.2"
    assert pool.sent[0].path == "/version"


def test_istio_is_served_in_the_version_that_we_write() -> None:
    cluster, _ = fake_cluster([group("v1", "v1beta1"), Answer(200, {"resources": ROUTING})])

    assert find_istio(cluster) == Offer(("v1", "v1beta1"), ())


def test_an_older_istio_offers_nothing_that_we_write() -> None:
    cluster, _ = fake_cluster([group("v1beta1", "v1alpha3")])

    assert find_istio(cluster) == Offer(
        ("v1beta1", "v1alpha3"), ("VirtualService", "DestinationRule", "Gateway")
    )


def test_a_kind_that_is_not_served_is_missing() -> None:
    cluster, _ = fake_cluster([group("v1"), Answer(200, {"resources": ROUTING[:2]})])

    assert find_istio(cluster) == Offer(("v1",), ("Gateway",))


def test_without_its_custom_resources_there_is_no_istio() -> None:
    cluster, _ = fake_cluster([refusal(404)])

    assert find_istio(cluster) is None


def test_credentials_that_are_not_accepted_are_no_missing_istio() -> None:
    cluster, _ = fake_cluster([refusal(401)])

    with pytest.raises(Unauthorized):
        find_istio(cluster)


@pytest.mark.parametrize(
    ("answer", "pods"),
    [
        (Answer(200, {"items": []}), -1),
        (Answer(200, {"items": [{"status": {}}]}), 0),
        (Answer(200, {"items": [{"status": {"availableReplicas": 2}}]}), 2),
        (refusal(403), None),
    ],
)
def test_the_control_plane_is_counted_where_we_may_look(answer: Answer, pods: int | None) -> None:
    cluster, pool = fake_cluster([answer])

    assert find_control_plane(cluster) == pods
    path = "/apis/apps/v1/namespaces/istio-system/deployments?labelSelector=app%3Distiod"
    assert pool.sent[0].path == path


@pytest.mark.parametrize(
    ("answer", "is_there"), [(Answer(200, {}), True), (refusal(404), False), (refusal(403), None)]
)
def test_a_namespace_is_there_or_not_or_not_for_us_to_know(answer: Answer, *, is_there: bool | None) -> None:
    cluster, _ = fake_cluster([answer])

    assert has_namespace(cluster, "shop") is is_there


def token(claims: dict[str, Any]) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@pytest.mark.parametrize(
    ("given", "expiry"),
    [
        (token({"exp": 1_600_000_000}), datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)),
        (token({"sub": "worker"}), None),
        ("opaque", None),
        ("a.b.c", None),
        ("", None),
    ],
)
def test_the_end_of_a_token_is_read_where_it_says_one(given: str, expiry: datetime | None) -> None:
    cluster, _ = fake_cluster([], token=given)

    assert find_expiry(cluster) == expiry


def test_a_clock_is_compared_in_the_middle_of_the_question() -> None:
    date = "Mon, 23 Nov 2026 12:00:10 GMT"
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()

    assert find_lead(date, before=noon, after=noon + 1) == 10.0
    assert find_lead("", before=noon, after=noon) is None


def test_every_question_is_short_and_its_date_is_kept() -> None:
    fake = FakePool([Answer(200, {}, {"Date": "Mon, 23 Nov 2020 12:00:10 GMT"})])
    pool = HastyPool(fake, seconds=5)

    pool.request("GET", "http://cluster.test:6443/version", headers={}, timeout=None, preload_content=True)

    assert (fake.sent[0].timeout.connect_timeout, fake.sent[0].timeout.read_timeout) == (5, 5)
    assert pool.ahead is not None
    assert pool.ahead < -86_400


def kubeconfig(path: Path, user: dict[str, Any]) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [{"name": "one", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "users": [{"name": "one", "user": user}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def plugin(*command: str) -> dict[str, Any]:
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": command[0], "args": list(command[1:])}}


def test_a_credential_plugin_that_is_not_installed_is_heard_of(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)

    with pytest.raises(PluginFailed, match="no-such-plugin"):
        reach(kubeconfig(tmp_path / "config", plugin("no-such-plugin")), None, seconds=5)

    assert logging.getLogger().handlers == before


def test_a_credential_plugin_that_fails_is_heard_of_in_its_own_words(tmp_path: Path) -> None:
    user = plugin("sh", "-c", "echo please log in >&2; exit 3")

    with pytest.raises(PluginFailed, match="please log in"):
        reach(kubeconfig(tmp_path / "config", user), None, seconds=5)


def test_a_token_needs_no_plugin(tmp_path: Path) -> None:
    reached = reach(kubeconfig(tmp_path / "config", {"token": "secret-token"}), None, seconds=5)

    assert reached.cluster.headers() == {"authorization": "Bearer secret-token"}
    assert "secret-token" not in repr(reached)


def test_a_kubeconfig_that_is_no_yaml_is_refused_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("kind: Config\nusers: [")

    with pytest.raises(Problem, match="config:2: no valid YAML"):
        reach(tmp_path / "config", None, seconds=5)


def test_a_context_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="elsewhere"):
        reach(kubeconfig(tmp_path / "config", {}), "elsewhere", seconds=5)
