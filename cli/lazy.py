"""A group of commands that imports a command only when it is called: `verdigris apps` loads no Flask."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from cli.failures import Exit, Failure, error_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

WANTS_JSON: Final = "verdigris.json"
"""Whether --json was among the words, in the context's ``meta``: wrong usage is told as JSON as well."""


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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember whether the answer is for a program, before anything can be wrong."""
        ctx.meta[WANTS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 -- click's own signature
        """Run the command. With --json stdout tells a failure as well."""
        try:
            return self._invoke(ctx)
        except click.ClickException as error:
            if ctx.meta[WANTS_JSON]:
                click.echo(json.dumps(error_json(error)))
            raise

    def _invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 -- click's own signature
        """Ctrl-C ends a command with the code that shells expect."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            raise Failure("interrupted", code=Exit.INTERRUPTED) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without importing one, and our own options."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 -- only a shell asks for it

        found = [
            CompletionItem(name, help=entry.summary)
            for name, entry in self._entries.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def missing_extra(command: str, extra: str, module: str | None) -> Failure:
    """What to install for a command that the plain installation can't run."""
    return Failure(
        f"`verdigris {command}` needs more than the plain installation",
        detail=f"the module {module} is not installed",
        next_step=f"pip install 'verdigris[{extra}]'",
        code=Exit.USAGE,
    )
