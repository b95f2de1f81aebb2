"""A release's manifests: checked out at its commit and rendered, in a tree of its own."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from release.image import is_pinned
from release.problems import Problem
from source.manifests import Context, Manifests, render
from source.values import values_for, variables_for
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.model import Color
    from source.checkout import Tree
    from tasks.step import Step


def rendered(step: Step, *, commit: str, live_color: Color) -> Manifests:
    """The manifests of the release at ``commit``: those of the stage right before, or else rendered anew."""
    context = context_of(step, commit=commit, live_color=live_color)

    def make() -> Manifests:
        with checked_out(step, commit) as tree:
            return render(step.app, tree.path, context)

    # All that a rendering is made of, secrets as they are now; a retry has a job of its own.
    name = step.job.id, step.app, context, variables_for(step.app, step.color)
    return step.around.renderings.get(*name, make=make)


@contextmanager
def checked_out(step: Step, commit: str) -> Iterator[Tree]:
    """The release's tree for as long as it is needed: nobody would clear the folder away later."""
    try:
        yield step.around.repositories.check_out(step.app.repository, commit, step.workdir)
    finally:
        shutil.rmtree(step.workdir, ignore_errors=True)


def context_of(step: Step, *, commit: str, live_color: Color) -> Context:
    """What the templates may know."""
    release = step.get_release()
    return Context(
        app=step.name,
        namespace=step.app.namespace,
        color=step.color,
        live_color=live_color,
        tag=release.tag,
        commit=commit,
        release=release.id,
        image=image_of(step, commit=commit),
        values=values_for(step.app, step.color),
    )


def image_of(step: Step, *, commit: str) -> str:
    """The bytes that the release waited for, whatever its tag means by now; else the image by its tag.

    A redeploy keeps the digest, and so does a retry, even where the configuration has changed since.
    """
    release = step.get_release()
    if release.image and is_pinned(release.image):
        return release.image
    return step.app.image_for(tag=release.tag, commit=commit)


def check_names(step: Step, manifests: Manifests) -> None:
    """Refuse manifests whose objects are not called as the configuration says.

    What is live is read, switched and rolled back by those names, with no repository at hand.

    Raises:
        Problem: all that differ.
    """
    targets = targets_of(step)
    expected = {
        "Service": (manifests.service, targets.service),
        "Deployment": (manifests.deployment, targets.deployment(step.color)),
        "VirtualService": (manifests.virtual_service_test, targets.virtual_service),
        "DestinationRule": (manifests.destination_rule_test, targets.destination_rule),
    }
    differing = [
        f"{kind}: the manifest says {obj['metadata']['name']!r}, the configuration {ref.name!r}"
        for kind, (obj, ref) in expected.items()
        if obj["metadata"]["name"] != ref.name
    ]
    if differing:
        raise Problem(
            "names-differ",
            "Manifests and configuration name objects differently",
            detail=f"{step.name} {step.job.tag}: " + "; ".join(differing),
            next_step=f"set apps.{step.name}.objects in verdigris.yml to the names in the manifests",
        )
