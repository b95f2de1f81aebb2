"""The stages of each kind of job, and which Celery queue carries them."""

from __future__ import annotations

from typing import Final

from release.model import JobKind, Stage

PLAN: Final[dict[JobKind, tuple[Stage, ...]]] = {
    JobKind.DEPLOY: (Stage.SANITY, Stage.DEPLOY, Stage.MIGRATE, Stage.SMOKE),
    JobKind.PROMOTE: (Stage.ACTIVATE,),
    JobKind.ROLLBACK: (Stage.ROLLBACK,),
    JobKind.DECOMMISSION: (Stage.DECOMMISSION,),
}

RELEASES_QUEUE: Final = "releases"
SWITCHES_QUEUE: Final = "switches"


def celery_queue(kind: JobKind) -> str:
    """Switches have a queue and a worker of their own: an emergency never waits for another app's rollout."""
    return RELEASES_QUEUE if kind is JobKind.DEPLOY else SWITCHES_QUEUE


def task_name(stage: Stage) -> str:
    """The Celery task that runs a stage, as Flower shows it."""
    return f"release.{stage}"
