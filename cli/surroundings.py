"""What commands use of the machine they run on, passed in so that tests can hold it still."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def replace_process(module: str, arguments: Sequence[str]) -> NoReturn:
    """Become ``python -m module``: signals of a supervisor then reach it, and its exit code is ours."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 -- that is the command


def current_time() -> datetime:
    """In UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``clock`` counts seconds, ``now`` is the time, ``pause`` waits, ``launch`` becomes another program."""

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    launch: Callable[[str, Sequence[str]], None] = replace_process
    now: Callable[[], datetime] = current_time


def current_surroundings() -> Surroundings:
    """Those that the caller of the command gave, else the real ones."""
    return click.get_current_context().find_object(Surroundings) or Surroundings()
