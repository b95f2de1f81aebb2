"""What every 503 carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.webhook.fakes import TOKEN

if TYPE_CHECKING:
    from tests.unit.webhook.fakes import Web


@pytest.mark.parametrize("path", ["/readyz", "/api/v1/apps", "/api/v1/releases/R1"])
def test_each_answer_that_redis_is_away_says_when_to_return(web: Web, path: str) -> None:
    web.store.is_away = True

    answer = web.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


def test_a_good_answer_says_nothing_of_returning(web: Web) -> None:
    assert "Retry-After" not in web.client.get("/readyz").headers
