from pathlib import Path

import pytest
import urllib3.exceptions
import yaml
from kubernetes.client.configuration import Configuration

from cluster.connection import CONNECT_TIMEOUT, READ_TIMEOUT, Body, Cluster
from cluster.errors import Unavailable
from release.problems import Problem
from tests.unit.cluster.fakes import Answer, fake_cluster


def write_kubeconfig(path: Path, server: str = "http://sandbox:t0ken@127.0.0.1:1") -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "contexts": [
            {"name": name, "context": {"cluster": "one", "user": name}} for name in ("one", "another")
        ],
        "users": [{"name": name, "user": {"token": f"token-of-{name}"}} for name in ("one", "another")],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_kubeconfig_gives_address_and_token(tmp_path: Path) -> None:
    cluster = Cluster.connect(write_kubeconfig(tmp_path / "config"), None)
    assert cluster.headers() == {"authorization": "Bearer token-of-one"}
    assert cluster.url("/api", {"a": "b c"}) == "http://127.0.0.1:1/api?a=b+c"
    assert cluster.host == "127.0.0.1:1"


def test_a_context_may_be_chosen(tmp_path: Path) -> None:
    cluster = Cluster.connect(write_kubeconfig(tmp_path / "config"), "another")
    assert cluster.headers() == {"authorization": "Bearer token-of-another"}


def test_a_missing_context_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="nowhere") as caught:
        Cluster.connect(write_kubeconfig(tmp_path / "config"), "nowhere")
    assert caught.value.document.slug == "cluster-config"
    assert "token-of" not in str(caught.value)


def test_a_missing_kubeconfig_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="absent"):
        Cluster.connect(tmp_path / "absent")


def test_kubeconfig_is_found_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "config")))
    assert Cluster.connect().host == "127.0.0.1:1"


def test_outside_of_a_cluster_and_without_a_kubeconfig_nothing_is_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Problem, match="service account"):
        Cluster.connect()


def test_every_request_has_timeouts_and_says_what_it_carries() -> None:
    cluster, pool = fake_cluster([Answer(200, {"kind": "X"})])
    cluster.request("POST", "/api/v1/things", query={"dryRun": "All"}, body=Body({"a": 1}))
    (sent,) = pool.sent
    assert (sent.timeout.connect_timeout, sent.timeout.read_timeout) == (CONNECT_TIMEOUT, READ_TIMEOUT)
    assert (sent.method, sent.path, sent.body) == ("POST", "/api/v1/things?dryRun=All", {"a": 1})
    assert sent.headers["content-type"] == "application/json"


def test_a_broken_connection_is_told_with_the_servers_name() -> None:
    cluster, _ = fake_cluster([urllib3.exceptions.ProtocolError("reset")])
    with pytest.raises(Unavailable, match=r"cluster\.test:6443: reset"):
        cluster.request("GET", "/version")


def test_requests_that_follow_each_other_ask_for_their_token_once() -> None:
    cluster, pool = fake_cluster([Answer(200, {}), Answer(200, {})])
    asked: list[str] = []
    cluster.configuration.api_key["BearerToken"] = "Bearer 0"

    def renew(configuration: Configuration) -> None:
        asked.append("token")
        configuration.api_key["BearerToken"] = f"Bearer {len(asked)}"

    cluster.configuration.refresh_api_key_hook = renew
    cluster.request("GET", "/a")
    before = list(asked)
    cluster.request("GET", "/b")

    assert asked == before != []
    assert len({sent.headers["authorization"] for sent in pool.sent}) == 1
    assert "Bearer" not in repr(cluster._proof)  # it is a secret wherever it is kept


def test_new_credentials_count_at_once() -> None:
    cluster, _ = fake_cluster([], token="old")
    assert cluster.headers() == {"authorization": "Bearer old"}

    cluster.configuration = fake_cluster([], token="new")[0].configuration

    assert cluster.headers() == {"authorization": "Bearer new"}
