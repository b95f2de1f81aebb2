"""What the status of a pod says, in the terms that a rollout asks about. Pure reading of the API's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cluster.objects import labels_of
from release.names import TEMPLATE_HASH_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cluster.kinds import Object

PULL_REASONS: Final = frozenset({"ErrImagePull", "ImagePullBackOff"})
OUT_OF_MEMORY: Final = "OOMKilled"

_MISSING_IMAGE: Final = ("not found", "manifest unknown", "name unknown")
"""How registries say through containerd, CRI-O and docker that a name or tag does not exist (yet)."""


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One container of one pod. ``reason`` and ``message`` are of what it waits for or ended with."""

    pod: str
    name: str
    is_init: bool
    is_ready: bool
    restarts: int
    waiting: bool
    terminated: bool
    reason: str
    message: str
    exit_code: int | None
    last_reason: str
    last_exit_code: int | None

    @property
    def key(self) -> str:
        """Names the container within its rollout."""
        return f"{self.pod}/{self.name}"

    @property
    def has_ended_well(self) -> bool:
        """Whether it is an init container that did its work."""
        return self.is_init and self.terminated and self.exit_code == 0

    @property
    def has_crashed(self) -> bool:
        """Whether it is down now because it ended, and will be or was started again."""
        down = self.terminated and not self.has_ended_well
        return down or (self.waiting and self.reason == "CrashLoopBackOff")

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether its last end was the kernel's."""
        return (self.reason if self.terminated else self.last_reason) == OUT_OF_MEMORY


def containers_of(pod: Object) -> Iterator[ContainerState]:
    """The containers as the kubelet reported them, init containers first; none before it did."""
    status = pod.get("status") or {}
    for field, is_init in (("initContainerStatuses", True), ("containerStatuses", False)):
        for reported in status.get(field) or []:
            yield _read(pod["metadata"]["name"], reported, is_init=is_init)


def template_hash_of(pod: Object) -> str:
    """Which version of its Deployment's template a pod was made from."""
    return labels_of(pod).get(TEMPLATE_HASH_LABEL, "")


def is_ready(pod: Object) -> bool:
    """Whether the pod gets traffic: ready, and not on its way out."""
    return not is_terminating(pod) and condition(pod, "Ready").get("status") == "True"


def is_active(pod: Object) -> bool:
    """Whether its ReplicaSet counts on it: neither on its way out nor ended for good, as evicted pods are."""
    phase = (pod.get("status") or {}).get("phase")
    return not is_terminating(pod) and phase not in {"Failed", "Succeeded"}


def is_terminating(pod: Object) -> bool:
    """Whether somebody asked for its deletion."""
    return "deletionTimestamp" in pod["metadata"]


def find_scheduling_problem(pod: Object) -> str | None:
    """Why no node takes the pod; None where one did or nobody tried yet."""
    scheduled = condition(pod, "PodScheduled")
    return scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else None


def condition(obj: Object, kind: str) -> Mapping[str, Any]:
    """The condition of that type; empty where there is none."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((item for item in conditions if item["type"] == kind), {})


def remember_pull_errors(known: Mapping[str, str], pods: list[Object]) -> dict[str, str]:
    """The last pull error of each container that can't pull.

    A kubelet tells the cause with ErrImagePull; many say only "Back-off pulling image" with the
    ImagePullBackOff that follows, so the cause has to be remembered between the two.
    """
    states = [state for pod in pods for state in containers_of(pod) if state.reason in PULL_REASONS]
    return {state.key: _pull_error(state, known) for state in states}


def is_image_missing(pull_error: str) -> bool:
    """Whether the registry said that there is no such image, which CI may still push."""
    return any(words in pull_error.lower() for words in _MISSING_IMAGE)


def _pull_error(state: ContainerState, known: Mapping[str, str]) -> str:
    tells_cause = state.reason == "ErrImagePull" or is_image_missing(state.message)
    return state.message if tells_cause else known.get(state.key, state.message)


def _read(pod: str, reported: Mapping[str, Any], *, is_init: bool) -> ContainerState:
    state = reported.get("state") or {}
    waiting, terminated = state.get("waiting"), state.get("terminated")
    detail = waiting or terminated or {}
    last = (reported.get("lastState") or {}).get("terminated") or {}
    return ContainerState(
        pod=pod,
        name=reported["name"],
        is_init=is_init,
        is_ready=bool(reported.get("ready")),
        restarts=reported.get("restartCount", 0),
        waiting=waiting is not None,
        terminated=terminated is not None,
        reason=detail.get("reason", ""),
        message=detail.get("message", ""),
        exit_code=detail.get("exitCode"),
        last_reason=last.get("reason", ""),
        last_exit_code=last.get("exitCode"),
    )
