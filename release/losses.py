"""What a switch needs and somebody took away: the route, a subset, the test entry. Pure, with its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from release.gitops import advise, tell_who
from release.model import Color, State
from release.tested import PROMOTABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from release.model import Release
    from release.observation import Observation
    from release.others import Writer


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that is gone, in words. ``wrote``: who wrote last to where it should stand."""

    mark: str
    what: str
    users: str
    way: str
    releases: tuple[Release, ...]
    wrote: Writer | None = None

    def tell(self, who: Writer | None) -> tuple[str, str, str]:
        """What happened, what users get, what to do."""
        return f"{tell_who(who)} {self.what}", self.users, f"{advise(who)}. Then {self.way}"


def find_losses(seen: Observation, releases: Sequence[Release]) -> Iterator[Loss]:
    """What is gone, the worst first; ``releases``: those on a color, whose pods are expected to run."""
    if not releases:
        return
    if not seen.has_route:
        yield _route(releases)
    elif seen.problem:
        yield _odd_route(seen, releases)
    else:
        users_first = sorted(releases, key=lambda one: one.color is not seen.default)
        yield from (_subset(seen, one) for one in users_first if find_missing_subset(seen, one.color))
        yield from (_test(seen, one) for one in releases if find_missing_test(seen, one))


def find_missing_subset(seen: Observation, color: Color) -> str:
    """That a color's subset is gone while its pods run, in words; empty where it stands or nobody looked."""
    if seen.subsets is None or color in seen.subsets or not seen.color(color).exists:
        return ""
    return f"the DestinationRule has no subset {color}"


def find_missing_test(seen: Observation, release: Release) -> str:
    """That the test entry of a release that may be promoted is gone; empty where it stands."""
    runs = seen.color(release.color)
    if release.state not in PROMOTABLE or runs.release != release.id or seen.test_route is release.color:
        return ""
    return f"the test entry of {release.tag} is gone from the route"


def named(release: Release) -> str:
    """A release as people know it."""
    return f"{release.tag} ({release.color})"


def _route(releases: Sequence[Release]) -> Loss:
    live = next((one for one in releases if one.state is State.LIVE), releases[-1])
    return Loss(
        mark="route-gone",
        what="deleted the app's VirtualService (the API server's audit log tells who deletes)",
        users="No request reaches a color through it: users get errors",
        way=(
            f"put it back, with {live.color} as the subset of its last http entry; or "
            f"`verdigris redeploy {live.id}` and promote that"
        ),
        releases=tuple(releases),
    )


def _odd_route(seen: Observation, releases: Sequence[Release]) -> Loss:
    return Loss(
        mark="route-odd",
        what="wrote a route that can't be switched",
        users="Users go where it leads, and no color is known to be live",
        way="bring its last http entry back to one destination with a subset",
        releases=tuple(releases),
        wrote=seen.route_writer,
    )


def _subset(seen: Observation, release: Release) -> Loss:
    color, missing = release.color, find_missing_subset(seen, release.color)
    if color is seen.default:
        users = f"Users get errors (503): {missing}"
        way = f"add the subset {color} with the labels `color: {color}` again; any deploy adds both as well"
    else:
        users = f"Users notice nothing; who tests {color} gets errors (503)"
        way = "go on: a promote, a rollback and a deploy put it back"
    return Loss(
        mark=f"subset-gone:{release.id}",
        what=f"took the subset {color} out of the DestinationRule, which {named(release)} needs",
        users=users,
        way=way,
        releases=(release,),
        wrote=seen.subsets_writer,
    )


def _test(seen: Observation, release: Release) -> Loss:
    return Loss(
        mark=f"test-entry-gone:{release.id}",
        what=f"took the test entry of {named(release)} out of the route",
        users=f"Users notice nothing; nobody can test {release.tag}, and its promote would be refused",
        way=f"`verdigris redeploy {release.id}` puts the entry back and tests {release.tag} anew",
        releases=(release,),
        wrote=seen.route_writer,
    )
