"""Channels: their secrets, whether they fail, and whether anybody sends what waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.channels import resolve_secret
from release.plan import SIGNALS_QUEUE
from release.problems import NotDurable
from release.redis_access import connect
from release.references import ConfigError
from release.signal_lines import SignalLines
from worker.checkup.lines import failed, ok, unseen, warning
from worker.checkup.running import REQUEST_SECONDS
from worker.roll_call import NotAsked, call_roll

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from release.config import Config
    from release.signal_lines import ChannelState
    from worker.checkup.lines import Line


def look_at_channels(config: Config, redis_url: str, environment: Mapping[str, str]) -> list[Line]:
    """A line for each, and one for the workers of signals; nothing is sent."""
    lines = SignalLines(connect(redis_url, timeout=REQUEST_SECONDS))
    try:
        states = lines.states(list(config.channels))
    except NotDurable as error:
        return [unseen(f"channel {name}", str(error), fix="mend Redis first") for name in config.channels]
    told = [judge(state, config, environment) for state in states]
    return [*told, look_at_senders(redis_url)]


def judge(state: ChannelState, config: Config, environment: Mapping[str, str]) -> Line:
    """What is known of a channel."""
    about = f"channel {state.name}"
    if state.failing_since:
        fix = f"correct channels.{state.name}, then `verdigris channels test {state.name} --wait`"
        since = f"{state.failing_since:%Y-%m-%d %H:%M} UTC"
        return warning(about, f"fails since {since}, {state.pending} waiting: {state.error}", fix=fix)
    try:
        resolve_secret(state.name, config.channels[state.name], environment)
    except ConfigError as error:
        fix = f"set it where `verdigris worker --queues {SIGNALS_QUEUE}` runs, if that is not here"
        return warning(about, str(error), fix=fix)
    return ok(about, f"{state.sent} sent, {state.pending} waiting, {state.dropped} dropped")


def look_at_senders(redis_url: str, ask: Callable[[str], Mapping[str, list[str]]] = call_roll) -> Line:
    """Whether a worker takes from the queue of signals."""
    about = f"workers of {SIGNALS_QUEUE}"
    try:
        present = ask(redis_url).get(SIGNALS_QUEUE, [])
    except NotAsked as error:
        return unseen(about, str(error), fix="mend Redis first, then ask again")
    if present:
        return ok(about, f"{len(present)}: {', '.join(present[:5])}")
    fix = f"`verdigris worker --queues {SIGNALS_QUEUE}`"
    return failed(about, "none answers: nobody outside is told of what happens", fix=fix)
