"""Who may do what: bearer tokens, and RBAC from the Role and RoleBinding objects of the store.

There are no cluster-wide roles as objects; bindings may name the four that every cluster has. The group
`system:masters` may do everything.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.api.errors import ApiError, describe
from sandbox.api.targets import Target
from sandbox.store import Object, Store

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
SERVICE_ACCOUNT = "system:serviceaccount:"

_EVERYTHING: Object = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
_READING: Object = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
CLUSTER_ROLES: dict[str, list[Object]] = {
    "cluster-admin": [_EVERYTHING],
    "admin": [_EVERYTHING],
    "edit": [_EVERYTHING],
    "view": [_READING],
}
_HIDDEN_FROM_VIEW = frozenset({"secrets"})


@dataclass(frozen=True)
class User:
    """Who asks: a name as Kubernetes spells it, and groups besides those that follow from the name."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def all_groups(self) -> frozenset[str]:
        """All groups, with those that every user and every service account is in."""
        groups = {*self.groups, AUTHENTICATED}
        if self.name.startswith(SERVICE_ACCOUNT):
            namespace = self.name.removeprefix(SERVICE_ACCOUNT).partition(":")[0]
            groups |= {"system:serviceaccounts", f"system:serviceaccounts:{namespace}"}
        return frozenset(groups)


ADMIN = User("sandbox-admin", (MASTERS,))


@dataclass(frozen=True)
class Wish:
    """What somebody would like to do. `subresource` follows its resource after a slash, as in rules."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


def authenticate(header: str | None, tokens: Mapping[str, User]) -> User:
    """The user behind an Authorization header, `Bearer TOKEN`.

    Raises:
        ApiError: 401, no header or an unknown token.
    """
    scheme, _, token = (header or "").partition(" ")
    user = tokens.get(token.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        raise ApiError(401, "Unauthorized", "Unauthorized")
    return user


def make_wish(target: Target, verb: str) -> Wish:
    """What a request to a target amounts to."""
    resource = target.resource
    plural = f"{resource.plural}/{target.subresource}" if target.subresource else resource.plural
    namespace = target.name if resource.kind == "Namespace" else target.namespace
    return Wish(verb, resource.group, plural, namespace, target.name)


def is_allowed(store: Store, user: User, wish: Wish) -> bool:
    """Whether RBAC lets the user do it."""
    if MASTERS in user.all_groups:
        return True
    return any(_covers(rule, wish) for rule in _list_rules(store, user, wish.namespace))


def check_allowed(store: Store, user: User, target: Target, verb: str) -> None:
    """Refuse what RBAC does not let the user do.

    Raises:
        ApiError: 403, naming user, verb, resource and namespace.
    """
    wish = make_wish(target, verb)
    if is_allowed(store, user, wish):
        return
    resource = target.resource
    named = f'{resource.key} "{target.name}"' if target.name else resource.key
    scope = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    raise ApiError(
        403,
        "Forbidden",
        f'{named} is forbidden: User "{user.name}" cannot {verb} resource "{wish.resource}" '
        f'in API group "{resource.group}" {scope}',
        details=describe(resource, target.name),
    )


def _list_rules(store: Store, user: User, namespace: str) -> Iterator[Object]:
    if not namespace:
        return
    for binding in store.list("rolebindings.rbac.authorization.k8s.io", namespace):
        if any(_names(subject, user, namespace) for subject in binding.get("subjects") or []):
            yield from _find_rules(store, binding["roleRef"], namespace)


def _find_rules(store: Store, reference: Object, namespace: str) -> Iterable[Object]:
    name = reference["name"]
    if reference.get("kind") == "ClusterRole":
        return CLUSTER_ROLES.get(name, [])
    role = store.find("roles.rbac.authorization.k8s.io", namespace, name)
    return (role or {}).get("rules") or []


def _names(subject: Object, user: User, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "ServiceAccount":
        return user.name == f"{SERVICE_ACCOUNT}{subject.get('namespace', namespace)}:{name}"
    return name in user.all_groups if kind == "Group" else kind == "User" and name == user.name


def _covers(rule: Object, wish: Wish) -> bool:
    if rule is _READING and wish.resource in _HIDDEN_FROM_VIEW:
        return False
    names = rule.get("resourceNames") or []
    return (
        _has(rule.get("verbs"), wish.verb)
        and _has(rule.get("apiGroups"), wish.group)
        and _has_resource(rule.get("resources"), wish.resource)
        and (not names or wish.name in names)
    )


def _has(listed: list[str] | None, wanted: str) -> bool:
    return bool({"*", wanted} & set(listed or []))


def _has_resource(listed: list[str] | None, wanted: str) -> bool:
    """`*` covers all, `*/scale` that subresource of all, `pods/*` all subresources of pods."""
    plural, _, subresource = wanted.partition("/")
    accepted = {"*", wanted}
    if subresource:
        accepted |= {f"*/{subresource}", f"{plural}/*"}
    return bool(accepted & set(listed or []))
