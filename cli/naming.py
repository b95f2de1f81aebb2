"""Which release is meant: people name it by its tag, programs by its id."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import click

from cli.completing import AppName
from cli.failures import Failure
from cli.following import Asking
from cli.text import shown_time
from release.tag import find_color, find_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.client import Json
    from cli.session import Session

MOST: Final = 200
"""Releases that one call answers."""


def by_tag(function: Callable[..., None]) -> Callable[..., None]:
    """Let a command that takes a release's id also take its tag, with --app where several apps have it."""

    @click.option("--app", type=AppName(), help="Whose release, where several apps have one of that tag.")
    @functools.wraps(function)
    def command(session: Session, *, release: str, app: str | None, **rest: Any) -> None:  # noqa: ANN401 -- handed on
        function(session, release=find_id(reader_for(session, rest), release, app), **rest)

    return command


def by_tag_of_app(function: Callable[..., None]) -> Callable[..., None]:
    """The same for a command that names the app anyway, and a release only where it is to be sure."""

    @functools.wraps(function)
    def command(session: Session, *, app: str, release: str | None, **rest: Any) -> None:  # noqa: ANN401 -- handed on
        found = find_id(reader_for(session, rest), release, app) if release else None
        function(session, app=app, release=found, **rest)

    return command


def reader_for(session: Session, given: dict[str, Any]) -> Callable[..., Json]:
    """How to ask: with --wait also again while the server is away, as for all that follows."""
    if not given.get("wait"):
        return session.client.get
    return Asking(session.client, session.surroundings, given["timeout"], session.tell).get


def is_tag(named: str) -> bool:
    """Whether a release can have that tag; no id looks so."""
    return find_color(named) is not None and find_refusal(named) is None


def find_id(get: Callable[..., Json], named: str, app: str | None) -> str:
    """The id of the newest release of a tag; what can't be a tag is taken for an id.

    Raises:
        Failure: no release has that tag, or those of several apps have it.
    """
    if not is_tag(named):
        return named
    newest: dict[str, Json] = {}
    for release in find_tagged(get, named, app):
        newest.setdefault(release["app"], release)
        if app:
            break
    if len(newest) == 1:
        return str(next(iter(newest.values()))["id"])
    raise _ambiguous(named, newest) if newest else _unknown(named, app)


def find_tagged(get: Callable[..., Json], tag: str, app: str | None) -> Iterator[Json]:
    """Every release of exactly that tag, the newest first."""
    after = None
    while True:
        page = get("releases", app=app, q=tag, limit=MOST, after=after)
        yield from (one for one in page["releases"] if one["tag"] == tag)
        after = page.get("next")
        if after is None:
            return


def _ambiguous(tag: str, newest: dict[str, Json]) -> Failure:
    told = [
        f"{app}: {one['id']}, {one['state']}, {shown_time(one['created_at'])}"
        for app, one in sorted(newest.items())
    ]
    return Failure(
        f"{tag} is a release of {len(newest)} apps",
        detail="; ".join(told),
        next_step="say which with --app, or give the id",
    )


def _unknown(tag: str, app: str | None) -> Failure:
    return Failure(
        f"no release of {app or 'any app'} has the tag {tag}",
        next_step=f"see `verdigris releases{f' --app {app}' if app else ''}`",
    )
