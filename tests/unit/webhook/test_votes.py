from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from release.approvals import Decision, Verdict, Vote
from release.audit_entries import Outcome
from release.auto_promotion import Stop
from release.model import Actor, State
from release.problems import Problem
from release.roles import Action
from tests.unit.webhook.fakes import (
    NOW,
    OCTOCAT,
    REPOSITORY,
    TOKEN,
    Web,
    make_app,
    make_config,
    make_observation,
    make_release,
    make_web,
)
from tests.unit.webhook.test_api import assert_problem
from tests.unit.webhook.test_pages import csrf_of, sign_in, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.test import TestResponse

BEARER = {"Authorization": f"Bearer {TOKEN}"}
ANNA, CI = Actor("person", "anna"), Actor("token", "ci")
YES = Vote(ANNA, Decision.APPROVE, "looked at <the numbers>", NOW - timedelta(minutes=3))
CHRISTMAS = {"from": "2026-01-01T00:00Z", "to": "2026-01-02T00:00Z", "reason": "Christmas"}
SPRING = {"from": "2026-03-01T00:00Z", "to": "2026-03-02T00:00Z"}


@pytest.fixture
def make_ruled(tmp_path: Path) -> Callable[..., Web]:
    """A web process for an app with rules, and a release of it that is ready."""

    def make(**rules: object) -> Web:
        app = {**make_app(REPOSITORY, tmp_path / "shop"), **rules}
        web = make_web(make_config(tmp_path, apps={"shop": app}))
        web.store.found = [make_release("R1")]
        web.store.seen = {"shop": make_observation()}
        return web

    return make


def post(web: Web, path: str, content: dict[str, Any] | None = None) -> TestResponse:
    return web.client.post(f"/api/v1{path}", headers=BEARER, json=content or {})


def get(web: Web, path: str) -> Any:  # noqa: ANN401 -- JSON
    answer = web.client.get(f"/api/v1{path}", headers=BEARER)
    assert answer.status_code == HTTPStatus.OK
    return answer.json


