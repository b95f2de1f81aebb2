"""How a command ends when it does not succeed: what is said, and the exit code that tells programs."""

from __future__ import annotations

from enum import IntEnum
from typing import IO, Any, Final

import click

from cli.text import plain


class Exit(IntEnum):
    """Exit codes, as the help of `verdigris` documents them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    FORBIDDEN = 4
    TIMED_OUT = 5
    INTERRUPTED = 130


EXIT_CODES: Final = {
    Exit.DONE: "done",
    Exit.FAILED: "refused, or the release or job failed",
    Exit.USAGE: "wrong usage or configuration",
    Exit.UNREACHABLE: "the server can't be reached, or can't answer now",
    Exit.FORBIDDEN: "not signed in, or not allowed",
    Exit.TIMED_OUT: "timed out while waiting",
    Exit.INTERRUPTED: "interrupted",
}


class Failure(click.ClickException):
    """The end of a command: in words for people on stderr, in ``code`` for programs.

    ``status`` is the HTTP status and ``type`` the problem's type, where a server answered so; ``beside`` is
    what else belongs into the JSON object that tells it.
    """

    def __init__(
        self, title: str, *, detail: str = "", next_step: str = "", code: Exit = Exit.FAILED
    ) -> None:
        super().__init__(title)
        self.detail = detail
        self.next_step = next_step
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance
        self.status: int | None = None
        self.type: str | None = None
        self.beside: dict[str, Any] = {}

    def show(self, file: IO[Any] | None = None) -> None:
        """Print title, detail and next step to stderr."""
        lines = [f"Error: {self.message}", self.detail, f"Next: {self.next_step}" if self.next_step else ""]
        click.echo("\n".join(plain(line) for line in lines if line), file=file, err=True)


class Away(Failure):
    """The server can't be asked now; worth asking again after ``retry_after`` seconds."""

    def __init__(self, title: str, *, detail: str, next_step: str, retry_after: float = 1) -> None:
        super().__init__(title, detail=detail, next_step=next_step, code=Exit.UNREACHABLE)
        self.retry_after = retry_after


class Refusal(Failure):
    """The server's answer was no."""

    def __init__(self, title: str, *, detail: str, next_step: str, status: int) -> None:
        code = Exit.FORBIDDEN if status in {401, 403} else Exit.FAILED
        super().__init__(title, detail=detail, next_step=next_step, code=code)
        self.status = status


def error_json(error: click.ClickException) -> dict[str, Any]:
    """A failure for programs: the members of a problem document, and the exit code; null is not known."""
    failure = error if isinstance(error, Failure) else Failure(error.format_message(), code=Exit.USAGE)
    return {
        "error": {
            "type": failure.type,
            "title": failure.message,
            "detail": failure.detail,
            "next_step": failure.next_step or _help_of(error),
            "status": failure.status,
            "exit_code": int(failure.exit_code),
        },
        **failure.beside,
    }


def _help_of(error: click.ClickException) -> str:
    """Where wrong usage is put right."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"see `{context.command_path} --help`" if context else ""
