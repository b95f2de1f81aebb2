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
    if found["objects"]:
        yield "\nmanifests:"
    for one in found["objects"] or []:
        yield f"  {SIGNS[one['change']]} {one['object']}"
        yield from (f"      {path}" for path in one["paths"])
        if one["more"]:
            yield f"      and {one['more']} more"
    if found["more_objects"]:
        yield f"  and {found['more_objects']} more"
    if found["keys"]:
        yield "\nconfiguration:"
    for one in found["keys"] or []:
        yield f"  {SIGNS[one['change']]} {one['name']} ({one['where']})"
    if found["more_keys"]:
        yield f"  and {found['more_keys']} more"
    if found["migrations"]:
        told = ", ".join(f"{one['tag']} ({one['kind']})" for one in found["migrations"])
        yield f"\nmigrations: {told}"
    yield from (f"\n{text}" for text in [found["rollback"], *found["notes"]] if text)
