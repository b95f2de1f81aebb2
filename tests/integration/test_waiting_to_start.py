"""A tag that is pushed before CI is done: from deliveries to a release that is ready, on the sandbox."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from release.secret import Secret
from release.starting import Starting
from sandbox.images import digest_of
from tasks.plan import Place, make_plan
from tests.integration.line import ANNA
from tests.unit.webhook.fakes import HOOK_SECRET, dump, headers, push
from webhook.application import create_app
from webhook.services import WebSettings
from worker.starter import Starter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient

    from release.model import Release
    from release.origins import Registry
    from tasks.plan import Plan
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

REPOSITORY = {"full_name": "acme/shop", "name": "shop", "owner": {"login": "acme"}}
DIGEST = "sha256:" + "a" * 64
FOUR_STAGES = ["sanity passed", "deploy passed", "migrate passed", "smoke passed"]


class Host:
    """The Git host, with a hook that leads to a line."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self._deliveries = 0

    def tell(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        self._deliveries += 1
        body = dump(payload)
        signed = headers(body, event=event, **{"X-GitHub-Delivery": f"delivery-{self._deliveries}"})
        answer = self._client.post("/webhooks/github", data=body, headers=signed)
        assert answer.status_code in {200, 202}, answer.text
        told: dict[str, Any] = answer.get_json()
        return told

    def push(self, tag: str, commit: str) -> str:
        told = self.tell(
            "push", push(ref=f"refs/tags/{tag}", head_commit={"id": commit}, repository=REPOSITORY)
        )
        return str(told["release"])

    def say(self, state: str, commit: str, *, minute: int) -> list[str]:
        """A status of the check ``build``; the releases that it starts."""
        told = self.tell(
            "status",
            {
                "sha": commit,
                "context": "build",
                "state": state,
                "branches": [{"name": "main"}],
                "updated_at": f"2026-01-01T11:{minute:02}:00Z",
                "repository": REPOSITORY,
            },
        )
        return [one["release"] for one in told["releases"]]


@pytest.fixture
def make_hooked(make_line: Callable[..., Line], tmp_path: Path) -> Callable[..., tuple[Line, Host]]:
    secret = tmp_path / "hook"
    secret.write_text(HOOK_SECRET, encoding="utf-8")

    def make(**app: object) -> tuple[Line, Host]:
        webhook = {"provider": "github", "repository": "acme/shop", "secrets": [{"file": str(secret)}]}
        line = make_line(webhook=webhook, **app)
        key = Secret("a key that only tests know, 32+")
        web = create_app(line.config, line.store, line.requests, secret_key=key, settings=WebSettings())
        return line, Host(web.test_client())

    return make


def results(line: Line) -> list[str]:
    return [one.result for one in line.run()]


def test_a_release_waits_for_ci_and_goes_on_with_the_delivery_that_tells_of_it(
    make_hooked: Callable[..., tuple[Line, Host]],
) -> None:
    # given an app that waits for its build, and users on blue
    line, host = make_hooked(start_when="ci-passed", required_checks=["build"])
    commit = line.repo.commit("v1-blue")

    # when a tag is pushed while CI runs
    waiting = line.release(host.push("v1-blue", commit))
    assert host.say("pending", commit, minute=1) == []

    # then it stands in no queue, and says what it waits for
    assert (line.run(), line.state(waiting)) == ([], "waiting")
    assert line.release(waiting.id).reason == "waiting for CI (not finished: build)"

    # when CI fails, and passes when it is run again
    assert host.say("failure", commit, minute=2) == []
    assert "failed: build" in line.release(waiting.id).reason
    assert host.say("success", commit, minute=3) == [waiting.id]

    # then its stages run
    assert results(line) == FOUR_STAGES
    assert line.state(waiting) == "ready", line.told(waiting)


def test_one_that_waits_keeps_a_later_tag_from_nothing(
    make_hooked: Callable[..., tuple[Line, Host]],
) -> None:
    line, host = make_hooked(start_when="ci-passed", required_checks=["build"])
    slow = line.repo.commit("v1-blue")
    waiting = line.release(host.push("v1-blue", slow))
    quick = line.repo.commit("v2-green")
    assert host.say("success", quick, minute=1) == []

    later = line.release(host.push("v2-green", quick))

    assert results(line) == FOUR_STAGES
    assert (line.state(waiting), line.state(later)) == ("waiting", "ready")


def test_a_release_whose_image_is_there_runs_exactly_that_image(
    make_hooked: Callable[..., tuple[Line, Host]],
) -> None:
    # given an app whose releases wait for their image, and a delivery that names no commit
    line, host = make_hooked(start_when="image-exists")
    commit = line.repo.commit("v1-blue")
    waiting = line.release(host.push("v1-blue", commit))
    registry: dict[str, str] = {}

    def find_digest(image: str, _: Registry) -> str | None:
        return registry.get(image)

    def look() -> Release:
        for name in line.redis.keys("verdigris:spent:*"):
            line.redis.delete(name)  # another ten seconds have gone by
        starting = Starting(line.config, line.store, line.queue, line.sent, line.requests.gate)
        resolve = line.around.repositories.resolve_tag
        Starter(line.config, line.store, starting, resolve=resolve, find_digest=find_digest).look()
        return line.release(waiting.id)

    assert look().reason == f"waiting for its image: {line.image}:v1-blue is not in the registry yet"

    # when CI has pushed it
    digest = digest_of(commit, [sys.executable, "-S", "app.py"])
    registry[f"{line.image}:v1-blue"] = digest
    assert look().state == "queued"

    # then the pods name it by its digest, whatever the tag names later
    assert results(line) == FOUR_STAGES, line.told(waiting)
    [container] = line.get("Deployment", "blue")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{line.image}:v1-blue@{digest}"
    assert line.promote().state == "done", line.job().problem
    line.expect("v1-blue")


def test_a_plan_shows_the_image_by_its_digest_or_says_that_a_release_would_wait(
    make_hooked: Callable[..., tuple[Line, Host]],
) -> None:
    line, _ = make_hooked(start_when="image-exists")
    line.repo.commit("v1-blue")
    registry: dict[str, str] = {}

    def plan() -> Plan:
        around = line.around
        place = Place(
            settings=around.settings,
            config=line.config,
            repositories=around.repositories,
            connect=around.connect,
            clock=around.clock,
            tell=lambda _: None,
            find_digest=lambda image, _: registry.get(image),
        )
        return make_plan(place, "shop", "v1-blue")

    [warning] = plan().findings.warnings
    assert (warning.slug, warning.detail) == (
        "image-not-there",
        f"the registry has no {line.image}:v1-blue",
    )

    registry[f"{line.image}:v1-blue"] = DIGEST
    made = plan()

    assert made.findings.warnings == []
    [deployment] = [change for change in made.changes if change.ref.kind == "Deployment"]
    assert f"image: {line.image}:v1-blue@{DIGEST}" in deployment.difference


def test_a_deploy_whose_turn_comes_in_a_freeze_waits_for_its_end(make_line: Callable[..., Line]) -> None:
    line = make_line()
    # given one that stands in its queue when a freeze begins
    release = line.push("v1-blue")
    now = datetime.now(UTC)
    begin, end = (f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M}" for hours in (-1, 1))
    line.reconfigure(freezes=[{"from": begin, "to": end, "zone": "UTC", "reason": "inventory"}])

    # when its turn comes
    (ended,) = line.run()

    # then nothing was touched, and it waits in nobody's way
    assert "shop is frozen; it goes on when that ends" in ended.result
    assert line.state(release) == "waiting"
    assert line.release(release.id).reason.endswith("UTC: inventory")
    assert line.find("Deployment", "blue") is None

    # and goes on when somebody lets it
    line.requests.start(release.id, actor=ANNA, reason="a hole in the fence", overrides_freeze=True)
    assert results(line) == FOUR_STAGES
    assert line.state(release) == "ready", line.told(release)
