"""What a promote of a release would change: its commit, manifests and values against those of what is live.

Nothing of it is needed to release anything. What can't be found out is told as a gap, and stops nothing.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from release.configured_values import compare_values, configured_values, take_fingerprints
from release.difference import Base, Commits, Difference, Migrated, bounded
from release.image import is_pinned
from release.manifest_difference import compare_manifests
from release.model import Migration, MigrationState
from release.problems import Problem
from release.secret import Redactor
from release.tag import shown
from source.commits import HistoryMissing
from source.manifests import Context, objects_of, render
from source.values import values_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from cluster.kinds import Object
    from release.config import App
    from release.model import Release
    from release.observation import Observation
    from tasks.step import Surroundings

BEGUN: Final = frozenset({MigrationState.RUNNING, MigrationState.PASSED, MigrationState.FAILED})
RELEASES_BETWEEN: Final = 50
"""Releases, newest first, among which those on the way from the live one to another are looked for."""


def base_of(seen: Observation) -> Base | None:
    """What is live, as the cluster tells; None where nothing is."""
    if seen.live is None:
        return None
    there = seen.color(seen.live)
    return Base(there.release or "", shown(there.tag or ""), seen.live, there.commit or "")


def find_difference(around: Surroundings, release: Release, base: Base | None) -> Difference:
    """What a promote of the release changes against ``base``.

    Raises:
        NotDurable: Redis is away.
        ConfigError: a secret of the app can't be read, so it could not be kept out of what is told.
    """
    found = Difference(base, release.commit, around.clock())
    if base is None:
        return replace(found, migrations=_migrations(around, release, ""))
    found = _Comparison(around, around.config.apps[release.app], release, base).make(found)
    return bounded(_redacted(found, Redactor(around.config.release_secrets(release.app)).redact))


@dataclass(frozen=True)
class _Comparison:
    """A release beside what is live."""

    around: Surroundings
    app: App
    release: Release
    base: Base

    def make(self, found: Difference) -> Difference:
        found = self._compare_values(found)
        if not self.base.commit:
            found = replace(found, migrations=_migrations(self.around, self.release, self.base.release_id))
            what = self.base.tag or f"what runs on {self.base.color}"
            return _with_gap(found, f"the commit of {what} is not known: Verdigris did not build it")
        found, is_folder_same = self._compare_commits(found)
        return replace(found, objects=()) if is_folder_same else self._compare_manifests(found)

    def _compare_values(self, found: Difference) -> Difference:
        """Of a live release that kept none, the values of its color as they are configured now."""
        kept = self.around.store.differences.find_values(self.base.release_id)
        before = kept or take_fingerprints(configured_values(self.app, self.base.color))
        after = configured_values(self.app, self.release.color)
        return replace(found, keys=tuple(compare_values(before, after)))

    def _compare_commits(self, found: Difference) -> tuple[Difference, bool]:
        """Also whether the manifests are known to be the same."""
        ids = (self.base.commit, self.release.commit)
        added: Collection[str] = ()
        try:
            if ids[0] != ids[1]:
                folder = self.app.manifests.path
                between = self.around.repositories.compare(
                    self.app.repository, *ids, folder=folder, listed=self.app.migration_files
                )
                files = between.listed if self.app.migration_files else None
                found, added = replace(found, commits=between.commits, migration_files=files), between.added
                is_same = between.is_folder_same
            else:
                found, is_same = replace(found, commits=Commits()), True
        except HistoryMissing as error:
            found, is_same = (
                _with_gap(found, f"commits are not known: {error}", is_final=error.is_final),
                False,
            )
        except Problem as problem:
            found, is_same = _with_gap(found, f"commits are not known: {problem.document.detail}"), False
        migrations = _migrations(self.around, self.release, self.base.release_id, added)
        return replace(found, migrations=migrations), is_same

    def _compare_manifests(self, found: Difference) -> Difference:
        """Both rendered for the same color, tag and image: what differs is what the repository says."""
        try:
            before, after = (self._render(commit) for commit in (self.base.commit, self.release.commit))
        except Problem as problem:
            return _with_gap(found, f"manifests can't be compared: {problem.document.detail}", is_final=False)
        manifests = compare_manifests(before, after)
        return replace(found, objects=manifests.objects, keys=(*manifests.keys, *(found.keys or ())))

    def _render(self, commit: str) -> list[Object]:
        try:
            tree = self.around.repositories.check_out(self.app.repository, commit, self._workdir)
            manifests = render(self.app, tree.path, self._context())
        finally:
            shutil.rmtree(self._workdir, ignore_errors=True)
        return [*objects_of(manifests), *([manifests.migration] if manifests.migration else [])]

    @property
    def _workdir(self) -> Path:
        return self.around.settings.data / "trees" / f"{self.release.id}.difference"

    def _context(self) -> Context:
        """The same for both commits."""
        release = self.release
        image = release.image or self.app.image_for(tag=release.tag, commit=release.commit)
        return Context(
            app=release.app,
            namespace=self.app.namespace,
            color=release.color,
            live_color=self.base.color,
            tag=release.tag,
            commit=release.commit,
            release=release.id,
            image=image.partition("@")[0] if is_pinned(image) else image,
            values=values_for(self.app, release.color),
        )


def _migrations(
    around: Surroundings, release: Release, base_id: str, added: Collection[str] = ()
) -> tuple[Migrated, ...]:
    """The release's own, and those that ran for others on the way to it, newest first; none of kind none."""
    known = around.store.releases(release.app, limit=RELEASES_BETWEEN) if added else []
    between = [
        one
        for one in known
        if one.commit in added and one.commit != release.commit and one.migration.state in BEGUN
    ]
    return tuple(
        Migrated(one.id, one.tag, one.migration.kind)
        for one in [release, *between]
        if one.migration.kind not in {None, Migration.NONE} and one.id != base_id
    )


def _with_gap(found: Difference, why: str, *, is_final: bool = True) -> Difference:
    return replace(found, gaps=(*found.gaps, why), is_final=found.is_final and is_final)


def _redacted(found: Difference, redact: Callable[[str], str]) -> Difference:
    """Without secrets that somebody wrote into a commit's title or a field's name."""
    commits = found.commits and replace(
        found.commits,
        added=tuple(
            replace(one, title=redact(one.title), author=redact(one.author)) for one in found.commits.added
        ),
        removed=tuple(
            replace(one, title=redact(one.title), author=redact(one.author)) for one in found.commits.removed
        ),
    )
    objects = found.objects and tuple(
        replace(one, object=redact(one.object), paths=tuple(redact(path) for path in one.paths))
        for one in found.objects
    )
    keys = found.keys and tuple(
        replace(one, name=redact(one.name), where=redact(one.where)) for one in found.keys
    )
    files = found.migration_files and tuple(
        replace(one, path=redact(one.path)) for one in found.migration_files
    )
    gaps = tuple(redact(gap) for gap in found.gaps)
    return replace(found, commits=commits, objects=objects, keys=keys, migration_files=files, gaps=gaps)
