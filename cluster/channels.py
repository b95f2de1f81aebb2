"""The channels of an exec (``v4.channel.k8s.io``): output as lines, the last frame as an exit code. No I/O.

Each frame begins with its channel's number: 1 standard output, 2 standard error, 3 how it ended.
"""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

STDOUT: Final = 1
STDERR: Final = 2
ENDED: Final = 3

LONGEST_LINE: Final = 8192
"""Characters after which a line is cut: a progress bar without a newline must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Target:
    """What runs where, for messages."""

    pod: str
    namespace: str
    container: str
    command: tuple[str, ...]

    def __str__(self) -> str:
        return f"`{' '.join(self.command)}` in pod {self.namespace}/{self.pod}, container {self.container}"


class Lines:
    """Puts bytes together to lines: a character or a line may come in several frames."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """``tell`` hears each line, without its end."""
        self._tell = tell
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take what came; tell the lines that are whole."""
        *whole, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in whole:
            self._tell(line.removesuffix("\r"))
        while len(self._rest) > LONGEST_LINE:
            self._tell(self._rest[:LONGEST_LINE])
            self._rest = self._rest[LONGEST_LINE:]

    def close(self) -> None:
        """Tell the last line, which may have no end."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        if rest:
            self._tell(rest)
        self._rest = ""


def exit_code(status: bytes, target: Target) -> int:
    """What the frame on channel 3 says.

    Raises:
        Problem: ``command-not-started``: there was no process, as with a missing executable.
    """
    document: dict[str, Any] = json.loads(status)
    if document.get("status") == "Success":
        return 0
    causes = (document.get("details") or {}).get("causes") or []
    codes = [cause["message"] for cause in causes if cause.get("reason") == "ExitCode"]
    if codes and str(codes[0]).isdigit():
        return int(codes[0])
    raise not_started(target, str(document.get("message") or "no reason given"))


def not_started(target: Target, why: str) -> Problem:
    """The refusal for a command that could not begin."""
    return Problem(
        "command-not-started",
        "A command could not be started",
        detail=f"{target}: {why}",
        next_step="Correct the command in the app's configuration or what the image contains, then retry.",
    )
