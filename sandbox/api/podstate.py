"""The state of a pod in one word, as `kubectl get pods` shows it: what is wrong, else its phase."""

from datetime import datetime

from sandbox.api.durations import format_age
from sandbox.store import Json, Object


def count_ready(pod: Object) -> tuple[int, int]:
    """How many containers are ready, and how many there are."""
    statuses = _statuses(pod)
    total = len(pod["spec"].get("containers") or [])
    return sum(bool(status.get("ready")) for status in statuses), total


def describe_state(pod: Object) -> str:
    """`Running`, `CrashLoopBackOff`, `Terminating` ..."""
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for status in reversed(_statuses(pod)):
        reason = _describe_container(status.get("state") or {})
        if reason:
            return reason
    state = pod.get("status") or {}
    return str(state.get("reason") or state.get("phase") or "Unknown")


def describe_restarts(pod: Object, now: datetime) -> Json:
    """How often containers were restarted, and how long ago the last time was."""
    statuses = _statuses(pod)
    restarts = sum(status.get("restartCount", 0) for status in statuses)
    ends = [
        status["lastState"]["terminated"]["finishedAt"]
        for status in statuses
        if (status.get("lastState") or {}).get("terminated", {}).get("finishedAt")
    ]
    return f"{restarts} ({format_age(max(ends), now)} ago)" if restarts and ends else str(restarts)


def _statuses(pod: Object) -> list[Object]:
    found: list[Object] = (pod.get("status") or {}).get("containerStatuses") or []
    return found


def _describe_container(state: Object) -> str | None:
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting and waiting.get("reason"):
        return str(waiting["reason"])
    if ended:
        return str(ended.get("reason") or f"ExitCode:{ended.get('exitCode')}")
    return None
