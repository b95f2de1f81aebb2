"""Commands that only look."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from release.model import (
    Actor,
    ByHand,
    Color,
    JobKind,
    JobState,
    Migration,
    MigrationRecord,
    MigrationState,
    StageState,
    State,
)
from release.others import Interference
from tests.unit.cli.canned import NOON, a_job, app, details, job, line, log, problem, release, stages

if TYPE_CHECKING:
    from release.model import Job
    from tests.unit.cli.canned import CannedServer, Json, Terminal


def test_apps_are_a_table_with_what_runs_where(terminal: Terminal, server: CannedServer) -> None:
    waiting = a_job(JobState.WAITING, tag="v2.1-green")
    server.answer("GET /apps", {"apps": [app(queue=(a_job(), waiting))]})

    result = terminal.run("apps")

    heading, row = result.stdout.splitlines()
    assert heading.split() == ["APP", "LIVE", "BLUE", "GREEN", "QUEUE", "SEEN"]
    assert row.split()[:6] == ["shop", "blue", "v2.0-blue", "live", "3/3", "-"]
    assert "deploy v2.0-blue: running sanity (+1)" in row
    assert row.rstrip().endswith("4 s ago")
    assert result.exit_code == 0


def test_an_app_that_no_worker_has_seen_says_so(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps", {"apps": [{**app(), "observation": None}]})

    assert "not yet; is a worker running?" in terminal.run("apps").stdout


def test_a_stale_observation_and_a_problem_of_the_cluster_are_shown(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("GET /apps", {"apps": [app(age=3700, problem="the cluster can't be reached", live=None)]})

    lines = terminal.run("apps").stdout.splitlines()

    assert "1 h 1 min ago, stale: is a worker running?" in lines[1]
    assert lines[1].split()[1] == "none"
    assert lines[2] == "shop: the cluster can't be reached"


def test_what_somebody_else_undid_is_said_before_all_else(terminal: Terminal, server: CannedServer) -> None:
    found = Interference(
        "moved", "argocd-controller moved every user", "Users get v1", "go on", NOON, times=2
    )
    server.answer("GET /apps", {"apps": [app(interference=found)]})
    server.answer("GET /apps/shop", app(interference=found))
    server.answer("GET /apps/shop", app(interference=replace(found, times=1)))

    assert terminal.run("apps").stdout.splitlines()[2] == "shop: argocd-controller moved every user"
    lines = terminal.run("apps", "shop").stdout.splitlines()
    assert lines[:4] == [
        "argocd-controller moved every user.",
        "Users get v1.",
        "It happened 2 times within an hour, and will again until its cause is mended.",
        "Next: go on",
    ]

    assert "within an hour" not in terminal.run("apps", "shop").stdout


def test_without_apps_that_is_said(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps", {"apps": []})

    assert terminal.run("apps").stdout == "no apps are configured\n"


def test_one_app_is_shown_with_its_queue(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps/shop", app(queue=(a_job(),), test_route=Color.GREEN))

    output = terminal.run("apps", "shop").stdout

    assert "namespace   storefront" in output
    assert "test route  green" in output
    assert "J1" in output
    assert "token:ci" in output


@pytest.mark.parametrize(
    ("safety", "shown"),
    [
        (
            {"safe": False, "since": "2025-06-01T12:00:00+00:00", "why": "no way back"},
            "rollback    not safe since 2025-06-01 12:00:00 UTC: no way back",
        ),
        (
            {"safe": True, "since": None, "why": "the way back is open"},
            "rollback    safe: the way back is open",
        ),
        ({"safe": False, "since": None, "why": "it lacks pods"}, "rollback    not safe: it lacks pods"),
    ],
)
def test_one_app_says_whether_a_rollback_is_safe_and_since_when_not(
    terminal: Terminal, server: CannedServer, safety: dict[str, object], shown: str
) -> None:
    way_back = {"id": "R0", "tag": "v1-green", "color": "green"}
    server.answer("GET /apps/shop", {**app(), "rollback_safe": safety, "can_roll_back_to": way_back})

    assert shown in terminal.run("apps", "shop").stdout


def test_where_there_is_no_way_back_nothing_is_said_of_its_safety(
    terminal: Terminal, server: CannedServer
) -> None:
    why = "no way back: no other release has been live and still runs"
    safety = {"safe": False, "since": "2025-06-01T12:00:00+00:00", "why": why}
    server.answer("GET /apps/shop", {**app(), "rollback_safe": safety, "can_roll_back_to": None})

    assert f"rollback    {why}\n" in terminal.run("apps", "shop").stdout


def test_an_older_server_says_nothing_of_that(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps/shop", {key: value for key, value in app().items() if key != "rollback_safe"})

    assert "rollback" not in terminal.run("apps", "shop").stdout


@pytest.mark.parametrize(
    ("migration", "shown"),
    [
        (
            MigrationRecord(Migration.CONTRACT, MigrationState.PENDING, NOON),
            ["migration  contract pending 2025-06-01 12:00:00 UTC"],
        ),
        (MigrationRecord(Migration.NONE), ["migration  none"]),
        (MigrationRecord(), []),
    ],
)
def test_a_release_is_shown_with_its_migration(
    terminal: Terminal, server: CannedServer, migration: MigrationRecord, shown: list[str]
) -> None:
    server.answer("GET /releases/R1", details(migration=migration))

    lines = terminal.run("show", "R1").stdout.splitlines()

    assert [line.rstrip() for line in lines if line.startswith("migration")] == shown


def test_one_app_without_a_queue_has_no_table(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps/shop", app())

    assert "JOB" not in terminal.run("apps", "shop").stdout


def test_releases_are_a_table(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [release()]})

    result = terminal.run("releases", "--app", "shop", "--limit", "5")

    assert result.stdout.splitlines()[1].split(maxsplit=8) == [
        *("R1", "shop", "v2.0-blue", "ready", "2025-06-01", "12:00:00", "UTC", "git:octocat"),
        "all stages passed",
    ]
    assert server.asked[0].query == {"app": ["shop"], "limit": ["5"]}


def test_without_releases_the_way_to_the_first_is_said(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": []})

    assert "push a tag such as v1.0-blue" in terminal.run("releases").stdout
    assert "app" not in server.asked[0].query


def test_releases_are_looked_for_as_in_the_api(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [release()], "next": None})

    looked_for = ["--state", "failed", "--color", "green", "--search", "octo", "--after", "47"]
    result = terminal.run("releases", *looked_for)

    assert server.asked[0].query == {
        "state": ["failed"],
        "color": ["green"],
        "q": ["octo"],
        "after": ["47"],
        "limit": ["20"],
    }
    assert "older ones" not in result.stdout


def test_a_page_that_is_short_is_filled_and_the_way_to_older_ones_is_said(
    terminal: Terminal, server: CannedServer
) -> None:
    for page in ([release()], [], [release(id="R2")]):
        server.answer(
            "GET /releases", {"releases": page, "next": str(9 - len(server.answers["GET /releases"]))}
        )

    result = terminal.run("releases", "--search", "v2", "--limit", "2")

    assert [line.split()[0] for line in result.stdout.splitlines()[1:3]] == ["R1", "R2"]
    assert result.stdout.splitlines()[3] == "older ones: --after 7"
    assert [asked.query.get("after") for asked in server.asked] == [None, ["9"], ["8"]]
    assert [asked.query["limit"] for asked in server.asked] == [["2"], ["1"], ["1"]]


def test_programs_get_what_several_pages_hold_as_one(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [release()], "next": "9"})
    server.answer("GET /releases", {"releases": [release(id="R2")], "next": None})

    told = json.loads(terminal.run("releases", "--state", "ready", "--json").stdout)

    assert told == {"releases": [release(), release(id="R2")], "next": None}


def test_where_nothing_is_found_that_is_said(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [], "next": None})

    assert terminal.run("releases", "--search", "x").stdout == "no release is like that\n"


def prepare_queues(server: CannedServer) -> None:
    """Two apps that share a queue: the server tells it with each of them. One of them has another, too."""
    here = a_job(app="shop", queue="shared")
    behind = a_job(JobState.WAITING, id="J2", app="farm", queue="shared", tag="v3-green")
    alone = a_job(JobState.WAITING, id="J3", app="farm", queue="farm", tag="v4-green", kind=JobKind.PROMOTE)
    shared = app(queue=(here, behind))["queue"]
    server.answer(
        "GET /apps", {"apps": [{**app(), "queue": shared}, {**app(), "queue": [*shared, job_of(alone)]}]}
    )


def job_of(made: Job) -> Json:
    return dict(app(queue=(made,))["queue"][0])


def test_every_queue_is_shown_with_each_job_once(terminal: Terminal, server: CannedServer) -> None:
    prepare_queues(server)

    lines = terminal.run("queue").stdout.splitlines()

    assert lines[0].split() == ["QUEUE", "APP", "KIND", "TAG", "STATE", "ASKED", "BY", "JOB"]
    assert [(line.split()[:4], line.split()[-1]) for line in lines[1:]] == [
        (["farm", "farm", "promote", "v4-green"], "J3"),
        (["shared", "shop", "deploy", "v2.0-blue"], "J1"),
        (["shared", "farm", "deploy", "v3-green"], "J2"),
    ]
    assert "running sanity" in lines[2]
    assert "waiting for its turn, 1 ahead" in lines[3]


def test_programs_get_the_jobs_of_every_queue(terminal: Terminal, server: CannedServer) -> None:
    prepare_queues(server)

    told = json.loads(terminal.run("queue", "--json").stdout)["queues"]

    assert [(one["name"], [job["id"] for job in one["jobs"]]) for one in told] == [
        ("farm", ["J3"]),
        ("shared", ["J1", "J2"]),
    ]


def test_the_queues_of_one_app_are_asked_for_with_its_name(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps/shop", app())

    assert terminal.run("queue", "shop").stdout == "nothing runs, and nothing waits\n"


def test_a_release_is_shown_with_jobs_steps_and_what_failed(terminal: Terminal, server: CannedServer) -> None:
    failed = a_job(JobState.FAILED, problem=problem())
    server.answer("GET /releases/R1", details(job(), job(JobState.FAILED, problem=failed.problem)))

    output = terminal.run("show", "R1").stdout

    assert "commit   0123456789\n" in output
    assert "running sanity" in output
    assert "verdigris:verdigris" in output
    assert "deploy: No release is ready\nshop: none waits\nNext: push a tag\n" in output


def test_a_release_without_jobs_and_commit_is_shown(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases/R1", {"release": release(commit="", image=None), "jobs": [], "changes": []})

    output = terminal.run("show", "R1").stdout

    assert "commit" not in output
    assert "JOB" not in output


def test_a_release_shows_the_commands_of_an_emergency_each_whole(
    terminal: Terminal, server: CannedServer
) -> None:
    forth, back = f"kubectl patch -p '{'x' * 300}'", "kubectl patch -p 'y'"
    server.answer("GET /releases/R1", details(state=State.LIVE, by_hand=ByHand(forth, back)))

    lines = terminal.run("show", "R1").stdout.splitlines()

    assert lines[lines.index("by hand, to it:") + 1] == forth
    assert lines[lines.index("by hand, back:") + 1] == back


@pytest.mark.parametrize("state", [State.SUPERSEDED, State.RETIRED, State.FAILED])
def test_a_release_whose_color_is_anothers_by_now_shows_none(
    terminal: Terminal, server: CannedServer, state: State
) -> None:
    server.answer("GET /releases/R1", details(state=state, by_hand=ByHand("kubectl 1", "kubectl 2")))

    assert "kubectl" not in terminal.run("show", "R1").stdout


def test_a_job_is_shown_with_its_stages(terminal: Terminal, server: CannedServer) -> None:
    passed, pending = StageState.PASSED, StageState.PENDING
    server.answer(
        "GET /jobs/J1",
        job(JobState.FAILED, stages=stages(passed, StageState.FAILED, pending, pending), problem=problem()),
    )

    output = terminal.run("show", "J1").stdout

    assert [words.split() for words in output.splitlines() if words.startswith("sanity")] == [
        ["sanity", "passed", "1", "min", "3", "s"]
    ]
    assert "Next: push a tag" in output


def test_what_is_neither_release_nor_job_is_refused(terminal: Terminal, server: CannedServer) -> None:
    server.refuse("GET /releases/X", problem("unknown-release", status=404))

    result = terminal.run("show", "X")

    assert result.exit_code == 1
    assert result.stderr == "Error: No release is ready\nshop: none waits\nNext: push a tag\n"
    assert [asked.path for asked in server.asked] == ["/api/v1/releases/X", "/api/v1/jobs/X"]


def test_a_refusal_other_than_not_found_asks_for_no_job(terminal: Terminal, server: CannedServer) -> None:
    server.refuse("GET /releases/X", problem(status=400))

    assert terminal.run("show", "X").exit_code == 1
    assert len(server.asked) == 1


def test_a_job_that_may_not_be_read_is_told_as_that(terminal: Terminal, server: CannedServer) -> None:
    server.refuse("GET /releases/X", problem(status=404))
    server.refuse("GET /jobs/X", problem(status=403))

    assert terminal.run("show", "X").exit_code == 4


def test_a_name_can_not_leave_the_api(terminal: Terminal, server: CannedServer) -> None:
    assert terminal.run("show", "../../metrics?x#y").exit_code == 1

    assert server.asked[0].path == "/api/v1/releases/..%2F..%2Fmetrics%3Fx%23y"


def test_json_is_the_servers_answer_and_nothing_else(terminal: Terminal, server: CannedServer) -> None:
    answers = {
        "apps": ("GET /apps", {"apps": [app()]}),
        "apps shop": ("GET /apps/shop", app()),
        "releases": ("GET /releases", {"releases": [release()]}),
        "show R1": ("GET /releases/R1", details(job())),
        "show J1": (
            "GET /jobs/J1",
            job(kind=JobKind.PROMOTE, stages=stages(StageState.PASSED, kind=JobKind.PROMOTE)),
        ),
    }
    for command, (what, content) in answers.items():
        server.answer(what, content)

        result = terminal.run(*command.split(), "--json")

        assert json.loads(result.stdout) == content
        assert result.stderr == ""


def test_text_from_elsewhere_does_not_steer_the_terminal(terminal: Terminal, server: CannedServer) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J[bold]x[/bold]\u202e\nnext"
    server.answer(
        "GET /releases", {"releases": [release(reason=hostile, actor=Actor("git", hostile), tag=hostile)]}
    )
    server.answer("GET /releases/R1/log", log(line(1, hostile)))
    server.answer("GET /releases/R1/log", log())

    output = terminal.run("releases").stdout + terminal.run("logs", "R1").stdout

    assert "[bold]x[/bold]\\u202e\\u000anext" in output
    assert all(char.isprintable() or char == "\n" for char in output)
    assert "owned" not in output


def test_warnings_of_a_release_are_shown(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases/R1", details(job(), warnings=("Service shop: add mesh",)))

    assert "warning: Service shop: add mesh" in terminal.run("show", "R1").stdout.splitlines()
