"""`verdigris token`: make, list and revoke API tokens, as an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli import tables
from cli.completing import AppName
from cli.session import Session, client_command

if TYPE_CHECKING:
    from datetime import datetime

ROLES: Final = ("viewer", "releaser", "promoter", "admin")


@click.group
def token() -> None:
    """Make, list and revoke API tokens.

    That takes an administrator of all apps.
    """


@token.command
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may.")
@click.option(
    "--app",
    "apps",
    type=AppName(),
    multiple=True,
    help="Only for this app; may be repeated [default: for all].",
)
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), help="From this day on, in UTC, it counts no more."
)
@client_command
def make(session: Session, *, name: str, role: str, apps: tuple[str, ...], expires: datetime | None) -> None:
    """Make a token.

    Its text is shown once, and nobody can read it again. Stdout holds nothing else, for a pipe into a file.
    """
    end = f"{expires:%Y-%m-%d}" if expires else None
    answer = session.client.post("tokens", name=name, role=role, apps=list(apps), expires=end)
    if session.is_json:
        session.dump(answer)
        return
    click.echo(answer["text"])
    click.echo("This is the token. It is shown once: keep it where its user finds it.", err=True)


@token.command(name="list")
@client_command
def list_tokens(session: Session) -> None:
    """Every token, those of the configuration too, without what they are made of."""
    answer = session.client.get("tokens")
    if session.is_json:
        session.dump(answer)
    else:
        tables.print_tokens(answer["tokens"])


@token.command
@click.argument("name")
@client_command
def revoke(session: Session, *, name: str) -> None:
    """End a token, and the sessions that began with it, at once."""
    answer = session.client.delete("tokens", name)
    if session.is_json:
        session.dump(answer)
    else:
        session.tell(f"the token {answer['token']['name']} counts no more")
