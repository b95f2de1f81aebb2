"""Whether a namespace's quotas leave room for the second color: what its pods ask for against what is left.

The most that a rollout may hold at once counts, for one refused pod ends it. Quotas of some scopes only
(priority classes, best effort) are left to the server. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from kubernetes.utils import quantity

from cluster.podspec import mapping, mappings, template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cluster.kinds import Object

# The library says that it is typed, then leaves functions without annotations.
_parse: Callable[[object], Decimal] = quantity.parse_quantity

NOTHING: Final = Decimal(0)
PLAIN: Final = {"cpu": "requests.cpu", "memory": "requests.memory", "count/pods": "pods"}
"""Names that a quota may write for others."""

OF_EVERY_POD: Final = {"NotTerminating"}
"""Scopes that a Deployment's pods are always in."""

Amounts = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a quota does not leave room for."""

    quota: str
    resource: str
    needed: Decimal
    left: Decimal
    hard: Decimal

    def __str__(self) -> str:
        needed, left, hard = (shown(value, self.resource) for value in (self.needed, self.left, self.hard))
        return f"{self.resource}: {needed} more needed, {left} of {hard} left"


@dataclass(frozen=True, slots=True)
class Unlimited:
    """A container that says nothing about what a quota counts: the server refuses its pods."""

    quota: str
    resource: str

    def __str__(self) -> str:
        return f"{self.resource}: the quota counts it, so every container has to say how much"


def find_shortages(
    quotas: Iterable[Object],
    limit_ranges: Iterable[Object],
    wanted: Object,
    standing: Object | None,
) -> list[Shortage | Unlimited]:
    """What the rollout of ``wanted`` over ``standing``, the color's Deployment of today, lacks."""
    defaults = list(limit_ranges)
    needed = growth(wanted, standing, defaults)
    unsaid = _find_unsaid(wanted, defaults)
    found: list[Shortage | Unlimited] = []
    for quota in quotas:
        name, hard = quota["metadata"]["name"], _limits_of(quota)
        used = _amounts(mapping(quota, "status", "used"))
        for resource, limit in hard.items():
            counted = PLAIN.get(resource, resource)
            if counted in unsaid:
                found.append(Unlimited(name, resource))
            left = max(limit - used.get(resource, NOTHING), NOTHING)
            if needed.get(counted, NOTHING) > left:
                found.append(Shortage(name, resource, needed[counted], left, limit))
    return found


def growth(wanted: Object, standing: Object | None, limit_ranges: Iterable[Object] = ()) -> Amounts:
    """The most that a rollout adds to what is used already.

    At its beginning new pods come beside all old ones; at its end the new ones are alone.
    """
    defaults = list(limit_ranges)
    new, replicas = pod_of(wanted, defaults), replicas_of(wanted)
    old, before = (pod_of(standing, defaults), replicas_of(standing)) if standing else ({}, 0)
    early = max(0, replicas + _surge_of(wanted, standing) - before)
    return {
        resource: max(amount * early, amount * replicas - old.get(resource, NOTHING) * before, NOTHING)
        for resource, amount in new.items()
    }


def replicas_of(deployment: Object) -> int:
    """How many pods a Deployment asks for."""
    found = mapping(deployment, "spec").get("replicas", 1)
    return found if isinstance(found, int) else 1


def pod_of(deployment: Object, limit_ranges: Iterable[Object] = ()) -> Amounts:
    """What one pod counts for: itself, and the resources of its containers as the scheduler sums them up.

    Containers that run to their end before the others count where one of them needs more than all others.
    """
    spec, defaults = mapping(template_of(deployment), "spec"), list(limit_ranges)
    early = mappings(spec, "initContainers")
    staying = [*mappings(spec, "containers"), *filter(_is_sidecar, early)]
    amounts = _sum(_resources(one, defaults) for one in staying)
    for container in early:
        for name, value in _resources(container, defaults).items():
            amounts[name] = max(value, amounts.get(name, NOTHING))
    overhead = {f"requests.{name}": value for name, value in _amounts(mapping(spec, "overhead")).items()}
    return {**_sum([amounts, overhead]), "pods": Decimal(1)}


def _is_sidecar(container: Object) -> bool:
    return container.get("restartPolicy") == "Always"


def shown(value: Decimal, resource: str) -> str:
    """An amount as people write it: ``500m``, ``1Gi``, ``3``."""
    if "memory" in resource or "storage" in resource:
        for unit, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
            if value and value % size == 0:
                return f"{(value / size).normalize():f}{unit}"
    is_whole = value == value.to_integral_value()
    return f"{value.normalize():f}" if is_whole else f"{(value * 1000).normalize():f}m"


def _find_unsaid(deployment: Object, limit_ranges: list[Object]) -> set[str]:
    """Compute resources that some container says nothing about."""
    containers = mappings(template_of(deployment), "spec", "containers")
    said = [set(_resources(one, limit_ranges)) for one in containers]
    every = set.intersection(*said) if said else set()
    return {f"{what}.{resource}" for what in ("requests", "limits") for resource in ("cpu", "memory")} - every


def _resources(container: Object, limit_ranges: Iterable[Object]) -> Amounts:
    """A container's requests and limits; a limit alone is the request, too, and LimitRanges fill the rest."""
    limits = _amounts(mapping(container, "resources", "limits"))
    requests = {**limits, **_amounts(mapping(container, "resources", "requests"))}
    for limit in (one for item in limit_ranges for one in mappings(item, "spec", "limits")):
        if limit.get("type") == "Container":
            default = _amounts(mapping(limit, "default"))
            requests = {**default, **_amounts(mapping(limit, "defaultRequest")), **requests}
            limits = {**default, **limits}
    prefixed = {f"requests.{name}": value for name, value in requests.items()}
    return {**prefixed, **{f"limits.{name}": value for name, value in limits.items()}}


def _limits_of(quota: Object) -> Amounts:
    spec = mapping(quota, "spec")
    if set(spec.get("scopes") or []) - OF_EVERY_POD or mappings(spec, "scopeSelector", "matchExpressions"):
        return {}
    return _amounts(mapping(quota, "status", "hard") or mapping(quota, "spec", "hard"))


def _surge_of(wanted: Object, standing: Object | None) -> int:
    """How many pods more than wanted a rollout may have at once; none where nothing stands yet."""
    strategy = mapping(wanted, "spec", "strategy")
    if standing is None or strategy.get("type") == "Recreate":
        return 0
    surge = mapping(strategy, "rollingUpdate").get("maxSurge", "25%")
    if isinstance(surge, int):
        return surge
    percent = str(surge).removesuffix("%")
    return -(-replicas_of(wanted) * int(percent) // 100) if percent.isdigit() else 0


def _sum(amounts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for one in amounts:
        for name, value in one.items():
            total[name] = total.get(name, NOTHING) + value
    return total


def _amounts(quantities: Mapping[str, object]) -> Amounts:
    """Kubernetes' quantities as numbers; what is none is left to the server to refuse."""
    found: Amounts = {}
    for name, text in quantities.items():
        try:
            found[name] = _parse(text)
        except ValueError:
            continue
    return found
