"""Who may do what: RBAC's decision about a request, its reason, and the refusal in a real server's words.

The group `system:masters` may do everything, before any rule is asked. Where rules come from is `rules`.
"""

from dataclasses import dataclass

from sandbox.api.errors import ApiError, describe
from sandbox.api.rules import Grants, Wish, covers
from sandbox.api.targets import Target
from sandbox.api.users import ADMIN, MASTERS, User, authenticate
from sandbox.store import Store

__all__ = ["ADMIN", "Decision", "User", "Wish", "authenticate", "check_allowed", "decide", "is_allowed"]


@dataclass(frozen=True)
class Decision:
    """Whether somebody may, and what the authorizer says about it; often nothing about a no."""

    allowed: bool
    reason: str = ""


def make_wish(target: Target, verb: str) -> Wish:
    """What a request to a target amounts to."""
    resource = target.resource
    plural = f"{resource.plural}/{target.subresource}" if target.subresource else resource.plural
    namespace = target.name if resource.kind == "Namespace" else target.namespace
    return Wish(verb, resource.group, plural, namespace, target.name)


def decide(store: Store, user: User, wish: Wish) -> Decision:
    """What RBAC says to a wish."""
    if MASTERS in user.all_groups:
        return Decision(allowed=True)
    grants = Grants(store, user, wish.namespace)
    for grant in grants:
        if covers(grant.rule, wish):
            return Decision(allowed=True, reason=f"RBAC: allowed by {grant.why}")
    return Decision(allowed=False, reason=f"RBAC: {_join(grants.missing)}" if grants.missing else "")


def is_allowed(store: Store, user: User, wish: Wish) -> bool:
    """Whether RBAC lets the user do it."""
    return decide(store, user, wish).allowed


def check_allowed(store: Store, user: User, target: Target, verb: str) -> Decision:
    """Refuse what RBAC does not let the user do; returns what it said.

    Raises:
        ApiError: 403, naming user, verb, resource and namespace.
    """
    wish = make_wish(target, verb)
    decision = decide(store, user, wish)
    if decision.allowed:
        return decision
    resource = target.resource
    named = f'{resource.key} "{target.name}"' if target.name else resource.key
    scope = f'in the namespace "{wish.namespace}"' if wish.namespace else "at the cluster scope"
    why = f": {decision.reason}" if decision.reason else ""
    raise ApiError(
        403,
        "Forbidden",
        f'{named} is forbidden: User "{user.name}" cannot {verb} resource "{wish.resource}" '
        f'in API group "{resource.group}" {scope}{why}',
        details=describe(resource, target.name),
    )


def _join(problems: list[str]) -> str:
    """Several problems as Go's aggregate of errors prints them."""
    unique = list(dict.fromkeys(problems))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
