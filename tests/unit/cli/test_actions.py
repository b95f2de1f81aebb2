"""Commands that ask for a change, and following it to its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from release.model import JobKind, JobState, Stage, StageState, State
from tests.unit.cli.canned import a_job, details, job, line, log, problem, release, stages

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Json, Terminal

PASSED, PENDING, FAILED = StageState.PASSED, StageState.PENDING, StageState.FAILED


def accepted(**changes: object) -> Json:
    return {"job": job(JobState.WAITING), "release": release(state=State.QUEUED), "is_new": True, **changes}


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        ("deploy shop v2.0-blue", "apps/shop/deploy", {"tag": "v2.0-blue"}),
        ("deploy shop v1-blue --commit abc", "apps/shop/deploy", {"tag": "v1-blue", "commit": "abc"}),
        ("deploy shop v1-blue --reason why", "apps/shop/deploy", {"tag": "v1-blue", "reason": "why"}),
        ("promote shop", "apps/shop/promote", {}),
        ("promote shop --release R1", "apps/shop/promote", {"release": "R1"}),
        ("rollback shop --release R0 --reason sad", "apps/shop/rollback", {"release": "R0", "reason": "sad"}),
        ("decommission shop", "apps/shop/decommission", {}),
        ("redeploy R1", "releases/R1/redeploy", {}),
        ("retry R1 --reason again", "releases/R1/retry", {"reason": "again"}),
        ("cancel R1", "releases/R1/cancel", {}),
        ("start R1", "releases/R1/start", {}),
        (
            "promote shop --override-freeze --reason hotfix",
            "apps/shop/promote",
            {"override_freeze": True, "reason": "hotfix"},
        ),
        (
            "start R1 --override-freeze --reason hotfix",
            "releases/R1/start",
            {"override_freeze": True, "reason": "hotfix"},
        ),
    ],
)
def test_a_command_is_one_request(
    terminal: Terminal, server: CannedServer, command: str, path: str, body: Json
) -> None:
    server.answer(f"POST /{path}", accepted(), status=202)

    result = terminal.run(*command.split())

    assert result.exit_code == 0
    (asked,) = server.asked
    assert asked.body == body
    assert asked.headers["Content-Type"] == "application/json"
    assert result.stdout.splitlines() == [
        "accepted: job J1, release R1 (v2.0-blue)",
        "see it with `verdigris show J1`, or give --wait to follow it",
    ]


def test_what_was_asked_before_is_told_as_that(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/deploy", accepted(is_new=False))

    result = terminal.run("deploy", "shop", "v2.0-blue")

    assert result.stdout.startswith("this was asked before; it is not done a second time\n")


def test_a_job_without_a_known_release_is_accepted(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/decommission", accepted(release=None))

    assert terminal.run("decommission", "shop").stdout.startswith("accepted: job J1\n")


def test_ids_alone_are_enough_where_redis_went_away_meanwhile(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("POST /apps/shop/promote", {"job": {"id": "J1"}, "release": {"id": "R1"}, "is_new": True})

    assert terminal.run("promote", "shop").stdout.startswith("accepted: job J1, release R1\n")


def test_a_refusal_is_told_with_what_to_do_next(terminal: Terminal, server: CannedServer) -> None:
    server.refuse("POST /apps/shop/promote", problem())

    result = terminal.run("promote", "shop")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "Error: No release is ready\nshop: none waits\nNext: push a tag\n"


def prepare_deploy(server: CannedServer, ended: Json) -> None:
    """A deploy that waits, runs, and ends."""
    server.answer("POST /apps/shop/deploy", accepted(), status=202)
    server.answer("GET /jobs/J1", job(JobState.WAITING, position=2))
    server.answer("GET /jobs/J1", job(JobState.WAITING, position=1))
    server.answer("GET /jobs/J1", job(JobState.OFFERED, position=0))
    server.answer("GET /jobs/J1", job(position=0))
    server.answer("GET /jobs/J1", job(position=0))
    server.answer("GET /jobs/J1", ended)
    server.answer("GET /releases/R1/log", log(line(1, "of an earlier job", seconds=-1)))
    for _ in range(5):
        server.answer("GET /releases/R1/log", log(after="1-0"))
    server.answer("GET /releases/R1/log", log(line(2, "rolled out")))
    server.answer("GET /releases/R1/log", log(after="2-0"))
    server.answer("GET /releases/R1", details(state=State.READY))


def test_waiting_tells_stages_and_log_lines_as_they_come(terminal: Terminal, server: CannedServer) -> None:
    prepare_deploy(server, job(JobState.DONE, stages=stages(PASSED, PASSED, PASSED, PASSED)))

    result = terminal.run("deploy", "shop", "v2.0-blue", "--wait")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "accepted: job J1, release R1 (v2.0-blue)",
        "deploy of v2.0-blue: waiting for its turn, 2 ahead",
        "deploy of v2.0-blue: waiting for its turn, 1 ahead",
        "deploy of v2.0-blue: waiting for a worker",
        "deploy of v2.0-blue: running sanity",
        "12:00:01 deploy   rolled out",
        "sanity: passed after 1 min 3 s",
        "deploy: passed after 1 min 3 s",
        "migrate: passed after 1 min 3 s",
        "smoke: passed after 1 min 3 s",
        "deploy of v2.0-blue: done after 5 s",
        "move every user to it with `verdigris promote shop --release R1`",
    ]


def test_waiting_ends_with_the_problem_of_a_job_that_failed(terminal: Terminal, server: CannedServer) -> None:
    failed = job(JobState.FAILED, stages=stages(PASSED, FAILED, PENDING, PENDING), problem=problem())
    prepare_deploy(server, failed)

    result = terminal.run("deploy", "shop", "v2.0-blue", "--wait")

    assert result.exit_code == 1
    assert "deploy: failed after 1 min 3 s" in result.stdout
    assert "migrate" not in result.stdout
    assert result.stderr == (
        "Error: deploy of v2.0-blue: No release is ready\nshop: none waits\nNext: push a tag\n"
    )


def test_waiting_for_json_says_all_else_on_stderr(terminal: Terminal, server: CannedServer) -> None:
    ended = job(JobState.DONE, stages=stages(PASSED, PASSED, PASSED, PASSED))
    prepare_deploy(server, ended)

    result = terminal.run("deploy", "shop", "v2.0-blue", "--wait", "--json")

    assert json.loads(result.stdout) == {"job": ended, "release": release(state=State.READY)}
    assert "smoke: passed" in result.stderr


def test_json_of_a_failed_job_is_one_object_with_the_error_in_it(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("POST /releases/R1/retry", accepted())
    server.answer("GET /jobs/J1", job(JobState.FAILED))
    server.answer("GET /releases/R1/log", log())
    server.answer("GET /releases/R1", details(state=State.FAILED))

    result = terminal.run("retry", "R1", "--wait", "--json")

    told = json.loads(result.stdout)
    assert set(told) == {"job", "release", "error"}
    assert told["release"]["state"] == "failed"
    assert told["error"]["title"] == "deploy of v2.0-blue: failed"
    assert result.exit_code == told["error"]["exit_code"] == 1
    assert result.stderr.endswith(
        "Error: deploy of v2.0-blue: failed\nNext: see it with `verdigris show J1`\n"
    )


def test_json_without_waiting_is_the_servers_answer(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/promote", accepted(), status=202)

    assert json.loads(terminal.run("promote", "shop", "--json").stdout) == accepted()


@pytest.mark.parametrize(
    ("command", "kind", "state", "code"),
    [
        ("promote shop", JobKind.PROMOTE, JobState.DONE, 0),
        ("rollback shop", JobKind.ROLLBACK, JobState.DONE, 0),
        ("rollback shop", JobKind.ROLLBACK, JobState.CANCELLED, 1),
        ("decommission shop", JobKind.DECOMMISSION, JobState.FAILED, 1),
        ("cancel R1", JobKind.DEPLOY, JobState.CANCELLED, 0),
        ("cancel R1", JobKind.DEPLOY, JobState.DONE, 1),
    ],
)
def test_the_exit_code_tells_the_outcome(
    terminal: Terminal, server: CannedServer, command: str, kind: JobKind, state: JobState, code: int
) -> None:
    word, subject = command.split()
    path = f"releases/{subject}" if subject == "R1" else f"apps/{subject}"
    server.answer(f"POST /{path}/{word}", accepted())
    server.answer("GET /jobs/J1", job(state, kind=kind))
    server.answer("GET /releases/R1/log", log())
    server.answer("GET /releases/R1", details())

    result = terminal.run(*command.split(), "--wait")

    assert result.exit_code == code
    if code == 0:
        assert result.stdout.endswith(f"{kind} of v2.0-blue: {state} after 0 s\n")


def test_a_job_without_a_release_is_followed(terminal: Terminal, server: CannedServer) -> None:
    ended = job(JobState.DONE, kind=JobKind.DECOMMISSION, release_id=None)
    server.answer("POST /apps/shop/decommission", accepted(release=None))
    server.answer("GET /jobs/J1", ended)

    result = terminal.run("decommission", "shop", "--wait", "--json")

    assert json.loads(result.stdout) == {"job": ended, "release": None}


def test_waiting_ends_at_its_timeout(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/deploy", accepted())
    server.answer(
        "GET /jobs/J1", job(stages=stages(PASSED, StageState.RUNNING, PENDING, PENDING), stage_index=1)
    )
    server.answer("GET /releases/R1/log", log())

    result = terminal.run("deploy", "shop", "v2.0-blue", "--wait", "--timeout", "2.5")

    assert result.exit_code == 5
    assert terminal.time.pauses == [1, 1, 0.5]
    assert result.stdout.count("sanity: passed") == 1
    assert f"running {Stage.DEPLOY}" in result.stdout
    assert result.stderr == (
        "Error: not over after 2 s\n"
        "shop: deploy of v2.0-blue\n"
        "Next: the job goes on without this command; see it with `verdigris show J1`\n"
    )


def test_json_of_a_timeout_names_the_job_that_goes_on(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/promote", accepted())
    server.answer("GET /jobs/J1", job())
    server.answer("GET /releases/R1/log", log())

    result = terminal.run("promote", "shop", "--wait", "--json", "--timeout", "2")

    told = json.loads(result.stdout)
    assert told["job"]["id"] == "J1"
    assert told["error"]["exit_code"] == result.exit_code == 5


def test_waiting_can_be_interrupted_and_says_that_the_job_goes_on(
    terminal: Terminal, server: CannedServer
) -> None:
    terminal.time.interrupt_at = 3
    server.answer("POST /apps/shop/deploy", accepted())
    server.answer("GET /jobs/J1", job())
    server.answer("GET /releases/R1/log", log())

    result = terminal.run("deploy", "shop", "v2.0-blue", "--wait")

    assert result.exit_code == 130
    assert result.stderr.startswith(
        "Error: interrupted\nshop: deploy of v2.0-blue\nNext: the job goes on without"
    )


def test_a_server_that_is_away_for_a_moment_is_asked_again_when_it_says(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("POST /apps/shop/promote", accepted())
    server.refuse("GET /jobs/J1", problem("not-durable", status=503), Retry_After="7")
    server.answer("GET /jobs/J1", b"<html>", status=502)
    server.answer("GET /jobs/J1", job(JobState.DONE, kind=JobKind.PROMOTE))
    server.answer("GET /releases/R1/log", log())
    server.answer("GET /releases/R1", details())

    result = terminal.run("promote", "shop", "--wait")

    assert result.exit_code == 0
    assert terminal.time.pauses == [7, 1]
    assert result.stdout.count("trying again") == 1


def test_with_wait_a_change_is_asked_for_until_redis_is_back(
    terminal: Terminal, server: CannedServer
) -> None:
    server.refuse("POST /apps/shop/rollback", problem("not-durable", status=503), Retry_After="5")
    server.answer("POST /apps/shop/rollback", accepted(), status=202)
    server.answer("GET /jobs/J1", job(JobState.DONE, kind=JobKind.ROLLBACK))
    server.answer("GET /releases/R1/log", log())
    server.answer("GET /releases/R1", details())

    result = terminal.run("rollback", "shop", "--wait")

    assert result.exit_code == 0
    assert terminal.time.pauses == [5]
    assert "trying again" in result.stdout


def test_with_wait_the_deadline_holds_for_asking_and_following_together(
    terminal: Terminal, server: CannedServer
) -> None:
    server.refuse("POST /apps/shop/promote", problem("not-durable", status=503), Retry_After="20")
    server.answer("POST /apps/shop/promote", accepted(), status=202)
    server.answer("GET /jobs/J1", job(JobState.WAITING, kind=JobKind.PROMOTE))
    server.answer("GET /releases/R1/log", log())

    result = terminal.run("promote", "shop", "--wait", "--timeout", "30")

    assert result.exit_code == 5
    assert terminal.time.now == 30


def test_a_server_that_stays_away_ends_the_waiting(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/promote", accepted())
    server.refuse("GET /jobs/J1", problem("not-durable", status=503), Retry_After="86400")

    result = terminal.run("promote", "shop", "--wait")

    assert result.exit_code == 3
    assert set(terminal.time.pauses) == {60.0}
    assert terminal.time.now == 300


def test_a_job_that_may_no_longer_be_read_ends_the_waiting(terminal: Terminal, server: CannedServer) -> None:
    server.answer("POST /apps/shop/promote", accepted())
    server.refuse("GET /jobs/J1", problem("not-authorized", status=401))

    assert terminal.run("promote", "shop", "--wait").exit_code == 4


def test_a_job_cancelled_by_somebody_else_says_by_whom(terminal: Terminal, server: CannedServer) -> None:
    cancelled = a_job(JobState.CANCELLED, problem=problem("cancelled"))
    server.answer("POST /apps/shop/deploy", accepted())
    server.answer("GET /jobs/J1", job(JobState.CANCELLED, problem=cancelled.problem))
    server.answer("GET /releases/R1/log", log())
    server.answer("GET /releases/R1", details())

    result = terminal.run("deploy", "shop", "v2.0-blue", "--wait")

    assert result.exit_code == 1
    assert "shop: none waits" in result.stderr


def test_options_of_the_direct_way_are_for_that_alone(terminal: Terminal, server: CannedServer) -> None:
    for option in ("--yes", "--context=there"):
        result = terminal.run("rollback", "shop", option)

        assert result.exit_code == 2
        assert "--context and --yes are for --direct" in result.stderr
    assert server.asked == []
