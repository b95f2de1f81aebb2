"""Releases of the past: a form that looks for some, and what it found, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request
from werkzeug.datastructures import MultiDict

from release.model import Color, State
from release.roles import Action
from webhook.api_parameters import HistoryQuery, read_query
from webhook.front_page import seen_apps
from webhook.guard import Scope, needs
from webhook.lookups import find_history, get_app
from webhook.pages import make_page
from webhook.queue_page import pages

if TYPE_CHECKING:
    from flask import Response

__all__ = ["pages"]

SHOWN: Final = 25
MOST_CHOICES: Final = 30
"""Apps that a list is offered of; of more, one types the name."""


@pages.get("/history")
@needs(Action.READ, scope=Scope.CHOSEN)
def show_history() -> Response:
    """Releases that the person may see. A page may be short, and lead on to older ones."""
    query = read_query(HistoryQuery, find_chosen())
    if query.app:
        get_app(query.app)
    page = find_history(query, limit=SHOWN)
    return make_page(
        "history",
        page=page,
        query=query,
        apps=seen_apps(),
        most_choices=MOST_CHOICES,
        states=[*map(str, State)],
        colors=[*map(str, Color)],
        older={**find_chosen().to_dict(), "after": page.next},
    )


def find_chosen() -> MultiDict[str, str]:
    """What the form chose: fields that were left empty choose nothing."""
    return MultiDict((name, text.strip()) for name, text in request.args.items(multi=True) if text.strip())
