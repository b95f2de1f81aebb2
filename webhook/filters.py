"""How times and texts stand on pages."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from release.model import MigrationState
from webhook.people import tell_actor, tell_people

if TYPE_CHECKING:
    from flask import Flask

    from release.clock import Clock
    from release.model import MigrationRecord

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
SECONDS_WITH_TENTHS: Final = 10
_WORD: Final = re.compile(r"[a-z]+[,;]?")
_CODE: Final = re.compile(r"`([^`]+)`")


def add_filters(app: Flask, clock: Clock) -> None:
    """Give templates the filters below. Before the first template is loaded, as they are compiled with it."""
    app.jinja_env.finalize = finalize
    app.jinja_env.filters.update(
        age=lambda time: tell_age((clock() - time).total_seconds()),
        seconds=tell_seconds,
        clock=lambda time: time.astimezone(UTC).strftime("%H:%M:%S"),
        moment=lambda time: time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        sentence=sentence,
        commit=lambda commit: commit[:10],
        actor=tell_actor,
        people=tell_people,
        migration=tell_migration,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def tell_age(seconds: float) -> str:
    """``just now``, ``12 s ago``, ``3 min ago``, ``5 h ago``, ``2 d ago``."""
    if seconds < 1:
        return "just now"
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def tell_seconds(seconds: float) -> str:
    """How long something took: ``0.4 s``, ``12 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if seconds < SECONDS_WITH_TENTHS:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE):02} s"
    return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02} min"


def tell_migration(migration: MigrationRecord) -> str:
    """What a release's migration is and how far: ``contract, due at the decommission of the other color``."""
    state = migration.state
    if state is MigrationState.PENDING:
        return f"{migration.kind}, due at the decommission of the other color"
    words = {MigrationState.RUNNING: "begun", MigrationState.GIVEN_UP: "given up"}
    return f"{migration.kind}, {words.get(state, state)}" if state else str(migration.kind)


def sentence(text: str) -> Markup:
    """A problem's words as a sentence: a capital, a full stop, people in words, commands set apart.

    What begins with a name, as ``shop: pod …`` does, keeps its small letter.
    """
    whole = printable(tell_people(text)).strip()
    first = whole.partition(" ")[0]
    if _WORD.fullmatch(first):
        whole = whole[0].upper() + whole[1:]
    if whole and whole[-1] not in ".!?…":
        whole += "."
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(whole))))  # noqa: S704 -- escaped in the same breath


def finalize(value: object) -> object:
    """What templates put in, whatever it is: no text reaches a page with marks that change how it reads."""
    is_plain_text = isinstance(value, str) and not isinstance(value, Markup)
    return printable(str(value)) if is_plain_text else value


def printable(text: str) -> str:
    """Output of commands and tags as a page may show it: control and direction marks are written out."""
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\u{ord(char):04x}" for char in text)
