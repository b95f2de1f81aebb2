"""A line of the doctor's: what was looked at, what was found, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Grade(StrEnum):
    """``warning``: it works, but not for ever or not for everybody; or it could not be looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """``fix`` is a command or a setting, empty only where all is well."""

    grade: Grade
    about: str
    found: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """The line for programs; the member ``fix`` is always there."""
        return asdict(self)


def ok(about: str, found: str) -> Line:
    """All is well."""
    return Line(Grade.OK, about, found)


def warning(about: str, found: str, *, fix: str) -> Line:
    """Somebody should know."""
    return Line(Grade.WARNING, about, found, fix)


def failed(about: str, found: str, *, fix: str) -> Line:
    """Releases would fail over it."""
    return Line(Grade.FAILED, about, found, fix)


def unseen(about: str, why: str, *, fix: str) -> Line:
    """It could not be looked at; that is no failure, but nobody knows whether it is well."""
    return warning(about, f"could not be looked at: {why}", fix=fix)
