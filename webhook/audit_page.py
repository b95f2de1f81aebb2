"""The audit trail as a page: a form that chooses, and what it chose, the newest first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flask import make_response, render_template
from werkzeug.datastructures import MultiDict

from release.audit_entries import CHANGE, SIGN_IN, Outcome
from release.roles import Action
from webhook.api_parameters import AuditQuery, read_query
from webhook.guard import Scope, needs
from webhook.history_page import find_chosen, pages
from webhook.lookups import get_app
from webhook.rights import find_apps, is_allowed
from webhook.services import services

if TYPE_CHECKING:
    from flask import Response

__all__ = ["pages"]

TIMES: Final = frozenset({"since", "until"})
MINUTE: Final = re.compile(r"[0-9-]{10}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)
"""As a form sends a time; it is in UTC here, as the page says."""


@pages.get("/audit")
@needs(Action.READ_AUDIT, scope=Scope.ASKED)
def show_audit() -> Response:
    """Who asked for what, what was refused, and every step of every release."""
    query = read_query(AuditQuery, _chosen())
    if query.app:
        get_app(query.app)
    page = services().store.audit.read(query.wanted, after=query.after or None, limit=query.limit)
    answer = make_response(
        render_template(
            "audit.html",
            page=page,
            query=query,
            apps=find_apps(Action.READ_AUDIT),
            is_for_all=is_allowed(Action.READ_AUDIT, None),
            actions=[*map(str, Action), CHANGE, SIGN_IN],
            outcomes=[*map(str, Outcome)],
            older={**find_chosen().to_dict(), "after": page.next},
        )
    )
    answer.headers["Vary"] = "Cookie"
    return answer


def _chosen() -> MultiDict[str, str]:
    """What the form chose, times as the API has them."""
    filled = find_chosen().items(multi=True)
    return MultiDict((name, _in_utc(text) if name in TIMES else text) for name, text in filled)


def _in_utc(text: str) -> str:
    found = MINUTE.fullmatch(text)
    return f"{text}{'' if found[1] else ':00'}Z" if found else text
