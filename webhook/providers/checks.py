"""Words of CI, as far as hosts have them in common: names, states, times, and one report of them.

What a host calls its states is here, too, where hosts share it. A state that nobody knows never counts as
passed. A check that was *skipped* says nothing: it keeps the state that it had, none before. GitHub lets one
count as passed, also where it was skipped because the job that it needs has failed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator

from release.ci import Check, CheckState
from webhook.providers.events import CheckReport, Ignored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from webhook.providers.events import Event

    Said = tuple[str | None, CheckState | None, datetime | None]
    Reader = Callable[[Mapping[str, object], str], Event]

NAME_LIMIT: Final = 200
MOST_CHECKS: Final = 500
OF_A_FORK: Final = "what ran may be a fork's; only what ran for the repository itself counts as its CI"
SAYS_NOTHING: Final = "it says nothing of a check that a release could wait for: skipped, or without a name"

STATUSES: Final[Mapping[str, CheckState | None]] = {
    "pending": CheckState.PENDING,
    "success": CheckState.PASSED,
    "failure": CheckState.FAILED,
    "error": CheckState.FAILED,
    "warning": CheckState.FAILED,
    "skipped": None,
}
"""Of a commit status, at GitHub and Gitea. Not every version of Gitea merges with a warning."""
CONCLUSIONS: Final[Mapping[str, CheckState | None]] = {
    "success": CheckState.PASSED,
    "neutral": CheckState.PASSED,
    "skipped": None,
}
"""Of a run that is completed, at GitHub and Gitea; any other is a failure."""

_BY_WEIGHT: Final = (CheckState.PASSED, CheckState.PENDING, CheckState.FAILED)
_FIRST_YEAR: Final = 2000


def read_moment(value: object) -> datetime | None:
    """A host's time as UTC; None where there is none that could be compared.

    GitLab separates by spaces and writes ``UTC``. Gitea writes 1970, Go's year 1, for what has not happened.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.replace(" UTC", "+00:00").replace(" +", "+").replace(" -", "-"))
        is_known = moment.tzinfo is not None and moment.year >= _FIRST_YEAR
        return moment.astimezone(UTC) if is_known else None
    except (ValueError, OverflowError):
        return None


Moment = Annotated[datetime | None, BeforeValidator(read_moment)]


def find_state(states: Mapping[str, CheckState | None], state: str) -> CheckState | None:
    """What a host's word means, None where it means nothing; an unknown one is waited for."""
    return states.get(state, CheckState.PENDING)


def find_run_state(status: str | None, conclusion: str | None) -> CheckState | None:
    """The same of a run, which has a conclusion once its status is ``completed``."""
    if status != "completed" or not conclusion:
        return CheckState.PENDING
    return CONCLUSIONS.get(conclusion, CheckState.FAILED)


def report(repository: str, commit: str, said: Iterable[Said], delivery: str) -> CheckReport | Ignored:
    """Each name once; where a name was used for several checks, the worst of them counts.

    Names come from outside, and end up in logs and in Redis: none that is long, empty or unprintable is
    taken. No required check is called so.
    """
    worst: dict[str, Check] = {}
    for name, state, at in said:
        if state and name and len(name) <= NAME_LIMIT and name.isprintable():
            worst[name] = max(worst.get(name, Check(name, state, at)), Check(name, state, at), key=_weigh)
    if not worst:
        return Ignored(SAYS_NOTHING, delivery)
    return CheckReport(repository, commit, tuple(islice(worst.values(), MOST_CHECKS)), delivery)


def _weigh(check: Check) -> int:
    return _BY_WEIGHT.index(check.state)
