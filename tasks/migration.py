"""How a release's migration is declared: by its tag (``Migration: contract``), else by the app (ADR 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.model import Migration
from release.problems import Problem
from release.tag import shown
from tasks.turn import patiently

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from release.model import Release
    from tasks.step import Step

TRAILER: Final = "Migration"
LONGEST_CHAIN: Final = 50
"""Redeploys of redeploys that are looked at, should somebody have spoiled a record into a ring."""


def find_migration(step: Step, commit: str) -> Migration | None:
    """What kind of migration the release has; None for an app that has nothing to migrate with.

    A redeploy is of the same kind as what it deploys again, whatever became of the tag since.

    Raises:
        Problem: ``migration-unknown``; ``tag-moved``; the tag's signature does not count any more; or the
            repository can't be asked.
    """
    if not step.app.has_migration:
        return None
    release = step.get_release()
    if release.redeploy_of:
        return _inherit(step)
    values = step.around.repositories.read_trailers(
        step.app.repository,
        release.tag,
        commit=commit,
        key=TRAILER,
        keys=step.app.require_signed_tags,
    )
    declared = parse_declaration(values, subject=f"{step.name} {release.tag}")
    step.tell(f"migration: {declared or step.app.migration}, as {_whose(declared)} says")
    return declared or step.app.migration


def parse_declaration(values: Sequence[str], *, subject: str) -> Migration | None:
    """What a tag's trailers say; None where they say nothing.

    Raises:
        Problem: ``migration-unknown``: another word, or two that differ.
    """
    said = {value.strip().lower() for value in values}
    if not said:
        return None
    if len(said) == 1 and (word := next(iter(said))) in set(Migration):
        return Migration(word)
    listed = ", ".join(f"`{TRAILER}: {shown(value)}`" for value in values)
    known = ", ".join(Migration)
    raise Problem(
        "migration-unknown",
        "The tag declares a migration of no known kind",
        detail=f"{subject}: its message says {listed}; it can be one of {known}",
        next_step=f"push a new tag whose message says one of these: git tag -a TAG -m '{TRAILER}: expand'",
        status=422,
    )


def kind_of(step: Step) -> Migration | None:
    """The release's kind as sanity recorded it, else found out and recorded now."""
    release = step.get_release()
    if release.migration.kind or not step.app.has_migration:
        return release.migration.kind
    kind = find_migration(step, release.commit)
    if kind:
        step.move(migration=kind)
    return kind


def origins_of(step: Step) -> Iterator[str]:
    """The release and what it deploys again: the same commit, so the same migration."""
    release: Release | None = step.get_release()
    for _ in range(LONGEST_CHAIN):
        if release is None:
            return
        yield release.id
        if not release.redeploy_of:
            return
        origin = release.redeploy_of
        release = patiently(lambda origin=origin: step.around.store.find_release(origin))  # type: ignore[misc]
        if release is None:
            yield origin


def _inherit(step: Step) -> Migration:
    for origin in list(origins_of(step))[1:]:
        known = patiently(lambda origin=origin: step.around.store.find_release(origin))  # type: ignore[misc]
        if known and known.migration.kind:
            step.tell(f"migration: {known.migration.kind}, as release {known.id} had it")
            return known.migration.kind
    step.tell(f"migration: {step.app.migration}, as the app's configuration says")
    return step.app.migration


def _whose(declared: Migration | None) -> str:
    return "the tag" if declared else "the app's configuration"
