"""Who may listen to what, and the parts of a release's page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from release.model import JobState
from release.records import LogLine
from release.roles import Grant, Role
from tests.unit.webhook.fakes import NOW, Web, make_job, make_release
from tests.unit.webhook.test_pages import sign_in, text_of
from webhook.hub import Hub
from webhook.live import EXTENSION
from webhook.release_page import look_at_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from release.model import Job

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def furnished(web: Web) -> Iterator[Web]:
    web.store.found = [make_release(), make_release("R2", app="forum")]
    web.store.jobs = [make_job()]
    web.store.lines["R1"] = [LogLine(f"{one}-0", NOW, "deploy", f"line {one}", one) for one in range(1, 5)]
    yield web
    hub: Hub = web.app.extensions[EXTENSION]
    for listener in list(hub._listeners):
        listener.stream.end()


def listen(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    return client.get(path, headers={**EVENTS, **headers})


def listeners_of(web: Web) -> list[frozenset[str]]:
    hub: Hub = web.app.extensions[EXTENSION]
    return [one.apps for one in hub._listeners if not one.stream.is_over]


def sign_in_for(web: Web, *apps: str) -> FlaskClient:
    made = web.store.api_tokens.make(
        "only", Grant(Role.VIEWER, frozenset(apps)), made_by=make_release().actor, now=NOW
    )
    return sign_in(web, made[1].reveal())


def test_a_stranger_is_sent_away_without_a_detour(furnished: Web) -> None:
    for path in ("/live", "/releases/R1/live"):
        assert listen(furnished.client, path).status_code == 401
    assert listeners_of(furnished) == []


def test_whoever_listens_hears_of_the_apps_that_they_may_see(furnished: Web) -> None:
    client = sign_in_for(furnished, "shop")
    with listen(client, "/live") as answer:
        assert answer.status_code == 200
        assert answer.mimetype == "text/event-stream"
        assert (answer.headers["X-Accel-Buffering"], answer.headers["Cache-Control"]) == ("no", "no-store")
        assert "Content-Length" not in answer.headers
        assert listeners_of(furnished) == [frozenset({"shop"})]
    assert listen(client, "/live?app=forum").status_code == 403
    assert listen(client, "/releases/R2/live").status_code == 403
    assert listen(client, "/live?app=nobody").status_code in {403, 404}


def test_an_unknown_app_or_release_is_told(furnished: Web) -> None:
    client = sign_in(furnished)
    assert listen(client, "/live?app=nobody").status_code == 404
    assert listen(client, "/releases/RNONE/live").status_code == 404


def test_what_is_asked_for_by_its_head_is_not_begun(furnished: Web) -> None:
    client = sign_in(furnished)
    for path in ("/live", "/releases/R1/live"):
        assert client.head(path, headers=EVENTS).status_code == 200
    assert listeners_of(furnished) == []


def test_a_release_begins_with_the_lines_that_the_page_lacks(furnished: Web) -> None:
    client = sign_in(furnished)
    with listen(client, "/releases/R1/live?after=1-0", **{"Last-Event-ID": "2-0"}) as answer:
        first = next(iter(answer.response)).decode()
    assert "id: 4-0\nevent: lines\n" in first
    assert [f"line {one}<" in first for one in (1, 2, 3, 4)] == [False, False, True, True]


def test_where_there_is_no_room_the_page_is_told_to_ask_instead(furnished: Web) -> None:
    furnished.app.extensions[EXTENSION] = Hub(furnished.store.events, most=0)
    answer = listen(sign_in(furnished), "/live")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


def test_while_redis_is_away_nothing_is_begun(furnished: Web) -> None:
    client = sign_in(furnished)
    furnished.store.is_away = True
    assert listen(client, "/live").status_code == 503


def test_lines_are_answered_to_a_page_that_is_not_told(furnished: Web) -> None:
    client = sign_in(furnished)
    assert client.get("/releases/R1/lines?after=3-0").text.count("<p ") == 1
    assert client.get("/releases/R1/lines?after=4-0").text == ""
    assert client.get("/releases/R1/lines").text.count("<p ") == 4
    assert sign_in_for(furnished, "forum").get("/releases/R1/lines").status_code == 403


def test_output_is_searched_and_downloaded(furnished: Web) -> None:
    client = sign_in(furnished)
    found = client.get("/releases/R1?find=LINE+3").text
    assert 'id="line-3-0"' in found
    assert 'id="line-2-0"' not in found
    assert "1 line has “LINE 3”." in text_of(found)
    whole = client.get("/releases/R1/log.txt")
    assert whole.mimetype == "text/plain"
    assert whole.headers["Content-Disposition"] == 'attachment; filename="shop-R1.txt"'
    assert whole.text.splitlines()[0] == "2026-01-01 12:00:00 deploy   line 1"
    assert sign_in_for(furnished, "forum").get("/releases/R1/log.txt").status_code == 403


def test_the_changing_part_of_a_release_has_no_output(furnished: Web) -> None:
    part = sign_in(furnished).get("/releases/R1", headers={"X-Fragment": "1"}).text
    assert 'id="log"' not in part
    assert "line 1" not in part


def test_a_release_that_waits_for_its_turn_says_how_many_are_ahead(furnished: Web) -> None:
    furnished.store.jobs = [make_job("J0", release_id="R0"), make_job(state=JobState.WAITING)]
    assert "waiting for its turn, 1 ahead" in sign_in(furnished).get("/releases/R1").text


def waits_of(job: Job) -> list[tuple[str, str, str, float | None]]:
    marks = look_at_job(job, NOW).marks
    return [
        (one.name, str(one.state), one.words, one.seconds(NOW)) for one in marks if one.words != one.state
    ]


def at(seconds: int) -> dict[str, object]:
    return {"created_at": NOW - timedelta(seconds=seconds)}


def test_a_timeline_tells_what_a_job_waited_for() -> None:
    turn, start = NOW - timedelta(seconds=40), NOW - timedelta(seconds=10)
    assert waits_of(make_job(**at(100), turn_at=turn, started_at=start)) == [
        ("its turn", "passed", "waited", 60), ("a worker", "passed", "waited", 30)
    ]  # fmt: skip
    assert waits_of(make_job(**at(100), turn_at=turn, state=JobState.OFFERED)) == [
        ("its turn", "passed", "waited", 60), ("a worker", "running", "waits", 40)
    ]  # fmt: skip
    assert waits_of(make_job(**at(100), state=JobState.WAITING)) == [("its turn", "running", "waits", 100)]
    assert waits_of(make_job(**at(100), state=JobState.CANCELLED, ended_at=start)) == [
        ("its turn", "cancelled", "in vain", 90)
    ]
    begun = NOW - timedelta(seconds=100)
    assert waits_of(make_job(**at(100), turn_at=begun, started_at=begun)) == []
