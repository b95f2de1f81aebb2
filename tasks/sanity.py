"""Sanity: everything that can be known before anything is touched. All findings are told at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cluster.drift import find_drift
from cluster.route import NoRoute
from release.names import name_of_test_entry
from release.problems import Problem
from release.tag import with_color
from source.tag_signatures import Demand
from source.vetting import check_manifests
from tasks.ahead import begin_look, begin_look_around
from tasks.findings import Findings
from tasks.leftovers import tell_leftovers
from tasks.migration import find_migration
from tasks.preconditions import Sight, check_leaks, check_quota, check_references, check_rights
from tasks.rendering import check_names, image_of, rendered
from tasks.routing import find_route, glance, live_color, steady_color, understand_route
from tasks.step import Passed
from tasks.trials import check_dry_runs

if TYPE_CHECKING:
    from cluster.apply import Trial
    from cluster.kinds import Object
    from cluster.route import Known
    from release.model import Migration
    from source.manifests import Manifests
    from tasks.step import Step


LISTED: Final = ("Deployment", "ResourceQuota", "Service", "VirtualService")
"""What stands in the way of a release is found among these."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen of a release: its manifests, where they render, and a dry run of each object."""

    manifests: Manifests | None = None
    trials: list[Trial] = field(default_factory=list)
    route: Object | None = None


def sanity(step: Step) -> Passed:
    """Check the tag, the live color, the manifests and what the cluster has to say of them."""
    findings = Findings(f"{step.name} {step.job.tag}")
    commit = find_commit(step, findings)
    if commit and not step.get_release().commit:
        step.move(commit=commit, image=image_of(step, commit=commit))
    kind = find_kind(step, commit, findings)
    if kind:
        step.move(migration=kind)
    inspect(step, commit, findings)
    tell_warnings(step, findings)
    findings.check()
    return Passed()


def tell_warnings(step: Step, findings: Findings) -> None:
    """What refuses nothing is told in the log and stays on the release, until sanity looks again."""
    warnings = [f"{one.title}: {one.detail}; what to do: {one.next_step}" for one in findings.warnings]
    for warning in warnings:
        step.tell(f"warning: {warning}")
    if warnings or step.get_release().warnings:
        step.move(warnings="\n".join(warnings))


def find_commit(step: Step, findings: Findings) -> str | None:
    """The commit to release; None where that is a finding, and then nothing can be rendered.

    Of a tag that is not rightly signed nothing is rendered either: its files are not to be trusted.
    """
    with findings.collecting():
        commit = check_tag(step)
        step.tell(f"{step.job.tag} is commit {commit}")
        check_signature(step, commit)
        return commit
    return None


def find_kind(step: Step, commit: str | None, findings: Findings) -> Migration | None:
    """How the release's migration is declared; None where that is a finding, or there is none."""
    if commit:
        with findings.collecting():
            return find_migration(step, commit)
    return None


def inspect(step: Step, commit: str | None, findings: Findings) -> Inspection:
    """Look at everything that does not depend on what was refused before; nothing is written.

    Raises:
        Problem: the cluster can't be asked.
    """
    standing, route = _look_at_route(step, findings)
    manifests = None
    if commit:
        with findings.collecting():
            live = steady_color(step, route) if route else step.color.other
            manifests = rendered(step, commit=commit, live_color=live)
    sight = Sight()
    with findings.collecting():
        sight = check_rights(step, manifests, findings)
    if manifests is None:
        return Inspection(route=standing)
    check_rendered(step, manifests, findings)
    now = step.at_once()
    begin_look_around(now, [kind for kind in LISTED if sight.may(kind, "list")])
    trials = check_dry_runs(step, manifests, findings)
    if not findings.has("namespace-missing"):
        _look_around(now, manifests, Inspection(manifests, trials, standing), sight, findings)
    return Inspection(manifests, trials, standing)


def _look_at_route(step: Step, findings: Findings) -> tuple[Object | None, Known | NoRoute | None]:
    """The VirtualService as it stands, and what it says; the color must be free."""
    standing, route = None, None
    with findings.collecting():
        now = step.at_once()
        begin_look(now)
        standing = find_route(now)
        route = understand_route(now, standing)
        check_not_live(now, route)
    return standing, route


