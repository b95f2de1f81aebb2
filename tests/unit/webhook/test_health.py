from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.webhook.fakes import HOOK_SECRET, TOKEN

if TYPE_CHECKING:
    from tests.unit.webhook.fakes import Web


def test_the_process_is_alive_without_redis(web: Web) -> None:
    web.store.is_away = True
    assert web.client.get("/healthz").status_code == 200


def test_ready_lists_its_checks(web: Web) -> None:
    answer = web.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ready", "checks": {"redis": "ok", "configuration": "ok"}}


def test_not_ready_without_redis_and_no_secret_is_told(web: Web) -> None:
    web.store.is_away = True
    answer = web.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["checks"]["redis"] != "ok"
    assert HOOK_SECRET not in answer.text
    assert TOKEN not in answer.text
