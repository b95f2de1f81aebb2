"""Reviews, cluster-wide roles, and the reasons that the authorizer gives."""

import json
from pathlib import Path

import pytest

from sandbox.api.access import ADMIN, User, Wish, check_allowed, decide, is_allowed
from sandbox.api.errors import ApiError
from sandbox.api.resources import Resource, get_resource
from sandbox.api.reviews import list_rules, review
from sandbox.api.rules import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from sandbox.api.targets import parse_path
from sandbox.api.usage import Usage, Use, read_usage
from sandbox.api.users import service_account
from sandbox.store import Object, Store

WORKER = service_account("verdigris", "worker")
SUBJECT: Object = {"kind": "ServiceAccount", "name": "worker", "namespace": "verdigris"}
RULE: Object = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}
READ_NODES: Object = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}
ACCESS = get_resource("selfsubjectaccessreviews.authorization.k8s.io")
RULES = get_resource("selfsubjectrulesreviews.authorization.k8s.io")


def store(*, bound_to: str = "worker") -> Store:
    """A Role in `shop` and a ClusterRole bound everywhere."""
    made = Store()
    made.create(ROLES, {"metadata": {"name": "worker", "namespace": "shop"}, "rules": [RULE]})
    bind(made, ROLE_BINDINGS, {"kind": "Role", "name": bound_to}, namespace="shop")
    made.create(CLUSTER_ROLES, {"metadata": {"name": "reader"}, "rules": [READ_NODES]})
    bind(made, CLUSTER_ROLE_BINDINGS, {"kind": "ClusterRole", "name": "reader"})
    return made


def bind(made: Store, resource: str, role: Object, **metadata: str) -> None:
    made.create(
        resource, {"metadata": {"name": "worker", **metadata}, "subjects": [SUBJECT], "roleRef": role}
    )


def ask(user: User, asked: Object, resource: Resource = ACCESS, *, of: Store | None = None) -> Object:
    return review(of or store(), user, resource, {"spec": asked})


def about(verb: str, plural: str, **more: str) -> Object:
    return {"resourceAttributes": {"verb": verb, "resource": plural, **more}}


def test_a_review_tells_which_binding_allows_it() -> None:
    assert ask(WORKER, about("patch", "deployments", group="apps", namespace="shop", name="a")) == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "worker/shop" of Role "worker" to ServiceAccount '
        '"worker/verdigris"',
    }
    assert ask(WORKER, about("list", "namespaces")) == {
        "allowed": True,
        "reason": 'RBAC: allowed by ClusterRoleBinding "worker" of ClusterRole "reader" to ServiceAccount '
        '"worker/verdigris"',
    }


@pytest.mark.parametrize(
    "asked",
    [
        about("delete", "deployments", group="apps", namespace="shop"),
        about("patch", "deployments", group="apps", namespace="other"),
        about("patch", "deployments", group="apps"),
        about("patch", "deployments", group="apps", namespace="shop", subresource="scale"),
    ],
)
def test_a_review_says_no_without_a_reason(asked: Object) -> None:
    assert ask(WORKER, asked) == {"allowed": False}


def test_the_administrator_may_do_everything() -> None:
    assert ask(ADMIN, about("delete", "secrets", namespace="shop")) == {"allowed": True}
    assert ask(ADMIN, {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}) == {"allowed": True}


def test_everybody_may_ask_and_discover() -> None:
    nobody = User("nobody")
    wish = Wish("create", "authorization.k8s.io", "selfsubjectaccessreviews")
    discovery = ask(nobody, {"nonResourceAttributes": {"verb": "get", "path": "/apis/apps/v1"}})

    assert is_allowed(Store(), nobody, wish)
    assert discovery["allowed"] is True
    assert ask(nobody, {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}) == {"allowed": False}


def test_a_review_about_nothing_or_two_things_is_refused() -> None:
    path: Object = {"nonResourceAttributes": {"verb": "get", "path": "/"}}

    with pytest.raises(ApiError) as nothing:
        ask(WORKER, {})
    with pytest.raises(ApiError) as both:
        ask(WORKER, {**about("get", "pods"), **path})

    assert nothing.value.code == both.value.code == 422
    assert str(nothing.value) == (
        'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: '
        "null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
    )
    assert "cannot be specified in combination with resourceAttributes" in str(both.value)


def test_a_review_of_rules_lists_all_that_hold_in_a_namespace() -> None:
    told = ask(WORKER, {"namespace": "shop"}, RULES)

    assert RULE in told["resourceRules"]
    assert READ_NODES in told["resourceRules"]
    assert told["incomplete"] is False
    assert any("/apis" in rule["nonResourceURLs"] for rule in told["nonResourceRules"])
    assert RULE not in ask(WORKER, {"namespace": "other"}, RULES)["resourceRules"]
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert everything in list_rules(Store(), ADMIN, "shop")["resourceRules"]
    with pytest.raises(ApiError, match="no namespace on request"):
        ask(WORKER, {}, RULES)


def test_a_binding_of_a_role_that_is_not_there_is_told() -> None:
    dangling = store(bound_to="gone")
    told = ask(WORKER, {"namespace": "shop"}, RULES, of=dangling)
    pods = parse_path("/api/v1/namespaces/shop/pods")

    with pytest.raises(ApiError) as refused:
        check_allowed(dangling, WORKER, pods, "list")

    assert str(refused.value) == (
        'pods is forbidden: User "system:serviceaccount:verdigris:worker" cannot list resource "pods" in API '
        'group "" in the namespace "shop": RBAC: role.rbac.authorization.k8s.io "gone" not found'
    )
    assert told["incomplete"] is True
    assert told["evaluationError"] == 'role.rbac.authorization.k8s.io "gone" not found'


def test_a_role_of_everywhere_bound_in_a_namespace_holds_there_alone() -> None:
    made = store()
    bind(made, ROLE_BINDINGS, {"kind": "ClusterRole", "name": "edit"}, namespace="other")

    assert decide(made, WORKER, Wish("delete", "", "secrets", "other")).allowed
    assert not decide(made, WORKER, Wish("delete", "", "secrets", "shop")).allowed
    assert not decide(made, WORKER, Wish("get", "networking.istio.io", "gateways", "other")).allowed


def test_each_use_is_noted_once_and_written_down_at_once(tmp_path: Path) -> None:
    usage = Usage(tmp_path / "uses")
    reading, deleting = Wish("get", "", "pods", "shop", "a"), Wish("delete", "", "pods", "shop", "a")
    assert read_usage(tmp_path / "uses") == []

    for _ in range(2):
        usage.note(WORKER, reading, allowed=True)
        usage.note(WORKER, deleting, allowed=False)

    assert usage.uses() == [
        Use(WORKER.name, "get", "", "pods", "shop", allowed=True),
        Use(WORKER.name, "delete", "", "pods", "shop", allowed=False),
    ]
    assert read_usage(tmp_path / "uses") == usage.uses()
    assert json.loads((tmp_path / "uses").read_text().splitlines()[0])["resource"] == "pods"
