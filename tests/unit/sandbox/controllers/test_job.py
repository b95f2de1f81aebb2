import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.api.defaults import set_defaults
from sandbox.api.resources import get_resource
from sandbox.controllers.job import JobController
from sandbox.controllers.queue import Key, Queue
from sandbox.store import Object, Store, format_time

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEY = Key("jobs.batch", "shop", "migrate")


class Desk:
    """A controller over a store, with one Job, and a clock that the test holds."""

    def __init__(self, **spec: object) -> None:
        self.now = NOW
        self.store = Store(clock=lambda: self.now)
        self.queue = Queue()
        self.controller = JobController(self.store, self.queue, lambda: self.now)
        template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "shop:v1"}]}}
        job: Object = {
            "metadata": {"name": KEY.name, "namespace": KEY.namespace},
            "spec": {"template": template, **spec},
        }
        self.store.create(KEY.resource, set_defaults(get_resource(KEY.resource), job))

    def reconcile(self) -> Object:
        self.controller.reconcile(KEY)
        return dict(self.store.get(*KEY)["status"])

    def pods(self) -> list[Object]:
        return self.store.list("pods")

    def end(self, pod: Object, phase: str, *, restarts: int = 0) -> None:
        """A pod ends, or goes on, as its node tells it."""
        ended = {"terminated": {"exitCode": 0, "finishedAt": format_time(self.now)}}
        status = {"name": "app", "state": ended, "restartCount": restarts}
        pod["status"] = {"phase": phase, "containerStatuses": [status]}
        self.store.update("pods", pod)

    def job(self) -> Object:
        return self.store.get(*KEY)


def conditions(status: Object) -> list[tuple[str, str]]:
    return [(one["type"], one["reason"]) for one in status.get("conditions", [])]


def run(desk: Desk, *phases: str) -> Object:
    """Each pod that is made ends so; the status after that."""

    async def play() -> Object:
        status = desk.reconcile()
        for phase in phases:
            desk.end(desk.pods()[-1], phase)
            desk.now += timedelta(seconds=30)
            status = desk.reconcile()
        return status

    return asyncio.run(play())


def test_a_pod_is_made_from_the_template_and_found_by_its_labels() -> None:
    desk = Desk()

    status = run(desk)

    (pod,) = desk.pods()
    uid = desk.job()["metadata"]["uid"]
    assert pod["metadata"]["labels"] == {
        "batch.kubernetes.io/job-name": "migrate",
        "job-name": "migrate",
        "batch.kubernetes.io/controller-uid": uid,
        "controller-uid": uid,
    }
    assert pod["metadata"]["name"].startswith("migrate-")
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "Job"
    assert status == {
        "active": 1,
        "ready": 0,
        "terminating": 0,
        "startTime": format_time(NOW),
        "uncountedTerminatedPods": {},
    }


def test_one_that_ended_well_completes_it() -> None:
    desk = Desk()

    status = run(desk, "Succeeded")

    assert conditions(status) == [
        ("SuccessCriteriaMet", "CompletionsReached"),
        ("Complete", "CompletionsReached"),
    ]
    assert (status["succeeded"], status["completionTime"]) == (1, format_time(desk.now))
    assert "active" not in status
    assert len(desk.pods()) == 1


def test_as_many_as_are_wanted_have_to_end_well() -> None:
    desk = Desk(completions=2)

    assert conditions(run(desk, "Succeeded")) == []
    assert len(desk.pods()) == 2


def test_a_failure_beyond_the_limit_fails_it() -> None:
    desk = Desk(backoffLimit=1)

    status = run(desk, "Failed")
    assert conditions(status) == []
    assert (status["failed"], status["active"]) == (1, 1)

    desk.end(next(pod for pod in desk.pods() if pod["status"]["phase"] == "Pending"), "Failed")
    status = run(desk)
    assert conditions(status) == [
        ("FailureTarget", "BackoffLimitExceeded"),
        ("Failed", "BackoffLimitExceeded"),
    ]
    assert status["failed"] == 2
    assert "completionTime" not in status


def test_restarts_of_containers_count_as_well() -> None:
    desk = Desk(backoffLimit=1)
    run(desk)

    desk.end(desk.pods()[0], "Running", restarts=2)
    status = run(desk)

    assert conditions(status)[-1] == ("Failed", "BackoffLimitExceeded")
    assert desk.pods() == []


def test_after_a_failure_there_is_a_pause() -> None:
    desk = Desk()

    async def play() -> None:
        desk.reconcile()
        desk.end(desk.pods()[0], "Failed")
        desk.reconcile()
        assert len(desk.pods()) == 1
        desk.now += timedelta(seconds=1)
        desk.reconcile()
        assert len(desk.pods()) == 2
        desk.queue.close()

    asyncio.run(play())


def test_one_that_takes_too_long_fails_and_its_pods_go() -> None:
    desk = Desk(activeDeadlineSeconds=10)

    async def play() -> Object:
        desk.reconcile()
        desk.reconcile()
        desk.now += timedelta(seconds=11)
        status = desk.reconcile()
        desk.queue.close()
        return status

    assert conditions(asyncio.run(play()))[-1] == ("Failed", "DeadlineExceeded")
    assert desk.pods() == []


def test_while_it_is_suspended_nothing_runs() -> None:
    desk = Desk(suspend=True)

    run(desk)

    assert desk.pods() == []


def test_a_quota_that_leaves_no_room_is_told_and_tried_again() -> None:
    desk = Desk()
    quota = {"metadata": {"name": "small", "namespace": "shop"}, "spec": {"hard": {"pods": "0"}}}
    desk.store.create("resourcequotas", quota)

    async def play() -> None:
        desk.reconcile()
        desk.queue.close()

    asyncio.run(play())

    assert desk.pods() == []
    (event,) = desk.store.list("events")
    assert event["reason"] == "FailedCreate"
    assert "exceeded quota: small" in event["message"]


@pytest.mark.parametrize(("seconds", "is_gone"), [(None, False), (3600, False), (30, True)])
def test_one_that_is_over_goes_after_its_time(seconds: int | None, *, is_gone: bool) -> None:
    desk = Desk() if seconds is None else Desk(ttlSecondsAfterFinished=seconds)

    async def play() -> None:
        desk.reconcile()
        desk.end(desk.pods()[0], "Succeeded")
        desk.reconcile()
        desk.now += timedelta(seconds=31)
        desk.reconcile()
        desk.queue.close()

    asyncio.run(play())

    assert ("deletionTimestamp" in desk.job()["metadata"]) is is_gone


def test_it_hears_of_itself_and_of_its_pods() -> None:
    desk = Desk()
    heard: list[Key] = []
    desk.store.subscribe(lambda event: heard.extend(desk.controller.concerned(event)))

    run(desk, "Succeeded")
    desk.store.create("pods", {"metadata": {"name": "other", "namespace": "shop"}, "spec": {}})

    assert heard
    assert set(heard) == {KEY}