class TestApi:
    def test_an_approval_is_asked_in_the_callers_name_and_answered_with_what_it_comes_to(
        self, make_ruled: Callable[..., Web]
    ) -> None:
        web = make_ruled(promote={"approvals": 2})
        web.requests.verdict = Verdict(is_approved=False, missing=1, approved_by=(CI,))

        answer = post(web, "/releases/R1/approve", {"comment": "fine"})

        assert answer.status_code == HTTPStatus.OK
        (asked,) = web.requests.asked
        assert (asked.what, asked.subject) == ("approve", "R1")
        assert asked.given == {"actor": CI, "comment": "fine"}
        assert answer.json is not None
        assert answer.json["release"]["id"] == "R1"
        assert answer.json["approvals"] == {
            "needed": 2,
            "missing": 1,
            "approved_by": [{"kind": "token", "name": "ci"}],
            "rejected_by": None,
            "is_approved": False,
        }

    def test_a_rejection_is_answered_with_who_it_was(self, make_ruled: Callable[..., Web]) -> None:
        answer = post(make_ruled(), "/releases/R1/reject", {"comment": "no"})
        assert answer.json is not None
        assert answer.json["approvals"]["rejected_by"] == {"kind": "token", "name": "ci"}

    def test_a_stop_is_answered_with_the_one_that_stands(self, make_ruled: Callable[..., Web]) -> None:
        web = make_ruled(auto_promote="10m")
        answer = post(web, "/releases/R1/stop-countdown", {"reason": "wait"})
        assert answer.json is not None
        assert answer.json["stopped"] == {
            "actor": {"kind": "token", "name": "ci"},
            "reason": "wait",
            "at": "2026-01-01T12:00:00.000+00:00",
        }
        assert web.requests.asked[0].given == {"actor": CI, "reason": "wait"}

    @pytest.mark.parametrize(
        ("what", "slug"),
        [
            ("approve", "own-release"),
            ("approve", "already-approved"),
            ("approve", "past-approval"),
            ("reject", "release-rejected"),
            ("reject", "being-promoted"),
            ("stop-countdown", "no-countdown"),
        ],
    )
    def test_a_refusal_is_the_cores_own_and_stands_in_the_audit_trail(
        self, make_ruled: Callable[..., Web], what: str, slug: str
    ) -> None:
        web = make_ruled()
        web.requests.refusal = Problem(slug, "No", detail="shop: no", next_step="none")

        assert_problem(post(web, f"/releases/R1/{what}"), HTTPStatus.CONFLICT, slug)

        (entry,) = web.store.audit.read(limit=10).entries
        assert (entry.outcome, entry.why, entry.release) == (Outcome.REFUSED, slug, "R1")

    @pytest.mark.parametrize(
        ("what", "action", "words"),
        [
            ("approve", Action.APPROVE, {"comment": "fine"}),
            ("reject", Action.APPROVE, {"comment": "fine"}),
            ("stop-countdown", Action.STOP_COUNTDOWN, {"reason": "fine"}),
        ],
    )
    def test_what_was_said_stands_in_the_audit_trail(
        self, make_ruled: Callable[..., Web], what: str, action: Action, words: dict[str, str]
    ) -> None:
        web = make_ruled()
        post(web, f"/releases/R1/{what}", words)
        (entry,) = web.store.audit.read(limit=10).entries
        assert (entry.outcome, entry.action, entry.reason) == (Outcome.DONE, action, "fine")
        assert entry.after.get("decision", "stop-countdown") == what

    def test_a_release_shows_votes_approvals_and_its_countdown(self, make_ruled: Callable[..., Web]) -> None:
        web = make_ruled(promote={"approvals": 2}, auto_promote="10m")
        web.store.consent.said = [YES]

        shown = get(web, "/releases/R1")

        assert shown["votes"] == [
            {
                "actor": {"kind": "person", "name": "anna"},
                "decision": "approve",
                "comment": "looked at <the numbers>",
                "at": "2026-01-01T11:57:00.000+00:00",
            }
        ]
        assert (shown["approvals"]["needed"], shown["approvals"]["missing"]) == (2, 1)
        assert shown["countdown"] == {
            "due_at": "2026-01-01T12:09:00.000+00:00",
            "blocked_by": ["approvals"],
            "freeze": None,
        }
        assert shown["stopped"] is None

    def test_a_stop_and_a_freeze_are_shown_with_the_countdown(self, make_ruled: Callable[..., Web]) -> None:
        web = make_ruled(auto_promote="10m", freezes=[CHRISTMAS])
        web.store.consent.stop = Stop(ANNA, "wait", NOW)

        shown = get(web, "/releases/R1")

        assert shown["countdown"]["blocked_by"] == ["stopped", "freeze"]
        assert shown["countdown"]["freeze"]["reason"] == "Christmas"
        assert shown["countdown"]["due_at"] == "2026-01-02T00:00:00.000+00:00"
        assert shown["stopped"]["reason"] == "wait"

    def test_a_release_of_an_app_that_is_gone_has_neither(self, make_ruled: Callable[..., Web]) -> None:
        web = make_ruled()
        web.store.found = [make_release("R1", app="gone")]
        shown = get(web, "/releases/R1")
        assert (shown["votes"], shown["approvals"], shown["countdown"]) == ([], None, None)

    def test_an_app_shows_the_freeze_that_is_on_and_the_next(self, make_ruled: Callable[..., Web]) -> None:
        shown = get(make_ruled(freezes=[CHRISTMAS, SPRING]), "/apps/shop")
        assert shown["freeze"] == {
            "until": "2026-01-02T00:00:00.000+00:00",
            "reason": "Christmas",
            "is_open_end": False,
        }
        assert shown["next_freeze"] == {
            "at": "2026-03-01T00:00:00.000+00:00",
            "until": "2026-03-02T00:00:00.000+00:00",
            "reason": "",
            "is_open_end": False,
        }

    def test_without_freezes_there_is_none(self, make_ruled: Callable[..., Web]) -> None:
        shown = get(make_ruled(), "/apps/shop")
        assert (shown["freeze"], shown["next_freeze"]) == (None, None)

    @pytest.mark.parametrize("path", ["/apps/shop/promote", "/releases/R1/start"])
    def test_an_override_of_a_freeze_is_handed_on_and_entered(
        self, make_ruled: Callable[..., Web], path: str
    ) -> None:
        web = make_ruled()
        post(web, path, {"override_freeze": True, "reason": "hotfix"})
        post(web, path, {"reason": "hotfix"})
        first, second = web.requests.asked
        assert (first.given["overrides_freeze"], first.given["reason"]) == (True, "hotfix")
        assert "overrides_freeze" not in second.given
        later, earlier = web.store.audit.read(limit=10).entries
        assert earlier.after["override_freeze"] is True
        assert "override_freeze" not in later.after

    @pytest.mark.parametrize(
        ("path", "content"),
        [
            ("/releases/R1/approve", {"reason": "x"}),
            ("/releases/R1/approve", {"comment": "x" * 501}),
            ("/releases/R1/stop-countdown", {"comment": "x"}),
            ("/apps/shop/promote", {"override_freeze": "yes"}),
            ("/apps/shop/rollback", {"override_freeze": True}),
        ],
    )
    def test_unknown_or_wrong_fields_are_refused(
        self, make_ruled: Callable[..., Web], path: str, content: dict[str, Any]
    ) -> None:
        web = make_ruled()
        assert_problem(post(web, path, content), HTTPStatus.UNPROCESSABLE_ENTITY, "bad-fields")
        assert not web.requests.asked


