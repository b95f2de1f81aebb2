"""Deploy: the release's pods come up on the test color, then the test route leads to them.

Users notice nothing: the default entry of the route is not touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluster.apply import put, stamp_fence
from cluster.istio import change_route, create_route, set_subsets
from cluster.kinds import ref_of
from cluster.leftovers import memory_of
from cluster.podspec import template_of
from cluster.rollout import follow_rollout
from cluster.route import NoRoute, remove_test_entry, set_default, set_test_entry, take_spec
from cluster.verdict import Limits
from release.names import PASSED_ENTRIES, PASSED_INPUTS, PASSED_ROUTE, PASSED_TEMPLATE, name_of_test_entry
from source.manifests import objects_of
from tasks.adoption import adopt
from tasks.ahead import begin_look
from tasks.leaving import leave, releases_here
from tasks.leftovers import find_leftovers
from tasks.pod_secrets import read_pod_secrets
from tasks.rendering import rendered
from tasks.routing import find_route, read_app_route, steady_color, understand_route
from tasks.sanity import check_not_live
from tasks.signature import signed
from tasks.step import Passed
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluster.kinds import Object
    from cluster.patch import Patch
    from cluster.route import Known
    from source.manifests import Manifests
    from tasks.leftovers import Leftover
    from tasks.step import Step

VERDICT: Final = (PASSED_TEMPLATE, PASSED_ROUTE, PASSED_ENTRIES, PASSED_INPUTS)
"""What smoke writes on a Deployment."""


def deploy(step: Step) -> Passed:
    """Bring the release up on its color and lead the test route to it."""
    now = step.at_begin()
    begin_look(now)
    route = read_app_route(now)
    # Asked again: between sanity and now a rollback by hand may have moved users here.
    check_not_live(now, route)
    manifests = rendered(step, commit=step.get_release().commit, live_color=steady_color(step, route))
    if step.attempt > 1:
        stamp_fence(
            step.cluster, map(ref_of, objects_of(manifests)), turn=step.turn, deadline=step.patience()
        )
    keep_users_away(step, route, manifests)
    adopt(step, route)
    close_test_route(step)
    give_up_color(step)
    put_workload(step, manifests, left=find_leftovers(step, manifests))
    # A container that crashes is told with its last lines.
    step.turn.hide(read_pod_secrets(step, template_of(manifests.deployment)))
    rolled_out = follow_rollout(
        step.cluster,
        targets_of(step).deployment(step.color).name,
        step.app.namespace,
        limits=limits_of(step),
        turn=step.turn,
        report=step.tell,
        clock=step.around.clock,
    )
    step.tell(f"rolled out: {len(rolled_out.ready_pods)} pods ready, template {rolled_out.template_hash}")
    open_test_route(step, manifests)
    return Passed()


def limits_of(step: Step) -> Limits:
    """How long, and through how many restarts, a rollout is waited for."""
    deadlines = step.app.deadlines
    return Limits(
        rollout=deadlines.rollout, image_wait=deadlines.image_wait, max_restarts=step.app.max_restarts
    )


def keep_users_away(step: Step, route: Known | NoRoute, manifests: Manifests) -> None:
    """Where the default entry names this color, though nothing runs at all, let it name the other one.

    Else users would reach the release as soon as its pods are ready: untested, and by no promote.
    """
    if isinstance(route, NoRoute) or route.default_color is not step.color:
        return
    set_subsets(step.cluster, manifests.destination_rule_test, turn=step.turn, deadline=step.patience())

    def build(standing: Object) -> Patch | None:
        check_not_live(step, understand_route(step, standing))
        return set_default(standing, step.color.other, {})

    change_route(
        step.cluster, targets_of(step).virtual_service, build, turn=step.turn, deadline=step.patience()
    )
    step.tell(f"the default route names {step.color.other} for now: no user is sent to what is not promoted")


def close_test_route(step: Step) -> None:
    """Take the test entry out first: it must not lead to pods that are being replaced."""
    reference, name = targets_of(step).virtual_service, name_of_test_entry(step.name)
    if find_route(step) is not None:
        change_route(
            step.cluster,
            reference,
            lambda standing: remove_test_entry(standing, name),
            turn=step.turn,
            deadline=step.patience(),
        )


def give_up_color(step: Step) -> None:
    """From here on what ran on this color can't be promoted or rolled back to."""
    here = releases_here(step)
    for release in here:
        step.tell(f"{release.tag} ({release.id}) is replaced on {step.color}: no way back to it from now on")
    step.move(
        *(move for release in here for move in leave(release, f"replaced on {step.color} by {step.job.tag}"))
    )


def put_workload(step: Step, manifests: Manifests, *, left: Iterable[Leftover]) -> None:
    """Apply what runs: extra objects, the Service, the Deployment, which remembers what it came with."""
    memory = memory_of(manifests.extras, left=[one.ref for one in left])
    deployment = with_annotations(manifests.deployment, {**dict.fromkeys(VERDICT, ""), **memory})
    for obj in (*manifests.extras, manifests.service, deployment):
        put_object(step, obj)


def without_verdict(deployment: Object) -> Object:
    """The Deployment with what an earlier release's tests said of it blanked."""
    return with_annotations(deployment, dict.fromkeys(VERDICT, ""))


def with_annotations(obj: Object, wanted: Mapping[str, str]) -> Object:
    """The object with these annotations over its own."""
    annotations = {**obj["metadata"].get("annotations", {}), **wanted}
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def put_object(step: Step, obj: Object) -> None:
    """Apply one object and say what came of it."""
    outcome = put(step.cluster, obj, turn=step.turn, take_over=step.app.take_over, deadline=step.patience())
    done = "applied" if outcome.changed else "unchanged"
    step.tell(f"{obj['kind']} {obj['metadata']['name']}: {done}")
    for note in outcome.notes:
        step.tell(f"  {note}")


def open_test_route(step: Step, manifests: Manifests) -> None:
    """Make before break: gateway, then both subsets, then the entry that names one of them."""
    targets, name = targets_of(step), name_of_test_entry(step.name)
    wanted = signed(manifests.virtual_service_test, step.get_release().id, entry_name=name)
    if manifests.gateway:
        put_object(step, manifests.gateway)
    rule = manifests.destination_rule_test
    for note in set_subsets(step.cluster, rule, turn=step.turn, deadline=step.patience()).notes:
        step.tell(f"  {note}")
    create_route(step.cluster, wanted, turn=step.turn, deadline=step.patience())
    entry = next(one for one in wanted["spec"]["http"] if one.get("name") == name)

    def build(standing: Object) -> Patch | None:
        understand_route(step, standing)
        if step.app.routes == "from-repository":
            return take_spec(standing, wanted)
        return set_test_entry(standing, entry, name)

    change_route(step.cluster, targets.virtual_service, build, turn=step.turn, deadline=step.patience())
    step.tell(
        f"the test route leads to {step.color}: requests with the cookie {step.app.test_cookie} reach it"
    )
