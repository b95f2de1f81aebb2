"""What the demo says while it plays: to people on standard output, or, with --json, on standard error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.demo.summary import ActResult, Permissions, ReleaseSummary, Summary
    from cli.demo.users import Traffic


class Narrator:
    """A line or two for each thing that happens."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._console = Console(stderr=to_stderr, highlight=False)

    def say(self, text: str) -> None:
        """A line of the story."""
        self._console.print(f"   {text}", soft_wrap=True)

    def warn(self, text: str) -> None:
        """A line that must not be missed."""
        self._console.print(f"   [bold red]{text}[/]")

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Something that takes a moment, with a spinner where there is a terminal."""
        with self._console.status(text):
            yield
        if not self._console.is_terminal:
            self._console.print(f"   {text}")

    def act(self, number: int, title: str, about: str) -> None:
        """The curtain rises."""
        self._console.print()
        self._console.print(f"[bold cyan]{number:>2}[/] [bold]{title}[/]")
        self._console.print(f"   [dim]{about}[/]")

    def act_ended(self, result: ActResult) -> None:
        """Whether it came out as it must."""
        mark = (
            "[bold green]as it must be[/]"
            if result.ok
            else f"[bold red]NOT as it must be: {escape(result.why)}[/]"
        )
        self._console.print(f"   {mark} [dim]({result.seconds:.1f} s)[/]")

    def report(self, summary: Summary) -> None:
        """The closing tables: what users got, what each release went through, and the verdict."""
        self._console.print()
        self._console.print(_traffic_table(summary.traffic))
        self._console.print(_release_table(summary.releases))
        self._console.print(_describe_permissions(summary.permissions))
        good = f"{len(summary.acts)} acts as they must be, {summary.traffic.failed} requests failed"
        verdict = (
            f"[bold green]{good}[/]" if summary.ok else "[bold red]not everything came out as it must[/]"
        )
        self._console.print(f"{verdict} [dim]({summary.seconds:.0f} s)[/]")

    def text(self, text: str) -> None:
        """Lines as they are, to copy from."""
        self._console.print(text, soft_wrap=True)


def _describe_permissions(permissions: Permissions) -> str:
    if permissions.refused:
        return f"[bold red]the workers were refused: {escape(', '.join(permissions.refused))}[/]"
    return f"the workers used {permissions.used} permissions of the Role in deploy/app-role; none was refused"


def _traffic_table(traffic: Traffic) -> Table:
    rate = traffic.requests / traffic.seconds if traffic.seconds else 0
    table = Table(
        title=f"users' requests: {traffic.requests} in {traffic.seconds:.0f} s ({rate:.0f} a second)"
    )
    table.add_column("answered by")
    table.add_column("requests", justify="right")
    for color, count in sorted(traffic.colors.items()):
        table.add_row(color, str(count))
    failures = ", ".join(f"{count}x {name}" for name, count in traffic.failures.items())
    table.add_row(f"failed{': ' + failures if failures else ''}", str(traffic.failed), style="bold")
    return table


def _release_table(releases: list[ReleaseSummary]) -> Table:
    table = Table(title="releases, with the seconds that each stage took")
    for heading in ("tag", "state", "stages"):
        table.add_column(heading)
    for release in releases:
        stages = "  ".join(f"{one.stage} {one.seconds:.1f}{_mark(one.state)}" for one in release.stages)
        table.add_row(release.tag, release.state, stages)
    return table


def _mark(state: str) -> str:
    return "" if state == "passed" else f" ({state})"
