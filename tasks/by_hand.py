"""The commands that do a release's promote by hand, and undo it: recorded while the route is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluster.by_hand import command_for, patch_by_hand
from cluster.errors import ClusterError
from cluster.objects import find
from cluster.route import Known, notes_of
from release.model import DIRECT, Actor, Color, JobKind
from release.names import name_of_test_entry
from release.observation import Switch
from tasks.ahead import begin_look
from tasks.routing import glance, understand_route
from tasks.signature import SIGNATURE
from tasks.targets import targets_of

if TYPE_CHECKING:
    from cluster.kinds import Object
    from tasks.step import Act, Step

BY_HAND: Final = Actor(DIRECT, "kubectl")


def record_commands(step: Step) -> None:
    """Keep both with the release whose test entry stands: no other's would be accepted by the cluster.

    Never an end of the stage: what it was for has been done.
    """
    try:
        now = step.at_once()
        begin_look(now)
        standing = find(now.cluster, targets_of(step).virtual_service)
    except ClusterError as error:
        step.tell(f"the commands to switch by hand were not recorded: {error.message}")
        return
    if standing is None:
        return
    route = understand_route(now, standing)
    if isinstance(route, Known) and route.test_color is step.color:
        promote, rollback = commands(now, standing, route)
        step.move(by_hand_promote=promote, by_hand_rollback=rollback)


def commands(act: Act, standing: Object, route: Known) -> tuple[str, str]:
    """The command that moves users to the act's release, and the one that moves them back; "" where none."""
    own = act.get_release().id
    other = find_other(act, route)
    forth = command(act, standing, act.color, live=own, previous=other or "", kind=JobKind.PROMOTE)
    if not other:
        return forth, ""
    back = command(act, standing, act.color.other, live=other, previous=own, kind=JobKind.ROLLBACK)
    return forth, back


def find_other(act: Act, route: Known) -> str | None:
    """The release on the other color, if users are on it or were: by what runs there.

    The route's own notes are those of our last switch: somebody else may have moved users since, and who runs
    there then is not who they name. Where nobody was moved or adopted yet there is no way back.
    """
    found = glance(act, act.color.other)
    if not route.live_release or found is None or not found.tag:
        return None
    is_way_back = route.live is act.color.other or found.release == route.previous_release
    return found.release if is_way_back else None


def command(act: Act, standing: Object, color: Color, *, live: str, previous: str, kind: JobKind) -> str:
    """One switch by hand; "" where the route has no test entry to hold it to."""
    patch = patch_by_hand(
        standing,
        color,
        test_entry=name_of_test_entry(act.name),
        signature=(SIGNATURE, act.get_release().id),
        notes=notes_of(live=live, previous=previous, switch=Switch(kind, BY_HAND, "by hand")),
    )
    return command_for(patch, targets_of(act).virtual_service, context=act.app.context) if patch else ""
