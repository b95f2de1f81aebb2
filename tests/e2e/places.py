"""Every page there is, in the states in which it looks different; a test sees to it that none is missing."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from tests.e2e.views import (
    api_tokens,
    audit_trail,
    compared,
    failed_release,
    first_release,
    glance,
    history,
    nothing,
    queues,
    ready_beside_live,
    reverted,
    standby_and_a_queue,
    switched,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.e2e.scene import Scene
    from tests.e2e.visitors import Visitors


@dataclass(frozen=True)
class Place:
    """A page: what has to be played before, and who goes there."""

    name: str
    play: Callable[[Scene], str]
    signed_in: bool = True
    status: HTTPStatus = HTTPStatus.OK

    def __str__(self) -> str:
        return self.name

    def open(self, visitors: Visitors, scene: Scene, **settings: object) -> Page:
        """A window that shows it."""
        if self.status is not HTTPStatus.OK:
            visitors.expected.append(f"status of {self.status}")
        go = visitors.sign_in if self.signed_in else visitors.open
        return go(self.play(scene), **settings)


def _after(play: Callable[[Scene], object], path: str) -> Callable[[Scene], str]:
    def go(scene: Scene) -> str:
        play(scene)
        return path

    return go


def live_release(scene: Scene) -> str:
    _, live = switched(scene)
    return f"/releases/{live}"


def ready_release(scene: Scene) -> str:
    ready_beside_live(scene)
    return f"/releases/{next(one.id for one in scene.store.releases('shop') if one.tag == 'v2.0-green')}"


def running_release(scene: Scene) -> str:
    """Its output has colors of a terminal, and a line that is longer than any screen."""
    path = first_release(scene)
    release_id = path.rpartition("/")[2]
    scene.say(release_id, "\x1b[32m2 of 3\x1b[0m pods are \x1b[1;31mnot\x1b[0m ready", "x" * 600)
    return path


def reference(scene: Scene) -> str:
    """It is made at its first view, which takes its time: nobody's browser has to wait for that here."""
    assert scene.app.test_client().get("/api").status_code == HTTPStatus.OK
    return "/api"


PLACES: Final = [
    Place("nothing-yet", nothing),
    Place("front", glance),
    Place("app", _after(ready_beside_live, "/apps/shop")),
    Place("app-compared", _after(compared, "/apps/shop")),
    Place("app-with-queue", _after(standby_and_a_queue, "/apps/shop")),
    Place("app-reverted", _after(reverted, "/apps/shop")),
    Place("release-running", running_release),
    Place("release-ready", ready_release),
    Place("release-live", live_release),
    Place("release-failed", failed_release),
    Place("queue", queues),
    Place("history", history),
    Place("channels", lambda _: "/channels"),
    Place("audit", audit_trail),
    Place("tokens", api_tokens),
    Place("reference", reference),
    Place("login", lambda _: "/login", signed_in=False),
    Place("problem", lambda _: "/releases/nobody", status=HTTPStatus.NOT_FOUND),
]
