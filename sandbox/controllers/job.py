"""Jobs: pods that end, until enough of them ended well, or too many did not.

What a real controller does beyond that is left out: indexes, policies for failures and successes, the
finalizer by which it counts pods that somebody deletes. Pauses between two tries are shorter.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sandbox.controllers.ownership import (
    JOBS,
    PODS,
    find_condition,
    find_maker,
    is_active,
    is_deleting,
    is_ready,
    pods_of,
    request_deletion,
)
from sandbox.controllers.queue import Key, Queue
from sandbox.controllers.quota import find_refusal
from sandbox.controllers.template import build_pod
from sandbox.recorder import Recorder
from sandbox.store import Event, Object, Store, format_time

_UID_LABELS = ("batch.kubernetes.io/controller-uid", "controller-uid")
_FIRST_PAUSE = timedelta(seconds=0.5)  # a real one's is 10 s, doubled each time
_LONGEST_PAUSE = timedelta(seconds=10)
_QUOTA_PAUSE = 1.0
_SUCCESS = ("CompletionsReached", "Reached expected number of succeeded pods")
_TOO_MANY_FAILURES = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_TOO_LATE = ("DeadlineExceeded", "Job was active longer than specified deadline")


class JobController:
    """Creates pods, counts how they end, and says when the Job is over."""

    name = "job"

    def __init__(self, store: Store, queue: Queue, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._recorder = Recorder(store, "job-controller", clock=clock)

    def concerned(self, event: Event) -> Iterable[Key]:
        """The Job itself, or that of a pod."""
        if maker := find_maker(event, JOBS, kind="Job"):
            yield maker

    def reconcile(self, key: Key) -> None:
        """Take the next steps: end it, create pods or take some away, report; later, clear it away."""
        job = self._store.find(*key)
        if job is None or is_deleting(job):
            return
        if not is_over(job):
            self._go_on(key, job)
        if is_over(job):
            self._expire(key, job)

    def _go_on(self, key: Key, job: Object) -> None:
        pods = pods_of(self._store, job)
        verdict = self._judge(key, job, pods)
        active = [pod for pod in pods if is_active(pod)]
        if verdict is not None:
            self._delete(job, active)
        elif not job["spec"].get("suspend"):
            self._create(key, job, pods, active)
        self._report(job, verdict)

    def _judge(self, key: Key, job: Object, pods: Sequence[Object]) -> tuple[str, str] | None:
        """Why the Job is over: reason and message; None while it goes on."""
        spec = job["spec"]
        if count_phase(pods, "Succeeded") >= spec["completions"]:
            return _SUCCESS
        if count_failures(pods) > spec["backoffLimit"]:
            return _TOO_MANY_FAILURES
        limit, started = spec.get("activeDeadlineSeconds"), (job.get("status") or {}).get("startTime")
        if limit is None or not started:
            return None
        rest = datetime.fromisoformat(started) + timedelta(seconds=limit) - self._clock()
        if rest > timedelta():
            self._queue.add_later(self.name, key, rest.total_seconds())
            return None
        return _TOO_LATE

    def _create(self, key: Key, job: Object, pods: Sequence[Object], active: Sequence[Object]) -> None:
        spec = job["spec"]
        missing = min(spec["parallelism"], spec["completions"] - count_phase(pods, "Succeeded")) - len(active)
        if missing <= 0:
            return
        pause = self._find_pause(pods)
        if pause > timedelta():
            self._queue.add_later(self.name, key, pause.total_seconds())
            return
        for _ in range(missing):
            pod = _build_pod(job)
            if refusal := find_refusal(self._store, pod):
                message = f"Error creating: {refusal}"
                self._recorder.record(JOBS, job, "FailedCreate", message, warning=True)
                self._queue.add_later(self.name, key, _QUOTA_PAUSE)
                return
            name = self._store.create(PODS, pod)["metadata"]["name"]
            self._recorder.record(JOBS, job, "SuccessfulCreate", f"Created pod: {name}")

    def _find_pause(self, pods: Sequence[Object]) -> timedelta:
        """How long to wait after the last failure; each one doubles it."""
        failed = [pod for pod in pods if _phase(pod) == "Failed"]
        if not failed:
            return timedelta()
        pause: timedelta = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (len(failed) - 1))
        return max(_ended_at(pod) for pod in failed) + pause - self._clock()

    def _delete(self, job: Object, active: Sequence[Object]) -> None:
        for pod in active:
            request_deletion(self._store, PODS, pod, now=self._clock())
            self._recorder.record(JOBS, job, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")

    def _report(self, job: Object, verdict: tuple[str, str] | None) -> None:
        pods, now = pods_of(self._store, job), format_time(self._clock())
        active = [pod for pod in pods if is_active(pod)]
        before = job.get("status") or {}
        counts = {
            "active": 0 if verdict else len(active),
            "succeeded": count_phase(pods, "Succeeded"),
            "failed": count_phase(pods, "Failed"),
        }
        status: Object = {name: count for name, count in counts.items() if count}
        status |= {"ready": 0 if verdict else sum(map(is_ready, active)), "terminating": 0}
        status |= {"startTime": before.get("startTime") or now, "uncountedTerminatedPods": {}}
        if verdict:
            status |= self._ending(job, verdict, now)
        job["status"] = status
        self._store.update(JOBS, job)

    def _ending(self, job: Object, verdict: tuple[str, str], now: str) -> Object:
        reason, message = verdict
        kinds = ("SuccessCriteriaMet", "Complete") if verdict == _SUCCESS else ("FailureTarget", "Failed")
        common = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        conditions = [{"type": kind, **common, "reason": reason, "message": message} for kind in kinds]
        if verdict == _SUCCESS:
            self._recorder.record(JOBS, job, "Completed", "Job completed")
            return {"conditions": conditions, "completionTime": now}
        self._recorder.record(JOBS, job, reason, message, warning=True)
        return {"conditions": conditions}

    def _expire(self, key: Key, job: Object) -> None:
        """Delete it with its pods when its time after the end is over, where it has one."""
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        ended = next(filter(None, (find_condition(job, kind) for kind in ("Complete", "Failed"))))
        until = datetime.fromisoformat(ended["lastTransitionTime"]) + timedelta(seconds=seconds)
        rest = until - self._clock()
        if rest > timedelta():
            self._queue.add_later(self.name, key, rest.total_seconds())
        else:
            request_deletion(self._store, JOBS, job, now=self._clock(), foreground=True)


def is_over(job: Object) -> bool:
    """Whether the Job has ended, well or badly."""
    return any(find_condition(job, kind) for kind in ("Complete", "Failed"))


def count_phase(pods: Sequence[Object], phase: str) -> int:
    """How many pods have ended so."""
    return sum(_phase(pod) == phase for pod in pods)


def count_failures(pods: Sequence[Object]) -> int:
    """What counts against the back-off limit: pods that failed, and restarts of containers in the others."""
    others = [pod for pod in pods if _phase(pod) in {"Pending", "Running"}]
    statuses = [one for pod in others for one in (pod.get("status") or {}).get("containerStatuses") or ()]
    return count_phase(pods, "Failed") + sum(int(one.get("restartCount", 0)) for one in statuses)


def _build_pod(job: Object) -> Object:
    pod = build_pod(job, api_version="batch/v1", kind="Job")
    pod["metadata"]["labels"] |= dict.fromkeys(_UID_LABELS, job["metadata"]["uid"])
    return pod


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase"))


def _ended_at(pod: Object) -> datetime:
    """When its last container ended; in a pod that never ran, when it was created."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ends = [((one.get("state") or {}).get("terminated") or {}).get("finishedAt") for one in statuses]
    return datetime.fromisoformat(max(filter(None, ends), default=pod["metadata"]["creationTimestamp"]))
