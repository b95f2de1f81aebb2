"""Promote and rollback: from the HTTP call to the route switched in the cluster, beside the article's apply.

    python -m bench.switches [--samples N] [--markdown | --json]

The same app stands twice in one cluster; a watch tells when users are led to the other color. Everything that
Verdigris does before (a durable job, a worker, all checks) is in its time; the article's has none of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bench.article import Article, cleared
from bench.house import ARTICLE, NAMESPACE, Plan, house
from bench.measure import FEWEST_SAMPLES, Result, Row, by_turns, run
from bench.sight import Sight, leads_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.house import House

GOAL: Final = 0.25
TAGS: Final = ("v1-blue", "v2-green")


def measure(samples: int = FEWEST_SAMPLES, *, apps: int = 0) -> Result:
    """Promote to green and roll back to blue, and the same by kubectl, by turns."""
    with (
        house(Plan(TAGS, apps=apps)) as place,
        cleared(Article(place)),
        Sight(place.kubeconfig, "VirtualService", NAMESPACE) as ours,
        Sight(place.kubeconfig, "VirtualService", ARTICLE) as theirs,
    ):
        article = Article(place)
        green = prepare(place, article)
        promote, activate, rollback, back = by_turns(
            lambda: switch(place, ours, "promote", "green", release=green),
            lambda: watched(theirs, "green", lambda: article.activate("green")),
            lambda: switch(place, ours, "rollback", "blue"),
            lambda: watched(theirs, "blue", lambda: article.activate("blue")),
            samples=samples,
            rotate=False,
        )
    return Result(
        (
            Row("promote, from the call to the switched route", promote, activate, "ms", GOAL),
            Row("rollback, from the call to the switched route", rollback, back, "ms", GOAL),
        )
    )


def prepare(place: House, article: Article) -> str:
    """Blue is live, green is ready, on both sides; the id of green's release."""
    blue = place.deliver("v1-blue")
    place.finish(blue["job"])
    place.finish(place.post("apps/shop/promote", {})["job"]["id"])
    green = place.deliver("v2-green")
    place.finish(green["job"])
    for tag in TAGS:
        article.release(tag.rpartition("-")[2], tag=tag)
        if tag == TAGS[0]:
            article.activate("blue")
    # One of each that does not count: what is paid once is paid.
    place.finish(place.post("apps/shop/promote", {"release": green["release"]})["job"]["id"])
    place.finish(place.post("apps/shop/rollback", {})["job"]["id"])
    return str(green["release"])


def switch(place: House, sight: Sight, kind: str, color: str, *, release: str = "") -> float:
    """Milliseconds until users are led to the color; then the job's end is waited for."""
    sight.forget()
    began = time.perf_counter()
    told = place.post(f"apps/shop/{kind}", {"release": release} if release else {})
    seen = sight.when(leads_to(color), after=began)
    place.finish(told["job"]["id"])
    return 1000 * (seen - began)


def watched(sight: Sight, color: str, step: Callable[[], None]) -> float:
    """Milliseconds from the begin of a step until users are led to the color."""
    sight.forget()
    began = time.perf_counter()
    step()
    return 1000 * (sight.when(leads_to(color), after=began) - began)


if __name__ == "__main__":
    run(__doc__, measure)
