"""What a promote of a release would change against what is live: plain values, bounded, in words.

A worker makes it (``tasks.difference``), ``differences`` keeps it. Names only: no value of a Secret, of the
environment or of the configuration is ever in it. Titles and authors of commits are whoever pushed them's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime  # noqa: TC003 -- pydantic reads it
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

from release.model import Color, Migration  # noqa: TC001 -- pydantic reads them

MOST_COMMITS: Final = 50
MOST_REMOVED: Final = 20
MOST_OBJECTS: Final = 50
MOST_PATHS: Final = 20
MOST_KEYS: Final = 100
MOST_FILES: Final = 50
LONGEST_PATH: Final = 200
LONGEST_TITLE: Final = 200
LONGEST_NAME: Final = 100
MOST_BYTES: Final = 64_000
"""As kept in Redis."""


class Kind(StrEnum):
    """What becomes of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Base:
    """What was live when it was compared. Empty texts: not a release of ours, or its commit is not known."""

    release_id: str
    tag: str
    color: Color
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, as it says of itself."""

    id: str
    title: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Commits:
    """What a promote brings to users, and what it takes from them, each newest first and bounded.

    ``is_cut``: the history was not read to its end, so there are at least so many. ``is_related``: the two
    have commits in common. ``files``: how many differ between the two trees.
    """

    added: tuple[Commit, ...] = ()
    added_count: int = 0
    removed: tuple[Commit, ...] = ()
    removed_count: int = 0
    files: int = 0
    is_related: bool = True
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class ChangedObject:
    """One object of the manifests. ``paths``: its fields that change; ``more`` of them are left out."""

    object: str
    kind: Kind
    paths: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """One key of the configuration: by name and by where it stands, never by value."""

    name: str
    where: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Manifests:
    """What differs between what the two commits render to, both for the same color, tag and image."""

    objects: tuple[ChangedObject, ...] = ()
    keys: tuple[ChangedKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Migrated:
    """A migration since the live release: the release's own, or one of a release on the way to it."""

    release_id: str
    tag: str
    kind: Migration


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of the repository, by its path."""

    path: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Difference:
    """What a promote of a release at ``commit`` changes against ``base``; None where nothing was live.

    What could not be found out is None, and ``gaps`` tell why in words. ``is_final``: there is no point in
    trying again. ``more_objects`` and the like were left out. ``migration_files``: below the folder that the
    configuration names, None also where it names none.
    """

    base: Base | None
    commit: str
    at: datetime
    commits: Commits | None = None
    objects: tuple[ChangedObject, ...] | None = None
    more_objects: int = 0
    keys: tuple[ChangedKey, ...] | None = None
    more_keys: int = 0
    migrations: tuple[Migrated, ...] = ()
    migration_files: tuple[ChangedFile, ...] | None = None
    more_migration_files: int = 0
    gaps: tuple[str, ...] = ()
    is_final: bool = True

    def is_of(self, base: Base | None, commit: str) -> bool:
        """Whether it is of these two."""
        return self.base == base and self.commit == commit


_DIFFERENCE: Final = TypeAdapter(Difference)


def clean(text: str, limit: int) -> str:
    """Somebody's text in one line: control and direction marks written out, cut at ``limit`` characters."""
    line = " ".join(text[: limit + 1].split())
    printable = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in line)
    return printable if len(printable) <= limit else f"{printable[: limit - 1]}…"


def bounded(difference: Difference) -> Difference:
    """With no more parts than are kept, and then fewer where their texts are long."""
    share = 1.0
    cut = _cut(difference, share)
    while len(dump_difference(cut).encode(errors="replace")) > MOST_BYTES:
        share /= 2
        cut = _cut(difference, share)
    return cut


def dump_difference(difference: Difference) -> str:
    """As it is kept."""
    return _DIFFERENCE.dump_json(difference).decode()


def parse_difference(text: str) -> Difference:
    """As ``dump_difference`` wrote it."""
    return _DIFFERENCE.validate_json(text)


def _cut(difference: Difference, share: float) -> Difference:
    """With that share of what may be kept of each part; numbers still tell of all."""
    commits, objects, keys = difference.commits, difference.objects, difference.keys
    if commits:
        added, removed = round(MOST_COMMITS * share), round(MOST_REMOVED * share)
        commits = replace(commits, added=commits.added[:added], removed=commits.removed[:removed])
    kept = None if objects is None else objects[: round(MOST_OBJECTS * share)]
    names = None if keys is None else keys[: round(MOST_KEYS * share)]
    files = difference.migration_files
    shown = None if files is None else files[: round(MOST_FILES * share)]
    return replace(
        difference,
        commits=commits,
        objects=None if kept is None else tuple(_cut_paths(one, round(MOST_PATHS * share)) for one in kept),
        more_objects=difference.more_objects + len(objects or ()) - len(kept or ()),
        keys=names,
        more_keys=difference.more_keys + len(keys or ()) - len(names or ()),
        migration_files=shown,
        more_migration_files=difference.more_migration_files + len(files or ()) - len(shown or ()),
    )


def _cut_paths(changed: ChangedObject, most: int) -> ChangedObject:
    left_out = max(0, len(changed.paths) - most)
    return replace(changed, paths=changed.paths[:most], more=changed.more + left_out)


def tell_sum(difference: Difference) -> str:
    """In a few words: ``12 commits, 3 objects, 1 migration (expand)``."""
    if difference.base is None:
        return "the first release that goes live"
    parts = [*_sum_commits(difference.commits), *_sum_manifests(difference)]
    if migrations := difference.migrations:
        kinds = ", ".join(sorted({one.kind.value for one in migrations}))
        parts.append(f"{tell_number(len(migrations), 'migration')} ({kinds})")
    if files := len(difference.migration_files or ()) + difference.more_migration_files:
        parts.append(tell_number(files, "migration file"))
    if parts:
        return ", ".join(parts)
    return "not known" if difference.gaps else "no commit, object or key"


def _sum_commits(commits: Commits | None) -> list[str]:
    if commits is None:
        return []
    least = "at least " if commits.is_cut else ""
    added = [f"{least}{tell_number(commits.added_count, 'commit')}"] if commits.added_count else []
    if not commits.removed_count:
        return added
    return [*added, f"{least}{tell_number(commits.removed_count, 'commit')} taken back"]


def _sum_manifests(difference: Difference) -> list[str]:
    objects = len(difference.objects or ()) + difference.more_objects
    keys = len(difference.keys or ()) + difference.more_keys
    parts = [tell_number(objects, "object")] if objects else []
    return [*parts, tell_number(keys, "configuration key")] if keys else parts


def tell_number(number: int, noun: str) -> str:
    """``1 commit``, ``1,200 commits``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def tell_base(difference: Difference, live_release: str | None) -> str:
    """What it was compared with; in the past tense where something else is live by now."""
    base = difference.base
    if base is None:
        return "nothing was live when this was looked at"
    name = base.tag or f"what ran on {base.color}"
    if base.release_id and base.release_id == live_release:
        return f"compared with {name}, which is live"
    return f"compared with {name}, which was live then"
