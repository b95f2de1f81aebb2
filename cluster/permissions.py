"""What our account may do in a namespace, asked before it is needed.

One SelfSubjectRulesReview tells every rule of RBAC. What it does not show is asked one by one where it says
that it is incomplete: other authorizers, as clouds have them, can't list what they allow. Every account may
ask both.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster.connection import Body, parse
from cluster.errors import ClusterError, Unauthorized, Unavailable, Untrusted
from cluster.kinds import get_resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluster.connection import Cluster
    from cluster.kinds import Object

REVIEWS: Final = "authorization.k8s.io/v1"
AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource, ``pods/exec`` among them; ``name``: on that object alone, else on all."""

    verb: str
    group: str
    resource: str
    name: str = ""

    @property
    def place(self) -> str:
        """The resource as people write it: ``deployments.apps``."""
        plural, slash, subresource = self.resource.partition("/")
        return f"{plural}{'.' if self.group else ''}{self.group}{slash}{subresource}"


def rights_on(kind: str, *verbs: str, name: str = "", subresource: str = "") -> list[Right]:
    """Verbs on a kind of object. ``create`` and lists name no object: a rule by name never covers them.

    Raises:
        Problem: ``unknown-kind``.
    """
    known = get_resource(kind)
    resource = f"{known.plural}/{subresource}" if subresource else known.plural
    named = {"get", "patch", "delete"}
    return [Right(verb, known.group, resource, name if verb in named else "") for verb in verbs]


def find_missing(cluster: Cluster, namespace: str, rights: Iterable[Right]) -> list[Right]:
    """The rights among these that our account does not have, in their order.

    Raises:
        ClusterError: not even this may be asked, or nobody answers.
    """
    rules, is_complete = _list_rules(cluster, namespace)
    uncovered = [right for right in rights if not any(covers(rule, right) for rule in rules)]
    if is_complete or not uncovered:
        return uncovered
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="review") as pool:
        answers = list(pool.map(lambda right: _is_allowed(cluster, namespace, right), uncovered))
    return [right for right, is_allowed in zip(uncovered, answers, strict=True) if not is_allowed]


def covers(rule: Object, right: Right) -> bool:
    """Whether a rule as a review tells it gives a right."""
    names = rule.get("resourceNames") or []
    _, _, subresource = right.resource.partition("/")
    resources = {"*", right.resource, *([f"*/{subresource}"] if subresource else [])}
    return (
        _has(rule, "verbs", {"*", right.verb})
        and _has(rule, "apiGroups", {"*", right.group})
        and _has(rule, "resources", resources)
        and (not names or right.name in names)
    )


def _has(rule: Object, member: str, accepted: set[str]) -> bool:
    return bool(accepted & set(rule.get(member) or []))


def _list_rules(cluster: Cluster, namespace: str) -> tuple[list[Object], bool]:
    """The rules that a namespace has for us, and whether these are all."""
    try:
        status = _review(cluster, "SelfSubjectRulesReview", {"namespace": namespace})
    except (Unavailable, Unauthorized, Untrusted):
        raise
    except ClusterError:  # this review is not served: each right is asked for
        return [], False
    is_complete = not (status.get("incomplete") or status.get("evaluationError"))
    return status.get("resourceRules") or [], is_complete


def _is_allowed(cluster: Cluster, namespace: str, right: Right) -> bool:
    plural, _, subresource = right.resource.partition("/")
    wanted = {
        "namespace": namespace,
        "verb": right.verb,
        "group": right.group,
        "resource": plural,
        "subresource": subresource,
        "name": right.name,
    }
    attributes = {name: value for name, value in wanted.items() if value}
    status = _review(cluster, "SelfSubjectAccessReview", {"resourceAttributes": attributes})
    return bool(status.get("allowed"))


def _review(cluster: Cluster, kind: str, spec: Object) -> Object:
    path = f"/apis/{REVIEWS}/{kind.lower()}s"
    body = Body({"apiVersion": REVIEWS, "kind": kind, "spec": spec})
    return parse(cluster.request("POST", path, body=body)).get("status") or {}
