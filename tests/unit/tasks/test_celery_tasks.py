"""The Celery tasks are thin: they run a stage, and say to Celery how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from celery import Celery
from celery.exceptions import Ignore

from release.model import Stage
from tasks.celery_tasks import WORK, register
from tasks.execution import StageCancelled, StageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.step import Surroundings

ASKED = {"job": "job-1", "index": 1, "fence": 7, "release": "rel-1", "app": "shop", "tag": "v1-blue"}


@pytest.fixture
def app() -> Iterator[Celery]:
    made = Celery("test", broker="memory://", backend="cache+memory://", set_as_current=False)
    yield made
    made.close()


@dataclass
class UnknownJobs:
    """A store that was emptied."""

    def find_job(self, job_id: str) -> None:
        assert job_id == "job-1"


def test_each_stage_has_a_task_that_tells_what_it_does(app: Celery) -> None:
    register(app, lambda: pytest.fail("nothing is made before a task runs"))

    for stage in Stage:
        task = app.tasks[f"release.{stage}"]
        assert task.__doc__ == WORK[stage].__doc__


def test_ends_that_the_log_tells_are_no_errors_of_the_worker(app: Celery) -> None:
    """Celery logs these in a line; every other exception with its traceback."""
    register(app, lambda: pytest.fail("nothing is made before a task runs"))

    assert app.tasks["release.deploy"].throws == (StageFailed, StageCancelled)


def test_a_message_that_has_no_claim_is_revoked_and_ends_its_chain(app: Celery) -> None:
    around = SimpleNamespace(store=UnknownJobs())
    register(app, lambda: cast("Surroundings", around))
    task: Any = app.tasks["release.deploy"]
    task.push_request(id="rel-1.1-deploy.f7.aa")

    try:
        with pytest.raises(Ignore, match="job-1 is not known"):
            task.run(**ASKED)
    finally:
        task.pop_request()

    found = app.AsyncResult("rel-1.1-deploy.f7.aa")
    assert str(found.state) == "REVOKED"
    assert "job-1 is not known" in str(found.result)
