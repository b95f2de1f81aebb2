"""The demo's side of the traffic: starts it, reads its counts, ends it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

RATE: Final = 220
"""Requests a second."""

END_DEADLINE: Final = 15.0


@dataclass(frozen=True)
class Traffic:
    """Counts since the beginning."""

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0
    colors: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)


class Users:
    """The process that asks like users do."""

    def __init__(self, address: str, *, rate: int = RATE) -> None:
        command = [sys.executable, "-m", "cli.demo.traffic", address, str(rate)]
        self._process = subprocess.Popen(  # noqa: S603 -- our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.seen = Traffic()
        self._reader = Thread(target=self._read, name="traffic", daemon=True)
        self._reader.start()

    def stop(self) -> Traffic:
        """End the traffic; every request that was begun is answered or counted as failed."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(END_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        return self.seen

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.seen = Traffic(**json.loads(line))
