"""The last line of a terminal while a job is followed: its stages, what it waits for, and for how long.

It is on stderr, and only where that is a terminal that can take a line back. It makes way for every line that
is to stay, and is gone at the end.
"""

from __future__ import annotations

import os
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final, Self

from cli.following import told_doing
from cli.text import plain, shown_seconds
from release.model import JobState, StageState

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from cli.client import Json
    from cli.following import Asking

ERASE: Final = "\r\x1b[2K"
SIGNS: Final = {
    StageState.PENDING: "·",
    StageState.RUNNING: "▸",
    StageState.PASSED: "✓",
    StageState.FAILED: "✗",
    StageState.CANCELLED: "✗",
}


class Footer:
    """One line that is drawn anew."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._is_shown = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("")

    def show_job(self, job: Json) -> None:
        """Say how far the job is."""
        self._draw(tell_job(job, self._asking.elapsed))

    def make_way(self, write: Callable[[], None]) -> None:
        """Let something be written that stays."""
        text = self._text
        self._draw("")
        write()
        self._draw(text)

    def _draw(self, text: str) -> None:
        if not self._is_shown or text == self._text == "":
            return
        self._text = text
        sys.stderr.write(ERASE + fitting(text, get_terminal_size().columns))
        sys.stderr.flush()


def tell_job(job: Json, seconds: float) -> str:
    """Its stages with signs while it runs, else what it waits for; and since when."""
    subject = f"{job['kind']} of {plain(job['tag'])}"
    if job["state"] != JobState.RUNNING:
        return f"{shown_seconds(seconds)}  {subject}: {plain(told_doing(job))}"
    stages = "  ".join(f"{SIGNS[StageState(run['state'])]} {plain(run['stage'])}" for run in job["stages"])
    return f"{shown_seconds(seconds)}  {subject}: {stages}"


def fitting(text: str, width: int) -> str:
    """As much as goes into a line: a terminal that wraps could not take it back."""
    from rich.cells import set_cell_size  # noqa: PLC0415 -- slow to import; only terminals need it

    return set_cell_size(text, width - 1).rstrip()
