from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from release.sign_in import GroupGrant, SignIn
from tests.unit.webhook.fakes import KEY, NOW, TOKEN, Web, make_config, make_web
from webhook.attempts import MOST
from webhook.provider import Endpoints
from webhook.tickets import issue_ticket

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def sign_in(client: FlaskClient) -> str:
    """By token; the cookie's value."""
    client.post("/login", data={"token": TOKEN, "csrf_token": csrf_of(client.get("/login").text)})
    return cookie_of(client)


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("verdigris", domain="localhost")
    assert cookie
    return cookie.value


@pytest.fixture
def with_provider(tmp_path: Path) -> Web:
    """A web process with a provider that is never asked: what it says of itself is known already."""
    (tmp_path / "client").write_text("a client secret that only tests know", encoding="utf-8")
    there = SignIn.model_validate(
        {
            "issuer": "https://id.example.com:8443/realms/shop",
            "client_id": "verdigris",
            "client_secret": {"file": tmp_path / "client"},
        }
    )
    granted = [GroupGrant.model_validate({"group": "sre", "role": "promoter"})]
    web = make_web(make_config(tmp_path).model_copy(update={"sign_in": there, "grants": granted}))
    provider = web.app.extensions["verdigris"].provider
    place = "https://id.example.com:8443"
    provider._endpoints = Endpoints(
        f"{place}/a", f"{place}/t", f"{place}/k", None, None, "client_secret_basic"
    )
    provider._ask_after = NOW + timedelta(days=1)
    return web


def test_a_copy_of_the_cookie_ends_with_its_session(web: Web) -> None:
    # Given somebody's cookie, and a copy of it
    client, thief = web.client, web.client
    thief.set_cookie("verdigris", sign_in(client))
    assert thief.get("/").status_code == 200
    # When they sign out an hour later
    web.wait(timedelta(hours=1))
    client.post("/logout", data={"csrf_token": csrf_of(client.get("/").text)})
    # Then the copy opens nothing, for as long as it would have
    assert thief.get("/").status_code == 303
    assert list(web.store.ended.values()) == [11 * 3600]


def test_each_sign_in_is_a_session_of_its_own(web: Web) -> None:
    first, second = web.client, web.client
    sign_in(first)
    sign_in(second)
    first.post("/logout", data={"csrf_token": csrf_of(first.get("/").text)})
    assert second.get("/").status_code == 200


def test_a_cookie_without_an_id_counts_no_more(web: Web) -> None:
    client = web.client
    with client.session_transaction() as session:
        session.update({"name": "maria", "until": NOW.timestamp() + 60})
    assert client.get("/").status_code == 303


@pytest.mark.parametrize("path", ["/", "/releases/R1", "/login", "/unknown"])
def test_while_redis_is_away_nobody_knows_who_is_signed_in(web: Web, path: str) -> None:
    client = web.client
    sign_in(client)
    web.store.is_away = True
    page = client.get(path)
    assert page.status_code == (404 if path == "/unknown" else 503)
    assert "maria" not in page.text


def test_while_redis_is_away_nothing_is_asked_and_nobody_signed_out(web: Web) -> None:
    client = web.client
    sign_in(client)
    csrf = csrf_of(client.get("/").text)
    web.store.is_away = True
    for path in ("/logout", "/apps/shop/promote"):
        answer = client.post(path, data={"csrf_token": csrf})
        assert answer.status_code == 503
        assert "Nothing was accepted" in answer.text
    assert web.requests.asked == []
    web.store.is_away = False
    assert client.get("/").status_code == 200


def test_who_came_with_a_ticket_may_do_everything(web: Web) -> None:
    client = web.client
    client.get(f"/enter/{issue_ticket('maria', key=KEY, clock=lambda: NOW)}")
    assert client.get("/").status_code == 200


def test_without_a_provider_there_is_only_the_form_for_a_token(web: Web) -> None:
    assert "/login/provider" not in web.client.get("/login").text
    for path in ("/login/provider", "/login/callback?state=x&code=x", "/login/leave"):
        assert web.client.get(path).status_code == 404


def test_with_one_the_page_leads_there_and_keeps_the_form(with_provider: Web) -> None:
    page = with_provider.client.get("/login?next=/releases/R1").text
    assert "Sign in with id.example.com:8443" in page
    assert 'href="/login/provider?next=/releases/R1"' in page
    assert 'name="token"' in page


@pytest.mark.parametrize(
    ("asked", "kept"),
    [("/releases/R1", "/releases/R1"), ("//evil.example", "/"), ("https://evil.example", "/")],
)
def test_one_comes_back_to_a_page_of_ours_only(with_provider: Web, asked: str, kept: str) -> None:
    client = with_provider.client
    answer = client.get("/login/provider", query_string={"next": asked})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("https://id.example.com:8443/a?")
    with client.session_transaction() as session:
        assert [one["target"] for one in session["attempts"]] == [kept]


def test_where_one_comes_back_to_is_what_the_environment_says_not_the_request(with_provider: Web) -> None:
    answer = with_provider.client.get("/login/provider", headers={"Host": "evil.example"})
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["redirect_uri"] == ["http://127.0.0.1:8000/login/callback"]


def test_tabs_that_were_left_alone_do_not_fill_the_cookie(with_provider: Web) -> None:
    client = with_provider.client
    states = [
        parse_qs(urlsplit(client.get("/login/provider").headers["Location"]).query)["state"][0]
        for _ in range(MOST + 2)
    ]
    with client.session_transaction() as session:
        assert [one["state"] for one in session["attempts"]] == states[-MOST:]
    assert len(cookie_of(client)) < 2000


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("error=access_denied&error_description=<b>no</b>", "access_denied: &lt;b&gt;no&lt;/b&gt;"),
        ("code=x&iss=https://evil.example", "of another issuer"),
        ("", "has no code"),
    ],
)
def test_an_answer_that_is_no_code_is_told_and_ends_the_attempt(
    with_provider: Web, answer: str, told: str
) -> None:
    client = with_provider.client
    there = client.get("/login/provider").headers["Location"]
    state = parse_qs(urlsplit(there).query)["state"][0]
    page = client.get(f"/login/callback?state={state}&{answer}")
    assert page.status_code == 400
    assert told in page.text
    assert "not begun to sign in" in client.get(f"/login/callback?state={state}&{answer}").text


def test_answers_are_few_of_one_address(with_provider: Web) -> None:
    client = with_provider.client
    statuses = [client.get("/login/callback?state=x").status_code for _ in range(11)]
    assert statuses == [400] * 10 + [429]


def test_a_provider_without_a_page_for_signing_out_is_told_of(with_provider: Web) -> None:
    page = with_provider.client.get("/login/leave", follow_redirects=True)
    assert "offers no page for signing out" in page.text


def test_groups_of_a_provider_that_is_not_configured_any_more_count_for_nothing(web: Web) -> None:
    client = web.client
    with client.session_transaction() as session:
        session.update(
            {
                "id": "x",
                "name": "maria",
                "until": NOW.timestamp() + 60,
                "issuer": "https://id.example.com",
                "groups": ["sre"],
            }
        )
    assert client.get("/").status_code == 303
