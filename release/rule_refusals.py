"""Refusals by an app's rules, with their words: freezes, approvals, a promote that was stopped.

Those of everything else are in ``refusals``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from release.model import State
from release.problems import Problem
from release.tag import shown

if TYPE_CHECKING:
    from release.freezes import Frozen
    from release.model import Actor, Release


def app_frozen(release: Release, frozen: Frozen) -> Problem:
    """A promote, or a start by hand, in a freeze, without the right or the reason to go past it."""
    why = f" ({frozen.reason})" if frozen.reason else ""
    then = "it goes on by itself then" if release.state is State.WAITING else "promote it then"
    return Problem(
        "app-frozen",
        "The app is frozen",
        detail=f"{release.app}: until {frozen.tell_end()}{why}; {_named(release)} stays {release.state}",
        next_step=f"{then}, or override the freeze with a reason; a rollback is never frozen",
    )


def approvals_missing(release: Release, missing: int) -> Problem:
    """A promote before enough people have said yes."""
    return Problem(
        "approvals-missing",
        "Approvals are missing",
        detail=f"{release.app}: {_named(release)} needs {missing} more",
        next_step="let somebody who may promote, and did not push the tag, approve it",
    )


def rejected(release: Release, by: Actor) -> Problem:
    """Nothing is said to a rejected release any more, and it is not promoted."""
    return Problem(
        "release-rejected",
        "The release was rejected",
        detail=f"{release.app}: {_named(release)} was rejected by {shown(str(by))}, and that is final",
        next_step="push a new tag with what was asked for",
    )


def own_release(release: Release, actor: Actor, what: Literal["approve", "promote"]) -> Problem:
    """What takes somebody else than who pushed the tag."""
    return Problem(
        "own-release",
        f"Who pushed the tag can't {what} it",
        detail=f"{release.app}: {shown(str(actor))} is who asked for {_named(release)}, or pushed its tag",
        next_step=f"let somebody else {what} it; if it is somebody else, see `people` of the configuration",
    )


def approved_already(release: Release, actor: Actor) -> Problem:
    """Nobody counts twice."""
    return Problem(
        "already-approved",
        "You have approved it already",
        detail=f"{release.app}: {_named(release)} has the approval of {shown(str(actor))}; it counts once",
        next_step="nothing, or let somebody else approve it as well",
    )


def past_approval(release: Release) -> Problem:
    """Nothing can come of a vote any more."""
    return Problem(
        "past-approval",
        "It is too late to approve or reject it",
        detail=f"{release.app}: {_named(release)} is {release.state}",
        next_step="where users are on it and should not be, `verdigris rollback`",
    )


def being_promoted(release: Release) -> Problem:
    """A promote that can't be stopped by a word any more."""
    return Problem(
        "being-promoted",
        "It is being promoted",
        detail=f"{release.app}: the promote of {_named(release)} has been asked for, or runs",
        next_step=f"`verdigris cancel {release.id}` while it waits, `verdigris rollback` after it",
    )


def nothing_to_stop(release: Release) -> Problem:
    """No promote comes by itself."""
    return Problem(
        "no-countdown",
        "Nothing to stop",
        detail=f"{release.app}: {_named(release)} is {release.state} and is not promoted by itself",
        next_step=f"see where it is with `verdigris show {release.id}`",
    )


def stopped(release: Release, by: Actor, reason: str) -> Problem:
    """A promote by itself that somebody stopped in the last moment."""
    why = f": {shown(reason)}" if reason else ""
    return Problem(
        "countdown-stopped",
        "Its promote by itself was stopped",
        detail=f"{release.app}: {_named(release)}: by {shown(str(by))}{why}",
        next_step=f"`verdigris promote {release.app}` when it is wanted",
    )


def _named(release: Release) -> str:
    return f"release {release.id} ({release.tag})"
