"""A group of commands that imports a command only when it is called: `verdigris apps` loads no Flask."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from cli.failures import Exit, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is defined, what the overview says of it, and which extra it may need."""

    module: str
    name: str
    summary: str
    extra: str = ""


class LazyGroup(click.Group):
    """Commands by section of the help; ``sections`` maps headings to names to entries."""

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, Entry]], **kwargs: Any) -> None:  # noqa: ANN401 -- click's own signature
        super().__init__(*args, **kwargs)
        self._sections = sections
        self._entries = {name: entry for section in sections.values() for name, entry in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in the order of the help."""
        del ctx
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command.

        Raises:
            Failure: it needs an extra that is not installed.
        """
        del ctx
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        try:
            command: click.Command = getattr(import_module(entry.module), entry.name)
        except ModuleNotFoundError as error:
            if not entry.extra:
                raise
            raise missing_extra(cmd_name, entry.extra, error.name) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview from the entries, importing nothing."""
        del ctx
        for heading, section in self._sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name, entry.summary) for name, entry in section.items()])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 -- click's own signature
        """Run the command; Ctrl-C ends it with the code that shells expect."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            raise Failure("interrupted", code=Exit.INTERRUPTED) from None


def missing_extra(command: str, extra: str, module: str | None) -> Failure:
    """What to install for a command that the plain installation can't run."""
    return Failure(
        f"`verdigris {command}` needs more than the plain installation",
        detail=f"the module {module} is not installed",
        next_step=f"pip install 'verdigris[{extra}]'",
        code=Exit.USAGE,
    )
