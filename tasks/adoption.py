"""Adoption: what users are on, and no release of ours runs, becomes one, so that a way leads back to it.

Nothing of it restarts a pod: only the Deployment's own labels and annotations and the route's are written,
never the pods' template. From then on it is read from the cluster like any other release, without its commit.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from ulid import ULID

from cluster.apply import annotate
from cluster.change import change
from cluster.objects import annotations_of, find, labels_of
from cluster.patch import add, at_version, pointer, set_annotations
from cluster.podspec import template_of
from release.jobs import NewRelease
from release.model import VERDIGRIS, State
from release.names import COMMIT, LIVE_RELEASE, RELEASE, TAG, WORKFLOW_LABEL
from release.tag import find_refusal
from tasks.leaving import ENDS, leave
from tasks.routing import live_color
from tasks.targets import targets_of
from tasks.turn import patiently

if TYPE_CHECKING:
    from cluster.kinds import Object
    from cluster.patch import Patch
    from cluster.route import Known, NoRoute
    from release.model import Color, Release
    from tasks.step import Step

REASON: Final = "adopted: users were on it before Verdigris released anything"
UNTAGGED: Final = "untagged"
"""What is shown for an image without a tag, or with one that no release of ours could have."""


def adopt(step: Step, route: Known | NoRoute) -> None:
    """Record what is live as a release, where somebody else put it there.

    The route goes first: a worker that is lost in between finds the Deployment still unrecorded, and repeats.
    """
    live = live_color(route)
    if live is None or live is step.color:
        return
    standing = step.ask(lambda: find(step.cluster, targets_of(step).deployment(live)))
    if standing is None or is_recorded(standing):
        return
    release = _release_of(step, standing, live)
    annotate(
        step.cluster,
        targets_of(step).virtual_service,
        {LIVE_RELEASE: release.id},
        turn=step.turn,
        deadline=step.patience(),
    )
    change(
        step.cluster,
        targets_of(step).deployment(live),
        lambda found: _mark(found, release),
        turn=step.turn,
        deadline=step.patience(),
    )
    _record(step, release)
    step.tell(
        f"{release.tag} ({release.id}) on {live} was not released by Verdigris: adopted as it runs, so that "
        "a rollback can lead back to it"
    )


def is_recorded(deployment: Object) -> bool:
    """Whether the Deployment runs the release that its annotations tell of.

    A plain ``kubectl apply`` changes the label and leaves annotations that are not its own.
    """
    release = annotations_of(deployment).get(RELEASE)
    return bool(release) and release == labels_of(deployment).get(WORKFLOW_LABEL)


def _release_of(step: Step, deployment: Object, live: Color) -> NewRelease:
    image = _image_of(deployment, step.app.container)
    return NewRelease(
        id=_identify(step, deployment, live),
        app=step.name,
        tag=tag_of(image),
        color=live,
        commit="",
        actor=VERDIGRIS,
        reason=REASON,
        image=image,
        state=State.LIVE,
    )


def _identify(step: Step, deployment: Object, live: Color) -> str:
    """The ``workflow`` label as it stands, so that nobody who owns it puts it back; else an id of our own.

    The pipelines of two apps may have left the same label, or it is of a release that is over: then it needs
    another. Our ids sort by time, so this one is of the Deployment's creation.
    """
    label = labels_of(deployment).get(WORKFLOW_LABEL)
    known = patiently(lambda: step.around.store.find_release(label)) if label else None
    if label and (known is None or _is_that(known, step.name, live)):
        return label
    created = datetime.fromisoformat(deployment["metadata"]["creationTimestamp"])
    return str(ULID.from_datetime(created))


def _is_that(release: Release, app: str, live: Color) -> bool:
    """Whether our records have the release where it runs."""
    return (release.app, release.color, release.state) == (app, live, State.LIVE)


def _image_of(deployment: Object, container: str | None) -> str:
    """The image of the container that is the app."""
    containers = template_of(deployment)["spec"]["containers"]
    chosen = next((one for one in containers if one["name"] == container), containers[0])
    return str(chosen["image"])


def tag_of(image: str) -> str:
    """What stands behind the image's colon: the version, as far as anything tells of it.

    Checked as a tag of ours is: it comes from whoever wrote the Deployment.
    """
    name, _, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return UNTAGGED if find_refusal(tag) else tag


def _mark(deployment: Object, release: NewRelease) -> Patch:
    """The label and the annotations that a release is read back by; no commit is known."""
    wanted = {RELEASE: release.id, TAG: release.tag, COMMIT: None}
    patch = [*at_version(deployment), *set_annotations(deployment, wanted)]
    labels = deployment["metadata"].get("labels")
    if labels is None:
        return [*patch, *add("/metadata/labels", {WORKFLOW_LABEL: release.id})]
    if labels.get(WORKFLOW_LABEL) == release.id:
        return patch
    return [*patch, *add("/metadata/labels" + pointer(WORKFLOW_LABEL), release.id)]


def _record(step: Step, release: NewRelease) -> None:
    """Into our records, at the end of what they believed to run there."""
    gone = [
        one
        for one in step.releases_on_a_color()
        if one.color is release.color and one.state in ENDS and one.id != release.id
    ]
    patiently(lambda: step.around.queue.recover([release]))
    step.move(*(move for one in gone for move in leave(one, f"replaced on {one.color} by somebody else")))
