"""Approvals, countdowns and freezes by hand, over HTTP and pages, against the real core and its scripts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from release.model import Actor, JobKind, State
from tests.e2e.scene import Scene
from tests.unit.webhook.fakes import TOKEN
from tests.unit.webhook.test_pages import csrf_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient

ANNA, BEN = Actor("person", "anna"), Actor("person", "ben")
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Scene]:
    def make(**rules: object) -> Scene:
        return Scene(tmp_path, **rules)

    return make


def enter(scene: Scene, name: str) -> FlaskClient:
    """A browser in which somebody has signed in."""
    client = scene.app.test_client()
    assert client.get(f"/enter/{scene.ticket(name)}").status_code == HTTPStatus.SEE_OTHER
    return client


def press(client: FlaskClient, path: str, **fields: str) -> str:
    """Send a page's form; the page that follows, as text."""
    form = {"csrf_token": csrf_of(client.get("/").text), **fields}
    return unescape(text_of(client.post(path, data=form, follow_redirects=True).text))


def call(scene: Scene, path: str, **content: object) -> Any:  # noqa: ANN401 -- JSON
    """Ask the API, as the token ``ci``; its answer or problem."""
    return scene.app.test_client().post(f"/api/v1{path}", headers=BEARER, json=content).get_json(force=True)


def shown(scene: Scene, release_id: str) -> Any:  # noqa: ANN401 -- JSON
    return scene.app.test_client().get(f"/api/v1/releases/{release_id}", headers=BEARER).json


def slug_of(answer: Any) -> str:  # noqa: ANN401 -- JSON
    """The name of the problem that was answered; empty where there was none."""
    return str(answer.get("type", "")).rpartition("/")[2]


def open_jobs(scene: Scene) -> list[JobKind]:
    return [job.kind for job in scene.store.queue("shop")]


def around_now() -> dict[str, str]:
    """A freeze that is on."""
    now = datetime.now(UTC)
    begin, end = now - timedelta(hours=1), now + timedelta(hours=1)
    return {"from": f"{begin:%Y-%m-%dT%H:%M:%SZ}", "to": f"{end:%Y-%m-%dT%H:%M:%SZ}", "reason": "Christmas"}


def test_a_release_is_promoted_once_two_others_have_approved_it(make_scene: Callable[..., Scene]) -> None:
    # given a release that anna asked for, of an app that takes two approvals
    scene = make_scene(promote={"approvals": 2})
    ready = scene.make_ready("v1.0-blue", actor=ANNA)
    anna, ben = enter(scene, "anna"), enter(scene, "ben")

    # then she can't approve it herself, and nobody can promote it yet
    assert "Who pushed the tag can't approve it." in press(anna, f"/releases/{ready}/approve")
    assert "Approvals are missing." in press(ben, "/apps/shop/promote", release=ready)
    assert slug_of(call(scene, "/apps/shop/promote")) == "approvals-missing"

    # when two others approve it, one on the page, one through the API
    told = press(ben, f"/releases/{ready}/approve", reason="looked at it")
    assert "You approved v1.0-blue: 1 of 2 approvals; missing 1." in told
    assert slug_of(call(scene, f"/releases/{ready}/approve")) == ""
    assert slug_of(call(scene, f"/releases/{ready}/approve")) == "already-approved"

    # then it shows who said what, and is promoted
    answer = shown(scene, ready)
    assert [(one["actor"]["name"], one["comment"]) for one in answer["votes"]] == [
        ("ben", "looked at it"),
        ("ci", ""),
    ]
    assert answer["approvals"]["is_approved"] is True
    assert "The promote of shop was accepted." in press(anna, "/apps/shop/promote", release=ready)
    assert open_jobs(scene) == [JobKind.PROMOTE]


def test_a_rejection_is_final_on_every_way(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(promote={"approvals": 1})
    ready = scene.make_ready("v1.0-blue")
    ben = enter(scene, "ben")

    assert "You rejected v1.0-blue" in press(ben, f"/releases/{ready}/reject", reason="the numbers are wrong")

    assert slug_of(call(scene, f"/releases/{ready}/approve")) == "release-rejected"
    assert slug_of(call(scene, "/apps/shop/promote")) == "release-rejected"
    page = text_of(ben.get("/apps/shop").text)
    assert "v1.0-blue was rejected by ben, and that is final; push a new tag with what was asked for." in page
    assert "“the numbers are wrong”" in page


def test_a_promote_by_itself_is_shown_and_stopped(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(auto_promote="10m")
    ready = scene.make_ready("v1.0-blue")
    ben = enter(scene, "ben")
    assert shown(scene, ready)["countdown"]["blocked_by"] == []
    assert "Promoted by itself at" in text_of(ben.get("/apps/shop").text)

    told = press(ben, f"/releases/{ready}/stop-countdown", reason="wait for the team")

    assert "not promoted by itself: stopped by ben: wait for the team." in told.lower()
    assert shown(scene, ready)["countdown"]["blocked_by"] == ["stopped"]
    # and whoever comes later is told whose stop stands
    assert call(scene, f"/releases/{ready}/stop-countdown")["stopped"]["actor"]["name"] == "ben"
    # and a person still promotes it
    assert call(scene, "/apps/shop/promote")["is_new"] is True


def test_in_a_freeze_a_promote_takes_an_override_with_a_reason(make_scene: Callable[..., Scene]) -> None:
    # given a release that became ready before the freeze
    scene = make_scene()
    ready = scene.make_ready("v1.0-blue")
    frozen = scene.config.apps["shop"].model_validate(
        {**scene.config.apps["shop"].model_dump(by_alias=True, exclude_unset=True), "freezes": [around_now()]}
    )
    scene.config.apps["shop"] = frozen
    ben = enter(scene, "ben")
    page = text_of(ben.get("/apps/shop").text)
    assert "Deploys wait, and promotes are refused." in page

    # then it is refused without an override, and without a reason
    assert slug_of(call(scene, "/apps/shop/promote")) == "app-frozen"
    assert slug_of(call(scene, "/apps/shop/promote", override_freeze=True)) == "reason-missing"
    assert "The app is frozen." in press(ben, "/apps/shop/promote", release=ready, reason="hotfix")
    assert open_jobs(scene) == []

    # and goes through with both
    override = {"override_freeze": "yes", "reason": "hotfix"}
    assert "The promote of shop was accepted." in press(ben, "/apps/shop/promote", release=ready, **override)
    assert open_jobs(scene) == [JobKind.PROMOTE]


def test_a_deploy_in_a_freeze_waits_until_somebody_starts_it(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(freezes=[around_now()])
    release_id = scene.deploy("v1.0-blue")
    assert scene.release(release_id).state is State.WAITING

    assert slug_of(call(scene, f"/releases/{release_id}/start", reason="hotfix")) == "app-frozen"
    ben = enter(scene, "ben")
    assert "Start now, in the freeze" in text_of(ben.get(f"/releases/{release_id}").text)
    press(ben, f"/releases/{release_id}/start", override_freeze="yes", reason="hotfix")

    assert scene.release(release_id).state is State.QUEUED
