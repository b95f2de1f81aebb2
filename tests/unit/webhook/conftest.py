from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.compiled import compiled_once
from tests.unit.webhook.fakes import Web, make_config, make_web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    with compiled_once():
        yield


@pytest.fixture
def web(tmp_path: Path) -> Web:
    """A web process over a fake core."""
    return make_web(make_config(tmp_path))


@pytest.fixture
def open_web(tmp_path: Path) -> Web:
    """The same, with reading open to all."""
    return make_web(make_config(tmp_path, public_read=True))
