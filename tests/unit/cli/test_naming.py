"""A tag in the place of a release's id: the newest release of it, where only one app has one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from release.model import JobState, State
from tests.unit.cli.canned import NOON, details, job, log, problem, release

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Json, Terminal

TAG = "v2.0-blue"
OLDER = release(id="R0", state=State.FAILED, created_at=NOON - timedelta(days=1))


def accepted() -> Json:
    return {"job": job(JobState.WAITING), "release": release(), "is_new": True}


def voted() -> Json:
    return {"release": release(), "approvals": None, "stopped": None}


def prepare(server: CannedServer, *found: Json) -> None:
    """Releases of which the search finds more than was meant; everything may be asked of R1."""
    other = release(id="R9", tag="v12.0-blue")
    server.answer("GET /releases", {"releases": [other, *found], "next": None})
    server.answer("GET /releases/R1", details())
    server.answer("GET /releases/R1/log", log())
    server.answer("GET /audit", {"entries": [], "next": None})
    for command in ("redeploy", "retry", "cancel", "start"):
        server.answer(f"POST /releases/R1/{command}", accepted(), status=202)
    for command in ("approve", "reject"):
        server.answer(f"POST /releases/R1/{command}", voted())
    stopped = {"actor": {"kind": "token", "name": "ci"}, "reason": "", "at": NOON.isoformat()}
    server.answer("POST /releases/R1/stop-countdown", {**voted(), "stopped": stopped})
    for command in ("promote", "rollback"):
        server.answer(f"POST /apps/shop/{command}", accepted(), status=202)


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("show", "releases/R1"),
        ("logs", "releases/R1/log"),
        ("redeploy", "releases/R1/redeploy"),
        ("retry", "releases/R1/retry"),
        ("cancel", "releases/R1/cancel"),
        ("start", "releases/R1/start"),
        ("approve", "releases/R1/approve"),
        ("reject", "releases/R1/reject"),
        ("stop-countdown", "releases/R1/stop-countdown"),
    ],
)
@pytest.mark.parametrize("with_app", [True, False])
def test_a_tag_is_taken_for_its_newest_release(
    terminal: Terminal, server: CannedServer, command: str, asked: str, *, with_app: bool
) -> None:
    prepare(server, release(), OLDER)

    result = terminal.run(command, TAG, *(["--app", "shop"] if with_app else []))

    assert result.exit_code == 0
    first, *_, last = server.asked
    assert (first.query["q"], first.query.get("app")) == ([TAG], ["shop"] if with_app else None)
    assert last.path == f"/api/v1/{asked}"


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_a_release_that_is_named_beside_its_app_may_be_named_by_its_tag(
    terminal: Terminal, server: CannedServer, command: str
) -> None:
    prepare(server, release(), OLDER)

    assert terminal.run(command, "shop", "--release", TAG).exit_code == 0

    assert server.asked[0].query["app"] == ["shop"]
    assert server.asked[-1].body == {"release": "R1"}


def test_the_trail_of_a_tag_is_that_of_its_newest_release(terminal: Terminal, server: CannedServer) -> None:
    prepare(server, release(), OLDER)

    assert terminal.run("audit", "--release", TAG).exit_code == 0

    assert server.asked[-1].query["release"] == ["R1"]


def test_a_tag_of_several_apps_is_refused_with_the_newest_of_each(
    terminal: Terminal, server: CannedServer
) -> None:
    prepare(server, release(), release(id="R7", app="farm", state=State.LIVE), OLDER)

    result = terminal.run("cancel", TAG)

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"Error: {TAG} is a release of 2 apps",
        "farm: R7, live, 2025-06-01 12:00:00 UTC; shop: R1, ready, 2025-06-01 12:00:00 UTC",
        "Next: say which with --app, or give the id",
    ]
    assert [asked.method for asked in server.asked] == ["GET"]


def test_what_is_ambiguous_may_stand_on_a_later_page(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [release()], "next": "7"})
    server.answer("GET /releases", {"releases": [release(id="R7", app="farm")], "next": None})

    assert "is a release of 2 apps" in terminal.run("cancel", TAG).stderr
    assert server.asked[1].query["after"] == ["7"]


def test_with_its_app_nothing_is_read_beyond_the_newest(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [release()], "next": "7"})
    server.answer("POST /releases/R1/cancel", accepted())

    terminal.run("cancel", TAG, "--app", "shop")

    assert [asked.method for asked in server.asked] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ([], f"no release of any app has the tag {TAG}\nNext: see `verdigris releases`"),
        (
            ["--app", "shop"],
            f"no release of shop has the tag {TAG}\nNext: see `verdigris releases --app shop`",
        ),
    ],
)
def test_a_tag_without_release_is_refused(
    terminal: Terminal, server: CannedServer, app: list[str], words: str
) -> None:
    prepare(server)

    result = terminal.run("show", TAG, *app)

    assert (result.exit_code, result.stderr) == (1, f"Error: {words}\n")


def test_with_wait_the_tag_is_looked_for_until_redis_is_back(
    terminal: Terminal, server: CannedServer
) -> None:
    server.refuse("GET /releases", problem("not-durable", status=503), Retry_After="1")
    server.answer("GET /releases", {"releases": [release()], "next": None})
    server.answer("POST /releases/R1/cancel", accepted())
    server.answer("GET /jobs/J1", job(JobState.CANCELLED))
    server.answer("GET /releases/R1/log", log())
    server.answer("GET /releases/R1", details())

    assert terminal.run("cancel", TAG, "--wait").exit_code == 0


def test_the_log_of_an_app_whose_name_looks_like_a_tag_is_that_of_the_app(
    terminal: Terminal, server: CannedServer
) -> None:
    server.answer("GET /releases", {"releases": [release(app="vault-blue")]})
    server.answer("GET /releases/R1/log", log())

    result = terminal.run("logs", "vault-blue")

    assert server.asked[0].query == {"app": ["vault-blue"], "limit": ["1"]}
    assert result.exit_code == 0


def test_the_log_of_a_tag_that_could_be_the_name_of_an_app_is_that_of_the_tag(
    terminal: Terminal, server: CannedServer
) -> None:
    server.refuse("GET /releases", problem("unknown-app", status=404))
    server.answer("GET /releases", {"releases": [release(tag="v2-blue")], "next": None})
    server.answer("GET /releases/R1/log", log())

    assert terminal.run("logs", "v2-blue").exit_code == 0
    assert server.asked[-1].path == "/api/v1/releases/R1/log"


def test_the_log_of_an_app_that_is_not_there_is_refused_as_that(
    terminal: Terminal, server: CannedServer
) -> None:
    server.refuse("GET /releases", problem("unknown-app", status=404))

    assert terminal.run("logs", "nope").exit_code == 1
    assert len(server.asked) == 1
