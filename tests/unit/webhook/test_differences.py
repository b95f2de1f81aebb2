"""What a promote changes, on pages and in the API: in words, and never as markup of somebody's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from release.configured_values import take_fingerprints
from release.difference import (
    Base,
    ChangedFile,
    ChangedKey,
    ChangedObject,
    Commit,
    Commits,
    Difference,
    Kind,
    Migrated,
)
from release.model import Color, JobKind, JobState, Migration, MigrationRecord, MigrationState, State
from tests.unit.webhook.fakes import (
    COMMIT,
    NOW,
    TOKEN,
    Web,
    make_job,
    make_observation,
    make_release,
)
from tests.unit.webhook.test_pages import sign_in
from webhook.differences import tell_rollback, view_difference

if TYPE_CHECKING:
    from release.model import Release

BEARER = {"Authorization": f"Bearer {TOKEN}"}
BASE = Base("R0", "v1.0-green", Color.GREEN, "a" * 40)
HOSTILE = "<img src=x onerror=alert(1)> `rm -rf`"
FOUND = Difference(
    BASE,
    COMMIT,
    NOW - timedelta(minutes=1),
    commits=Commits(
        added=(Commit("c" * 40, HOSTILE, "<b>Eve</b>", NOW),),
        added_count=12,
        removed=(Commit("d" * 40, "hotfix", "Ada", NOW),),
        removed_count=1,
        files=3,
    ),
    objects=(ChangedObject("Deployment shop-blue", Kind.CHANGED, ("spec.replicas",), more=2),),
    more_objects=2,
    keys=(ChangedKey("LOG_LEVEL", "Deployment shop-blue, app", Kind.ADDED),),
    more_keys=1,
    migrations=(Migrated("R1", "v2.0-blue", Migration.EXPAND), Migrated("RX", "v1.5-blue", Migration.EXPAND)),
    migration_files=(ChangedFile("db/7_<i>.sql", Kind.ADDED),),
    more_migration_files=1,
    gaps=("manifests can't be compared: none there",),
)
SUM = (
    "12 commits, 1 commit taken back, 3 objects, 2 configuration keys,"
    " 2 migrations (expand), 2 migration files"
)


def keep(web: Web, found: Difference = FOUND, **release: Any) -> Release:  # noqa: ANN401 -- any field
    """A release with a difference, beside what is live."""
    kept = make_release("R1", **release)
    web.store.found, web.store.seen = (
        [make_release("R0", state=State.LIVE), kept],
        {"shop": make_observation()},
    )
    web.store.differences._redis.hset("verdigris:release:R1", "id", "R1")
    assert web.store.differences.keep("R1", "shop", found, take_fingerprints({}))
    return kept


def test_a_releases_page_tells_what_promote_would_change(web: Web) -> None:
    keep(web)
    page = sign_in(web).get("/releases/R1").text

    assert "What promote would change" in page
    assert f"{SUM}." in page
    assert "Compared with v1.0-green, which is live." in page
    assert "Commits that come: 12" in page
    assert "The newest 1 of 12." in page
    assert "Manifests: 3 objects" in page
    assert "<code>spec.replicas</code>" in page
    assert "<code>LOG_LEVEL</code> <small>Deployment shop-blue, app</small>" in page
    assert '<a href="/releases/RX">v1.5-blue</a> (expand)' in page
    assert "It is not built on v1.0-green: 1 commit that users have now would go." in page
    assert "Manifests can&#39;t be compared: none there." in page


def test_titles_and_authors_are_no_markup(web: Web) -> None:
    keep(web)
    page = sign_in(web).get("/releases/R1").text

    assert "<img" not in page
    assert "<bdi>&lt;img src=x onerror=alert(1)&gt; `rm -rf`</bdi>" in page
    assert "<bdi>&lt;b&gt;Eve&lt;/b&gt;</bdi>" in page


def test_the_apps_page_and_its_button_tell_the_sum(web: Web) -> None:
    keep(web)
    page = sign_in(web).get("/apps/shop").text

    assert 'id="difference"' in page
    assert f"Compared with v1.0-green, which is live: {SUM}.</p>" in page


def test_without_a_look_nothing_is_told(web: Web) -> None:
    web.store.found, web.store.seen = [make_release("R1")], {"shop": make_observation()}
    client = sign_in(web)

    for path in ("/releases/R1", "/apps/shop"):
        assert "difference" not in client.get(path).text
    answer = web.client.get("/api/v1/releases/R1", headers=BEARER)
    assert answer.json
    assert answer.json["difference"] is None


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED, State.SUPERSEDED])
def test_where_no_promote_comes_of_it_nothing_is_told(web: Web, state: State) -> None:
    keep(web, state=state)

    assert "difference" not in sign_in(web).get("/releases/R1").text
    answer = web.client.get("/api/v1/releases/R1", headers=BEARER)
    assert answer.json
    assert answer.json["difference"] is None


def test_the_first_release_is_told_as_that(web: Web) -> None:
    keep(web, Difference(None, COMMIT, NOW))
    page = sign_in(web).get("/releases/R1").text

    assert "The first release that goes live." in page
    assert "nothing was live when this was looked at" in page.lower()


def test_the_api_tells_all_of_it(web: Web) -> None:
    keep(web, migration=MigrationRecord(Migration.EXPAND, MigrationState.PASSED))
    answer = web.client.get("/api/v1/releases/R1", headers=BEARER)
    assert answer.json

    found = answer.json["difference"]

    assert (found["summary"], found["is_current"]) == (SUM, True)
    assert found["base"] == {"release": "R0", "tag": "v1.0-green", "color": "green", "commit": "a" * 40}
    assert found["commits"]["added"][0]["title"] == HOSTILE
    assert (found["commits"]["added_count"], found["commits"]["removed_count"]) == (12, 1)
    assert found["objects"] == [
        {"object": "Deployment shop-blue", "change": "changed", "paths": ["spec.replicas"], "more": 2}
    ]
    assert found["keys"] == [{"name": "LOG_LEVEL", "where": "Deployment shop-blue, app", "change": "added"}]
    assert found["migration_files"] == [{"path": "db/7_<i>.sql", "change": "added"}]
    assert found["more_migration_files"] == 1
    assert found["migrations"][0] == {"release": "R1", "tag": "v2.0-blue", "kind": "expand"}
    assert found["rollback"] == "a rollback to v1.0-green stays safe: its migration only adds"
    assert len(found["notes"]) == 2


def test_what_is_not_known_is_null_in_the_api(web: Web) -> None:
    keep(web, Difference(Base("", "", Color.GREEN), COMMIT, NOW, gaps=("no commit",)))
    answer = web.client.get("/api/v1/releases/R1", headers=BEARER)
    assert answer.json

    found = answer.json["difference"]

    assert found["base"] == {"release": None, "tag": None, "color": "green", "commit": None}
    assert [found[name] for name in ("commits", "objects", "keys", "rollback")] == [None] * 4


def test_a_promote_is_answered_with_what_it_changes(web: Web) -> None:
    keep(web)
    web.store.jobs = [make_job("J1", kind=JobKind.PROMOTE, state=JobState.WAITING)]

    answer = web.client.post("/api/v1/apps/shop/promote", headers=BEARER)

    assert answer.json
    assert answer.json["changes"] == f"{SUM}, compared with v1.0-green, which is live"


@pytest.mark.parametrize(
    ("live", "is_current", "words"),
    [
        ("R0", True, "which is live"),
        ("R7", False, "which was live then"),
        (None, False, "which was live then"),
    ],
)
def test_whether_something_else_is_live_by_now_is_told(
    live: str | None,
    is_current: bool,  # noqa: FBT001 -- a parameter of the table
    words: str,
) -> None:
    view = view_difference(make_release(), FOUND, live)

    assert view.is_current is is_current
    assert view.compared == f"compared with v1.0-green, {words}"


@pytest.mark.parametrize("state", [State.LIVE, State.STANDBY, State.RETIRED])
def test_of_what_was_promoted_it_is_told_in_the_past(state: State) -> None:
    view = view_difference(make_release(state=state), FOUND, "R1")

    assert (view.title, view.rollback) == ("What its promote changed", "")


@pytest.mark.parametrize(
    ("migration", "words"),
    [
        (MigrationRecord(), ""),
        (MigrationRecord(Migration.NONE), "a rollback to v1.0-green stays safe: nothing is migrated"),
        (
            MigrationRecord(Migration.CONTRACT, MigrationState.PENDING),
            (
                "a rollback to v1.0-green stays safe until green is decommissioned: only then the contract "
                "migration of v2.0-blue runs"
            ),
        ),
        (
            MigrationRecord(Migration.CONTRACT, MigrationState.RUNNING),
            "a rollback to v1.0-green is not safe: the contract migration of v2.0-blue has begun",
        ),
    ],
)
def test_whether_the_way_back_stays_safe_is_told(migration: MigrationRecord, words: str) -> None:
    assert tell_rollback(make_release(migration=migration), FOUND) == words


def test_a_way_back_to_what_has_no_tag_is_told_by_its_color() -> None:
    found = replace(FOUND, base=Base("", "", Color.GREEN))
    words = tell_rollback(make_release(migration=MigrationRecord(Migration.EXPAND)), found)

    assert words == "a rollback to what ran on green stays safe: its migration only adds"


@pytest.mark.parametrize(
    ("commits", "note"),
    [
        (
            Commits(added_count=1, removed_count=2, is_related=False),
            "it has no commit in common with v1.0-green",
        ),
        (
            Commits(added_count=1, is_cut=True),
            "the history was not read to its end: there may be more commits",
        ),
    ],
)
def test_what_numbers_do_not_tell_is_a_note(commits: Commits, note: str) -> None:
    found = replace(FOUND, commits=commits, gaps=())

    assert view_difference(make_release(), found, "R0").notes == (note,)
