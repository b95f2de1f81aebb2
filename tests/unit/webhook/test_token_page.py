"""API tokens on a page: made with their text shown once, listed, and revoked with their sessions."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from release.roles import Grant, Role
from tests.unit.webhook.test_guard import make_token
from tests.unit.webhook.test_pages import csrf_of, sign_in, text_of

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.unit.webhook.fakes import Web

TEXT = re.compile(r"vdg_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


def post(client: FlaskClient, path: str = "/tokens", **fields: object) -> TestResponse:
    csrf = csrf_of(client.get("/tokens").text)
    return client.post(path, data={"csrf_token": csrf, **fields})


def follow(client: FlaskClient, answer: TestResponse) -> str:
    assert (answer.status_code, answer.headers["Location"]) == (303, "/tokens")
    return text_of(html.unescape(client.get("/tokens").text))


def test_a_token_is_made_and_its_text_is_shown_once(web: Web) -> None:
    client = sign_in(web)

    answer = post(client, name="nightly", role="promoter", apps=["shop"], expires="2027-01-31")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = TEXT.search(answer.text)
    assert found
    text = found[0]
    [token] = web.store.api_tokens.list()
    assert (token.name, token.grant) == ("nightly", Grant(Role.PROMOTER, frozenset({"shop"})))
    assert web.client.get("/api/v1/apps/shop", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    # and afterwards nobody reads it again
    listed = client.get("/tokens").text
    assert TEXT.search(listed) is None
    assert "nightly promoter of shop ends 2027-01-31" in text_of(listed)


def test_the_tokens_of_the_configuration_stand_there_too_without_a_button(web: Web) -> None:
    page = sign_in(web).get("/tokens").text

    assert "ci of the configuration admin of all apps no end" in text_of(page)
    assert "/tokens/ci/revoke" not in page


def test_a_token_is_revoked_and_who_signed_in_with_it_is_out(web: Web) -> None:
    text = make_token(web, Role.ADMIN)
    guest = sign_in(web, text)
    client = sign_in(web)

    told = follow(client, post(client, "/tokens/admin/revoke"))

    assert "The token admin counts no more" in told
    assert web.store.api_tokens.list() == []
    assert guest.get("/").status_code == 303


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "ci", "role": "viewer"}, "the configuration has a token of that name"),
        ({"name": "bad name", "role": "viewer"}, "name"),
        ({"name": "nightly", "role": "king"}, "role"),
        ({"name": "nightly", "role": "viewer", "apps": ["nowhere"]}, "No app named 'nowhere'"),
        ({"name": "nightly", "role": "viewer", "expires": "2020-01-01"}, "past"),
    ],
)
def test_what_can_t_be_made_is_said_and_makes_nothing(web: Web, fields: dict[str, object], told: str) -> None:
    client = sign_in(web)

    page = follow(client, post(client, **fields))

    assert told in page
    assert web.store.api_tokens.list() == []


def test_revoking_what_is_not_there_is_said(web: Web) -> None:
    client = sign_in(web)

    assert "nobody" in follow(client, post(client, "/tokens/nobody/revoke"))


def test_only_who_may_manage_tokens_finds_the_way(web: Web) -> None:
    promoter = sign_in(web, make_token(web, Role.PROMOTER))

    assert 'href="/tokens"' in sign_in(web).get("/").text
    assert 'href="/tokens"' not in promoter.get("/").text
    assert promoter.get("/tokens").status_code == 403


@pytest.mark.parametrize("path", ["/tokens", "/tokens/ci/revoke"])
def test_a_form_of_another_site_changes_nothing(web: Web, path: str) -> None:
    client = sign_in(web)

    assert client.post(path, data={"name": "evil", "role": "admin"}).status_code == 400
    assert web.store.api_tokens.list() == []


def test_while_redis_is_away_nothing_is_made_and_that_is_said(web: Web) -> None:
    client = sign_in(web)
    csrf = csrf_of(client.get("/tokens").text)
    web.store.is_away = True

    answer = client.post("/tokens", data={"csrf_token": csrf, "name": "nightly", "role": "viewer"})

    assert answer.status_code == 503
    web.store.is_away = False
    assert web.store.api_tokens.list() == []
