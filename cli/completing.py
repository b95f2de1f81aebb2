"""What a shell completes: names of apps and ids of releases, from the server that the command would ask.

Somebody waits with a finger on the key. So an answer that does not come at once, a server or token that is
missing, and whatever else may be wrong all mean the same: nothing to complete, and not a word.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

import click
from click.types import StringParamType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.shell_completion import CompletionItem

    from cli.client import Client

SECONDS: Final = 0.5
"""To the answer. Python's own start comes on top."""

MOST: Final = 50
WRONG: Final = (click.ClickException, OSError, ValueError, KeyError, TypeError, AttributeError)
"""No server, an answer that is none, a file of profiles that can't be read."""

Found = list[tuple[str, str]]
"""Each value, and a word on it for shells that show one."""


class Completed(StringParamType):
    """A text for which the server knows values."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What begins like ``incomplete``."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 -- only a shell asks for it

        del param
        found = ask_shortly(ctx, lambda client: list(self.find(client, ctx)))
        return [CompletionItem(value, help=word) for value, word in found if value.startswith(incomplete)]

    def find(self, client: Client, context: click.Context) -> Iterator[tuple[str, str]]:
        """What the server knows."""
        raise NotImplementedError


class AppName(Completed):
    """The name of an app."""

    def find(self, client: Client, context: click.Context) -> Iterator[tuple[str, str]]:
        """Every app."""
        del context
        for app in client.get("apps")["apps"]:
            live = (app["observation"] or {}).get("live")
            yield app["name"], f"{live} is live" if live else ""


class ReleaseId(Completed):
    """The tag or the id of a release."""

    def find(self, client: Client, context: click.Context) -> Iterator[tuple[str, str]]:
        """Tags, then ids of the newest releases; of the app alone that the command names already."""
        app = _app_named_in(context)
        newest = client.get("releases", app=app, limit=MOST)["releases"]
        for release in {one["tag"]: one for one in reversed(newest)}.values():
            yield release["tag"], f"{release['app']} {release['state']}"
        for release in newest:
            yield release["id"], f"{release['app']} {release['tag']} {release['state']}"


class AppOrReleaseId(Completed):
    """Either."""

    def find(self, client: Client, context: click.Context) -> Iterator[tuple[str, str]]:
        """Apps first."""
        yield from AppName().find(client, context)
        yield from ReleaseId().find(client, context)


class MissedTag(Completed):
    """A tag: known before it is released are those alone that are in Git and were never delivered."""

    def find(self, client: Client, context: click.Context) -> Iterator[tuple[str, str]]:
        """Those of the app that the command names."""
        for tag in client.get("apps", context.params["app"], "tags")["missed"]:
            yield tag["tag"], "never delivered"


def _app_named_in(context: click.Context) -> str | None:
    """The app that the line names; where an option lacks its value, click has only set the words aside."""
    has_app = any(isinstance(one, click.Argument) and one.name == "app" for one in context.command.params)
    aside = context.args[0] if has_app and context.args else None
    return context.params.get("app") or aside


def ask_shortly(context: click.Context, question: Callable[[Client], Found]) -> Found:
    """The answer if it comes in time, else nothing.

    In a thread of its own, because no timeout ends a name server that is silent; it ends with the process.
    """
    answers: list[Found] = []

    def ask() -> None:
        try:
            answers.append(_ask(context, question))
        except WRONG:
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return answers[0] if answers else []


def _ask(context: click.Context, question: Callable[[Client], Found]) -> Found:
    from cli.client import Client  # noqa: PLC0415 -- only a shell asks for it
    from cli.profile import Choice, find_connection, profiles_path  # noqa: PLC0415 -- the same

    given = context.params
    choice = Choice(given.get("server"), given.get("token_file"), given.get("profile"))
    connection = find_connection(choice, environment=os.environ, path=profiles_path())
    with Client(connection, patience=(SECONDS, SECONDS)) as client:
        return question(client)
