"""Where each kind of object lives in the API: a small table instead of discovery.

Discovery would cost a process several requests at its start; the kinds of a web app are few and stable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from release.problems import Problem

Object = dict[str, Any]
"""An object as the API has it: plain JSON."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind's place: its API version and its plural."""

    api_version: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """``apps`` of ``apps/v1``; empty for the core."""
        return self.api_version.rpartition("/")[0]


KINDS: Final[dict[str, Resource]] = {
    "AuthorizationPolicy": Resource("security.istio.io/v1", "authorizationpolicies"),
    "ConfigMap": Resource("v1", "configmaps"),
    "CronJob": Resource("batch/v1", "cronjobs"),
    "Deployment": Resource("apps/v1", "deployments"),
    "DestinationRule": Resource("networking.istio.io/v1", "destinationrules"),
    "Event": Resource("v1", "events"),
    "Gateway": Resource("networking.istio.io/v1", "gateways"),
    "HorizontalPodAutoscaler": Resource("autoscaling/v2", "horizontalpodautoscalers"),
    "Ingress": Resource("networking.k8s.io/v1", "ingresses"),
    "Job": Resource("batch/v1", "jobs"),
    "LimitRange": Resource("v1", "limitranges"),
    "Namespace": Resource("v1", "namespaces", namespaced=False),
    "NetworkPolicy": Resource("networking.k8s.io/v1", "networkpolicies"),
    "PeerAuthentication": Resource("security.istio.io/v1", "peerauthentications"),
    "PersistentVolumeClaim": Resource("v1", "persistentvolumeclaims"),
    "Pod": Resource("v1", "pods"),
    "PodDisruptionBudget": Resource("policy/v1", "poddisruptionbudgets"),
    "ReplicaSet": Resource("apps/v1", "replicasets"),
    "RequestAuthentication": Resource("security.istio.io/v1", "requestauthentications"),
    "ResourceQuota": Resource("v1", "resourcequotas"),
    "Secret": Resource("v1", "secrets"),
    "Service": Resource("v1", "services"),
    "ServiceAccount": Resource("v1", "serviceaccounts"),
    "ServiceEntry": Resource("networking.istio.io/v1", "serviceentries"),
    "Sidecar": Resource("networking.istio.io/v1", "sidecars"),
    "StatefulSet": Resource("apps/v1", "statefulsets"),
    "VirtualService": Resource("networking.istio.io/v1", "virtualservices"),
}


@dataclass(frozen=True, slots=True)
class Ref:
    """The name of an object that may or may not exist."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def ref_of(obj: Object) -> Ref:
    """The name of an object that says its kind; items of a list don't."""
    metadata = obj["metadata"]
    return Ref(obj["kind"], metadata.get("namespace", ""), metadata["name"])


def get_resource(kind: str) -> Resource:
    """The place of a kind.

    Raises:
        Problem: the kind is not in the table.
    """
    found = KINDS.get(kind)
    if found is None:
        raise Problem(
            "unknown-kind",
            "A kind of object that Verdigris does not handle",
            detail=f"{kind} is none of: {', '.join(sorted(KINDS))}",
            next_step="Take the object out of the app's manifests and apply it some other way.",
            status=422,
        )
    return found


def collection_path(kind: str, namespace: str, *, api_version: str | None = None) -> str:
    """Where objects of a kind are listed and created.

    ``api_version``: the one an object was written in; of our table's group, else it is another kind of
    the same name (there are two called ``Gateway``).
    """
    resource = get_resource(kind)
    version = api_version or resource.api_version
    if version.rpartition("/")[0] != resource.group:
        get_resource(f"{kind} of {version}")
    root = "/apis" if "/" in version else "/api"
    place = f"/namespaces/{quote(namespace, safe='')}" if resource.namespaced else ""
    return f"{root}/{version}{place}/{resource.plural}"


def object_path(ref: Ref, *, api_version: str | None = None) -> str:
    """Where one object is."""
    return f"{collection_path(ref.kind, ref.namespace, api_version=api_version)}/{quote(ref.name, safe='')}"
