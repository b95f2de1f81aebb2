"""Tags in Git that were never delivered: in the API, on the page, and what can be asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from release.model import Actor, Color, State
from release.problems import Problem, ProblemDocument
from release.tag_watch import Comparison, Heard, KnownTag
from tests.unit.webhook.fakes import NOW, TOKEN, Web, make_observation, make_release
from tests.unit.webhook.test_pages import csrf_of, sign_in

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

BEARER = {"Authorization": f"Bearer {TOKEN}"}
ONE, TWO = "1" * 40, "2" * 40
MISSED = KnownTag("v2.1-blue", ONE, Heard.MISSED, NOW - timedelta(minutes=5))
MOVED = KnownTag("v2.0-blue", TWO, Heard.MOVED, NOW - timedelta(minutes=5), was=ONE)
DONE = Comparison("x", NOW - timedelta(minutes=3), NOW - timedelta(minutes=3))
AWAY = ProblemDocument("repository-unreachable", "can't be read", "git.example: refused", "check it", 502)
FORMS = ["/apps/shop/tags/release", "/apps/shop/tags/dismiss", "/apps/shop/tags/compare"]


@pytest.fixture
def missing(web: Web) -> Web:
    """A web process that knows of a missed tag and of a moved one."""
    web.store.tags.last, web.store.tags.found = DONE, [MISSED, MOVED]
    return web


def read(web: Web) -> dict[str, Any]:
    answer = web.client.get("/api/v1/apps/shop/tags", headers=BEARER)
    assert answer.status_code == 200
    return dict(answer.json or {})


def ask(web: Web, what: str, **body: object) -> TestResponse:
    return web.client.post(f"/api/v1/apps/shop/tags/{what}", headers=BEARER, json=body)


def send(client: FlaskClient, path: str, tag: KnownTag = MISSED, **more: str) -> TestResponse:
    """As the form on the page does."""
    form = {"csrf_token": csrf_of(client.get("/").text), "tag": tag.name, "commit": tag.commit, **more}
    return client.post(path, data=form)


class TestApi:
    def test_before_the_first_comparison_nothing_is_known(self, web: Web) -> None:
        assert read(web) == {
            "app": "shop",
            "compared_at": None,
            "tried_at": None,
            "error": None,
            "is_asked": False,
            "missed": [],
            "moved": [],
            "dismissed": [],
        }

    def test_missed_moved_and_dismissed_tags_are_told_apart(self, missing: Web) -> None:
        gone_by = KnownTag("v1-blue", ONE, Heard.DISMISSED, MISSED.since, by="person:ann", reason="a test")
        missing.store.tags.found.append(gone_by)

        told = read(missing)

        since = "2026-01-01T11:55:00.000+00:00"
        rest = {"since": since, "by": None, "reason": None}
        assert told["missed"] == [{"tag": "v2.1-blue", "commit": ONE, "was": None, **rest}]
        assert told["moved"] == [{"tag": "v2.0-blue", "commit": TWO, "was": ONE, **rest}]
        assert [(one["tag"], one["by"], one["reason"]) for one in told["dismissed"]] == [
            ("v1-blue", {"kind": "person", "name": "ann"}, "a test")
        ]
        assert told["compared_at"] == told["tried_at"] == "2026-01-01T11:57:00.000+00:00"

    def test_a_tag_whose_delivery_may_be_under_way_is_not_told_yet(self, missing: Web) -> None:
        missing.store.tags.found = [KnownTag("v2.1-blue", ONE, Heard.MISSED, NOW - timedelta(seconds=59))]
        assert read(missing)["missed"] == []

        missing.wait(timedelta(seconds=1))

        assert [one["tag"] for one in read(missing)["missed"]] == ["v2.1-blue"]

    def test_why_git_could_not_be_asked_is_told_beside_what_was_known(self, missing: Web) -> None:
        missing.store.tags.last = Comparison("x", NOW, DONE.compared_at, error=AWAY)

        told = read(missing)

        assert told["error"]["type"].endswith("/repository-unreachable")
        assert told["compared_at"] < told["tried_at"]
        assert len(told["missed"]) == 1

    def test_a_comparison_is_asked_for_and_made_by_a_worker(self, missing: Web) -> None:
        answer = ask(missing, "compare")

        assert answer.status_code == 202
        assert answer.json
        assert answer.json["is_asked"]
        assert missing.store.tags.asked == 1

        missing.store.tags.last = Comparison("x", NOW, NOW, answered=1)
        assert not read(missing)["is_asked"]

    def test_a_tag_is_dismissed_with_who_and_why(self, missing: Web) -> None:
        answer = ask(missing, "dismiss", tag="v2.1-blue", commit=ONE, reason="a test")

        assert answer.status_code == 200
        assert answer.json
        assert answer.json["missed"] == []
        [dismissed] = answer.json["dismissed"]
        assert (dismissed["tag"], dismissed["by"]["name"], dismissed["reason"]) == (
            "v2.1-blue",
            "ci",
            "a test",
        )

    @pytest.mark.parametrize(
        ("tag", "commit"),
        [("v9-blue", ""), ("v2.1-blue", TWO), ("\u202e", ""), ("v1-green", ONE)],
    )
    def test_only_what_was_missed_can_be_dismissed(self, missing: Web, tag: str, commit: str) -> None:
        missing.store.tags.found.append(KnownTag("v1-green", ONE, Heard.DISMISSED, NOW))

        answer = ask(missing, "dismiss", tag=tag, commit=commit)

        assert answer.status_code == 409
        assert answer.get_json(force=True)["type"].endswith("/tag-not-missed")
        assert "\u202e" not in answer.get_json(force=True)["detail"]

    @pytest.mark.parametrize(("what", "body"), [("dismiss", {}), ("compare", {"tag": "v1-blue"})])
    def test_other_fields_are_refused(self, missing: Web, what: str, body: dict[str, str]) -> None:
        assert ask(missing, what, **body).status_code == 422
        assert missing.store.tags.asked == 0

    def test_an_unknown_app_has_none(self, web: Web) -> None:
        for method, path in (("GET", ""), ("POST", "/compare"), ("POST", "/dismiss")):
            answer = web.client.open(f"/api/v1/apps/nobody/tags{path}", method=method, headers=BEARER)
            assert answer.status_code == 404

    @pytest.mark.parametrize("path", ["/compare", "/dismiss"])
    def test_changing_needs_a_token_even_where_reading_is_open(self, open_web: Web, path: str) -> None:
        assert open_web.client.get("/api/v1/apps/shop/tags").status_code == 200
        assert open_web.client.post(f"/api/v1/apps/shop/tags{path}").status_code == 401

    def test_while_redis_is_away_it_says_so(self, web: Web) -> None:
        web.store.tags.is_away = True

        assert web.client.get("/api/v1/apps/shop/tags", headers=BEARER).status_code == 503
        assert ask(web, "compare").status_code == 503


class TestPage:
    def test_a_missed_tag_has_a_button_that_says_what_it_does(self, missing: Web) -> None:
        missing.store.seen["shop"] = make_observation()
        missing.store.found = [
            make_release("R1", state=State.STANDBY),
            make_release("R0", tag="v1.0-green", color=Color.GREEN, state=State.LIVE),
        ]

        page = sign_in(missing).get("/apps/shop").text

        assert "In Git, never delivered" in page
        assert "Release v2.1-blue" in page
        assert f"Deploys commit {ONE[:10]} to blue" in page
        assert "Users stay on green until it is promoted." in page
        assert "It replaces v2.0-blue on blue: no more switching to that one." in page
        assert f"v2.0-blue was moved in Git, from {ONE[:10]}. Deploys commit {TWO[:10]}" in page
        assert f'name="commit" value="{ONE}"' in page

    def test_nothing_is_lost_where_the_color_is_empty(self, missing: Web) -> None:
        page = sign_in(missing).get("/apps/shop").text

        assert "No color is live yet, so nobody is moved until it is promoted." in page
        assert "no more switching to that one" not in page

    def test_a_tag_of_the_live_color_has_none_but_says_what_to_push(self, missing: Web) -> None:
        missing.store.seen["shop"] = make_observation(live=Color.BLUE)

        page = sign_in(missing).get("/apps/shop").text

        assert "Release v2.1-blue" not in page
        assert "Blue is live: push the same commit as v2.1-green." in page
        assert "Never release v2.1-blue" in page

    def test_whoever_may_only_read_sees_them_without_buttons(self, open_web: Web) -> None:
        open_web.store.tags.last, open_web.store.tags.found = DONE, [MISSED]

        page = open_web.client.get("/apps/shop").text

        assert "v2.1-blue" in page
        assert "Release v2.1-blue" not in page
        assert "Compare now" not in page

    def test_of_many_only_the_newest_versions_are_shown(self, missing: Web) -> None:
        missing.store.tags.found = [
            KnownTag(f"v{number}-blue", ONE, Heard.MISSED, MISSED.since) for number in range(25)
        ]

        page = sign_in(missing).get("/apps/shop").text

        assert "Release v24-blue" in page
        assert "Release v5-blue" in page
        assert "Release v4-blue" not in page
        assert "The 20 newest of 25" in page

    @pytest.mark.parametrize(
        ("last", "asked", "words"),
        [
            (None, 0, "Not compared yet."),
            (DONE, 0, "3 min ago"),
            (DONE, 1, "A worker is about to compare."),
            (Comparison("x", NOW, error=AWAY), 0, "git.example: refused. Check it."),
        ],
    )
    def test_it_says_when_it_was_compared(
        self, web: Web, last: Comparison | None, asked: int, words: str
    ) -> None:
        web.store.tags.last, web.store.tags.asked = last, asked

        page = sign_in(web).get("/apps/shop").text

        assert words in page.split('id="shop-tags"')[1].split("</section>")[0]

    def test_a_release_is_bound_to_the_commit_that_the_person_saw(self, missing: Web) -> None:
        client = sign_in(missing)

        answer = send(client, "/apps/shop/tags/release", reason=" the hook was off ")

        assert (answer.status_code, answer.headers["Location"]) == (303, "/releases/R1")
        [asked] = missing.requests.asked
        assert (asked.what, asked.subject) == ("deploy", "shop")
        assert asked.given == {
            "tag": "v2.1-blue",
            "commit": ONE,
            "actor": Actor("person", "ci"),
            "delivery": f"missed v2.1-blue {ONE}",
            "reason": "the hook was off",
        }

    def test_pressed_twice_it_starts_one(self, missing: Web) -> None:
        client = sign_in(missing)
        send(client, "/apps/shop/tags/release")

        again = send(client, "/apps/shop/tags/release")

        assert len(missing.requests.asked) == 1
        assert again.headers["Location"] == "/releases/R1"
        assert "had been asked for before" in client.get("/apps/shop").text

    def test_a_tag_that_was_moved_meanwhile_starts_nothing(self, missing: Web) -> None:
        client = sign_in(missing)
        missing.store.tags.found = [KnownTag("v2.1-blue", TWO, Heard.MOVED, NOW, was=ONE)]

        send(client, "/apps/shop/tags/release")

        assert not missing.requests.asked
        assert "No such missed tag." in client.get("/apps/shop").text

    def test_a_dismissed_tag_is_told_no_more(self, missing: Web) -> None:
        client = sign_in(missing)

        answer = send(client, "/apps/shop/tags/dismiss", reason="a test")

        assert (answer.status_code, answer.headers["Location"]) == (303, "/apps/shop")
        page = client.get("/apps/shop").text
        assert "v2.1-blue is told no more, unless it is moved." in page
        assert "Release v2.1-blue" not in page
        [dismissed, _] = missing.store.tags.found
        assert (dismissed.heard, dismissed.by, dismissed.reason) == (Heard.DISMISSED, "person:ci", "a test")

    def test_a_comparison_can_be_asked_for(self, missing: Web) -> None:
        client = sign_in(missing)

        answer = send(client, "/apps/shop/tags/compare")

        assert (answer.status_code, missing.store.tags.asked) == (303, 1)
        page = client.get("/apps/shop").text
        assert "The tags of shop are compared within seconds." in page
        assert "A worker is about to compare." in page

    def test_a_refusal_is_told(self, missing: Web) -> None:
        client = sign_in(missing)
        missing.requests.refusal = Problem("x", "The tag is refused", detail="shop: no", next_step="push")

        send(client, "/apps/shop/tags/release")

        assert "The tag is refused." in client.get("/apps/shop").text

    @pytest.mark.parametrize("path", FORMS)
    def test_while_redis_is_away_it_is_told(self, missing: Web, path: str) -> None:
        client = sign_in(missing)
        csrf = csrf_of(client.get("/apps/shop").text)
        missing.store.tags.is_away = True

        form = {"csrf_token": csrf, "tag": MISSED.name, "commit": ONE}
        assert client.post(path, data=form).status_code == 303

        missing.store.tags.is_away = False
        assert "not known whether this was accepted" in client.get("/apps/shop").text

    @pytest.mark.parametrize("path", FORMS)
    def test_without_the_forms_own_token_nothing_is_done(self, missing: Web, path: str) -> None:
        client = sign_in(missing)

        answer = client.post(path, data={"tag": MISSED.name, "commit": ONE})

        assert answer.status_code == 400
        assert (missing.requests.asked, missing.store.tags.asked) == ([], 0)
        assert missing.store.tags.found == [MISSED, MOVED]

    @pytest.mark.parametrize("path", FORMS)
    def test_a_stranger_does_nothing_even_where_reading_is_open(self, open_web: Web, path: str) -> None:
        open_web.store.tags.found = [MISSED]
        client = open_web.client
        csrf = csrf_of(client.get("/login").text)

        form = {"csrf_token": csrf, "tag": MISSED.name, "commit": ONE}
        answer = client.post(path, data=form)

        assert answer.headers["Location"].startswith("/login")
        assert (open_web.requests.asked, open_web.store.tags.asked) == ([], 0)
        assert open_web.store.tags.found == [MISSED]
