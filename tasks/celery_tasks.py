"""The Celery tasks: one per stage, named as Flower shows them, each a thin cover over ``run_stage``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from celery.exceptions import Ignore, TaskRevokedError
from celery.states import REVOKED

from release.model import Stage
from release.plan import task_name
from release.turn import LostTurn
from tasks.activate import activate
from tasks.decommission import decommission
from tasks.deploy import deploy
from tasks.execution import NotClaimed, StageCancelled, StageFailed, Work, run_stage
from tasks.migrate import migrate
from tasks.rollback import rollback
from tasks.sanity import sanity
from tasks.smoke import smoke

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from celery import Celery, Task

    from tasks.step import Surroundings

WORK: Final[dict[Stage, Work]] = {
    Stage.SANITY: sanity,
    Stage.DEPLOY: deploy,
    Stage.MIGRATE: migrate,
    Stage.SMOKE: smoke,
    Stage.ACTIVATE: activate,
    Stage.ROLLBACK: rollback,
    Stage.DECOMMISSION: decommission,
}


def register(
    app: Celery, surroundings: Callable[[], Surroundings], *, work: Mapping[Stage, Work] = WORK
) -> None:
    """Add a task for each stage; ``surroundings`` is asked when one runs, in the process that runs it."""
    for stage, done in work.items():
        _register(app, stage, done, surroundings)


def _register(app: Celery, stage: Stage, work: Work, surroundings: Callable[[], Surroundings]) -> None:
    # ``throws``: ends that the release's log tells in full are no errors of the worker. Not ``shared``: an
    # application that only sends knows no tasks.
    @app.task(bind=True, shared=False, name=task_name(stage), throws=(StageFailed, StageCancelled))
    def run(self: Task[Any, Any], /, *, job: str, index: int, fence: int, **_shown: str | None) -> str:
        owner = self.request.id or ""
        try:
            return run_stage(surroundings(), work, job_id=job, index=index, fence=fence, owner=owner)
        except (NotClaimed, LostTurn) as reason:
            # Ends this message's chain; the one that holds the claim goes on. Flower shows it as revoked.
            # An exception, as that state's result has to be: readers of anything else fail.
            revoked = TaskRevokedError(str(reason))
            self.backend.store_result(owner, revoked, REVOKED, request=self.request)
            raise Ignore(str(reason)) from reason

    run.__doc__ = work.__doc__
