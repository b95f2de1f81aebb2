"""What a promote of a release changes, as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.printing import show_line, show_table
from cli.text import SHORT_COMMIT, shown_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.client import Json

SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}


def print_difference(found: Json) -> None:
    """The sum, then commits, fields and keys; nothing but names of the last two is known."""
    show_line(f"\npromote: {found['summary']}", style="bold")
    show_line(found["compared"])
    commits = found["commits"] or {"added": [], "removed": []}
    _print_commits("commits that come", commits["added"], commits.get("added_count", 0))
    _print_commits("commits that go", commits["removed"], commits.get("removed_count", 0))
    for line in _lines(found):
        show_line(line)


def _print_commits(title: str, listed: Sequence[Json], number: int) -> None:
    if not listed:
        return
    show_line("")
    rows = [[one["id"][:SHORT_COMMIT], shown_time(one["at"]), one["author"], one["title"]] for one in listed]
    show_table([title, "when", "by", "title"], rows)
    if number > len(listed):
        show_line(f"the newest {len(listed)} of {number}")


def _lines(found: Json) -> Iterator[str]:
    yield from _section("manifests", _object_lines(found["objects"] or []), found["more_objects"])
    keys = [f"{SIGNS[one['change']]} {one['name']} ({one['where']})" for one in found["keys"] or []]
    yield from _section("configuration", keys, found["more_keys"])
    if found["migrations"]:
        told = ", ".join(f"{one['tag']} ({one['kind']})" for one in found["migrations"])
        yield f"\nmigrations: {told}"
    files = [f"{SIGNS[one['change']]} {one['path']}" for one in found["migration_files"] or []]
    yield from _section("migration files", files, found["more_migration_files"])
    yield from (f"\n{text}" for text in [found["rollback"], *found["notes"]] if text)


def _section(title: str, lines: Sequence[str], more: int) -> Iterator[str]:
    if lines:
        yield f"\n{title}:"
    yield from (f"  {line}" for line in lines)
    if more:
        yield f"  and {more} more"


def _object_lines(objects: Sequence[Json]) -> list[str]:
    lines = []
    for one in objects:
        lines += [f"{SIGNS[one['change']]} {one['object']}", *(f"    {path}" for path in one["paths"])]
        if one["more"]:
            lines.append(f"    and {one['more']} more")
    return lines
