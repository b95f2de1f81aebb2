"""Tokens and RBAC, and where a request's path leads."""

import pytest

from sandbox.api.access import ADMIN, User, Wish, authenticate, check_allowed, is_allowed
from sandbox.api.errors import ApiError
from sandbox.api.resources import get_resource
from sandbox.api.targets import Target, UnknownResource, UnknownVersion, find_verb, parse_path
from sandbox.store import Object, Store

DEPLOYER = User("system:serviceaccount:shop:deployer")
RULES: list[Object] = [
    {"apiGroups": ["apps"], "resources": ["deployments", "*/scale"], "verbs": ["get", "patch"]},
    {"apiGroups": [""], "resources": ["pods/exec", "services/*"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["env"], "verbs": ["*"]},
]


def _store(subject: Object, role: str = "deployer", kind: str = "Role") -> Store:
    store = Store()
    store.create(
        "roles.rbac.authorization.k8s.io",
        {"metadata": {"name": "deployer", "namespace": "shop"}, "rules": RULES},
    )
    store.create(
        "rolebindings.rbac.authorization.k8s.io",
        {
            "metadata": {"name": "deployer", "namespace": "shop"},
            "subjects": [subject],
            "roleRef": {"kind": kind, "name": role},
        },
    )
    return store


ACCOUNT: Object = {"kind": "ServiceAccount", "name": "deployer"}


@pytest.mark.parametrize(
    ("wish", "allowed"),
    [
        (Wish("patch", "apps", "deployments", "shop"), True),
        (Wish("delete", "apps", "deployments", "shop"), False),
        (Wish("patch", "apps", "deployments", "other"), False),
        (Wish("patch", "apps", "deployments"), False),
        (Wish("patch", "apps", "deployments/scale", "shop"), True),
        (Wish("patch", "apps", "deployments/status", "shop"), False),
        (Wish("create", "", "pods/exec", "shop"), True),
        (Wish("create", "", "pods", "shop"), False),
        (Wish("create", "", "services/proxy", "shop"), False),  # `services/*` means nothing
        (Wish("*", "", "secrets", "shop", "env"), True),
        (Wish("*", "apps", "deployments", "shop"), False),
        (Wish("get", "", "secrets", "shop", "env"), True),
        (Wish("get", "", "secrets", "shop", "other"), False),
    ],
)
def test_a_role_allows_what_its_rules_say(wish: Wish, *, allowed: bool) -> None:
    assert is_allowed(_store(ACCOUNT), DEPLOYER, wish) is allowed
    assert is_allowed(_store(ACCOUNT), ADMIN, wish)
    assert not is_allowed(_store(ACCOUNT), User("system:serviceaccount:other:deployer"), wish)


@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "User", "name": DEPLOYER.name},
        {"kind": "Group", "name": "system:serviceaccounts:shop"},
        {"kind": "Group", "name": "system:authenticated"},
        {"kind": "ServiceAccount", "name": "deployer", "namespace": "shop"},
    ],
)
def test_a_binding_may_name_its_subject_in_several_ways(subject: Object) -> None:
    assert is_allowed(_store(subject), DEPLOYER, Wish("get", "apps", "deployments", "shop"))


def test_the_well_known_cluster_roles_can_be_bound() -> None:
    edit, view = _store(ACCOUNT, "edit", "ClusterRole"), _store(ACCOUNT, "view", "ClusterRole")

    assert is_allowed(edit, DEPLOYER, Wish("delete", "", "secrets", "shop"))
    assert is_allowed(view, DEPLOYER, Wish("list", "", "pods", "shop"))
    assert not is_allowed(view, DEPLOYER, Wish("list", "", "secrets", "shop"))
    assert not is_allowed(view, DEPLOYER, Wish("delete", "", "pods", "shop"))


def test_a_refusal_names_who_may_not_do_what_where() -> None:
    pods = Target(get_resource("pods"), "v1", "shop")
    namespaces = Target(get_resource("namespaces"), "v1")

    with pytest.raises(ApiError) as in_namespace:
        check_allowed(Store(), DEPLOYER, pods, "list")
    with pytest.raises(ApiError) as everywhere:
        check_allowed(Store(), DEPLOYER, namespaces, "list")

    assert str(in_namespace.value) == (
        'pods is forbidden: User "system:serviceaccount:shop:deployer" cannot list resource "pods" in API '
        'group "" in the namespace "shop"'
    )
    assert str(everywhere.value).endswith(
        'cannot list resource "namespaces" in API group "" at the cluster scope'
    )


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic token"])
def test_an_unknown_token_is_refused(header: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        authenticate(header, {"token": ADMIN})

    assert caught.value.code == 401


def test_a_known_token_is_its_user() -> None:
    assert authenticate("Bearer token", {"token": ADMIN}) == ADMIN


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/namespaces/shop", ("namespaces", "", "shop", "")),
        ("/api/v1/namespaces/shop/status", ("namespaces", "", "shop", "status")),
        ("/api/v1/namespaces/shop/pods", ("pods", "shop", "", "")),
        ("/api/v1/pods", ("pods", "", "", "")),
        ("/apis/apps/v1/namespaces/shop/deployments/a/scale", ("deployments.apps", "shop", "a", "scale")),
    ],
)
def test_a_path_leads_to_its_target(path: str, expected: tuple[str, str, str, str]) -> None:
    target = parse_path(path)

    assert (target.resource.key, target.namespace, target.name, target.subresource) == expected


def test_paths_that_lead_nowhere_are_told_apart() -> None:
    with pytest.raises(UnknownVersion):
        parse_path("/apis/apps/v9/deployments")
    with pytest.raises(UnknownVersion):
        parse_path("/nothing")
    with pytest.raises(UnknownResource):
        parse_path("/apis/apps/v1/namespaces/shop/statefulsets")
    with pytest.raises(UnknownResource):
        parse_path("/api/v1/namespaces/shop/pods/a/attach")


def test_the_verb_follows_from_method_and_target() -> None:
    all_pods, one_pod = parse_path("/api/v1/pods"), parse_path("/api/v1/namespaces/shop/pods/a")

    assert find_verb(all_pods, "GET", {}) == "list"
    assert find_verb(all_pods, "GET", {"watch": "1"}) == "watch"
    assert find_verb(all_pods, "DELETE", {}) == "deletecollection"
    assert find_verb(all_pods, "PUT", {}) is None
    assert find_verb(one_pod, "GET", {}) == "get"
    assert find_verb(one_pod, "POST", {}) is None
