"""Every queue: what runs, what waits for its turn or for a worker, what is held, what is yet to start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from release.model import JobState
from release.roles import Action
from webhook.cookie_page import pages
from webhook.guard import Scope, needs
from webhook.overview import QueueRow, queue_rows
from webhook.pages import make_page
from webhook.rights import is_allowed
from webhook.services import services

if TYPE_CHECKING:
    from flask import Response

    from release.standing_queues import StandingQueue

__all__ = ["pages"]


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue's first jobs, and how many ``more`` there are."""

    name: str
    rows: tuple[QueueRow, ...]
    more: int


@pages.get("/queue")
@needs(Action.READ, scope=Scope.SEEN)
def show_queues() -> Response:
    """Those queues that have a job of an app that the person may see."""
    seen = [queue for queue in services().store.queues.read() if is_seen(queue)]
    busiest_first = sorted(map(view_queue, seen), key=lambda view: (not _runs(view), view.name))
    return make_page("queue", queues=busiest_first)


def is_seen(queue: StandingQueue) -> bool:
    """Whether anything in it is for this person to see."""
    jobs = (*queue.jobs, *queue.held, *queue.starting)
    return any(is_allowed(Action.READ, job.app) for job in jobs)


def view_queue(queue: StandingQueue) -> QueueView:
    """In the order in which a queue is told: its jobs, those held, those that are yet to start."""
    beside = [(0, job) for job in (*queue.held, *queue.starting)]
    rows = queue_rows([*enumerate(queue.jobs), *beside], services().settings.clock())
    return QueueView(queue.name, rows, queue.length - len(queue.jobs))


def _runs(view: QueueView) -> bool:
    return any(row.job.state is not JobState.WAITING for row in view.rows)
