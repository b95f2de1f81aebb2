"""`verdigris status`: all apps at a glance, or one in more detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.completing import AppName
from cli.glance import take_glance
from cli.session import Session, client_command

if TYPE_CHECKING:
    from cli.client import Json
    from cli.glance import Glance


@click.command
@click.argument("app", required=False, type=AppName())
@client_command
def status(session: Session, *, app: str | None) -> None:
    """All apps at a glance, or one in more detail.

    What users are on, what runs or waits and for what, what failed last. What needs attention comes first.
    """
    glance = take_glance(session.client.get, app, here=session.surroundings.now())
    if session.is_json:
        session.dump(glance_json(glance, app))
        return
    from cli.printing import show  # noqa: PLC0415 -- slow to import; programs don't need it
    from cli.status_view import draw_all, draw_one  # noqa: PLC0415 -- the same

    show(draw_one(glance.apps[0], glance) if app else draw_all(glance))


def glance_json(glance: Glance, app: str | None) -> Json:
    """The server's answer on each app, with its last failure."""
    told = [{**one, "last_failure": glance.find_last_failure(one["name"])} for one in glance.apps]
    return told[0] if app else {"apps": told}
