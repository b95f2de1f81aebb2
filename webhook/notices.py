"""What a person is told once, on the next page that they see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import session

if TYPE_CHECKING:
    from release.problems import ProblemDocument

KEY: Final = "notices"


def tell_done(title: str) -> None:
    """Something was accepted."""
    _tell({"kind": "done", "title": title})


def tell_problem(document: ProblemDocument) -> None:
    """Something was refused."""
    words = {"title": document.title, "detail": document.detail, "next_step": document.next_step}
    _tell({"kind": "problem", **words})


def take_notices() -> list[dict[str, str]]:
    """Those not yet shown; they are forgotten by this."""
    if KEY not in session:
        return []
    notices: Any = session.pop(KEY)
    return list(notices)


def _tell(notice: dict[str, str]) -> None:
    session[KEY] = [*session.get(KEY, []), notice]
