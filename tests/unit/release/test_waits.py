"""The words for a stage that no worker takes. How waits are found is in ``tests/contract``."""

from __future__ import annotations

import pytest

from release.model import JobKind, Stage
from release.waits import tell_not_taken


@pytest.mark.parametrize(
    ("kind", "stage", "queue"),
    [
        (JobKind.DEPLOY, Stage.SMOKE, "releases"),
        (JobKind.ROLLBACK, Stage.ROLLBACK, "switches"),
        (JobKind.DECOMMISSION, Stage.MIGRATE, "releases"),
    ],
)
def test_it_says_which_workers_are_missing_and_how_to_start_one(
    kind: JobKind, stage: Stage, queue: str
) -> None:
    assert tell_not_taken(kind, stage, 61.4) == (
        f"{stage} has waited for a worker for 61 s: all that serve {queue} are busy, or none runs."
        f" Start another: verdigris worker --queues {queue}"
    )
