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
SIGNALS_QUEUE: Final = "signals"
"""What is told outside: no stage, and in no stage's way."""


def stages_of(kind: JobKind, *, migrates: bool = False) -> tuple[Stage, ...]:
    """The stages of a job. ``migrates``: a decommission after which a contract migration may be due."""
    after = (Stage.MIGRATE,) if migrates and kind is JobKind.DECOMMISSION else ()
    return (*PLAN[kind], *after)


def celery_queue(kind: JobKind, stage: Stage | None = None) -> str:
    """Switches have a queue and a worker of their own: an emergency never waits for another app's rollout.

    Nor for a migration, which may take as long: so that is a release's work in whatever job it stands.
    """
    return RELEASES_QUEUE if kind is JobKind.DEPLOY or stage is Stage.MIGRATE else SWITCHES_QUEUE


def task_name(stage: Stage) -> str:
    """The Celery task that runs a stage, as Flower shows it."""
    return f"release.{stage}"
