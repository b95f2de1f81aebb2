"""Whatever happens to a release, its secrets stand in the cluster's objects and nowhere else of ours."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from release.config import Token
from release.model import Stage
from release.records import dump_observation
from release.requests import Accepted
from release.secret import Secret
from tests.integration.migrating import python
from webhook.application import create_app
from webhook.services import WebSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tasks.step import Passed
    from tests.integration.line import Line

Printed = list[MutableMapping[str, Any]]

pytestmark = pytest.mark.needs_envoy

PASSWORD = "s3cr3t-mark-of-blue-password"
KEY = "-----BEGIN KEY-----\ns3cr3t-mark-of-a-line\n-----END KEY-----"
MARK = "s3cr3t-mark"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """An app with secrets of every kind, each with the mark in it."""
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "key").write_text(KEY)
    return {"values_by_color": {"green": references(tmp_path), "blue": references(tmp_path)}}


def references(folder: Path) -> dict[str, dict[str, str]]:
    return {"DB_PASSWORD": {"file": str(folder / "password")}, "TLS_KEY": {"file": str(folder / "key")}}


PRINT_ALL = "import os; print(os.environ); print(os.environ['TLS_KEY']); raise SystemExit(1)"


def everything(line: Line) -> str:
    """All that Verdigris keeps: every value in Redis, and what it says of the last job."""
    kept: list[object] = []
    for name in line.redis.scan_iter("*"):
        kind = line.redis.type(name)
        readers: dict[str, Callable[[str], object]] = {
            "string": line.redis.get,
            "hash": line.redis.hgetall,
            "list": lambda key: line.redis.lrange(key, 0, -1),
            "set": line.redis.smembers,
            "zset": lambda key: line.redis.zrange(key, 0, -1),
            "stream": line.redis.xrange,
        }
        kept.append((name, readers[str(kind)](str(name))))
    seen = line.store.observation("shop")
    return repr([kept, line.job(), dump_observation(seen) if seen else ""])


@pytest.fixture
def printed() -> Iterator[Printed]:
    """What the worker's own log gets."""
    with structlog.testing.capture_logs() as entries:
        yield entries


def check_hidden(line: Line, printed: Printed, *results: str) -> None:
    assert "[redacted]" in everything(line) + repr(results)
    assert MARK not in everything(line)
    assert MARK not in json.dumps(printed, default=str)
    assert MARK not in repr(results)


def test_a_migration_that_prints_its_environment(
    make_line: Callable[..., Line], settings: dict[str, Any], printed: Printed
) -> None:
    line = make_line(**settings, migrate=[python(PRINT_ALL)])

    line.push("v1-green")
    ended = line.run()

    assert line.slug() == "migration-failed"
    assert PASSWORD in json.dumps(line.get("Deployment", "green"))
    check_hidden(line, printed, repr(ended))


HOOK, TOKEN = f"{MARK}-of-the-webhook", f"{MARK}-of-the-token"


def test_a_delivered_release_shows_no_secret_and_no_token_on_any_page_or_answer(
    make_line: Callable[..., Line], settings: dict[str, Any], printed: Printed, tmp_path: Path
) -> None:
    # given an app with every kind of secret, whose migration prints what it has
    (tmp_path / "hook").write_text(HOOK)
    (tmp_path / "token").write_text(TOKEN)
    webhook = {"repository": "acme/shop", "secrets": [{"file": str(tmp_path / "hook")}]}
    line = make_line(**settings, webhook=webhook, migrate=[python(PRINT_ALL)])
    token = Token.model_validate({"name": "ci", "value": {"file": str(tmp_path / "token")}})
    config = line.config.model_copy(update={"tokens": [token]})
    web = create_app(
        config,
        line.store,
        line.requests,
        secret_key=Secret(f"{MARK}-of-sessions" * 3),
        settings=WebSettings(),
    ).test_client()

    # when a signed delivery starts a release, the host echoing the secret in a header, and it fails
    commit = line.repo.commit("v1-green")
    answers = [deliver(web, "v1-green", commit)]
    assert answers[0].status_code == 202
    line.accepted = Accepted(answers[0].json["release"], answers[0].json["job"], is_new=True)
    ended = line.run()
    assert line.slug() == "migration-failed"

    # then no answer of the API and no page holds any of them
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    release, job = line.accepted.release_id, line.accepted.job_id
    reads = ("apps", "apps/shop", "releases", f"releases/{release}", f"releases/{release}/log", f"jobs/{job}")
    answers += [web.get(f"/api/v1/{path}", headers=bearer) for path in reads]
    answers.append(web.get("/api/v1/apps", headers={"Authorization": f"Bearer {TOKEN}x"}))
    page = web.get("/login").text
    csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert csrf
    answers.append(web.post("/login", data={"token": TOKEN, "csrf_token": csrf[1]}))
    answers += [web.get(path) for path in ("/", f"/releases/{release}", "/healthz", "/readyz")]
    assert "v1-green" in answers[-4].text
    assert "Migrat" in answers[-3].text or "migrat" in answers[-3].text
    for answer in answers:
        assert MARK not in answer.text
        assert MARK not in str(answer.headers)
    check_hidden(line, printed, repr(ended))


