"""Sanity: everything that can be known before anything is touched. All findings are told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.apply import dry_run
from cluster.drift import find_drift
from cluster.route import NoRoute
from release.names import name_of_test_entry
from release.problems import Problem
from release.tag import with_color
from source.vetting import check_manifests
from tasks.rendering import check_names, rendered
from tasks.routing import find_route, live_color, read_app_route, read_color, steady_color
from tasks.step import Passed

if TYPE_CHECKING:
    from cluster.kinds import Object
    from cluster.route import Known
    from source.manifests import Manifests
    from tasks.step import Step


def sanity(step: Step) -> Passed:
    """Check the tag, the live color, the manifests and the cluster's opinion of them."""
    commit = check_tag(step)
    step.tell(f"{step.job.tag} is commit {commit}")
    route = read_app_route(step)
    check_not_live(step, route)
    manifests = rendered(step, commit=commit, live_color=steady_color(step, route))
    check_manifests(manifests, step.app, step.app.namespace)
    check_names(step, manifests)
    check_dry_runs(step, manifests)
    tell_drift(step, manifests)
    return Passed()


def check_tag(step: Step) -> str:
    """The commit to release; the tag must still point at the one that was delivered.

    A redeploy is of a commit that ran before: whatever became of its tag since, and of the Git host.

    Raises:
        Problem: the tag is gone or was moved, or the repository can't be asked.
    """
    release = step.get_release()
    if release.redeploy_of and release.commit:
        return release.commit
    commit = step.around.repositories.resolve_tag(step.app.repository, release.tag)
    if release.commit and commit != release.commit:
        raise Problem(
            "tag-moved",
            "The tag was moved",
            detail=f"{step.name}: {release.tag} was delivered as {release.commit} and is {commit} now",
            next_step="push the new commit under a new tag",
        )
    if not release.commit:
        step.move(commit=commit, image=step.app.image_for(tag=release.tag, commit=commit))
    return commit


def check_not_live(step: Step, route: Known | NoRoute) -> None:
    """Refuse to deploy to the color that users are on, or would be on without a promote.

    Raises:
        Problem: with the tag to push instead.
    """
    live = live_color(route)
    if live is step.color:
        raise refused(step, "color-is-live", f"{step.color} is live", "which serves every user")
    if is_first_choice_made(step, route):
        found = f"where the default route leads although nothing runs there, while {step.color.other} runs"
        raise refused(step, "color-is-next", f"{step.color} would be live without a promote", found)
    step.tell(f"live color: {live or 'none yet'}; this release goes to {step.color}")


def is_first_choice_made(step: Step, route: Known | NoRoute) -> bool:
    """Whether the default names this color, nothing runs there, and the other color runs.

    Either nothing was promoted yet, or what was live was deleted by hand. The release would reach users as
    soon as its pods are ready; naming the other color instead would make that one live, unasked.
    """
    if isinstance(route, NoRoute) or route.default_color is not step.color:
        return False
    return read_color(step, step.color.other) is not None


def refused(step: Step, slug: str, title: str, found: str) -> Problem:
    """The refusal of a tag for its color."""
    tag = step.job.tag
    instead = with_color(tag, step.color.other)
    return Problem(
        slug,
        title,
        detail=f"{step.name}: {tag} names {step.color}, {found}; nothing was touched",
        next_step=f"push it as {instead}: git tag {instead} {tag}^{{}} && git push origin {instead}",
    )


def check_dry_runs(step: Step, manifests: Manifests) -> None:
    """Ask the API server what it would say to each object that this release writes.

    Raises:
        Problem: it refuses some; all refusals with the server's own words.
    """
    applied, patched = objects_to_write(manifests)
    answers = [
        *((obj, try_out(step, obj)) for obj in applied),
        *((obj, try_out(step, obj, force=True)) for obj in patched),
    ]
    refusals = [f"{obj['kind']} {obj['metadata']['name']}: {refusal}" for obj, refusal in answers if refusal]
    if refusals:
        raise Problem(
            "dry-run-refused",
            "The cluster would refuse these manifests",
            detail=f"{step.name} {step.job.tag}: " + "\n".join(refusals),
            next_step="correct the manifests and push a new tag; nothing was touched",
        )
    step.tell("the cluster accepts every object in a dry run")


def try_out(step: Step, obj: Object, *, force: bool = False) -> str | None:
    """The server's refusal of one object, if it has any."""
    return step.ask(lambda: dry_run(step.cluster, obj, take_over=step.app.take_over, force=force))


def objects_to_write(manifests: Manifests) -> tuple[list[Object], list[Object]]:
    """What deploy applies, and what it only creates or patches: there, other owners are in nobody's way."""
    gateway = [manifests.gateway] if manifests.gateway else []
    applied = [*manifests.extras, manifests.service, manifests.deployment, *gateway]
    return applied, [manifests.destination_rule_test, manifests.virtual_service_test]


def tell_drift(step: Step, manifests: Manifests) -> None:
    """Report what the repository's route says differently from the cluster's, which is left as it is."""
    existing = find_route(step)
    if existing is None or step.app.routes == "from-repository":
        return
    name = name_of_test_entry(step.name)
    for difference in find_drift(existing, manifests.virtual_service_test, test_name=name):
        step.tell(f"left as it is in the cluster: {difference}")
