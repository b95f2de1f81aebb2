"""What a promote of a release changes, as pages and the API tell it. A worker found it out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from release.difference import tell_base, tell_number, tell_sum
from release.model import JobKind, Migration, MigrationState, State
from webhook.presentation import time_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.difference import Commit, Difference
    from release.model import Release
    from release.observation import Observation
    from webhook import api_answers as answer
    from webhook.offers import Offer
    from webhook.services import Services

PAST: Final = frozenset({State.LIVE, State.STANDBY, State.RETIRED})
"""States of a release that was promoted."""
ENDED: Final = frozenset({State.FAILED, State.CANCELLED, State.SUPERSEDED})
"""States out of which no promote comes: what it would have changed helps nobody."""


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """A release's difference in words; ``is_current``: its base is what is live."""

    release: Release
    difference: Difference
    title: str
    summary: str
    compared: str
    is_current: bool
    rollback: str
    notes: tuple[str, ...]


def look_at_difference(
    release: Release, services: Services, *, observation: Observation | None = None
) -> DifferenceView | None:
    """What a promote of the release changes; None where no promote comes of it, or no worker has looked yet.

    ``observation``: the app's, where it is at hand.

    Raises:
        NotDurable: Redis is away.
    """
    found = None if release.state in ENDED else services.store.differences.find(release.id)
    if found is None:
        return None
    seen = observation or services.store.observation(release.app)
    live = seen.color(seen.live).release if seen and seen.live else None
    return view_difference(release, found, live)


def view_difference(release: Release, found: Difference, live: str | None) -> DifferenceView:
    """The words for it; ``live`` is the id of the release that is live now."""
    base = found.base.release_id if found.base else None
    return DifferenceView(
        release=release,
        difference=found,
        title="What its promote changed" if release.state in PAST else "What promote would change",
        summary=tell_sum(found),
        compared=tell_base(found, live),
        is_current=(base or None) == live,
        rollback="" if release.state in PAST else tell_rollback(release, found),
        notes=(*_note_history(found), *found.gaps),
    )


def with_sum(offers: Sequence[Offer], view: DifferenceView | None) -> tuple[Offer, ...]:
    """Buttons whose promote says in short what it changes."""
    if view is None or view.difference.base is None:
        return tuple(offers)
    more = f" {view.compared[:1].upper()}{view.compared[1:]}: {view.summary}."
    return tuple(
        replace(one, what=one.what + more)
        if one.is_possible and one.action == JobKind.PROMOTE and one.release_id == view.release.id
        else one
        for one in offers
    )


def tell_rollback(release: Release, found: Difference) -> str:
    """Whether the way back stays safe, as far as the release's migration is declared (ADR 9)."""
    migration, base = release.migration, found.base
    if base is None or migration.kind is None:
        return ""
    back = f"a rollback to {base.tag or f'what ran on {base.color}'}"
    if migration.kind is not Migration.CONTRACT:
        words = {Migration.NONE: "nothing is migrated", Migration.EXPAND: "its migration only adds"}
        return f"{back} stays safe: {words[migration.kind]}"
    if migration.has_contracted or migration.state is MigrationState.PASSED:
        return f"{back} is not safe: the contract migration of {release.tag} has begun"
    return (
        f"{back} stays safe until {base.color} is decommissioned: only then the contract migration of "
        f"{release.tag} runs"
    )


def _note_history(found: Difference) -> tuple[str, ...]:
    """What numbers alone don't tell."""
    commits, base = found.commits, found.base
    if commits is None or base is None:
        return ()
    notes = []
    if not commits.is_related and not commits.is_cut:
        notes.append(f"it has no commit in common with {base.tag}")
    elif commits.removed_count:
        many = tell_number(commits.removed_count, "commit")
        notes.append(f"it is not built on {base.tag}: {many} that users have now would go")
    if commits.is_cut:
        notes.append("the history was not read to its end: there may be more commits")
    return tuple(notes)


def difference_json(view: DifferenceView) -> answer.Difference:
    """As the API tells it."""
    found = view.difference
    base, commits = found.base, found.commits
    return {
        "summary": view.summary,
        "compared": view.compared,
        "is_current": view.is_current,
        "at": time_json(found.at),
        "base": {
            "release": base.release_id or None,
            "tag": base.tag or None,
            "color": base.color,
            "commit": base.commit or None,
        }
        if base
        else None,
        "commits": {
            "added": [_commit_json(one) for one in commits.added],
            "added_count": commits.added_count,
            "removed": [_commit_json(one) for one in commits.removed],
            "removed_count": commits.removed_count,
            "files": commits.files,
            "is_related": commits.is_related,
            "is_cut": commits.is_cut,
        }
        if commits
        else None,
        "objects": None
        if found.objects is None
        else [
            {"object": one.object, "change": one.kind, "paths": list(one.paths), "more": one.more}
            for one in found.objects
        ],
        "more_objects": found.more_objects,
        "keys": None
        if found.keys is None
        else [{"name": one.name, "where": one.where, "change": one.kind} for one in found.keys],
        "more_keys": found.more_keys,
        "migrations": [
            {"release": one.release_id, "tag": one.tag, "kind": one.kind} for one in found.migrations
        ],
        "migration_files": None
        if found.migration_files is None
        else [{"path": one.path, "change": one.kind} for one in found.migration_files],
        "more_migration_files": found.more_migration_files,
        "rollback": view.rollback or None,
        "notes": list(view.notes),
    }


def _commit_json(commit: Commit) -> answer.Commit:
    return {"id": commit.id, "title": commit.title, "author": commit.author, "at": time_json(commit.at)}
