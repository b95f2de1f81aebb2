"""The words for a stage that no worker takes. How waits are found is in ``tests/contract``."""

from __future__ import annotations

import pytest

from release.model import JobKind, Stage
from release.waits import tell_not_taken


@pytest.mark.parametrize(
    ("kind", "stage", "queue", "first"),
    [
        (JobKind.DEPLOY, Stage.SMOKE, "releases", ""),
        (
            JobKind.ROLLBACK,
            Stage.ROLLBACK,
            "switches",
            "`verdigris rollback shop --direct` moves users back without one; ",
        ),
        (JobKind.DECOMMISSION, Stage.MIGRATE, "releases", ""),
    ],
)
def test_it_says_which_workers_are_missing_and_what_helps(
    kind: JobKind, stage: Stage, queue: str, first: str
) -> None:
    assert tell_not_taken("shop", kind, stage, 61.4) == (
        f"{stage} has waited for a worker for 61 s: all that serve {queue} are busy, or none runs."
        f" What helps: {first}`verdigris worker --queues {queue}` starts another worker"
    )