def check_rendered(step: Step, manifests: Manifests, findings: Findings) -> None:
    """What rendered is allowed for the app, and is called as the configuration says."""
    with findings.collecting():
        check_manifests(manifests, step.app, step.app.namespace)
    with findings.collecting():
        check_names(step, manifests)


def _look_around(
    step: Step, manifests: Manifests, seen: Inspection, sight: Sight, findings: Findings
) -> None:
    """What else the release needs of its namespace, and what stands in the way there."""
    with findings.collecting():
        check_references(step, manifests, sight, findings)
    if not findings.has("color-is-live"):
        with findings.collecting():
            check_quota(step, _as_it_would_be(manifests.deployment, seen.trials), sight, findings)
        with findings.collecting():
            check_leaks(step, manifests, seen.route, sight, findings)
    if not findings.has("manifests-refused", "dry-run-refused"):
        tell_drift(step, manifests, seen.route)
        if sight.may("Deployment", "list"):  # else it is refused for that
            with findings.collecting():
                tell_leftovers(step, manifests, findings)


def _as_it_would_be(obj: Object, trials: list[Trial]) -> Object:
    """An object with the server's defaults; as it is written where the server refuses it."""
    return next((trial.result for trial in trials if trial.obj is obj and trial.result), obj)


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
            next_step=_after_a_move(step),
        )
    return commit


def _after_a_move(step: Step) -> str:
    """Where moved tags are released, the new commit has a release of its own."""
    if step.app.moved_tags == "release":
        return (
            "look at the release of the new commit, which the move itself starts (`verdigris releases "
            f"--app {step.name}`); to release this one after all, push it under a new tag"
        )
    return "push the new commit under a new tag"


def check_signature(step: Step, commit: str) -> None:
    """Where the app asks for it, an allowed key must have signed the tag as it is now.

    Of a commit that ran before, the tag may be gone: then what was kept of it is checked.

    Raises:
        Problem: it is not signed, not rightly, or nobody can tell.
    """
    keys = step.app.require_signed_tags
    if keys is None:
        return
    release = step.get_release()
    demand = Demand(step.app.repository, release.tag, commit, keys)
    is_past = bool(release.redeploy_of)
    signature = step.around.repositories.check_signature(demand, is_past=is_past)
    step.tell(f"{release.tag} is signed by {signature}")


def check_not_live(step: Step, route: Known | NoRoute) -> None:
    """Refuse to deploy to the color that users are on, or would be on without a promote.

    Raises:
        Problem: with the tag to push instead.
    """
    live = live_color(route)
    if live is step.color:
        raise Problem(
            "color-is-live",
            f"{step.color} is live",
            detail=f"{named_color(step)}, which serves every user; nothing was touched",
            next_step=push_instead(step),
        )
    if is_first_choice_made(step, route):
        found = f"where the default route leads although nothing runs there, while {step.color.other} runs"
        raise Problem(
            "color-is-next",
            f"{step.color} would be live without a promote",
            detail=f"{named_color(step)}, {found}; nothing was touched",
            next_step=push_instead(step),
        )
    step.tell(f"live color: {live or 'none yet'}; this release goes to {step.color}")


def is_first_choice_made(step: Step, route: Known | NoRoute) -> bool:
    """Whether the default names this color, nothing runs there, and the other color runs.

    Either nothing was promoted yet, or what was live was deleted by hand. The release would reach users as
    soon as its pods are ready; naming the other color instead would make that one live, unasked.
    """
    if isinstance(route, NoRoute) or route.default_color is not step.color:
        return False
    return glance(step, step.color.other) is not None


def named_color(step: Step) -> str:
    """Which tag names which color."""
    return f"{step.name}: {step.job.tag} names {step.color}"


def push_instead(step: Step) -> str:
    """The same version as a tag of the other color, with the commands for it."""
    tag = step.job.tag
    instead = with_color(tag, step.color.other)
    return f"push it as {instead}: git tag {instead} {tag}^{{}} && git push origin {instead}"


def tell_drift(step: Step, manifests: Manifests, standing: Object | None) -> None:
    """Report what the repository's route says differently from the cluster's, which is left as it is."""
    if standing is None or step.app.routes == "from-repository":
        return
    name = name_of_test_entry(step.name)
    for difference in find_drift(standing, manifests.virtual_service_test, test_name=name):
        step.tell(f"left as it is in the cluster: {difference}")