class TestPages:
    @pytest.mark.parametrize(
        ("path", "given", "told"),
        [
            ("approve", {"comment": "fine"}, "You approved v2.0-blue: 1 of 2 approvals; missing 1."),
            ("reject", {"comment": "fine"}, "You rejected v2.0-blue: rejected by ci, and that is final."),
            ("stop-countdown", {"reason": "fine"}, "V2.0-blue is not promoted by itself any more."),
        ],
    )
    def test_a_form_asks_in_the_persons_name_and_shows_the_release(
        self, make_ruled: Callable[..., Web], path: str, given: dict[str, str], told: str
    ) -> None:
        web = make_ruled(promote={"approvals": 2})
        web.requests.verdict = Verdict(is_approved=False, missing=1, approved_by=(ANNA,))
        client = sign_in(web)
        csrf = csrf_of(client.get("/").text)

        answer = client.post(f"/releases/R1/{path}", data={"csrf_token": csrf, "reason": " fine "})

        assert (answer.status_code, answer.headers["Location"]) == (303, "/releases/R1")
        assert web.requests.asked[0].what == path
        assert web.requests.asked[0].given == {"actor": Actor("person", "ci"), **given}
        assert told.lower() in text_of(client.get("/releases/R1").text).lower()

    def test_a_refusal_is_told_on_the_releases_page(self, make_ruled: Callable[..., Web]) -> None:
        web = make_ruled(promote={"approvals": 2})
        client = sign_in(web)
        web.requests.refusal = Problem("own-release", "Not you", detail="shop: no", next_step="ask")
        form = {"csrf_token": csrf_of(client.get("/").text)}
        answer = client.post("/releases/R1/approve", data=form, follow_redirects=True)
        assert "Not you." in answer.text

    def test_while_redis_is_away_that_is_told(self, make_ruled: Callable[..., Web]) -> None:
        web = make_ruled(promote={"approvals": 2})
        client = sign_in(web)
        web.requests.is_away = True
        form = {"csrf_token": csrf_of(client.get("/").text)}
        answer = client.post("/releases/R1/approve", data=form, follow_redirects=True)
        assert "It is not known whether this was accepted." in answer.text

    @pytest.mark.parametrize("path", ["/", "/releases/R1"])
    def test_pages_show_who_said_what_what_is_missing_and_the_buttons(
        self, make_ruled: Callable[..., Web], path: str
    ) -> None:
        web = make_ruled(promote={"approvals": 2}, auto_promote="10m")
        web.store.consent.said = [YES]

        page = sign_in(web).get(path).text

        assert "1 of 2 approvals; missing 1." in page
        assert "looked at &lt;the numbers&gt;" in page
        assert "anna" in page
        assert (
            "Promoted by itself once 1 more approval is there, at 2026-01-01 12:09 UTC at the earliest."
            in page
        )
        for action in ("approve", "reject", "stop-countdown"):
            assert f'action="/releases/R1/{action}"' in page
        assert 'action="/apps/shop/promote"' not in page
        assert "v2.0-blue has 1 of 2 approvals; missing 1." in page

    @pytest.mark.parametrize("path", ["/", "/releases/R1"])
    def test_in_a_freeze_the_promote_is_an_override_with_a_reason(
        self, make_ruled: Callable[..., Web], path: str
    ) -> None:
        page = sign_in(make_ruled(freezes=[CHRISTMAS])).get(path).text
        assert "rozen until 2026-01-02 00:00 UTC (Christmas)." in page
        assert "Promote v2.0-blue, in the freeze" in page
        assert 'name="override_freeze"' in page
        assert 'autocomplete="off" required>' in page

    def test_the_overview_tells_the_next_freeze(self, make_ruled: Callable[..., Web]) -> None:
        page = sign_in(make_ruled(freezes=[SPRING])).get("/").text
        assert "The next freeze begins at 2026-03-01 00:00 UTC: frozen until 2026-03-02 00:00 UTC." in page
        assert 'id="shop-frozen"' not in page

    def test_the_forms_override_is_handed_on(self, make_ruled: Callable[..., Web]) -> None:
        web = make_ruled(freezes=[CHRISTMAS])
        web.store.found = [make_release("R1"), make_release("R9", state=State.WAITING)]
        client = sign_in(web)
        form = {"csrf_token": csrf_of(client.get("/").text), "override_freeze": "yes", "reason": "hotfix"}
        client.post("/apps/shop/promote", data={**form, "release": "R1"})
        client.post("/releases/R9/start", data=form)
        assert [one.given["overrides_freeze"] for one in web.requests.asked] == [True, True]

    def test_who_pushed_the_tag_sees_why_they_can_not_approve_it(
        self, make_ruled: Callable[..., Web]
    ) -> None:
        web = make_ruled(promote={"approvals": 1})
        web.store.found = [make_release("R1", actor=CI)]
        page = sign_in(web).get("/releases/R1").text
        assert "you pushed its tag, so somebody else has to approve it." in page
        assert 'action="/releases/R1/approve"' not in page

    def test_without_rules_pages_are_as_they_were(self, make_ruled: Callable[..., Web]) -> None:
        web = make_ruled()
        assert web.store.found[0].actor == OCTOCAT
        page = sign_in(web).get("/").text
        for word in ("approv", "frozen", "by itself", "override"):
            assert word not in page
