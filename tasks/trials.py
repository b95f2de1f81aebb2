"""What the API server would say to each object of a release, asked by dry runs."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from cluster.apply import Trial, dry_run
from cluster.errors import Conflict, Forbidden, NotFound
from cluster.together import begin
from source.vetting import API_VERSIONS
from tasks.findings import Finding

if TYPE_CHECKING:
    from cluster.kinds import Object
    from source.manifests import Manifests
    from tasks.findings import Findings
    from tasks.step import Step

ISTIO: Final = "networking.istio.io/"
NO_NAMESPACE: Final = re.compile(r'namespaces "[^"]*" not found')
NO_RIGHT: Final = re.compile(r'cannot \w+ resource "')
IMMUTABLE: Final = "field is immutable"


def check_dry_runs(step: Step, manifests: Manifests, findings: Findings) -> list[Trial]:
    """Ask the API server what it would say to each object that this release writes."""
    trials = []
    written, take_over = objects_to_write(step, manifests), step.app.take_over
    for ask in begin(
        partial(dry_run, step.cluster, obj, take_over=take_over, force=is_patched)
        for obj, is_patched in written
    ):
        with findings.collecting():
            trial = step.ask(ask)
            trials.append(trial)
            findings.add(*find_refusal(step, trial))
    if trials and all(trial.result for trial in trials):
        step.tell("the cluster accepts every object in a dry run")
    return trials


def objects_to_write(step: Step, manifests: Manifests) -> list[tuple[Object, bool]]:
    """What deploy applies, and (True) what it only creates or patches: there, other owners don't matter.

    Nothing of another kind or namespace than the app's may have is sent to the cluster, not even to ask.
    """
    gateway = [manifests.gateway] if manifests.gateway else []
    job = [manifests.migration] if manifests.migration else []
    applied = [*manifests.extras, manifests.service, manifests.deployment, *gateway, *job]
    patched = [manifests.destination_rule_test, manifests.virtual_service_test]
    kinds = {*API_VERSIONS, *step.app.manifests.allowed_kinds, *(one["kind"] for one in job)}
    return [
        (obj, is_patched)
        for is_patched, group in ((False, applied), (True, patched))
        for obj in group
        if obj["kind"] in kinds and obj["metadata"].get("namespace") == step.app.namespace
    ]


def find_refusal(step: Step, trial: Trial) -> list[Finding]:
    """What a refused dry run is told as; a cause under several objects in the same words, to be told once."""
    if trial.refusal is None:
        return []
    namespace = step.app.namespace
    if isinstance(trial.refusal, NotFound) and NO_NAMESPACE.search(trial.words):
        create = (
            f"create it and bind deploy/app-role there: `kubectl create namespace {namespace}`, "
            f"`kubectl apply -k deploy/app-role -n {namespace}`; then deploy again"
        )
        return [Finding("namespace-missing", "The namespace does not exist", trial.words, create)]
    if isinstance(trial.refusal, NotFound) and trial.obj["apiVersion"].startswith(ISTIO):
        found = f"Istio's CRDs are not installed in this cluster: it knows no {trial.obj['apiVersion']}"
        advice = "install Istio 1.22 or newer (`istioctl install`), or its CRDs; then deploy again"
        return [Finding("istio-missing", "Istio is not installed", found, advice)]
    detail = f"{trial.obj['kind']} {trial.obj['metadata']['name']}: {trial.words}"
    if isinstance(trial.refusal, Forbidden) and NO_RIGHT.search(trial.words):
        title, advice = trial.refusal.title, trial.refusal.next_step
        return [Finding("cluster-forbidden", title, detail, advice)]
    title = "The cluster would refuse these manifests"
    return [Finding("dry-run-refused", title, detail, _advise(step, trial))]


def _advise(step: Step, trial: Trial) -> str:
    """What to do about a refusal, by what it is about."""
    if isinstance(trial.refusal, Conflict):
        return (
            "take these fields out of the manifest and push a new tag, or list the other manager under the "
            "app's take_over if Verdigris may overrule it; nothing was touched"
        )
    if trial.obj["kind"] == "Deployment" and IMMUTABLE in trial.words:
        return (
            "leave the field as it stands in the cluster, or take the idle color down first "
            f"(`verdigris decommission {step.name}`); nothing was touched"
        )
    return "correct the manifests and push a new tag; nothing was touched"
