"""What a promote would change: looked at beside the stages of real releases from a real repository."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from release.clock import utc_now
from release.difference import ChangedFile, ChangedKey, Kind, Migrated, dump_difference, tell_base, tell_sum
from release.model import Actor, Migration, Stage
from tasks.difference import find_difference
from tasks.execution import look_at_app
from tests.integration.line import _git
from tests.integration.migrating import LOUD, python
from worker.differ import REST, TRIED_AGAIN, Differ

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from release.difference import Base, Difference
    from release.model import Release
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy
MARIA = Actor("person", "maria")


class Watched:
    """A differ of a line, whose clock can be put forward; ``asked`` counts what it had to find out."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.asked = 0
        self._ahead = timedelta()
        self.differ = self.another()

    def another(self) -> Differ:
        return Differ(self.line.config, self.line.store, self._find, self._clock)

    def _clock(self) -> datetime:
        return utc_now() + self._ahead

    def _find(self, release: Release, base: Base | None) -> Difference:
        self.asked += 1
        return find_difference(replace(self.line.around, clock=self._clock), release, base)

    def wait(self, time: timedelta) -> None:
        self._ahead += time

    def look(self) -> None:
        look_at_app(self.line.around, "shop")
        self.differ.look()

    def of(self, release: Release) -> Difference:
        found = self.line.store.differences.find(release.id)
        assert found
        return found


@pytest.fixture
def watched(line: Line) -> Watched:
    return Watched(line)


def go_live(watched: Watched, tag: str, **does: object) -> Release:
    """With a look as soon as its sanity has passed, as happens beside the stages."""
    line = watched.line
    release = line.push(tag, **does)  # type: ignore[arg-type]
    line.run(until=Stage.DEPLOY)
    watched.look()
    line.run()
    assert line.state(release) == "ready", line.told(release)
    assert line.promote().state == "done"
    watched.look()
    return line.release(release.id)


def test_it_is_known_as_soon_as_sanity_has_passed(watched: Watched) -> None:
    line = watched.line
    go_live(watched, "v1-green")

    # when the next release passes its sanity
    release = line.push("v2-blue", files={"more.txt": "more"})
    watched.look()
    assert line.store.differences.find(release.id) is None
    line.run(until=Stage.DEPLOY)
    watched.look()

    # then its difference is known before it is deployed
    found = watched.of(release)
    assert found.base
    assert (found.base.tag, found.base.color) == ("v1-green", "green")
    assert found.commits
    assert [one.title for one in found.commits.added] == ["v2-blue"]
    assert (found.commits.added_count, found.commits.removed_count, found.commits.files) == (1, 0, 2)
    assert (found.objects, found.keys, found.gaps) == ((), (), ())
    assert tell_sum(found) == "1 commit"


def test_before_anything_is_live_there_is_nothing_to_compare_with(watched: Watched) -> None:
    release = watched.line.deploy("v1-green")
    watched.look()

    found = watched.of(release)

    assert found.base is None
    assert tell_sum(found) == "the first release that goes live"


def test_fields_and_keys_of_the_manifests_are_told_and_no_value(watched: Watched) -> None:
    # given an app with manifests of its own
    line = watched.line
    own = line.default_manifests()
    named = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
    settings = f"{named}data: {{KEPT: a, GONE: b, OTHER: was-this}}\n"
    go_live(
        watched,
        "v1-green",
        files={**own, "manifests/service.yml": f"{own['manifests/service.yml']}\n---\n{settings}"},
    )

    # when its next version changes them
    newer = settings.replace("GONE: b", "NEW: b").replace("was-this", "is-that")
    more = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\ndata: {A: b}\n"
    deployment = own["manifests/deployment.yml"].replace("spec:\n", "spec:\n  revisionHistoryLimit: 7\n", 1)
    release = line.push(
        "v2-blue",
        files={
            "manifests/service.yml": f"{own['manifests/service.yml']}\n---\n{newer}\n---\n{more}",
            "manifests/deployment.yml": deployment,
        },
    )
    line.run(until=Stage.DEPLOY)
    watched.look()

    # then each is told by its name
    found = watched.of(release)
    assert found.gaps == ()
    assert found.objects is not None
    told = {one.object: (one.kind, one.paths) for one in found.objects}
    assert told == {
        "ConfigMap more": (Kind.ADDED, ()),
        "Deployment shop-blue": (Kind.CHANGED, ("spec.revisionHistoryLimit",)),
    }
    assert found.keys == (
        ChangedKey("GONE", "ConfigMap settings", Kind.REMOVED),
        ChangedKey("NEW", "ConfigMap settings", Kind.ADDED),
        ChangedKey("OTHER", "ConfigMap settings", Kind.CHANGED),
    )
    for value in ("was-this", "is-that"):
        assert value not in dump_difference(found)


