"""What only the cluster knows of Secrets is given to pods, and stands in no log, page, answer or plan."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from release.clock import utc_now
from release.secret import Secret
from source.checkout import Repositories
from tasks.plan import Place, make_plan
from webhook.application import create_app
from webhook.services import WebSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.store import Object
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

MARK = "s3cr3t-mark"
PASSWORD = f"{MARK}-of-the-cluster"


def secret(name: str) -> Object:
    data = {"DB_PASSWORD": base64.b64encode(PASSWORD.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def pull_secret(name: str) -> Object:
    login = json.dumps({"auths": {"registry.sandbox": {"password": PASSWORD}}})
    data = {".dockerconfigjson": base64.b64encode(login.encode()).decode()}
    kind = "kubernetes.io/dockerconfigjson"
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {"name": name}, "data": data}


@pytest.fixture
def make_given(make_line: Callable[..., Line]) -> Callable[..., Line]:
    """A line whose pods are given a color's Secret, and credentials for the registry."""

    def make(**app: object) -> Line:
        env_from = {"green": ["env-green"], "blue": ["env-blue"]}
        line = make_line(env_from=env_from, image_pull_secrets=["regcred"], **app)
        for one in (secret("env-green"), secret("env-blue"), pull_secret("regcred")):
            line.create(one)
        return line

    return make


def shown(line: Line) -> str:
    """Everything that the API and the pages tell."""
    config = line.config.model_copy(update={"public_read": True})
    key = Secret("a-key-of-at-least-32-characters-for-tests")
    web = create_app(config, line.store, line.requests, secret_key=key, settings=WebSettings()).test_client()
    assert line.accepted
    release, job = line.accepted.release_id, line.accepted.job_id
    api = ("apps/shop", "releases", f"releases/{release}", f"releases/{release}/log", f"jobs/{job}")
    answers = [web.get(path) for path in ("/", f"/releases/{release}", *(f"/api/v1/{path}" for path in api))]
    assert all(answer.status_code == 200 for answer in answers)
    return "\n".join(answer.text for answer in answers)


def check_hidden(line: Line, slug: str) -> None:
    assert line.slug() == slug
    assert MARK not in repr(line.job())
    assert MARK not in shown(line)
    assert "[redacted]" in shown(line)


def test_pods_get_both(make_given: Callable[..., Line]) -> None:
    line = make_given()

    release = line.deploy("v1-green")

    assert release.state == "ready", line.told(release)
    spec = line.get("Deployment", "green")["spec"]["template"]["spec"]
    assert spec["imagePullSecrets"] == [{"name": "regcred"}]
    assert spec["containers"][0]["envFrom"] == [{"secretRef": {"name": "env-green"}}]
    assert MARK not in shown(line)


def test_an_app_that_dies_with_it_on_its_lips(make_given: Callable[..., Line]) -> None:
    line = make_given(max_restarts=0)

    line.push(
        "v1-green", files={"app.py": "import os; print(os.environ['DB_PASSWORD']); raise SystemExit(1)"}
    )
    line.run()

    check_hidden(line, "rollout-crash-loop")


def test_an_answer_that_holds_it(make_given: Callable[..., Line]) -> None:
    check = {"path": "/", "json_equals": {"password": "none"}}
    line = make_given(smoke={"requests": [check], "deadline": 0.3, "interval": 0.1})

    line.push("v1-green", body={"password": PASSWORD})
    line.run()

    check_hidden(line, "smoke-failed")


def test_a_plan_and_a_refused_dry_run_show_names_only(
    make_given: Callable[..., Line], tmp_path: Path
) -> None:
    line = make_given()
    files = line.default_manifests()
    wrong = files["manifests/deployment.yml"].replace(
        "replicas: {{ values.replicas | default(2) }}", "replicas: -1"
    )
    line.push("v1-green", files={**files, "manifests/deployment.yml": wrong})
    told: list[str] = []
    place = Place(
        line.around.settings,
        line.config,
        Repositories(tmp_path),
        lambda _: line.cluster,
        utc_now,
        told.append,
    )

    plan = make_plan(place, "shop", "v1-green")
    line.run()

    everything: Any = [asdict(plan.findings), [asdict(change) for change in plan.changes], told]
    assert plan.findings.has("dry-run-refused")
    assert MARK not in repr(everything)
    assert line.slug() == "dry-run-refused"
    assert MARK not in repr(line.job()) + shown(line)
