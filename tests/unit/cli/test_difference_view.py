"""What a promote changes, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.cli.canned import NOON, details, job

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Json, Terminal


def commit(title: str = "faster") -> Json:
    return {"id": "c0ffee" * 7, "title": title, "author": "Ada", "at": NOON.isoformat()}


def difference(**changes: Any) -> Json:  # noqa: ANN401 -- any member
    return {
        "summary": "2 commits, 1 object",
        "compared": "compared with v1.9-green, which is live",
        "is_current": True,
        "at": NOON.isoformat(),
        "base": None,
        "commits": None,
        "objects": None,
        "more_objects": 0,
        "keys": None,
        "more_keys": 0,
        "migrations": [],
        "migration_files": None,
        "more_migration_files": 0,
        "rollback": None,
        "notes": [],
        **changes,
    }


def show(terminal: Terminal, server: CannedServer, found: Json | None) -> str:
    server.answer("GET /releases/R1", {**details(), "difference": found})
    result = terminal.run("show", "R1")
    assert result.exit_code == 0, result.stderr
    return str(result.stdout)


def test_the_sum_comes_first(terminal: Terminal, server: CannedServer) -> None:
    shown = show(terminal, server, difference())

    assert "promote: 2 commits, 1 object\ncompared with v1.9-green, which is live\n" in shown


def test_commits_fields_and_keys_are_listed(terminal: Terminal, server: CannedServer) -> None:
    found = difference(
        commits={"added": [commit()], "added_count": 2, "removed": [commit("hotfix")], "removed_count": 1},
        objects=[
            {"object": "Service shop", "change": "changed", "paths": ["spec.ports[http].port"], "more": 3}
        ],
        more_objects=4,
        keys=[{"name": "MODE", "where": "verdigris.yml", "change": "removed"}],
        more_keys=5,
        migrations=[{"release": "R1", "tag": "v2.0-blue", "kind": "contract"}],
        migration_files=[{"path": "db/7.sql", "change": "added"}],
        more_migration_files=6,
        rollback="a rollback stays safe",
        notes=["the Git host was away"],
    )

    shown = show(terminal, server, found)

    assert "COMMITS THAT COME" in shown
    assert "COMMITS THAT GO" in shown
    assert "the newest 1 of 2" in shown
    lines = shown.splitlines()
    for line in (
        "  ~ Service shop",
        "      spec.ports[http].port",
        "      and 3 more",
        "  and 4 more",
        "  - MODE (verdigris.yml)",
        "  and 5 more",
        "migrations: v2.0-blue (contract)",
        "migration files:",
        "  + db/7.sql",
        "  and 6 more",
        "a rollback stays safe",
        "the Git host was away",
    ):
        assert line in lines


def test_a_hostile_title_steers_no_terminal(terminal: Terminal, server: CannedServer) -> None:
    found = difference(
        commits={
            "added": [commit("\x1b]0;owned\x07[red]")],
            "added_count": 1,
            "removed": [],
            "removed_count": 0,
        }
    )

    shown = show(terminal, server, found)

    assert "\x1b" not in shown
    assert "[red]" in shown


def test_a_release_that_nobody_compared_shows_none(terminal: Terminal, server: CannedServer) -> None:
    assert "promote:" not in show(terminal, server, None)


def test_a_promote_tells_what_it_changes(terminal: Terminal, server: CannedServer) -> None:
    answer = {"job": job(), "release": {"id": "R1"}, "is_new": True, "changes": "2 commits, compared with v1"}
    server.answer("POST /apps/shop/promote", answer, status=202)

    assert "changes: 2 commits, compared with v1\n" in terminal.run("promote", "shop").stdout
