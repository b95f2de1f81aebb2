"""What a pod says of itself: phase, conditions and the states of its containers, worded as by a kubelet.

Pure: the facts come in, the status goes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.store import Object

ADDRESS = "127.0.0.1"
CREATING: Object = {"waiting": {"reason": "ContainerCreating"}}
# What the kubelet says of a container that has never been, when its pod ends.
LOST: Object = {
    "terminated": {
        "exitCode": 137,
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was terminated",
        "startedAt": None,
        "finishedAt": None,
    }
}


@dataclass
class ContainerRecord:
    """The facts about one container of a pod."""

    name: str
    image: str
    resources: Object = field(default_factory=dict)
    state: Object = field(default_factory=lambda: dict(CREATING))
    last_state: Object = field(default_factory=dict)
    restarts: int = 0
    is_ready: bool = False
    is_started: bool = False
    image_id: str = ""
    container_id: str = ""

    def describe(self) -> Object:
        """The container's entry in status.containerStatuses."""
        status: Object = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.is_ready,
            "restartCount": self.restarts,
            "image": self.image,
            "imageID": self.image_id,
        }
        if self.container_id:
            status["containerID"] = self.container_id
        status["started"] = self.is_started
        if self.container_id:
            status["resources"] = self.resources
        return status


@dataclass(frozen=True)
class PodFacts:
    """The facts about a pod that its containers don't tell. `address`: empty while it has no network."""

    started: str
    address: str = ADDRESS
    is_ended: bool = False


def build_status(pod: Object, facts: PodFacts, containers: Sequence[ContainerRecord], *, now: str) -> Object:
    """The status of a pod that a node has accepted."""
    before = pod.get("status") or {}
    phase = find_phase(pod["spec"].get("restartPolicy", "Always"), containers, is_ended=facts.is_ended)
    status: Object = {
        "observedGeneration": _generation(pod),
        "phase": phase,
        "conditions": _conditions(pod, facts, containers, phase=phase, now=now),
        "hostIP": ADDRESS,
        "hostIPs": [{"ip": ADDRESS}],
    }
    if address := facts.address or before.get("podIP"):
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    status |= {"startTime": facts.started, "containerStatuses": [item.describe() for item in containers]}
    return status | {"qosClass": before.get("qosClass", "BestEffort"), "resources": {}}


def find_phase(policy: str, containers: Sequence[ContainerRecord], *, is_ended: bool) -> str:
    """The phase that follows from the containers' states.

    `is_ended`: the pod is over whatever its restart policy says, because it is being deleted.
    """
    if not is_ended:
        if any("waiting" in item.state and not item.last_state for item in containers):
            return "Pending"
        restarting = any("waiting" in item.state for item in containers) or policy == "Always"
        if restarting or any("running" in item.state for item in containers):
            return "Running"
    codes = [item.state.get("terminated", {}).get("exitCode") for item in containers]
    if all(code == 0 for code in codes):
        return "Succeeded"
    return "Failed" if is_ended or policy == "Never" else "Running"


def _generation(pod: Object) -> int:
    return int(pod["metadata"].get("generation", 1))


def grace_period(pod: Object) -> float:
    """Seconds from TERM to KILL: what its deletion says, else what its spec says."""
    if "deletionGracePeriodSeconds" in pod["metadata"]:
        return float(pod["metadata"]["deletionGracePeriodSeconds"])
    return float(pod["spec"].get("terminationGracePeriodSeconds", 30))


def _conditions(
    pod: Object, facts: PodFacts, containers: Sequence[ContainerRecord], *, phase: str, now: str
) -> list[Object]:
    """The five conditions of a pod, in the kubelet's order; a transition time moves only with its status."""
    unready = [item.name for item in containers if not item.is_ready]
    wanted = {
        "PodReadyToStartContainers": _verdict(is_true=bool(facts.address)),
        "Initialized": _verdict(is_true=True),
        "Ready": _readiness(unready, phase),
        "ContainersReady": _readiness(unready, phase),
        "PodScheduled": _verdict(is_true=True),
    }
    old = {condition["type"]: condition for condition in (pod.get("status") or {}).get("conditions") or ()}
    return [
        build_condition(kind, verdict, old=old.get(kind), generation=_generation(pod), now=now)
        for kind, verdict in wanted.items()
    ]


def _verdict(*, is_true: bool) -> Object:
    return {"status": "True" if is_true else "False"}


def _readiness(unready: list[str], phase: str) -> Object:
    if not unready:
        return _verdict(is_true=True)
    if phase == "Succeeded":
        return _verdict(is_true=False) | {"reason": "PodCompleted"}
    message = f"containers with unready status: [{' '.join(unready)}]"
    return _verdict(is_true=False) | {"reason": "ContainersNotReady", "message": message}


def build_condition(
    kind: str, verdict: Object, *, old: Object | None, now: str, generation: int | None = None
) -> Object:
    """A pod's condition; its transition time is the old one's unless the status has changed."""
    is_same = old is not None and old["status"] == verdict["status"]
    condition: Object = {"type": kind}
    if generation is not None:
        condition["observedGeneration"] = generation
    condition |= {"status": verdict["status"], "lastProbeTime": None}
    condition["lastTransitionTime"] = old["lastTransitionTime"] if is_same and old else now
    return condition | {field: verdict[field] for field in ("reason", "message") if field in verdict}


def waiting(reason: str, message: str = "") -> Object:
    """The state of a container that is yet to run."""
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def terminated(code: int, *, started: str, finished: str, container_id: str, **more: Any) -> Object:  # noqa: ANN401 -- any JSON value
    """The state of a container that has run. `code`: as Unix has it; a signal is 128 and its number."""
    reason = "Completed" if code == 0 else "Error"
    times = {"startedAt": started, "finishedAt": finished, "containerID": container_id}
    return {"terminated": {"exitCode": code, "reason": reason} | more | times}


def format_duration(seconds: float) -> str:
    """A duration as Go prints it, as far as back-offs need it: 500ms, 1s, 10s."""
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"
