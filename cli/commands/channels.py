"""`verdigris channels`: where signals go and how that fares; and trying one, as an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli.failures import Failure
from cli.following import Asking
from cli.printing import show_line, show_table
from cli.session import Session, client_command
from cli.text import shown_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.client import Json

TIMEOUT: Final = 60.0
"""Seconds for a test: what waits before it goes first, and a channel that failed rests for a while."""


@click.group(invoke_without_command=True)
@client_command
def channels(session: Session) -> None:
    """Where signals go, and how each channel fares.

    Channels stand in the configuration. One that fails holds up no release.
    """
    if click.get_current_context().invoked_subcommand:
        return
    answer = session.client.get("channels")
    if session.is_json:
        session.dump(answer)
    else:
        print_channels(answer["channels"])


@channels.command
@click.argument("name")
@click.option("--wait", is_flag=True, help="Wait until it was tried, for at most a minute.")
@client_command
def test(session: Session, *, name: str, wait: bool) -> None:
    """Send a test to a channel.

    A worker for signals sends it. That takes an administrator of all apps.
    """
    answer = session.client.post("channels", name, "test")
    if not wait:
        session.tell(f"a test is on its way to {name}; `verdigris channels` shows how it went")
    else:
        answer = _wait(session, name, answer["message"])
        session.tell(f"{name} took the test")
    if session.is_json:
        session.dump(answer)


def print_channels(found: Sequence[Json]) -> None:
    """A row for each, and below what went wrong."""
    if not found:
        show_line("no channels are configured")
        return
    rows = [
        [
            one["name"],
            one["kind"],
            ", ".join(one["apps"]) or "all",
            f"fails since {shown_time(one['failing_since'])}" if one["failing_since"] else "",
            shown_time(one["sent_at"]),
            *(str(one[count]) for count in ("sent", "pending", "dropped")),
        ]
        for one in found
    ]
    show_table(["channel", "kind", "apps", "state", "last sent", "sent", "waiting", "dropped"], rows)
    for one in found:
        if one["failing_since"]:
            show_line(f"{one['name']}: {one['error']}", style="red")
        if one["dropped"]:
            when = shown_time(one["dropped_at"])
            show_line(f"{one['name']}: {one['dropped']} dropped, last {when}: {one['dropped_why']}")


def _wait(session: Session, name: str, message: str) -> Json:
    """The channel once it has taken the test.

    Raises:
        Failure: it did not; or nobody has tried in time.
    """
    found = _follow(Asking(session.client, session.surroundings, TIMEOUT, session.tell), name, message)
    if found["error_id"] == message:
        raise Failure(
            f"{name} did not take the test",
            detail=str(found["error"]),
            next_step=f"correct channels.{name} in verdigris.yml and restart the worker for signals",
        )
    return found


def _follow(asking: Asking, name: str, message: str) -> Json:
    """The channel once it was tried with the message."""
    try:
        while True:
            for one in asking.get("channels")["channels"]:
                if one["name"] == name and message in {one["sent_id"], one["error_id"]}:
                    found: Json = one
                    return found
            asking.pause(what="not tried")
    except Failure as failure:
        failure.next_step = failure.next_step or "see that `verdigris worker --queues signals` runs"
        raise
