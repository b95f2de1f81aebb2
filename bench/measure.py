"""What all benches share: samples by turns, their medians, rows of ratios, the table, the machine.

Each figure is a ratio of two things measured in one run, by turns, so that whatever else the machine does
hits both. Absolute figures are printed and not judged: they say more of the machine than of Verdigris.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FEWEST_SAMPLES: Final = 15
THOUSAND: Final = 1000


@dataclass(frozen=True)
class Figures:
    """Samples of one thing: their median, the least and the most."""

    median: float
    least: float
    most: float
    samples: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Figures:
        """What was measured."""
        return cls(statistics.median(samples), min(samples), max(samples), len(samples))

    def __str__(self) -> str:
        """``0.41 (0.33 … 2.10)``."""
        return f"{_shown(self.median)} ({_shown(self.least)} … {_shown(self.most)})"


def _shown(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= THOUSAND else f"{number:.3g}"


@dataclass(frozen=True)
class Row:
    """One question: ours beside the other, and where their ratio has to lie."""

    question: str
    ours: Figures
    other: Figures
    unit: str
    goal: float
    is_at_least: bool = False

    @property
    def ratio(self) -> float:
        """Of the medians: ours to the other."""
        return self.ours.median / self.other.median if self.other.median else float("inf")

    @property
    def is_reached(self) -> bool:
        """Whether the ratio lies where it has to."""
        return self.ratio >= self.goal if self.is_at_least else self.ratio <= self.goal

    @property
    def goal_words(self) -> str:
        """``≤ 0.25``."""
        return f"{'≥' if self.is_at_least else '≤'} {self.goal:g}"

    def cells(self) -> tuple[str, ...]:
        """As the table has it."""
        verdict = "yes" if self.is_reached else "**no**"
        return (
            self.question,
            str(self.ours),
            str(self.other),
            self.unit,
            f"{self.ratio:.2f}",
            self.goal_words,
            verdict,
        )


@dataclass(frozen=True)
class Result:
    """What one bench has found: rows that are judged, and lines that are told."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


HEADINGS: Final = ("what", "Verdigris", "beside it", "unit", "ratio", "goal", "reached")


def _machine() -> str:
    return describe_machine()


@dataclass(frozen=True)
class Report:
    """All that was found in one run."""

    results: tuple[Result, ...]
    machine: str = field(default_factory=_machine)

    @property
    def rows(self) -> list[Row]:
        """Of all benches."""
        return [row for result in self.results for row in result.rows]

    @property
    def is_reached(self) -> bool:
        """Whether every goal is."""
        return all(row.is_reached for row in self.rows)

    def shown(self, options: argparse.Namespace) -> str:
        """As it was asked for."""
        if options.json:
            return self.as_json()
        return self.as_markdown() if options.markdown else self.as_text()

    def as_markdown(self) -> str:
        """For a page of the documentation."""
        lines = [_markdown_row(HEADINGS), _markdown_row(["---"] * len(HEADINGS))]
        lines += [_markdown_row(row.cells()) for row in self.rows]
        notes = [f"- {note}" for result in self.results for note in result.notes]
        return "\n".join([self.machine, "", *lines, *(["", *notes] if notes else [])])

    def as_text(self) -> str:
        """For a terminal."""
        table = [HEADINGS, *(tuple(cell.replace("**", "") for cell in row.cells()) for row in self.rows)]
        widths = [max(len(row[place]) for row in table) for place in range(len(HEADINGS))]
        lines = [
            "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in table
        ]
        notes = [note for result in self.results for note in result.notes]
        return "\n".join(
            [self.machine, "", *(line.rstrip() for line in lines), *([""] if notes else []), *notes]
        )

    def as_json(self) -> str:
        """For programs."""
        rows = [{**asdict(row), "ratio": row.ratio, "reached": row.is_reached} for row in self.rows]
        notes = [note for result in self.results for note in result.notes]
        return json.dumps({"machine": self.machine, "rows": rows, "notes": notes}, indent=1)


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def by_turns(*steps: Callable[[], float], samples: int, rotate: bool = True) -> list[Figures]:
    """Each step once in each round, and each time another one first, unless they must follow each other.

    A step returns its own figure.
    """
    taken: list[list[float]] = [[] for _ in steps]
    for number in range(samples):
        order = list(range(len(steps)))
        first = number % len(order) if rotate else 0
        order = order[first:] + order[:first]
        for place in order:
            taken[place].append(steps[place]())
        show_progress(number + 1, samples)
    return [Figures.of(one) for one in taken]


def timed(step: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def show_progress(number: int, samples: int) -> None:
    """On a terminal, where one waits for minutes."""
    if sys.stderr.isatty():
        end = "\n" if number == samples else ""
        print(f"\r  {number} of {samples}", end=end, file=sys.stderr, flush=True)


def run(words: str | None, measure: Callable[[int], Result]) -> NoReturn:
    """One bench as a program: ends with 1 where a goal is not reached."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    options = parser.parse_args()
    if options.samples < 1:
        parser.error("at least one sample")
    report = Report((measure(options.samples),))
    print(report.shown(options))
    sys.exit(0 if report.is_reached else 1)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every bench may be told."""
    parser.add_argument("--samples", type=int, default=FEWEST_SAMPLES, help="of each step (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="as docs/performance.md has it")
    parser.add_argument("--json", action="store_true", help="for programs")


def describe_machine() -> str:
    """Processor, cores, memory, system, and how busy it was: ratios hold for others too, seconds don't."""
    load = os.getloadavg()[0]
    return (
        f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} "
        f"{platform.release().partition('-')[0]}, Python {platform.python_version()}; load {load:.1f}"
    )


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return int(line.split()[1]) / 1024**2
    return 0.0


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
