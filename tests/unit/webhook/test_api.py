from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from release.model import ByHand, Color, JobState, Migration, MigrationRecord, MigrationState, State
from release.others import Interference, Tool, Writer
from release.records import Change, LogLine
from tests.unit.webhook.fakes import NOW, OCTOCAT, TOKEN, Web, make_job, make_observation, make_release

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

BEARER = {"Authorization": f"Bearer {TOKEN}"}
READS = ["/apps", "/apps/shop", "/releases", "/releases/R1", "/releases/R1/log", "/jobs/J1"]


def read(web: Web, path: str) -> dict[str, Any]:
    answer = web.client.get(f"/api/v1{path}", headers=BEARER)
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return dict(answer.json)


def assert_problem(answer: TestResponse, status: int, slug: str) -> None:
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json(force=True)
    assert problem["type"].endswith(f"/{slug}")
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["next_step"]


@pytest.mark.parametrize("path", READS)
def test_reading_needs_a_token(web: Web, path: str) -> None:
    answer = web.client.get(f"/api/v1{path}")
    assert_problem(answer, 401, "not-authorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer é\u00ff"],
)
def test_anything_but_the_token_is_refused_in_the_same_words(web: Web, header: str) -> None:
    answer = web.client.get("/api/v1/apps", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.data == web.client.get("/api/v1/apps").data


@pytest.mark.parametrize("parameter", ["token", "access_token", "Token"])
def test_a_token_in_the_address_is_refused_even_beside_a_good_header(web: Web, parameter: str) -> None:
    assert web.client.get(f"/api/v1/apps?{parameter}={TOKEN}").status_code == 401
    assert web.client.get(f"/api/v1/apps?{parameter}=x", headers=BEARER).status_code == 401


def test_a_browsers_session_opens_no_door_of_the_api(web: Web) -> None:
    client = web.client
    page = client.get("/login").text
    csrf = page.split('name="csrf_token" value="')[1].split('"')[0]
    assert client.post("/login", data={"token": TOKEN, "csrf_token": csrf}).status_code == 303
    assert client.get("/").status_code == 200
    assert client.post("/api/v1/apps/shop/promote").status_code == 401


def test_where_reading_is_open_writing_still_needs_a_token(open_web: Web) -> None:
    assert open_web.client.get("/api/v1/apps").status_code == 200
    assert open_web.client.post("/api/v1/apps/shop/promote").status_code == 401


def test_an_app_shows_what_runs_with_the_age_of_the_look(web: Web) -> None:
    web.store.seen["shop"] = make_observation(at=NOW - timedelta(seconds=42))
    web.store.found = [make_release("R1"), make_release("R0", state=State.LIVE, color=Color.GREEN)]
    app = read(web, "/apps/shop")
    assert app["observation"]["live"] == "green"
    assert app["observation"]["age_seconds"] == 42.0
    assert app["observation"]["is_stale"] is True
    assert app["observation"]["blue"]["tag"] == "v2.0-blue"
    assert {one["id"]: one["state"] for one in app["releases"]} == {"R1": "ready", "R0": "live"}


def test_an_app_tells_what_somebody_else_undid(web: Web) -> None:
    writer = Writer("argocd-controller", "Apply", NOW, Tool.ARGO_CD)
    found = Interference("moved", "it moved every user", "Users get v1", "go on", NOW, writer, times=2)
    web.store.seen["shop"] = make_observation(interference=found)
    assert read(web, "/apps/shop")["observation"]["interference"] == {
        "what": "it moved every user",
        "users": "Users get v1",
        "next_step": "go on",
        "again": found.again,
        "times": 2,
        "seen_at": NOW.isoformat(timespec="milliseconds"),
        "manager": "argocd-controller",
        "operation": "Apply",
        "written_at": NOW.isoformat(timespec="milliseconds"),
        "tool": "Argo CD",
    }

    web.store.seen["shop"] = make_observation(interference=replace(found, writer=None, times=1))
    told = read(web, "/apps/shop")["observation"]["interference"]
    assert {told[name] for name in ("again", "manager", "operation", "written_at", "tool")} == {None}

    web.store.seen["shop"] = make_observation()
    assert read(web, "/apps/shop")["observation"]["interference"] is None


def test_an_app_tells_what_needs_attention_by_the_rule_of_the_pages(web: Web) -> None:
    web.store.seen["shop"] = make_observation()
    assert read(web, "/apps/shop")["attention"] == []

    web.store.jobs = [make_job(state=JobState.FAILED, ended_at=NOW)]
    web.store.seen["shop"] = make_observation(problem="two defaults")
    assert read(web, "/apps/shop")["attention"] == ["two defaults", "deploy v2.0-blue failed"]


def test_an_app_tells_where_a_rollback_leads(web: Web) -> None:
    live = make_release("R2", tag="v2.0-green", color=Color.GREEN, state=State.LIVE)
    web.store.found = [make_release("R1", tag="v1.0-blue", state=State.STANDBY), live]
    app = read(web, "/apps/shop")
    assert app["can_roll_back_to"] == {"id": "R1", "tag": "v1.0-blue", "color": "blue"}
    assert app["rollback_note"] == "the way back is open: v1.0-blue still runs on blue"


def test_an_app_tells_what_ended_the_way_back(web: Web) -> None:
    live = make_release("R2", tag="v2.0-green", color=Color.GREEN, state=State.LIVE)
    lost = make_release("R1", tag="v1.0-blue", state=State.RETIRED, reason="replaced on blue by v3.0-blue")
    web.store.found = [lost, live]
    app = read(web, "/apps/shop")
    assert app["can_roll_back_to"] is None
    assert "v1.0-blue: replaced on blue by v3.0-blue" in app["rollback_note"]


def test_an_app_tells_whether_a_rollback_is_safe_and_since_when_not(web: Web) -> None:
    at = NOW - timedelta(minutes=3)
    ran = MigrationRecord(Migration.CONTRACT, MigrationState.PASSED, at)
    live = make_release("R2", tag="v2.0-green", color=Color.GREEN, state=State.LIVE, migration=ran)
    web.store.found = [make_release("R1", tag="v1.0-blue", state=State.RETIRED), live]
    safety = read(web, "/apps/shop")["rollback_safe"]
    assert (safety["safe"], safety["since"]) == (False, at.isoformat(timespec="milliseconds"))
    assert "the contract migration of v2.0-green began at" in safety["why"]


def test_an_app_whose_way_back_is_open_is_safe_to_roll_back(web: Web) -> None:
    live = make_release("R2", tag="v2.0-green", color=Color.GREEN, state=State.LIVE)
    web.store.found = [make_release("R1", tag="v1.0-blue", state=State.STANDBY), live]
    app = read(web, "/apps/shop")
    assert app["rollback_safe"] == {"safe": True, "since": None, "why": app["rollback_note"]}


def test_a_release_tells_of_its_migration(web: Web) -> None:
    due = MigrationRecord(Migration.CONTRACT, MigrationState.PENDING, NOW)
    web.store.found = [make_release("R1", migration=due), make_release("R0")]
    told = {one["id"]: one["migration"] for one in read(web, "/releases")["releases"]}
    assert told["R1"] == {
        "kind": "contract",
        "state": "pending",
        "at": NOW.isoformat(timespec="milliseconds"),
    }
    assert told["R0"] == {"kind": None, "state": None, "at": None}


def test_an_app_that_nobody_looked_at_says_so(web: Web) -> None:
    assert read(web, "/apps/shop")["observation"] is None


def test_apps_are_listed_in_the_order_of_the_configuration(web: Web) -> None:
    assert [app["name"] for app in read(web, "/apps")["apps"]] == ["shop", "forum"]


def test_waiting_for_a_turn_is_told_from_waiting_for_a_worker(web: Web) -> None:
    web.store.jobs = [
        make_job("J1", state=JobState.OFFERED),
        make_job("J2", state=JobState.WAITING, release_id="R2"),
        make_job("J3", state=JobState.DONE, passed=4),
    ]
    queue = read(web, "/apps/shop")["queue"]
    assert [(job["position"], job["doing"]) for job in queue] == [
        (0, "waiting for a worker"),
        (1, "waiting for its turn"),
    ]
    assert read(web, "/jobs/J2")["position"] == 1
    assert read(web, "/jobs/J3")["position"] is None


def test_a_running_job_tells_its_stage_and_times_in_utc(web: Web) -> None:
    web.store.jobs = [make_job("J1", passed=2)]
    job = read(web, "/jobs/J1")
    assert (job["stage"], job["doing"]) == ("migrate", "running migrate")
    assert [stage["state"] for stage in job["stages"]] == ["passed", "passed", "running", "pending"]
    assert job["stages"][0]["started_at"] == "2026-01-01T11:57:00.000+00:00"


def test_a_release_comes_with_its_jobs_and_its_life(web: Web) -> None:
    web.store.found, web.store.jobs = [make_release()], [make_job()]
    web.store.steps["R1"] = [Change("R1", "shop", None, State.QUEUED, OCTOCAT, "tag pushed", NOW)]
    shown = read(web, "/releases/R1")
    assert shown["release"]["tag"] == "v2.0-blue"
    assert [job["id"] for job in shown["jobs"]] == ["J1"]
    assert shown["changes"][0]["to"] == "queued"
    assert shown["changes"][0]["actor"] == {"kind": "git", "name": "octocat"}


def test_a_release_tells_the_commands_that_do_without_us(web: Web) -> None:
    web.store.found = [make_release("R1", by_hand=ByHand("kubectl forth", "")), make_release("R2")]

    told = [read(web, f"/releases/{one}")["release"]["by_hand"] for one in ("R1", "R2")]

    assert told == [{"promote": "kubectl forth", "rollback": None}, {"promote": None, "rollback": None}]


def test_releases_are_listed_newest_first_of_one_app_or_all(web: Web) -> None:
    web.store.found = [
        make_release(f"R{age}", app=app, created_at=NOW - timedelta(minutes=age))
        for age, app in enumerate(["shop", "forum", "shop"])
    ]
    assert [one["id"] for one in read(web, "/releases")["releases"]] == ["R0", "R1", "R2"]
    assert [one["id"] for one in read(web, "/releases?app=shop&limit=1")["releases"]] == ["R0"]


@pytest.mark.parametrize("limit", ["0", "-1", "201", "many", "", "1e3", "\u0661"])
def test_a_wrong_limit_is_refused(web: Web, limit: str) -> None:
    answer = web.client.get("/api/v1/releases", query_string={"limit": limit}, headers=BEARER)
    assert_problem(answer, 400, "bad-parameter")


def test_a_log_is_followed_with_next(web: Web) -> None:
    web.store.found = [make_release()]
    web.store.lines["R1"] = [
        LogLine(f"{second}-0", NOW.astimezone(UTC), "deploy", f"line {second}") for second in (1, 2, 3)
    ]
    first = read(web, "/releases/R1/log?limit=2")
    assert [line["text"] for line in first["lines"]] == ["line 1", "line 2"]
    rest = read(web, f"/releases/R1/log?after={first['next']}")
    assert [line["text"] for line in rest["lines"]] == ["line 3"]
    nothing = read(web, f"/releases/R1/log?after={rest['next']}")
    assert (nothing["lines"], nothing["next"]) == ([], "3-0")


def test_a_job_s_log_is_its_release_s_or_its_own_where_there_is_none(web: Web) -> None:
    web.store.jobs = [make_job("J1", release_id="R1"), make_job("J2", release_id=None)]
    at = NOW.astimezone(UTC)
    web.store.lines["R1"] = [LogLine("1-0", at, "deploy", "of the release")]
    web.store.lines["J2"] = [LogLine("1-0", at, "decommission", "of the job")]

    for job, text in (("J1", "of the release"), ("J2", "of the job")):
        assert [line["text"] for line in read(web, f"/jobs/{job}/log")["lines"]] == [text]


@pytest.mark.parametrize("after", ["x", "$", "-", "+", "1-", "1-2-3", "9" * 30])
def test_a_wrong_place_in_a_log_is_refused(web: Web, after: str) -> None:
    web.store.found = [make_release()]
    answer = web.client.get("/api/v1/releases/R1/log", query_string={"after": after}, headers=BEARER)
    assert_problem(answer, 400, "bad-parameter")


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/apps/nobody", "unknown-app"),
        ("/releases?app=nobody", "unknown-app"),
        ("/releases/nothing", "unknown-release"),
        ("/releases/R1:changes", "unknown-release"),
        ("/releases/nothing/log", "unknown-release"),
        ("/jobs/nothing", "unknown-job"),
        ("/jobs/..%2f", "not-found"),
        ("/nowhere", "not-found"),
    ],
)
def test_what_does_not_exist_is_not_found(web: Web, path: str, slug: str) -> None:
    assert_problem(web.client.get(f"/api/v1{path}", headers=BEARER), 404, slug)


def test_a_wrong_method_names_the_right_one(web: Web) -> None:
    answer = web.client.put("/api/v1/apps/shop/deploy", headers=BEARER)
    assert_problem(answer, 405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"]


def test_while_redis_is_away_reading_says_when_to_come_back(web: Web) -> None:
    web.store.is_away = True
    answer = web.client.get("/api/v1/apps", headers=BEARER)
    assert_problem(answer, 503, "not-durable")
    assert answer.headers["Retry-After"] == "5"
