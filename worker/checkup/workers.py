"""Workers: somebody has to take jobs from each of the two queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.plan import RELEASES_QUEUE, SWITCHES_QUEUE
from worker.checkup.lines import failed, ok, unseen
from worker.roll_call import NotAsked, call_roll

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.checkup.lines import Line

WAITING: Final = {
    RELEASES_QUEUE: "deploys wait",
    SWITCHES_QUEUE: "promote, rollback and decommission wait",
}
SHOWN: Final = 5


def look_at_workers(redis_url: str, ask: Callable[[str], Mapping[str, list[str]]] = call_roll) -> list[Line]:
    """A line for each queue."""
    try:
        present = ask(redis_url)
    except NotAsked as error:
        return tell_unasked(str(error))
    return [_judge(queue, present.get(queue, [])) for queue in WAITING]


def tell_unasked(why: str) -> list[Line]:
    """They are asked through Redis, and that does not work."""
    fix = "mend Redis first, then ask again"
    return [unseen(f"workers of {queue}", why, fix=fix) for queue in WAITING]


def _judge(queue: str, workers: list[str]) -> Line:
    about = f"workers of {queue}"
    if not workers:
        fix = (
            f"`verdigris worker --queues {queue}`; in a cluster `kubectl -n verdigris get pods` tells why not"
        )
        return failed(about, f"none answers: {WAITING[queue]}", fix=fix)
    rest = f" and {len(workers) - SHOWN} more" if len(workers) > SHOWN else ""
    return ok(about, f"{len(workers)}: {', '.join(workers[:SHOWN])}{rest}")