def deliver(web: FlaskClient, tag: str, commit: str) -> TestResponse:
    """What GitHub sends for a pushed tag."""
    event = {
        "ref": f"refs/tags/{tag}",
        "created": True,
        "deleted": False,
        "head_commit": {"id": commit},
        "repository": {"full_name": "acme/shop", "name": "shop", "owner": {"login": "acme"}},
        "pusher": {"name": "octocat"},
    }
    body = json.dumps(event).encode()
    signature = hmac.new(HOOK.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "d-1",
        "X-Hub-Signature-256": f"sha256={signature}",
        "X-Echo": HOOK,
    }
    return web.post("/webhooks/github", data=body, headers=headers, content_type="application/json")


def test_an_app_that_dies_with_its_secret_on_its_lips(
    make_line: Callable[..., Line], settings: dict[str, Any], printed: Printed
) -> None:
    line = make_line(**settings, max_restarts=0)

    line.push("v1-green", files={"app.py": f"import os; {PRINT_ALL}"})
    ended = line.run()

    assert line.slug() == "rollout-crash-loop"
    check_hidden(line, printed, repr(ended))


def test_an_answer_that_holds_it(
    make_line: Callable[..., Line], settings: dict[str, Any], printed: Printed
) -> None:
    check = {"path": "/", "json_equals": {"password": "none"}}
    line = make_line(**settings, smoke={"requests": [check], "deadline": 0.3, "interval": 0.1})

    line.push("v1-green", body={"password": PASSWORD})
    ended = line.run()

    assert line.slug() == "smoke-failed"
    check_hidden(line, printed, repr(ended))


def test_a_manifest_that_the_cluster_refuses_because_of_it(
    make_line: Callable[..., Line], settings: dict[str, Any], printed: Printed
) -> None:
    line = make_line(**settings)
    files = line.default_manifests()
    label = "  labels:\n    app: {{ app }}\n    color: {{ color }}\n"
    assert label in files["manifests/deployment.yml"]
    changed = files["manifests/deployment.yml"].replace(
        label, label + "    password: {{ values.DB_PASSWORD }}!\n", 1
    )

    line.push("v1-green", files={**files, "manifests/deployment.yml": changed})
    ended = line.run()

    assert line.slug() == "dry-run-refused"
    check_hidden(line, printed, repr(ended))


def test_a_route_in_which_it_differs(
    make_line: Callable[..., Line], settings: dict[str, Any], printed: Printed
) -> None:
    """Drift is reported in words that quote both sides."""
    line = make_line(**settings)
    files = line.default_manifests()
    files["manifests/route-test.yml"] = files["manifests/route-test.yml"].replace(
        "    - name: {{ app }}-default\n",
        "    - name: {{ app }}-default\n      headers: {request: {set: {x-key: {{ values.DB_PASSWORD }}}}}\n",
    )
    line.go_live("v1-green")
    release = line.push("v2-blue", files=files)
    line.run()

    assert "the default's headers" in line.told(release)
    check_hidden(line, printed)


def test_an_error_of_our_own_that_quotes_it(
    make_line: Callable[..., Line], settings: dict[str, Any], printed: Printed
) -> None:
    line = make_line(**settings)
    line.push("v1-green")

    def fails(_: object) -> Passed:
        raise RuntimeError(f"can't use {PASSWORD}")

    result = line.run_stage(line.sent.offers.pop(), 0, work=fails)

    assert line.slug() == "unexpected"
    traces = [entry for entry in printed if entry["event"] == "stage failed unexpectedly"]
    assert "RuntimeError: can't use [redacted]" in traces[0]["traceback"]
    check_hidden(line, printed, result)


def test_a_secret_that_this_worker_can_t_read_fails_a_deploy_but_no_rollback(
    make_line: Callable[..., Line], settings: dict[str, Any], tmp_path: Path
) -> None:
    line = make_line(**settings)
    live = line.go_live("v1-green")
    line.go_live("v2-blue")
    (tmp_path / "password").unlink()

    # a deploy is refused, and said why
    line.push("v3-green")
    line.run()
    problem = line.job().problem
    assert problem
    assert problem.slug == "secret-missing"
    assert "password" in problem.detail
    # an emergency does not wait for a secret that it does not need
    assert line.rollback().state == "done"
    assert line.state(live) == "live"


def test_one_that_was_exchanged_after_sanity_is_the_new_one_in_the_deploy(
    make_line: Callable[..., Line], settings: dict[str, Any], tmp_path: Path
) -> None:
    line = make_line(**settings)
    line.push("v1-green")
    line.run(until=Stage.DEPLOY)

    (tmp_path / "password").write_text(f"{PASSWORD}-exchanged")
    line.run(until=Stage.MIGRATE)

    assert f"{PASSWORD}-exchanged" in str(line.get("Deployment", "green"))
    assert MARK not in everything(line)
