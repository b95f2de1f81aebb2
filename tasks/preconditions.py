"""What has to be true of the cluster before a release may begin, asked by reading alone.

Each check adds what it finds; none depends on another's outcome. What our account may not look at is no
finding: the log says that it was not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster import objects
from cluster.errors import Forbidden, NotFound
from cluster.kinds import Ref, ref_of
from cluster.leaks import Routing, find_leaks
from cluster.permissions import Right, find_missing, rights_on
from cluster.podspec import mapping, template_of
from cluster.quota import find_shortages, replicas_of
from cluster.references import find_fault, references_of
from release.names import name_of_test_entry
from tasks.findings import Finding
from tasks.rights import needed_rights, rights_to_see
from tasks.routing import read_color
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluster.kinds import Object
    from cluster.references import Reference
    from source.manifests import Manifests
    from tasks.findings import Findings
    from tasks.step import Step

AGAIN: Final = "then deploy again"


@dataclass(frozen=True, slots=True)
class Sight:
    """What our account may not look at in the app's namespace."""

    missing: frozenset[Right] = frozenset()

    def may(self, kind: str, verb: str, name: str = "") -> bool:
        """Whether it may do this."""
        return not set(rights_on(kind, verb, name=name)) & self.missing


def check_rights(step: Step, manifests: Manifests | None, findings: Findings) -> Sight:
    """Ask once for all that the stages need, and for what sanity would like to see."""
    needed = needed_rights(step.name, step.app, step.color, manifests=manifests)
    wished = rights_to_see(_references(manifests) if manifests else [])
    try:
        missing = step.ask(lambda: find_missing(step.cluster, step.app.namespace, [*needed, *wished]))
    except (Forbidden, NotFound) as refusal:
        step.tell(f"rights were not looked at: the cluster does not review them ({refusal.message})")
        return Sight()
    lacking = [right for right in needed if right in missing]
    findings.add(*_tell_missing(step, lacking, is_all=len(lacking) == len(needed)))
    return Sight(frozenset(missing))


def _tell_missing(step: Step, lacking: list[Right], *, is_all: bool) -> list[Finding]:
    """One finding a resource, with all the verbs that are missing."""
    verbs: dict[str, list[str]] = {}
    for right in lacking:
        verbs.setdefault(right.place, []).append(right.verb)
    namespace = step.app.namespace
    bind = f"bind deploy/app-role there: `kubectl apply -k deploy/app-role -n {namespace}`; {AGAIN}"
    if is_all:
        bind = f"see that the namespace exists (`kubectl get namespace {namespace}`); {bind}"
    return [
        Finding(
            "permission-missing",
            "The worker's account lacks rights in the cluster",
            f"the worker's account may not {', '.join(dict.fromkeys(wanted))} {place} in {namespace}",
            bind,
        )
        for place, wanted in verbs.items()
    ]


def check_references(step: Step, manifests: Manifests, sight: Sight, findings: Findings) -> None:
    """Every Secret and ConfigMap that the pods can't start without exists, with the key that is wanted."""
    brought = {ref_of(obj): obj for obj in manifests.extras}
    known: dict[Ref, Object | None] = {}
    unseen: set[Ref] = set()
    for reference in _references(manifests):
        ref = reference.in_namespace(step.app.namespace)
        if ref not in brought and ref not in known and ref not in unseen:
            _look(step, ref, sight, known, unseen)
        if ref not in unseen and (fault := find_fault(reference, brought.get(ref) or known.get(ref))):
            findings.add(_tell_fault(ref, reference, fault))
    if unseen:
        names = ", ".join(sorted(map(str, unseen)))
        step.tell(f"not looked at: {names}; the worker's account may not read them")


def _references(manifests: Manifests) -> list[Reference]:
    """What the pods need, those of a migration's Job among them."""
    workloads = [manifests.deployment, *([manifests.migration] if manifests.migration else [])]
    return list(dict.fromkeys(one for obj in workloads for one in references_of(template_of(obj))))


def _look(step: Step, ref: Ref, sight: Sight, known: dict[Ref, Object | None], unseen: set[Ref]) -> None:
    if not sight.may(ref.kind, "get", ref.name):
        unseen.add(ref)
        return
    try:
        known[ref] = step.ask(lambda: objects.find(step.cluster, ref))
    except Forbidden:
        unseen.add(ref)