def test_values_of_our_own_configuration_are_told_by_name(watched: Watched) -> None:
    # given a live release, and a configuration that was changed since
    line = watched.line
    go_live(watched, "v1-green")
    values = {**line.config.apps["shop"].values, "greeting": "hush-hush"}
    line.reconfigure(values=values)
    watched = Watched(line)

    release = line.deploy("v2-blue")
    watched.look()

    assert watched.of(release).keys == (ChangedKey("greeting", "verdigris.yml", Kind.ADDED),)
    assert "hush-hush" not in dump_difference(watched.of(release))


def test_when_something_else_goes_live_it_is_looked_at_anew(watched: Watched) -> None:
    # given v1 live, v2 promoted and rolled back
    line = watched.line
    first = go_live(watched, "v1-green")
    second = line.deploy("v2-blue")
    watched.look()
    line.promote(second.id)
    watched.look()
    looked_at = watched.asked
    line.rollback()
    watched.look()

    # then the one that promote would move users to is compared with what is live again
    found = watched.of(second)
    assert found.base
    assert found.base.release_id == first.id
    assert tell_base(found, first.id) == "compared with v1-green, which is live"
    assert watched.asked == looked_at  # as it was, against the same release
    # and the live one still tells what its own promote changed
    assert watched.of(first).base is None


def test_a_release_that_is_ready_is_compared_with_what_went_live_meanwhile(watched: Watched) -> None:
    # given v2 rolled back, and compared with v1
    line = watched.line
    go_live(watched, "v1-green")
    second = go_live(watched, "v2-blue")
    line.rollback()
    watched.look()
    assert tell_sum(watched.of(second)) == "1 commit"

    # when v3 takes the place of v1
    third = line.push("v3-blue")
    line.run()
    watched.look()

    # then v3 is compared with v1, and v2, which is gone, keeps what was said of it
    assert tell_sum(watched.of(third)) == "2 commits"
    assert tell_base(watched.of(second), "other") == "compared with v1-green, which was live then"


def test_commits_that_are_on_no_branch_any_more_would_be_taken_back(watched: Watched) -> None:
    line = watched.line
    line.repo.commit("base")
    go_live(watched, "v1-green")
    _git(line.repo.clone, "reset", "--quiet", "--hard", "HEAD~1")

    release = line.deploy("v2-blue")
    watched.look()

    assert tell_sum(watched.of(release)) == "1 commit, 1 commit taken back"


def test_migrations_on_the_way_are_told(make_line: Callable[..., Line]) -> None:
    # given v1 live, and v2 that was deployed, but never promoted
    watched = Watched(make_line(migrate=[python(LOUD)]))
    line = watched.line
    go_live(watched, "v1-green")
    second = line.deploy("v2-blue")

    third = line.deploy("v3-blue")
    watched.look()

    assert watched.of(third).migrations == (
        Migrated(third.id, "v3-blue", Migration.EXPAND),
        Migrated(second.id, "v2-blue", Migration.EXPAND),
    )
    assert tell_sum(watched.of(third)) == "2 commits, 2 migrations (expand)"


def test_a_migration_that_never_ran_is_not_on_the_way(make_line: Callable[..., Line]) -> None:
    # given v1 live, and v2 whose deploy was cancelled before its turn
    watched = Watched(make_line(migrate=[python(LOUD)]))
    line = watched.line
    go_live(watched, "v1-green")
    line.requests.cancel(line.push("v2-blue").id, actor=MARIA)

    third = line.deploy("v3-blue")
    watched.look()

    assert [one.tag for one in watched.of(third).migrations] == ["v3-blue"]


