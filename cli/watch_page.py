"""The page of `verdigris watch`: the apps, and below them what has changed, on the terminal's other screen.

The screen that was there comes back at the end, however it comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from cli.printing import make_console
from cli.status_view import draw_all, draw_one
from cli.text import plain, shown_age

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from cli.watching import Watch

FRAMES_A_SECOND: Final = 2
FOR_CHANGES: Final = 1 / 3
"""Of the lines, kept free for changes, where there are as many, however many apps there are."""


def show_page(watch: Watch) -> None:
    """Draw until somebody interrupts it, or the server refuses."""
    page = Page(watch)
    with Live(
        page, console=make_console(), screen=True, refresh_per_second=FRAMES_A_SECOND, redirect_stderr=False
    ) as live:
        for _ in watch.run():
            live.refresh()


@dataclass(frozen=True)
class Page:
    """What is drawn anew each time, in the size that the terminal has then."""

    watch: Watch

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As many lines as there is room for."""
        free, height = options.update(height=None), console.size.height
        apps = console.render_lines(self._draw_apps(), free, pad=False)
        for_changes = min(len(self.watch.latest) + 2, round(height * FOR_CHANGES)) if self.watch.latest else 0
        most = max(1, height - 3 - for_changes)
        shown = [*_lines_of(console, free, self._draw_heading(), Text("")), *apps[:most]]
        if len(apps) > most:
            shown += _lines_of(console, free, self._draw_rest(len(apps) - most))
        shown += _lines_of(console, free, *self._draw_changes(height - len(shown)))
        for number, line in enumerate(shown[:height]):
            if number:
                yield Segment.line()
            yield from line

    def _draw_heading(self) -> Text:
        watch, now = self.watch, self.watch.surroundings.now()
        if watch.away and watch.away_since:
            lost = shown_age((now - watch.away_since).total_seconds())
            return _line(f"! {watch.away.message}, for {lost}; trying again", style="red")
        if watch.glanced_at is None:
            return _line("looking")
        return _line(f"{now:%H:%M:%S} UTC  every {watch.interval:g} s, Ctrl-C ends", style="bold")

    def _draw_apps(self) -> RenderableType:
        watch, glance = self.watch, self.watch.glance
        if glance is None:
            return Text("")
        return draw_one(glance.apps[0], glance) if watch.app else draw_all(glance)

    def _draw_rest(self, count: int) -> Text:
        command = " ".join(("verdigris status", *([self.watch.app] if self.watch.app else [])))
        return _line(f"and {count} lines more: `{command}` shows all", style="bold")

    def _draw_changes(self, room: int) -> list[Text]:
        """A gap, a heading, and as many as fit below."""
        latest = list(reversed(self.watch.latest))[: max(0, room - 2)]
        if not latest:
            return []
        return [
            Text(""),
            _line("CHANGES, the newest first", style="bold"),
            *(_line(one.told()) for one in latest),
        ]


def _line(text: str, style: str = "") -> Text:
    """Text that stays in one line, however narrow."""
    return Text(plain(text), style=style, no_wrap=True, overflow="ellipsis")


def _lines_of(console: Console, options: ConsoleOptions, *texts: Text) -> list[list[Segment]]:
    return [line for text in texts for line in console.render_lines(text, options, pad=False)]
