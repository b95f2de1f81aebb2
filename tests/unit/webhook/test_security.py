"""The headers of every answer, good or bad, and that no page needs more than they allow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.webhook.fakes import TOKEN, Web, dump, headers, make_config, make_web, push
from webhook.bodies import HOOK_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

BEARER = {"Authorization": f"Bearer {TOKEN}"}
TEMPLATES = sorted((Path(__file__).parents[3] / "webhook" / "templates").glob("*.html"))
SIGNED = headers(dump(push()))


def hook(web: Web, data: bytes, given: dict[str, str], **more: Any) -> TestResponse:  # noqa: ANN401 -- as Flask takes it
    return web.client.post("/webhooks/github", data=data, headers=given, **more)


def fail(web: Web) -> TestResponse:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    web.requests.promote = crash  # type: ignore[assignment]
    return web.client.post("/api/v1/apps/shop/promote", headers=BEARER)


def lose_redis(web: Web) -> TestResponse:
    web.store.is_away = True
    return web.client.get("/api/v1/apps", headers=BEARER)


def flood(web: Web) -> TestResponse:
    return [hook(web, b"{}", headers(b"")) for _ in range(30)][-1]


ANSWERS: dict[str, tuple[int, Callable[[Web], TestResponse]]] = {
    "sign-in page": (200, lambda web: web.client.get("/login")),
    "static file": (200, lambda web: web.client.get("/static/live.js")),
    "missing static file": (404, lambda web: web.client.get("/static/../../secret")),
    "API": (200, lambda web: web.client.get("/api/v1/apps", headers=BEARER)),
    "probe": (200, lambda web: web.client.get("/healthz")),
    "delivery": (202, lambda web: hook(web, dump(push()), SIGNED)),
    "redirect": (303, lambda web: web.client.get("/")),
    "bad body": (400, lambda web: hook(web, b"{", headers(b"{"))),
    "no proof": (401, lambda web: hook(web, b"{}", headers(b""))),
    "no token": (401, lambda web: web.client.get("/api/v1/apps")),
    "unknown page": (404, lambda web: web.client.get("/nowhere")),
    "wrong method": (405, lambda web: web.client.delete("/webhooks/github")),
    "large body": (413, lambda web: hook(web, b" " * (HOOK_LIMIT + 1), SIGNED)),
    "other type": (415, lambda web: hook(web, b"{}", {})),
    "flood": (429, flood),
    "mistake of ours": (500, fail),
    "Redis away": (503, lose_redis),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_answer_carries_every_header(tmp_path: Path, kind: str) -> None:
    # Given a process behind HTTPS
    web = make_web(make_config(tmp_path), public_url="https://deploy.example.org")
    status, ask = ANSWERS[kind]
    # When it answers, well or badly
    with ask(web) as answer:
        sent = answer.headers
    # Then nothing from elsewhere may run, frame, read or watch it
    assert answer.status_code == status
    policy = sent["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert not {"unsafe-inline", "unsafe-eval", "http:", "https:", "*", "data:"} & set(
        re.split(r"[ ;']+", policy)
    )
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert sent["X-Frame-Options"] == "DENY"
    assert sent["Referrer-Policy"] == "same-origin"
    assert sent["Strict-Transport-Security"] == "max-age=31536000"
    assert sent["Cross-Origin-Opener-Policy"] == "same-origin"
    assert sent["Cross-Origin-Resource-Policy"] == "same-origin"
    assert sent["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "camera=()" in sent["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in sent
    assert sent["Cache-Control"] == ("no-cache" if kind == "static file" else "no-store")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_page_needs_a_script_or_a_style_of_its_own(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|srcdoc=|<base|<iframe|<object", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", text)
    assert "| safe" not in text
    assert "|safe" not in text


def test_no_host_that_a_request_names_gets_into_an_answer(web: Web) -> None:
    # Given headers that name another host
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    forged |= {"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "//evil.example"}
    # When pages, redirects and deliveries are answered
    answers = [
        web.client.get("/", headers=forged),
        web.client.get("/login?next=/releases/x", headers=forged),
        web.client.get("/nowhere", headers=forged),
        web.client.post("/webhooks/github", data=dump(push()), headers=SIGNED | forged),
        web.client.post("/api/v1/apps/shop/promote", headers=BEARER | forged),
    ]
    # Then no answer points there; a full address is made of the configured one
    assert [answer.status_code for answer in answers] == [303, 200, 404, 202, 202]
    for answer in answers:
        assert "evil" not in answer.text + str(answer.headers)
    assert answers[0].headers["Location"].startswith("/login")
