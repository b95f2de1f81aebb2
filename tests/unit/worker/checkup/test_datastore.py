"""What facts about Redis mean, and what is to be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from release.redis_facts import Facts
from worker.checkup.datastore import command_line, judge
from worker.checkup.lines import Grade, Line

GOOD = Facts(
    product="Redis 7.4.1",
    version="7.4.1",
    mode="standalone",
    role="master",
    settings={"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"},
)


def lines_of(**changes: Any) -> dict[str, Line]:  # noqa: ANN401 -- any field
    """The lines by what they are about."""
    lines = judge(replace(GOOD, **changes), about="redis db:6379/0", cli="redis-cli -h db -p 6379")
    return {line.about: line for line in lines}


def test_a_redis_that_keeps_everything_is_ok_in_every_line() -> None:
    assert {line.grade for line in lines_of().values()} == {Grade.OK}
    assert lines_of()["redis db:6379/0"].found == "Redis 7.4.1"


@pytest.mark.parametrize(
    ("version", "grade"),
    [("6.0.16", Grade.FAILED), ("6.2.0", Grade.OK), ("7.2.4", Grade.OK), ("10.0.1", Grade.OK)],
)
def test_redis_is_6_2_or_newer(version: str, grade: Grade) -> None:
    line = lines_of(version=version, product=f"Redis {version}")["redis db:6379/0"]

    assert line.grade is grade
    assert (line.fix == "") is (grade is Grade.OK)


def test_a_server_that_does_not_say_its_version_is_not_failed_for_it() -> None:
    line = lines_of(version="")["redis db:6379/0"]

    assert line.grade is Grade.WARNING
    assert "could not be looked at" in line.found


@pytest.mark.parametrize(
    ("changes", "about", "grade", "found", "fix"),
    [
        (
            {"settings": {**GOOD.settings, "appendonly": "no"}},
            "redis append-only file",
            Grade.FAILED,
            "a restart of Redis loses accepted releases",
            "`redis-cli -h db -p 6379 CONFIG SET appendonly yes`",
        ),
        (
            {"settings": {**GOOD.settings, "appendfsync": "everysec"}},
            "redis appendfsync",
            Grade.WARNING,
            "up to a second of accepted releases can be lost at a power cut",
            "CONFIG SET appendfsync always",
        ),
        (
            {"settings": {**GOOD.settings, "appendfsync": "no"}},
            "redis appendfsync",
            Grade.FAILED,
            "half a minute",
            "CONFIG SET appendfsync always",
        ),
        (
            {"settings": {**GOOD.settings, "maxmemory-policy": "allkeys-lru"}},
            "redis maxmemory-policy",
            Grade.FAILED,
            "allkeys-lru: when memory runs out, releases and jobs are thrown away",
            "CONFIG SET maxmemory-policy noeviction",
        ),
        ({"mode": "cluster"}, "redis db:6379/0", Grade.FAILED, "in cluster mode", "without cluster mode"),
        (
            {"role": "slave", "master": "db-0:6379"},
            "redis role",
            Grade.FAILED,
            "a replica of db-0:6379",
            "name the master in VERDIGRIS_REDIS_URL: db-0:6379",
        ),
        (
            {"script_refusal": "User app has no permissions to run the 'evalsha' command"},
            "redis scripts",
            Grade.FAILED,
            "'evalsha'",
            "+@scripting",
        ),
    ],
)
def test_what_loses_releases_is_told_with_the_command_against_it(
    changes: dict[str, Any], about: str, grade: Grade, found: str, fix: str
) -> None:
    line = lines_of(**changes)[about]

    assert line.grade is grade
    assert found in line.found
    assert fix in line.fix


def test_without_a_file_it_does_not_matter_how_often_it_is_written() -> None:
    assert "redis appendfsync" not in lines_of(settings={**GOOD.settings, "appendonly": "no"})


def test_a_managed_redis_that_hides_its_settings_is_not_failed_for_it() -> None:
    # given that CONFIG GET is forbidden, and INFO tells one of the three settings
    lines = lines_of(settings={"appendonly": "yes"}, unread="unknown command 'config'")

    # then the one is judged, and of the others it is told that nobody looked
    assert lines["redis append-only file"].grade is Grade.OK
    for about, wanted in [
        ("redis appendfsync", "appendfsync always"),
        ("redis maxmemory-policy", "noeviction"),
    ]:
        assert lines[about].grade is Grade.WARNING
        assert lines[about].found == "could not be looked at: unknown command 'config'"
        assert wanted in lines[about].fix


@pytest.mark.parametrize(
    ("refusal", "fix"),
    [
        ("You can't write against a read only replica.", "name the master"),
        ("command not allowed when used memory > 'maxmemory'.", "more memory"),
        ("MISCONF Redis is configured to save RDB snapshots, but is unable to persist to disk", "disk"),
        ("NOREPLICAS Not enough good replicas to write.", "min-replicas-to-write"),
        ("User app has no permissions to run the 'set' command", "ACL SETUSER"),
        ("something else", "log of Redis"),
    ],
)
def test_a_refused_write_is_told_with_what_stands_against_it(refusal: str, fix: str) -> None:
    line = lines_of(write_refusal=refusal)["redis writes"]

    assert line.grade is Grade.FAILED
    assert refusal in line.found
    assert fix in line.fix


def test_the_command_line_names_the_server_and_no_password() -> None:
    assert command_line("redis://me:hidden@db:7000/0") == "redis-cli -h db -p 7000"
    assert command_line("rediss://db/1") == "redis-cli -h db -p 6379 --tls"