def _tell_fault(ref: Ref, reference: Reference, fault: str) -> Finding:
    detail = f"{ref} {fault}, and the pods need it ({reference.use})"
    if reference.is_pull_secret:
        create = f"`kubectl -n {ref.namespace} create secret docker-registry {ref.name} ...`"
        return Finding(
            "pull-secret-missing",
            "The image pull secret can't be used",
            detail,
            f"create it with {create}, or take it out of imagePullSecrets; {AGAIN}",
        )
    return Finding(
        "reference-missing",
        "The pods name a Secret or ConfigMap that is not there",
        detail,
        f"create it, correct its name in the manifest, or mark it optional there; {AGAIN}",
    )


def check_quota(step: Step, deployment: Object, sight: Sight, findings: Findings) -> None:
    """The namespace has room for the second color, as it is wanted and as a promote would raise it."""
    quotas = _list(step, "ResourceQuota", sight)
    if not quotas:
        return
    limits = _list(step, "LimitRange", sight)
    reference = targets_of(step).deployment(step.color)
    standing = step.ask(lambda: objects.find(step.cluster, reference))
    found = list(map(str, _shortages(quotas, limits, deployment, standing)))
    findings.add(*(_tell_shortage(step, text) for text in found))
    live = read_color(step, step.color.other)
    if live and not found and live.replicas > replicas_of(deployment):
        raised = {**deployment, "spec": {**deployment["spec"], "replicas": live.replicas}}
        why = f"a promote raises {step.color} to {live.replicas} replicas, as {step.color.other} has: "
        for text in _shortages(quotas, limits, raised, standing):
            findings.warn(_tell_shortage(step, f"{why}{text}"))


def _shortages(
    quotas: list[Object], limits: list[Object], wanted: Object, standing: Object | None
) -> list[str]:
    return [f"{shortage.quota}: {shortage}" for shortage in find_shortages(quotas, limits, wanted, standing)]


def _tell_shortage(step: Step, text: str) -> Finding:
    return Finding(
        "quota-too-small",
        "The quota leaves no room for the second color",
        f"ResourceQuota in {step.app.namespace}: {text}",
        f"raise the quota, or lower replicas or resources in the manifest; {AGAIN}",
    )


def check_leaks(
    step: Step, manifests: Manifests, standing: Object | None, sight: Sight, findings: Findings
) -> None:
    """No user reaches the pods before they are tested: told, or refused where the app says so."""
    has_own = standing is not None and step.app.routes == "keep"
    app_route = standing if standing is not None and has_own else manifests.virtual_service_test
    brought = [manifests.service, *(obj for obj in manifests.extras if obj["kind"] == "Service")]
    routing = Routing(
        namespace=step.app.namespace,
        color=step.color,
        pod_labels=mapping(template_of(manifests.deployment), "metadata", "labels"),
        services=_overlaid(_list(step, "Service", sight), brought),
        routes=_overlaid(_list(step, "VirtualService", sight), [app_route]),
        app_route=app_route,
        stands=has_own,
        own_entries=frozenset({name_of_test_entry(step.name)}),
    )
    found = [
        Finding("in-mesh-leak", "Users would reach untested pods", leak.text, leak.fix)
        for leak in find_leaks(routing)
    ]
    (findings.add if step.app.in_mesh == "refuse" else findings.warn)(*found)


def _overlaid(standing: Iterable[Object], ours: Iterable[Object]) -> list[Object]:
    """What stands, with ours in the place of what has the same name."""
    by_name = {obj["metadata"]["name"]: obj for obj in (*standing, *ours)}
    return list(by_name.values())


def _list(step: Step, kind: str, sight: Sight) -> list[Object]:
    """The objects of a kind; none where we may not look, which is said, or where there is no such kind."""
    try:
        if sight.may(kind, "list"):
            return step.ask(lambda: objects.list_objects(step.cluster, kind, step.app.namespace)[0])
    except NotFound:
        return []
    except Forbidden:
        pass  # no review told it: said below
    place = step.app.namespace
    step.tell(f"not looked at: every {kind} in {place}; the worker's account may not list them")
    return []
