"""Reviews: what the asker may do, answered from the same rules that requests are judged by.

SelfSubjectAccessReview asks about one thing, SelfSubjectRulesReview about everything in a namespace.
Nothing is stored; everybody may ask, as in every cluster.
"""

import json

from sandbox.api.access import Decision, decide
from sandbox.api.errors import Cause, bad_request, invalid
from sandbox.api.resources import Resource
from sandbox.api.rules import Grants, Wish, covers_path
from sandbox.api.users import MASTERS, User
from sandbox.store import Object, Store

KINDS = frozenset({"SelfSubjectAccessReview", "SelfSubjectRulesReview"})


def review(store: Store, user: User, resource: Resource, asked: Object) -> Object:
    """The status of a review.

    Raises:
        ApiError: 422 or 400, the review does not say what it is about.
    """
    if resource.kind == "SelfSubjectRulesReview":
        return list_rules(store, user, (asked.get("spec") or {}).get("namespace", ""))
    return _answer(_judge(store, user, resource, asked.get("spec") or {}))


def list_rules(store: Store, user: User, namespace: str) -> Object:
    """All rules that hold for the user in a namespace, the cluster-wide ones among them.

    Raises:
        ApiError: 400 without a namespace.
    """
    if not namespace:
        raise bad_request("no namespace on request")
    grants = Grants(store, user, namespace)
    rules = [grant.rule for grant in grants]
    status: Object = {
        "resourceRules": [
            _pick(rule, "verbs", "apiGroups", "resources", "resourceNames")
            for rule in rules
            if rule.get("resources")
        ],
        "nonResourceRules": [
            _pick(rule, "verbs", "nonResourceURLs") for rule in rules if rule.get("nonResourceURLs")
        ],
        "incomplete": bool(grants.missing),
    }
    return {**status, "evaluationError": ", ".join(grants.missing)} if grants.missing else status


def _judge(store: Store, user: User, resource: Resource, spec: Object) -> Decision:
    asked, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if asked is not None and path is not None:
        shown = json.dumps(path, separators=(",", ":"))
        why = "cannot be specified in combination with resourceAttributes"
        raise _unclear(resource, "nonResourceAttributes", shown, why)
    if path is not None:
        return _judge_path(store, user, path)
    if asked is None:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _unclear(resource, "resourceAttributes", "null", why)
    plural, sub = asked.get("resource", ""), asked.get("subresource", "")
    wish = Wish(
        asked.get("verb", ""),
        asked.get("group", ""),
        f"{plural}/{sub}" if sub else plural,
        asked.get("namespace", ""),
        asked.get("name", ""),
    )
    return decide(store, user, wish)


def _judge_path(store: Store, user: User, asked: Object) -> Decision:
    if MASTERS in user.all_groups:
        return Decision(allowed=True)
    for grant in Grants(store, user, ""):
        if covers_path(grant.rule, asked.get("verb", ""), asked.get("path", "")):
            return Decision(allowed=True, reason=f"RBAC: allowed by {grant.why}")
    return Decision(allowed=False)


def _answer(decision: Decision) -> Object:
    status: Object = {"allowed": decision.allowed}
    return {**status, "reason": decision.reason} if decision.reason else status


def _unclear(resource: Resource, field: str, value: str, why: str) -> Exception:
    cause = Cause("FieldValueInvalid", f"Invalid value: {value}: {why}", f"spec.{field}")
    return invalid(resource, "", [cause])


def _pick(rule: Object, *names: str) -> Object:
    return {name: rule[name] for name in names if rule.get(name)}
