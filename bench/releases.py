"""A release's own time: webhook to `ready` less the pod's start, beside the article's script less it.

    python -m bench.releases [--samples N] [--markdown | --json]

Both deploy the same manifests to green, where nothing runs, while users are on blue. How long the pod takes
from its creation until it is ready is heard from the cluster, for each sample, and taken off.
"""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Final, Self

from bench.article import Article, cleared
from bench.house import ARTICLE, NAMESPACE, Plan, house
from bench.measure import FEWEST_SAMPLES, Figures, Result, Row, by_turns, run
from bench.sight import Sight, is_new, is_ready
from release.events import EventKind
from release.model import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from bench.house import House
    from release.store import Store

GOAL: Final = 0.4
WAIT: Final = 60.0


def measure(samples: int = FEWEST_SAMPLES) -> Result:
    """Release after release to green, and the same by the article's script, by turns."""
    tags = ("v0-blue", *(f"v{number}-green" for number in range(1, samples + 2)))
    with house(Plan(tags)) as place, cleared(Article(place)), Pods(place) as pods:
        article, numbers, other = Article(place), count(1), count(1)
        prepare(place, article)

        def ours_once() -> float:
            return pods.own_time(NAMESPACE, lambda: release(place, f"v{next(numbers)}-green"))

        def theirs_once() -> float:
            return pods.own_time(ARTICLE, lambda: article.release("green", tag=f"v{next(other)}-green"))

        ours_once(), theirs_once()  # what is paid once is paid
        pods.starts.clear()
        ours, theirs = by_turns(ours_once, theirs_once, samples=samples)
        starts = {name: Figures.of(found) for name, found in pods.starts.items()}
    note = (
        f"the pod's start, taken off: {starts[NAMESPACE]} ms beside {starts[ARTICLE]} ms in the article's"
        " namespace"
    )
    row = Row("a release's own time, webhook to ready less the pod's start", ours, theirs, "ms", GOAL)
    return Result((row,), (note,))


def prepare(place: House, article: Article) -> None:
    """Blue is live on both sides."""
    place.finish(place.deliver("v0-blue")["job"])
    place.finish(place.post("apps/shop/promote", {})["job"]["id"])
    article.release("blue", tag="v0-blue")
    article.activate("blue")


class Pods:
    """Hears when pods are created and ready, on both sides."""

    def __init__(self, place: House) -> None:
        self._article = Article(place)
        self._sights = {name: Sight(place.kubeconfig, "Pod", name) for name in (NAMESPACE, ARTICLE)}
        self.starts: dict[str, list[float]] = {}

    def __enter__(self) -> Self:
        for sight in self._sights.values():
            sight.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sight in self._sights.values():
            sight.__exit__(kind, error, trace)

    def own_time(self, namespace: str, step: Callable[[], object]) -> float:
        """Milliseconds of a step less those from the pod's creation until it was ready."""
        self._article.delete("green", namespace=namespace)
        sight = self._sights[namespace]
        sight.forget()
        began = time.perf_counter()
        step()
        took = time.perf_counter() - began
        created = sight.when(is_new, after=began)
        start = sight.when(is_ready, after=created) - created
        self.starts.setdefault(namespace, []).append(1000 * start)
        return 1000 * (took - start)


def release(place: House, tag: str) -> None:
    """Deliver a tag, and wait until its release is ready, as the stream of events tells it."""
    store = place.store()
    last = store.events.last_id()
    told = place.deliver(tag)
    _wait_until_ready(store, told["release"], last)


def _wait_until_ready(store: Store, release_id: str, last: str) -> None:
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        for event in store.events.read(after=last, wait=1):
            last = event.id
            if event.kind is EventKind.RELEASE and event.release_id == release_id:
                state = event.data["to"]
                if state == State.READY:
                    return
                if state in {State.FAILED, State.CANCELLED}:
                    raise RuntimeError(f"release {release_id}: {event.data}")
    raise RuntimeError(f"release {release_id} is not ready after {WAIT:.0f} s")


if __name__ == "__main__":
    run(__doc__, measure)
