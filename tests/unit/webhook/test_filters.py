from __future__ import annotations

import pytest

from release.model import Migration, MigrationRecord, MigrationState
from webhook.filters import printable, sentence, tell_age, tell_migration, tell_seconds


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-2, "just now"),
        (0.4, "just now"),
        (12.9, "12 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (200_000, "2 d ago"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, told: str) -> None:
    assert tell_age(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "0.0 s"), (0.44, "0.4 s"), (12.3, "12 s"), (125, "2 min 05 s"), (3720, "1 h 02 min")],
)
def test_a_duration_is_told_with_what_matters(seconds: float, told: str) -> None:
    assert tell_seconds(seconds) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("push another tag", "Push another tag."),
        ("runs, but idle", "Runs, but idle."),
        ("shop: no release is ready", "shop: no release is ready."),
        ("v2-blue failed", "v2-blue failed."),
        ("Done!", "Done!"),
        ("", ""),
        ("run `a <b>`", "Run <code>a &lt;b&gt;</code>."),
        ("<script>`</script>", "&lt;script&gt;`&lt;/script&gt;."),
    ],
)
def test_words_become_a_sentence_and_nothing_else(text: str, told: str) -> None:
    assert str(sentence(text)) == told


def test_marks_are_written_out_and_lines_kept() -> None:
    assert printable("a\tb\nc\x1b[0m\u202e\u200b") == "a\tb\nc\\u001b[0m\\u202e\\u200b"


@pytest.mark.parametrize(
    ("migration", "told"),
    [
        (MigrationRecord(Migration.NONE), "none"),
        (MigrationRecord(Migration.EXPAND, MigrationState.PASSED), "expand, passed"),
        (
            MigrationRecord(Migration.CONTRACT, MigrationState.PENDING),
            "contract, due at the decommission of the other color",
        ),
        (MigrationRecord(Migration.CONTRACT, MigrationState.RUNNING), "contract, begun"),
        (MigrationRecord(Migration.CONTRACT, MigrationState.GIVEN_UP), "contract, given up"),
    ],
)
def test_a_migration_is_told_with_how_far_it_is(migration: MigrationRecord, told: str) -> None:
    assert tell_migration(migration) == told
