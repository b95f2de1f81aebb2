"""What a promote would change, in bounds and in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from release.difference import (
    MOST_BYTES,
    Base,
    ChangedFile,
    ChangedKey,
    ChangedObject,
    Commit,
    Commits,
    Difference,
    Kind,
    Migrated,
    bounded,
    clean,
    dump_difference,
    parse_difference,
    tell_base,
    tell_number,
    tell_sum,
)
from release.model import Color, Migration

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
BASE = Base("r1", "v1-green", Color.GREEN, "a" * 40)
NOTHING = Difference(BASE, "b" * 40, NOW, commits=Commits(), objects=(), keys=())


def commits(number: int, title: str = "fix") -> tuple[Commit, ...]:
    return tuple(Commit(f"{index:040}", title, "Ada", NOW) for index in range(number))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (NOTHING, "no commit, object or key"),
        (replace(NOTHING, base=None), "the first release that goes live"),
        (Difference(BASE, "", NOW, gaps=("no history",)), "not known"),
        (replace(NOTHING, commits=Commits(added_count=1)), "1 commit"),
        (replace(NOTHING, commits=Commits(added_count=1200, is_cut=True)), "at least 1,200 commits"),
        (
            replace(NOTHING, commits=Commits(added_count=2, removed_count=1)),
            "2 commits, 1 commit taken back",
        ),
        (
            replace(
                NOTHING,
                commits=Commits(added_count=12),
                objects=(ChangedObject("Service shop", Kind.CHANGED),) * 3,
                keys=(ChangedKey("MODE", "verdigris.yml", Kind.ADDED),),
                more_keys=1,
                migrations=(Migrated("r2", "v2-blue", Migration.EXPAND),),
            ),
            "12 commits, 3 objects, 2 configuration keys, 1 migration (expand)",
        ),
        (
            replace(
                NOTHING,
                migration_files=(ChangedFile("db/7.sql", Kind.ADDED),),
                more_migration_files=1,
            ),
            "2 migration files",
        ),
    ],
)
def test_it_is_summed_up_in_a_few_words(found: Difference, words: str) -> None:
    assert tell_sum(found) == words


def test_what_it_was_compared_with_is_told_as_of_then() -> None:
    assert tell_base(NOTHING, "r1") == "compared with v1-green, which is live"
    assert tell_base(NOTHING, "r3") == "compared with v1-green, which was live then"
    foreign = replace(NOTHING, base=Base("", "", Color.BLUE))
    assert tell_base(foreign, "") == "compared with what ran on blue, which was live then"
    assert tell_base(replace(NOTHING, base=None), None) == "nothing was live when this was looked at"


def test_it_is_of_one_base_and_one_commit() -> None:
    assert NOTHING.is_of(BASE, "b" * 40)
    assert not NOTHING.is_of(BASE, "c" * 40)
    assert not NOTHING.is_of(None, "b" * 40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("  many\n\n lines\t here ", "many lines here"),
        ("a\u202eb\x1b[31m", r"a\u202eb\u001b[31m"),
        ("0123456789abc", "012345678…"),
        ("", ""),
    ],
)
def test_texts_of_others_are_one_printable_line(text: str, shown: str) -> None:
    assert clean(text, 20 if len(text) != 13 else 10) == shown


def test_it_is_kept_as_it_was() -> None:
    whole = replace(
        NOTHING,
        commits=Commits(commits(2), 2, commits(1), 1, 3, is_related=False),
        objects=(ChangedObject("Service shop", Kind.CHANGED, ("spec.ports[http].port",), 4),),
        keys=(ChangedKey("MODE", "Deployment shop-blue, app", Kind.REMOVED),),
        migrations=(Migrated("r2", "v2-blue", Migration.CONTRACT),),
        migration_files=(ChangedFile("db/7.sql", Kind.ADDED),),
        more_migration_files=3,
        gaps=("no reason",),
        is_final=False,
    )

    assert parse_difference(dump_difference(whole)) == whole


def test_only_so_much_is_kept_and_the_rest_is_counted() -> None:
    paths = tuple(f"spec.field{index}" for index in range(30))
    whole = replace(
        NOTHING,
        commits=Commits(commits(60), 60, commits(30), 30),
        objects=(ChangedObject("ConfigMap a", Kind.CHANGED, paths, more=1),) * 60,
        keys=(ChangedKey("K", "verdigris.yml", Kind.ADDED),) * 120,
    )

    cut = bounded(whole)

    assert cut.commits
    assert cut.objects
    assert cut.keys
    assert (len(cut.commits.added), cut.commits.added_count, len(cut.commits.removed)) == (50, 60, 20)
    assert (len(cut.objects), cut.more_objects, len(cut.keys), cut.more_keys) == (50, 10, 100, 20)
    assert (len(cut.objects[0].paths), cut.objects[0].more) == (20, 11)
    assert bounded(cut) == cut


def test_long_texts_leave_room_for_fewer_of_them() -> None:
    paths = tuple(f"{index}{'x' * 190}" for index in range(20))
    whole = replace(
        NOTHING,
        commits=Commits(commits(50, "\N{PILE OF POO}" * 200), 50),
        objects=tuple(ChangedObject(f"ConfigMap {index}", Kind.CHANGED, paths) for index in range(50)),
    )

    cut = bounded(whole)

    assert len(dump_difference(cut).encode()) <= MOST_BYTES
    assert cut.commits
    assert cut.objects
    assert 0 < len(cut.commits.added) < 50
    assert cut.commits.added_count == 50
    assert len(cut.objects) + cut.more_objects == 50
    assert len(cut.objects[0].paths) + cut.objects[0].more == 20


def test_what_is_not_known_stays_so() -> None:
    unknown = Difference(BASE, "", NOW)

    assert bounded(unknown) == unknown
    assert tell_number(2, "migration") == "2 migrations"
