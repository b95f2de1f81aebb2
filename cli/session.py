"""What every client command has: a client for the server it names, and a way to say things.

With ``--json`` stdout holds nothing but JSON, and what else is said goes to stderr.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.client import Client
from cli.color import color_option
from cli.profile import Choice, find_connection, home_relative, profiles_path
from cli.surroundings import Surroundings, current_surroundings
from cli.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable


PROFILES: Final = home_relative(profiles_path())


@dataclass(frozen=True, slots=True)
class Session:
    """One call of a client command."""

    client: Client
    is_json: bool
    surroundings: Surroundings

    def tell(self, text: str) -> None:
        """Say one line about what goes on."""
        click.echo(plain(text), err=self.is_json)

    def dump(self, content: object) -> None:
        """Write one line of JSON to stdout."""
        click.echo(json.dumps(content))


def client_command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name the server, and a session as its first argument."""

    @click.option("--server", envvar="VERDIGRIS_SERVER", metavar="URL", help="Address of the web process.")
    @click.option(
        "--token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File that holds the API token [else VERDIGRIS_TOKEN].",
    )
    @click.option(
        "--profile",
        envvar="VERDIGRIS_PROFILE",
        metavar="NAME",
        help=f"Section [profiles.NAME] of {PROFILES}, with server and token_file or token_env.",
    )
    @click.option("--json", "is_json", is_flag=True, help="Write JSON, for programs.")
    @color_option
    @functools.wraps(function)
    def command(
        *, server: str | None, token_file: Path | None, profile: str | None, is_json: bool, **rest: object
    ) -> None:
        choice = Choice(server, token_file, profile)
        connection = find_connection(choice, environment=os.environ, path=profiles_path())
        with Client(connection) as client:
            function(Session(client, is_json, current_surroundings()), **rest)

    return command