def test_files_of_migrations_are_told_from_git(make_line: Callable[..., Line]) -> None:
    watched = Watched(make_line(migration_files="db"))
    line = watched.line
    go_live(watched, "v1-green", files={"db/1.sql": "create", "db/2.sql": "create"})
    (line.repo.clone / "db/1.sql").unlink()

    release = line.push("v2-blue", files={"db/2.sql": "alter", "db/deep/3.sql": "add", "dbx/4.sql": "add"})
    line.run()
    watched.look()

    assert watched.of(release).migration_files == (
        ChangedFile("db/1.sql", Kind.REMOVED),
        ChangedFile("db/2.sql", Kind.CHANGED),
        ChangedFile("db/deep/3.sql", Kind.ADDED),
    )
    assert tell_sum(watched.of(release)) == "1 commit, 3 migration files"


def test_nothing_is_asked_while_nothing_happens(watched: Watched) -> None:
    go_live(watched, "v1-green")
    watched.line.deploy("v2-blue")
    watched.look()
    asked = watched.asked

    for _ in range(3):
        watched.look()
    watched.another().look()  # another worker

    assert watched.asked == asked


def test_what_another_worker_is_at_is_left_to_it(watched: Watched) -> None:
    line = watched.line
    release = line.deploy("v1-green")
    with line.store.differences.leased("shop"):
        watched.look()
        assert line.store.differences.find(release.id) is None
        watched.look()
    assert watched.asked == 0

    watched.wait(REST)
    watched.look()

    assert watched.of(release)


def test_a_git_host_that_is_away_is_told_and_asked_again(watched: Watched) -> None:
    # given a repository that is away once the release has passed
    line = watched.line
    go_live(watched, "v1-green")
    release = line.deploy("v2-blue")
    elsewhere = line.repo.bare.with_name("elsewhere")
    line.repo.bare.rename(elsewhere)
    watched.look()

    found = watched.of(release)
    assert found.commits is None
    assert found.gaps == (f"commits are not known: the history of {line.repo.bare} can't be read",)
    assert found.objects == ()  # both commits are in the cache
    assert not found.is_final

    # when it is back, it is asked again, but not at once
    elsewhere.rename(line.repo.bare)
    asked = watched.asked
    watched.wait(REST)
    watched.look()
    assert watched.asked == asked
    watched.wait(TRIED_AGAIN)
    watched.look()

    assert tell_sum(watched.of(release)) == "1 commit"
    assert watched.of(release).gaps == ()


def test_what_verdigris_did_not_build_has_no_commit_to_compare_with(watched: Watched) -> None:
    line = watched.line
    go_live(watched, "v1-green")
    annotations = dict.fromkeys(("verdigris.dev/commit", "verdigris.dev/tag"))
    line.edit("Deployment", {"metadata": {"annotations": annotations}}, "green")

    release = line.deploy("v2-blue")
    watched.look()

    (gap,) = watched.of(release).gaps
    assert gap == "the commit of what runs on green is not known: Verdigris did not build it"
    assert watched.of(release).is_final
    assert tell_sum(watched.of(release)) == "not known"


def test_manifests_that_render_no_more_are_a_gap(watched: Watched) -> None:
    # given a live version whose manifests today's configuration does not suit any more
    line = watched.line
    own = line.default_manifests()
    service = own["manifests/service.yml"] + "\n# {{ values.old_name }}\n"
    line.reconfigure(values={**line.config.apps["shop"].values, "old_name": "x"})
    watched = Watched(line)
    go_live(watched, "v1-green", files={**own, "manifests/service.yml": service})
    values = {name: value for name, value in line.config.apps["shop"].values.items() if name != "old_name"}
    line.reconfigure(values=values)
    watched = Watched(line)

    release = line.deploy("v2-blue", files={"manifests/service.yml": own["manifests/service.yml"]})
    watched.look()

    found = watched.of(release)
    assert tell_sum(found) == "1 commit, 1 configuration key"
    (gap,) = found.gaps
    assert gap.startswith("manifests can't be compared: ")
    assert "old_name" in gap
    assert found.objects is None
