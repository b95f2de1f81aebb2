"""The resources that the API server serves, and under which names, verbs and versions.

Objects of one resource are stored once, at its first version, and served at each of its versions.
"""

from dataclasses import dataclass, field
from functools import cached_property

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True)
class Subresource:
    """One subresource as discovery shows it. `group`, `version`: only where they are not the resource's."""

    name: str
    kind: str
    verbs: tuple[str, ...] = ("get", "patch", "update")
    group: str = ""
    version: str = ""


@dataclass(frozen=True)
class Resource:
    """A kind of object. `custom` ones behave as a CustomResourceDefinition does, down to their messages."""

    group: str
    versions: tuple[str, ...]
    plural: str
    singular: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    custom: bool = False
    stored: bool = field(default=True)

    @cached_property
    def key(self) -> str:
        """The name in the store and in messages: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def kind_key(self) -> str:
        """The kind in messages about invalid objects: `Pod`, `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def api_version(self, version: str) -> str:
        """What an object's apiVersion says at one of the versions: `v1`, `apps/v1`."""
        return f"{self.group}/{version}" if self.group else version

    @property
    def hub(self) -> str:
        """The apiVersion that objects are stored at."""
        return self.api_version(self.versions[0])

    def has_subresource(self, name: str) -> bool:
        """Whether that subresource is served."""
        return any(sub.name == name for sub in self.subresources)


def _status(kind: str) -> Subresource:
    return Subresource("status", kind)


def _scale() -> Subresource:
    return Subresource("scale", "Scale", group="autoscaling", version="v1")


def _core(plural: str, kind: str, short_names: tuple[str, ...] = (), *subresources: Subresource) -> Resource:
    categories = ("all",) if kind in {"Pod", "Service"} else ()
    return Resource(
        "",
        ("v1",),
        plural,
        kind.lower(),
        kind,
        namespaced=kind != "Namespace",
        short_names=short_names,
        categories=categories,
        verbs=tuple(v for v in ALL_VERBS if kind != "Namespace" or v != "deletecollection"),
        subresources=subresources,
    )


def _istio(plural: str, kind: str, short_name: str) -> Resource:
    return Resource(
        "networking.istio.io",
        ("v1", "v1beta1", "v1alpha3"),
        plural,
        kind.lower(),
        kind,
        short_names=(short_name,),
        categories=("istio-io", "networking-istio-io"),
        verbs=CUSTOM_VERBS,
        subresources=(_status(kind),),
        custom=True,
    )


def _rbac(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource("rbac.authorization.k8s.io", ("v1",), plural, kind.lower(), kind, namespaced=namespaced)


RESOURCES: tuple[Resource, ...] = (
    _core("configmaps", "ConfigMap", ("cm",)),
    _core("events", "Event", ("ev",)),
    _core("limitranges", "LimitRange", ("limits",)),
    _core("namespaces", "Namespace", ("ns",), _status("Namespace")),
    _core(
        "pods",
        "Pod",
        ("po",),
        Subresource("exec", "PodExecOptions", ("create", "get")),
        Subresource("log", "Pod", ("get",)),
        _status("Pod"),
    ),
    _core("resourcequotas", "ResourceQuota", ("quota",), _status("ResourceQuota")),
    _core("secrets", "Secret"),
    _core("serviceaccounts", "ServiceAccount", ("sa",)),
    _core("services", "Service", ("svc",), _status("Service")),
    Resource(
        "apps",
        ("v1",),
        "deployments",
        "deployment",
        "Deployment",
        short_names=("deploy",),
        categories=("all",),
        subresources=(_scale(), _status("Deployment")),
    ),
    Resource(
        "apps",
        ("v1",),
        "replicasets",
        "replicaset",
        "ReplicaSet",
        short_names=("rs",),
        categories=("all",),
        subresources=(_scale(), _status("ReplicaSet")),
    ),
    Resource(
        "authorization.k8s.io",
        ("v1",),
        "selfsubjectaccessreviews",
        "selfsubjectaccessreview",
        "SelfSubjectAccessReview",
        namespaced=False,
        verbs=("create",),
        stored=False,
    ),
    Resource(
        "authorization.k8s.io",
        ("v1",),
        "selfsubjectrulesreviews",
        "selfsubjectrulesreview",
        "SelfSubjectRulesReview",
        namespaced=False,
        verbs=("create",),
        stored=False,
    ),
    Resource(
        "autoscaling",
        ("v2",),
        "horizontalpodautoscalers",
        "horizontalpodautoscaler",
        "HorizontalPodAutoscaler",
        short_names=("hpa",),
        categories=("all",),
        subresources=(_status("HorizontalPodAutoscaler"),),
    ),
    Resource(
        "batch",
        ("v1",),
        "jobs",
        "job",
        "Job",
        categories=("all",),
        subresources=(_status("Job"),),
    ),
    _rbac("clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _rbac("clusterroles", "ClusterRole", namespaced=False),
    _rbac("rolebindings", "RoleBinding"),
    _rbac("roles", "Role"),
    Resource("discovery.k8s.io", ("v1",), "endpointslices", "endpointslice", "EndpointSlice"),
    _istio("destinationrules", "DestinationRule", "dr"),
    _istio("gateways", "Gateway", "gw"),
    _istio("virtualservices", "VirtualService", "vs"),
)

_BY_PATH = {(r.group, version, r.plural): r for r in RESOURCES for version in r.versions}
_BY_KEY = {r.key: r for r in RESOURCES}


def find_resource(group: str, version: str, plural: str) -> Resource | None:
    """The resource that a URL names, None when nothing is served there."""
    return _BY_PATH.get((group, version, plural))


def get_resource(key: str) -> Resource:
    """The resource of a store's name, such as `deployments.apps`."""
    return _BY_KEY[key]


def list_group_versions() -> list[tuple[str, str]]:
    """Every served (group, version), the preferred version of a group first."""
    return list(dict.fromkeys((r.group, version) for r in RESOURCES for version in r.versions))
