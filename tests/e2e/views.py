"""What can be on a page: each function plays it and answers with the path that leads there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from release.audit_entries import NewEntry, Outcome
from release.configured_values import take_fingerprints
from release.difference import (
    Base,
    ChangedKey,
    ChangedObject,
    Commit,
    Commits,
    Difference,
    Kind,
    Migrated,
)
from release.interference import find_interference
from release.model import Actor, Color, Migration, State
from release.others import Tool, Writer
from release.roles import Action, Grant, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.scene import Scene

DEMO: Final = Actor("token", "demo")


def switched(scene: Scene) -> tuple[str, str]:
    """Blue on standby behind a live green."""
    old, new = scene.make_ready("v1.0-blue"), scene.make_ready("v2.0-green")
    scene.promote(old, actor=DEMO)
    scene.promote(new, actor=DEMO)
    scene.observe()
    return old, new


def glance(scene: Scene) -> str:
    """One app that all is well with but for a queue, and one whose cluster and last release are not."""
    switched(scene)
    scene.fail("v8.0-green", app="forum")
    scene.deploy("v3.0-blue")
    scene.deploy("v9.0-green", app="forum")
    scene.observe("forum", problem="the route was changed by hand, to " + "a host with a long name " * 9)
    return "/"


def queues(scene: Scene) -> str:
    standby_and_a_queue(scene)
    return "/queue"


def history(scene: Scene) -> str:
    failed_release(scene)
    return "/history"


def nothing(_scene: Scene) -> str:
    return "/apps/shop"


def first_release(scene: Scene) -> str:
    release_id = scene.deploy("v1.0-blue")
    scene.begin(release_id)
    scene.end(release_id)
    scene.begin(release_id)
    scene.observe()
    return f"/releases/{release_id}"


def ready_beside_live(scene: Scene) -> str:
    scene.promote(scene.make_ready("v1.0-blue"))
    scene.make_ready("v2.0-green")
    scene.observe()
    return "/apps/shop"


def compared(scene: Scene) -> str:
    """A release that is ready, and what its promote would change, of everything something."""
    scene.promote(scene.make_ready("v1.0-blue"))
    release_id = scene.make_ready("v2.0-green")
    scene.observe()
    keep_difference(scene, release_id)
    return "/apps/shop"


def keep_difference(scene: Scene, release_id: str) -> None:
    """As a worker finds it out, against what is live; one commit's title is hostile."""
    live = next(one for one in scene.store.releases_on_a_color("shop") if one.state is State.LIVE)
    at = datetime.now(UTC)
    titles = ("Add the new checkout", "<b>bold</b> \u2028`" + "w" * 150, "Raise the limit of parcels to 40")
    commits = [
        Commit(f"{number}" * 40, title, "Ada Lovelace", at - timedelta(hours=number))
        for number, title in enumerate(titles, start=1)
    ]
    found = Difference(
        Base(live.id, live.tag, live.color, live.commit),
        scene.release(release_id).commit,
        at,
        commits=Commits(tuple(commits), 12, tuple(commits[:1]), 1, files=34),
        objects=(
            ChangedObject("ConfigMap shop-settings", Kind.ADDED),
            ChangedObject(
                "Deployment shop-green",
                Kind.CHANGED,
                ("spec.replicas", "spec.template.spec.containers[app].resources.limits.memory"),
                more=3,
            ),
            ChangedObject("Service " + "w" * 120, Kind.REMOVED),
        ),
        keys=(
            ChangedKey("CHECKOUT_URL", "Deployment shop-green, app", Kind.ADDED),
            ChangedKey("greeting", "verdigris.yml", Kind.CHANGED),
        ),
        migrations=(Migrated(release_id, "v2.0-green", Migration.EXPAND),),
        gaps=("manifests can't be compared: a file is missing",),
    )
    assert scene.store.differences.keep(release_id, "shop", found, take_fingerprints({}))


def standby_and_a_queue(scene: Scene) -> str:
    switched(scene)
    scene.deploy("v3.0-blue")
    scene.deploy("v9.0-green", app="forum")
    return "/apps/shop"


def failed_release(scene: Scene) -> str:
    scene.promote(scene.make_ready("v1.0-blue"))
    release_id = scene.fail("v2.0-green")
    scene.observe()
    return f"/releases/{release_id}"


def reverted(scene: Scene) -> str:
    """A GitOps tool moved users back, for the second time; then a worker looked."""
    old, new = switched(scene)
    at = datetime.now(UTC)
    writer = Writer("argocd-controller", "Apply", at - timedelta(seconds=9), Tool.ARGO_CD)
    scene.observe(
        at=at + timedelta(minutes=1),
        has_route=True,
        default=Color.BLUE,
        live=Color.BLUE,
        subsets=tuple(Color),
        route_writer=writer,
        forth="kubectl -n shop patch virtualservices.networking.istio.io shop --type=json -p '[…]'",
    )
    seen = scene.store.observation("shop")
    assert seen
    discovery = find_interference(
        seen, scene.store.releases_on_a_color("shop"), active=None, known=seen.interference
    )
    assert discovery.interference
    scene.queue.settle(discovery.moves)
    for release_id in (old, new):
        assert scene.queue.tell_of_release(release_id, mark=discovery.mark, text=discovery.line)
    found = replace(discovery.interference, seen_at=at, times=2)
    scene.store.observe(replace(seen, at=at, interference=found))
    return "/apps/shop"


def audit_trail(scene: Scene) -> str:
    """Steps, a request that was accepted and one that was refused, whose words are long and hostile."""
    _, new = switched(scene)
    asked = NewEntry(
        actor=Actor("person", "maria"),
        action=Action.PROMOTE,
        outcome=Outcome.ACCEPTED,
        address="192.0.2.7",
        app="shop",
        release=new,
        reason="the new checkout",
        before={"live": None, "state": "ready"},
        after={"live": None, "state": "ready", "job": "01M833CYG7BJV6XD3GP24BXQK9"},
    )
    scene.store.audit.write(asked)
    words = "<b>now</b> " + "w" * 300
    scene.store.audit.write(replace(asked, outcome=Outcome.REFUSED, why="app-frozen", reason=words))
    return "/audit"


def api_tokens(scene: Scene) -> str:
    """Two tokens, one with a long name and many apps."""
    for name, role, apps in (
        ("nightly", Role.VIEWER, frozenset({"shop"})),
        ("w" * 60, Role.ADMIN, frozenset[str]()),
    ):
        grant = Grant(role, apps)
        scene.store.api_tokens.make(name, grant, made_by=Actor("person", "maria"), now=datetime.now(UTC))
    return "/tokens"


VIEWS: Final[list[Callable[[Scene], str]]] = [
    glance,
    queues,
    history,
    nothing,
    first_release,
    ready_beside_live,
    compared,
    standby_and_a_queue,
    failed_release,
    reverted,
    audit_trail,
    api_tokens,
]
