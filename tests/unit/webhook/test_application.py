from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from release.references import ConfigError
from tests.unit.webhook.fakes import TOKEN, Web, make_config, make_web

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/nowhere", "/api/v1/apps", "/static/style.css"])
def test_every_answer_carries_the_security_headers(web: Web, path: str) -> None:
    with web.client.get(path) as answer:
        sent = answer.headers
    assert "default-src 'none'" in sent["Content-Security-Policy"]
    assert "unsafe" not in sent["Content-Security-Policy"]
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert sent["X-Frame-Options"] == "DENY"
    assert "Strict-Transport-Security" not in sent


def test_behind_https_cookies_and_addresses_stay_there(tmp_path: Path) -> None:
    web = make_web(make_config(tmp_path), public_url="https://deploy.example.org/")
    answer = web.client.get("/login")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("secret", ["shop", "token"])
@pytest.mark.parametrize("value", ["", "   ", "too short"])
def test_without_a_good_secret_nothing_starts(tmp_path: Path, secret: str, value: str) -> None:
    config = make_config(tmp_path)
    (tmp_path / secret).write_text(value, encoding="utf-8")
    with pytest.raises(ConfigError):
        make_web(config)


def test_a_missing_secret_is_told_with_its_place(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    (tmp_path / "shop").unlink()
    with pytest.raises(ConfigError, match="shop"):
        make_web(config)


def test_a_mistake_of_ours_is_logged_and_told_without_its_details(web: Web) -> None:
    # Given a core that fails in a way nobody thought of
    def fail(*_: object, **__: object) -> None:
        message = "the password is hunter2"
        raise ZeroDivisionError(message)

    web.requests.promote = fail  # type: ignore[assignment]
    # When it is asked
    with capture_logs() as lines:
        answer = web.client.post("/api/v1/apps/shop/promote", headers={"Authorization": f"Bearer {TOKEN}"})
    # Then the caller learns that it is our mistake, and the log what it was
    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert "hunter2" not in answer.text
    assert any(isinstance(line.get("exc_info"), ZeroDivisionError) for line in lines)
    assert web.client.get("/healthz").status_code == 200


def test_people_get_a_page_and_programs_a_problem(web: Web) -> None:
    page, problem = web.client.get("/nowhere"), web.client.get("/webhooks/a/b")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert (problem.status_code, problem.mimetype) == (404, "application/problem+json")
