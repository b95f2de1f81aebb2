"""What a promote of a release changes."""

from typing_extensions import TypedDict

from release.difference import Kind as Becoming
from release.model import Color, Migration
from webhook.api_answers.basics import Count, Time, documented


@documented
class Commit(TypedDict):
    """A commit, as it says of itself. Its title and author are whoever pushed it's, in one line."""

    id: str
    title: str
    author: str
    at: Time


@documented
class Compared(TypedDict):
    """What was live when a release was compared with it. Null: not a release of ours, or not known."""

    release: str | None
    tag: str | None
    color: Color
    commit: str | None


@documented
class Commits(TypedDict):
    """What a promote brings to users, and what it takes from them. Of each, the newest are listed."""

    added: list[Commit]
    added_count: Count
    removed: list[Commit]
    removed_count: Count
    files: Count
    """How many files differ."""
    is_related: bool
    """Whether the two have a commit in common."""
    is_cut: bool
    """The history was not read to its end: the counts are the least."""


@documented
class ChangedObject(TypedDict):
    """An object of the manifests, both rendered for the same color, tag and image."""

    object: str
    change: Becoming
    paths: list[str]
    """Its fields that change, never their values."""
    more: Count
    """Fields that are not listed."""


@documented
class ChangedKey(TypedDict):
    """A key of the configuration. Its value is told nowhere."""

    name: str
    where: str
    """`verdigris.yml`, or the object that holds it."""
    change: Becoming


@documented
class ChangedFile(TypedDict):
    """A file of the repository."""

    path: str
    change: Becoming


@documented
class MigrationBetween(TypedDict):
    """A migration since the live release: its own, or one that has run for a release on the way to it."""

    release: str
    tag: str
    kind: Migration


@documented
class Difference(TypedDict):
    """What a promote of a release changes against what was live when a worker looked. Null: not known."""

    summary: str
    """In a few words."""
    compared: str
    """With what, in words."""
    is_current: bool
    """Whether that is still live."""
    at: Time
    base: Compared | None
    """Null where nothing was live."""
    commits: Commits | None
    objects: list[ChangedObject] | None
    more_objects: Count
    keys: list[ChangedKey] | None
    more_keys: Count
    migrations: list[MigrationBetween]
    migration_files: list[ChangedFile] | None
    """Below `migration_files` of the configuration, from Git; null also where it names none."""
    more_migration_files: Count
    rollback: str | None
    """Whether a rollback stays safe, in words."""
    notes: list[str]
    """What numbers do not tell, and why something is not known."""
