"""Whether the cluster still runs what was tested: by label, template and route, never by our own records.

What differs is named field by field, with who wrote it: the ReplicaSet of the tested template is still there,
and the route's two entries are kept on the Deployment.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cluster.edits import Edit, Item, find_edits, tell_writer
from cluster.objects import annotations_of, find, labels_of, list_objects
from cluster.picture import owned_by, selector_of
from cluster.route import tested_entries
from release.names import PASSED_ENTRIES, TEMPLATE_HASH_LABEL, name_of_test_entry
from release.problems import Problem
from tasks.inputs import tell_inputs
from tasks.routing import find_route, read_color
from tasks.targets import targets_of

if TYPE_CHECKING:
    from cluster.deployments import DeploymentView
    from cluster.kinds import Object, Ref
    from cluster.route import Known
    from tasks.step import Step

MOST_EDITS = 12
"""Differences that are told; more say no more."""


def check_runs(step: Step, *, template_hash: str | None = None) -> DeploymentView:
    """The Deployment of the step's color, which must run the step's release, and this very template.

    Raises:
        Problem: naming what runs there instead.
    """
    release = step.get_release()
    found = read_color(step, step.color)
    if found is None:
        raise _replaced(step, f"the Deployment of {step.color} does not exist")
    if found.release != release.id:
        raise _replaced(
            step, f"{step.color} runs release {found.release or 'of somebody else'} ({found.tag})"
        )
    if template_hash is not None and found.template_hash != template_hash:
        raise _replaced(step, *tell_template(step, found, template_hash))
    return found


def check_passed(step: Step, route: Known) -> DeploymentView:
    """The same for a promote: what runs is what its annotations say has passed, behind the same route.

    Raises:
        Problem: naming all that differs.
    """
    found = check_runs(step)
    if not found.passed_template:
        raise _replaced(step, "its Deployment does not say that smoke tests passed")
    differences = []
    if found.template_hash != found.passed_template:
        differences += tell_template(step, found, found.passed_template)
    if route.test_color is not step.color:
        differences.append(f"the test route leads to {route.test_color or 'nothing'}, not to {step.color}")
    if found.passed_route != route.fingerprint:
        differences += tell_route(step)
    differences += tell_inputs(step, found.passed_inputs)
    if differences:
        raise _replaced(step, *differences)
    return found


def tell_template(step: Step, found: DeploymentView, tested: str) -> list[str]:
    """What was changed in the pods' template, against the one whose ReplicaSet has the tested hash."""
    deployment = step.ask(lambda: find(step.cluster, found.ref))
    then = _find_template(step, deployment, tested) if deployment else None
    now = found.template_hash or "not known yet to its controller"
    told = [f"its pod template was changed since: {now}, tested was {tested}"]
    if deployment is None or then is None:
        return told
    edits = find_edits(then, deployment["spec"]["template"], ("spec", "template"))
    return [*told, *_tell(deployment, found.ref, edits)]


def tell_route(step: Step) -> list[str]:
    """What was changed in the entries that the tests went through."""
    told = ["the default or the test entry of the route was changed since"]
    reference, name = targets_of(step).virtual_service, name_of_test_entry(step.name)
    deployment = step.ask(lambda: find(step.cluster, targets_of(step).deployment(step.color)))
    standing = find_route(step)
    then = _read_entries(deployment) if deployment else None
    if standing is None or then is None:
        return told
    now = tested_entries(standing, name)
    edits = [edit for which in ("test", "default") for edit in _edits_of_entry(standing, then, now, which)]
    return [*told, *_tell(standing, reference, edits)]


def _edits_of_entry(standing: Object, then: Object, now: dict[str, Object | None], which: str) -> list[Edit]:
    entries: list[Object] = standing["spec"]["http"]
    entry = now[which]
    if entry is None:
        return []  # told already: the test route leads to nothing
    path = ("spec", "http", Item(entries.index(entry), "name", entry.get("name", "")))
    return find_edits(then.get(which) or {}, entry, path)


def _find_template(step: Step, deployment: Object, tested: str) -> Object | None:
    """The tested template; None where its ReplicaSet is gone from the history."""
    namespace, labels = deployment["metadata"]["namespace"], selector_of(deployment)
    known, _ = step.ask(lambda: list_objects(step.cluster, "ReplicaSet", namespace, labels=labels))
    for one in owned_by(deployment, known):
        if labels_of(one).get(TEMPLATE_HASH_LABEL) == tested:
            template: Object = one["spec"]["template"]
            metadata = template["metadata"]
            kept = {name: value for name, value in labels_of(template).items() if name != TEMPLATE_HASH_LABEL}
            return {**template, "metadata": {**metadata, "labels": kept}}
    return None


def _read_entries(deployment: Object) -> Object | None:
    """The entries as smoke kept them; None where it did not, or somebody spoiled them."""
    try:
        entries = json.loads(annotations_of(deployment).get(PASSED_ENTRIES, ""))
    except ValueError:
        return None
    return entries if isinstance(entries, dict) else None


def _tell(obj: Object, ref: Ref, edits: list[Edit]) -> list[str]:
    """Each difference with its writer."""
    told = []
    for edit in edits[:MOST_EDITS]:
        writer = tell_writer(obj, edit.path)
        told.append(f"{ref.kind} {ref.name}: {edit}{f' ({writer})' if writer else ''}")
    left = len(edits) - MOST_EDITS
    return [*told, *([f"and {left} more"] if left > 0 else [])]


def _replaced(step: Step, *found: str) -> Problem:
    release = step.get_release()
    return Problem(
        "not-what-was-tested",
        "The cluster does not run what was tested",
        detail=f"{step.name}: {release.tag} ({release.id}): {'; '.join(found)}",
        next_step=f"deploy it again with `verdigris redeploy {release.id}`, which tests it anew",
    )
