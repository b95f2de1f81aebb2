from __future__ import annotations

import pytest

from release.model import Actor, Color, State
from release.problems import Problem
from tests.unit.webhook.fakes import Web, make_observation, make_release
from tests.unit.webhook.test_pages import csrf_of, sign_in, text_of

PERSON = Actor("person", "ci")
FORMS = [
    ("/apps/shop/deploy", "deploy", "shop", "/releases/R1"),
    ("/apps/shop/promote", "promote", "shop", "/apps/shop"),
    ("/apps/shop/rollback", "rollback", "shop", "/apps/shop"),
    ("/apps/shop/decommission", "decommission", "shop", "/apps/shop"),
    ("/releases/R9/cancel", "cancel", "R9", "/releases/R1"),
    ("/releases/R9/retry", "retry", "R9", "/releases/R1"),
    ("/releases/R9/redeploy", "redeploy", "R9", "/releases/R1"),
]


@pytest.mark.parametrize(("path", "what", "subject", "follows"), FORMS)
def test_a_form_asks_in_the_persons_name_and_leads_on(
    web: Web, path: str, what: str, subject: str, follows: str
) -> None:
    # Given a signed-in person
    web.store.found = [make_release("R9")]
    client = sign_in(web)
    form = {"csrf_token": csrf_of(client.get("/").text), "reason": " because ", "tag": "v3.0-blue"}
    # When they send the form
    answer = client.post(path, data=form)
    # Then it is asked in their name, and the next page tells them so once
    assert (answer.status_code, answer.headers["Location"]) == (303, follows)
    asked = web.requests.asked[0]
    assert (asked.what, asked.subject) == (what, subject)
    assert (asked.given["actor"], asked.given["reason"]) == (PERSON, "because")
    assert "was accepted" in client.get("/").text
    assert "was accepted" not in client.get("/").text


@pytest.mark.parametrize("path", [form[0] for form in FORMS])
def test_without_the_forms_own_token_nothing_is_asked(web: Web, path: str) -> None:
    web.store.found = [make_release("R9")]
    client = sign_in(web)
    answer = client.post(path, data={"tag": "v3.0-blue"})
    assert answer.status_code == 400
    assert "out of date" in answer.text
    assert not web.requests.asked


@pytest.mark.parametrize("path", [form[0] for form in FORMS])
def test_a_stranger_asks_for_nothing_even_where_reading_is_open(open_web: Web, path: str) -> None:
    open_web.store.found = [make_release("R9")]
    client = open_web.client
    csrf = csrf_of(client.get("/login").text)
    answer = client.post(path, data={"tag": "v3.0-blue", "csrf_token": csrf})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")
    assert not open_web.requests.asked


def test_a_promote_is_bound_to_the_release_that_the_person_saw(web: Web) -> None:
    web.store.found = [make_release("R1")]
    client = sign_in(web)
    page = client.get("/apps/shop").text
    assert '<input type="hidden" name="release" value="R1">' in page
    client.post("/apps/shop/promote", data={"csrf_token": csrf_of(page), "release": "R1"})
    assert web.requests.asked[0].given["release_id"] == "R1"


def test_a_release_that_is_none_is_not_found(web: Web) -> None:
    client = sign_in(web)
    form = {"csrf_token": csrf_of(client.get("/").text), "release": "R1:changes"}
    answer = client.post("/apps/shop/promote", data=form, follow_redirects=True)
    assert "No such release." in answer.text
    assert not web.requests.asked


def test_a_refusal_is_told_on_the_page_one_came_from(web: Web) -> None:
    client = sign_in(web)
    form = {"csrf_token": csrf_of(client.get("/apps/shop").text), "tag": "v3"}
    web.requests.refusal = Problem(
        "x", "The tag names no color", detail="shop: <v3>", next_step="push another"
    )
    answer = client.post("/apps/shop/deploy", data=form, follow_redirects=True)
    assert answer.request.path == "/apps/shop"
    assert "The tag names no color." in answer.text
    assert "shop: &lt;v3&gt;." in answer.text
    assert "Push another." in answer.text


@pytest.mark.parametrize(
    ("is_in_doubt", "told", "not_told"),
    [
        (False, "Nothing was accepted.", "It is not known whether"),
        (True, "It is not known whether this was accepted.", "Nothing was accepted"),
    ],
)
def test_while_redis_is_away_it_is_said_whether_something_may_have_been_accepted(
    web: Web, told: str, not_told: str, *, is_in_doubt: bool
) -> None:
    client = sign_in(web)
    form = {"csrf_token": csrf_of(client.get("/").text)}
    web.requests.is_away, web.requests.is_in_doubt = True, is_in_doubt
    answer = client.post("/apps/shop/promote", data=form, follow_redirects=True)
    assert told in answer.text
    assert not_told not in answer.text
    assert "Ask again in 5 seconds" in answer.text


def test_what_had_been_asked_before_is_said(web: Web) -> None:
    client = sign_in(web)
    form = {"csrf_token": csrf_of(client.get("/").text), "tag": "v3.0-blue"}
    web.requests.is_new = False
    client.post("/apps/shop/deploy", data=form)
    assert "had been asked for before" in client.get("/").text


def test_an_unknown_app_or_action_is_not_found(web: Web) -> None:
    web.store.found = [make_release("R9")]
    client = sign_in(web)
    form = {"csrf_token": csrf_of(client.get("/").text)}
    assert client.post("/apps/nobody/promote", data=form).status_code == 404
    assert client.post("/releases/R9/explode", data=form).status_code == 404
    assert not web.requests.asked


def test_a_button_tells_what_it_does_and_what_is_lost(web: Web) -> None:
    web.store.seen["shop"] = make_observation()
    web.store.found = [
        make_release("R1", state=State.STANDBY),
        make_release("R0", tag="v1.0-green", state=State.LIVE, color=Color.GREEN),
    ]
    page = text_of(sign_in(web).get("/apps/shop").text)
    assert "Moves every user from v1.0-green (green) back to v2.0-blue (blue)" in page
    assert "It replaces v2.0-blue on blue" in page
    assert "v2.0-blue stops" in page
