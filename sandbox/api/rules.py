"""RBAC's rules: which ones hold for a user in a namespace, who granted them, and what they cover.

Roles and bindings are read from the store at every question, as a real server's authorizer sees them; the
roles and bindings that every cluster has stand here. Whether somebody may do something is `access`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sandbox.api.users import AUTHENTICATED, MASTERS, SERVICE_ACCOUNT, User
from sandbox.store import Object, Store

ROLES: Final = "roles.rbac.authorization.k8s.io"
ROLE_BINDINGS: Final = "rolebindings.rbac.authorization.k8s.io"
CLUSTER_ROLES: Final = "clusterroles.rbac.authorization.k8s.io"
CLUSTER_ROLE_BINDINGS: Final = "clusterrolebindings.rbac.authorization.k8s.io"

_READ: Final = ["get", "list", "watch"]
_WRITE: Final = ["create", "delete", "deletecollection", "patch", "update"]


def _rule(group: str, resources: list[str], verbs: list[str]) -> Object:
    return {"verbs": verbs, "apiGroups": [group], "resources": resources}


_VIEW: Final = [
    _rule("", ["configmaps", "events", "limitranges", "namespaces", "pods", "pods/log"], _READ),
    _rule("", ["resourcequotas", "serviceaccounts", "services"], _READ),
    _rule("apps", ["deployments", "deployments/scale", "replicasets", "replicasets/scale"], _READ),
    _rule("autoscaling", ["horizontalpodautoscalers"], _READ),
    _rule("discovery.k8s.io", ["endpointslices"], _READ),
]
_EDIT: Final = [
    *_VIEW,
    _rule("", ["secrets"], _READ),
    _rule("", ["configmaps", "pods", "secrets", "serviceaccounts", "services"], _WRITE),
    _rule("", ["pods/exec"], ["get", *_WRITE]),
    _rule("apps", ["deployments", "deployments/scale", "replicasets", "replicasets/scale"], _WRITE),
    _rule("autoscaling", ["horizontalpodautoscalers"], _WRITE),
]
_REVIEWS: Final = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]
_OPEN: Final = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY: Final = ["/api", "/api/*", "/apis", "/apis/*", *_OPEN, "/openapi", "/openapi/*"]
_EVERYWHERE: Final[Object] = {"verbs": ["*"], "nonResourceURLs": ["*"]}

# What they let people do of what the sandbox serves. Istio's kinds are in none but the first, as in a cluster
# whose administrator added nothing.
WELL_KNOWN_ROLES: Final[dict[str, list[Object]]] = {
    "cluster-admin": [_rule("*", ["*"], ["*"]), _EVERYWHERE],
    "admin": [*_EDIT, _rule("rbac.authorization.k8s.io", ["rolebindings", "roles"], [*_READ, *_WRITE])],
    "edit": _EDIT,
    "view": _VIEW,
    "system:basic-user": [_rule("authorization.k8s.io", _REVIEWS, ["create"])],
    "system:discovery": [{"verbs": ["get"], "nonResourceURLs": _DISCOVERY}],
}
_WELL_KNOWN_BINDINGS: Final = [
    ("cluster-admin", MASTERS),
    ("system:basic-user", AUTHENTICATED),
    ("system:discovery", AUTHENTICATED),
]


@dataclass(frozen=True)
class Wish:
    """What somebody would like to do. `subresource` follows its resource after a slash, as in rules."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True)
class Grant:
    """A rule that holds for a user; `why` is how the authorizer tells where it comes from."""

    rule: Object
    why: str


class Grants:
    """The rules that hold for a user in a namespace ("": the cluster-wide ones alone).

    `missing`: roles that are bound but not there, in the server's words; known once all rules were asked for.
    """

    def __init__(self, store: Store, user: User, namespace: str) -> None:
        self._store = store
        self._user = user
        self._namespace = namespace
        self.missing: list[str] = []

    def __iter__(self) -> Iterator[Grant]:
        self.missing = []
        for role, group in _WELL_KNOWN_BINDINGS:
            if group in self._user.all_groups:
                bound = f'ClusterRoleBinding "{role}" of ClusterRole "{role}" to Group "{group}"'
                yield from (Grant(rule, bound) for rule in self._find_rules("ClusterRole", role))
        for binding in self._store.list(CLUSTER_ROLE_BINDINGS):
            yield from self._grant(binding, f'ClusterRoleBinding "{binding["metadata"]["name"]}"')
        if self._namespace:
            for binding in self._store.list(ROLE_BINDINGS, self._namespace):
                named = f"{binding['metadata']['name']}/{self._namespace}"
                yield from self._grant(binding, f'RoleBinding "{named}"')

    def _grant(self, binding: Object, named: str) -> Iterator[Grant]:
        namespace = binding["metadata"].get("namespace", "")
        subject = next((s for s in binding.get("subjects") or [] if _names(s, self._user, namespace)), None)
        if subject is None:
            return
        kind, name = binding["roleRef"].get("kind", ""), binding["roleRef"]["name"]
        why = f'{named} of {kind} "{name}" to {_describe_subject(subject, namespace)}'
        yield from (Grant(rule, why) for rule in self._find_rules(kind, name))

    def _find_rules(self, kind: str, name: str) -> list[Object]:
        resource, namespace = (CLUSTER_ROLES, "") if kind == "ClusterRole" else (ROLES, self._namespace)
        role = self._store.find(resource, namespace, name)
        if role is not None:
            return role.get("rules") or []
        if kind == "ClusterRole" and name in WELL_KNOWN_ROLES:
            return WELL_KNOWN_ROLES[name]
        self.missing.append(f'{kind.lower()}.rbac.authorization.k8s.io "{name}" not found')
        return []


def covers(rule: Object, wish: Wish) -> bool:
    """Whether a rule lets its holder do something with a resource."""
    names = rule.get("resourceNames") or []
    return (
        _has(rule.get("verbs"), wish.verb)
        and _has(rule.get("apiGroups"), wish.group)
        and _has_resource(rule.get("resources"), wish.resource)
        and (not names or wish.name in names)
    )


def covers_path(rule: Object, verb: str, path: str) -> bool:
    """Whether a rule lets its holder do something with a path that is no resource; `/api/*` is a prefix."""
    urls = rule.get("nonResourceURLs") or []
    return _has(rule.get("verbs"), verb) and any(
        url in {"*", path} or (url.endswith("*") and path.startswith(url.rstrip("*"))) for url in urls
    )


def _has(listed: list[str] | None, wanted: str) -> bool:
    return bool({"*", wanted} & set(listed or []))


def _has_resource(listed: list[str] | None, wanted: str) -> bool:
    """`*` covers all, `*/scale` that subresource of all; `pods/*` means nothing to a real server."""
    _, _, subresource = wanted.partition("/")
    accepted = {"*", wanted, f"*/{subresource}"} if subresource else {"*", wanted}
    return bool(accepted & set(listed or []))


def _names(subject: Object, user: User, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "ServiceAccount":
        return user.name == f"{SERVICE_ACCOUNT}{subject.get('namespace') or namespace}:{name}"
    return name in user.all_groups if kind == "Group" else kind == "User" and name == user.name


def _describe_subject(subject: Object, namespace: str) -> str:
    kind, name = subject["kind"], subject["name"]
    if kind == "ServiceAccount":
        name = f"{name}/{subject.get('namespace') or namespace}"
    return f'{kind} "{name}"'
