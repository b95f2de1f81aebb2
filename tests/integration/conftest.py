"""One sandbox per test process, and lines that play on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.line import Line
from tests.integration.town import Town, town

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def shared_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town")) as running:
        yield running


@pytest.fixture
def make_line(shared_town: Town, tmp_path: Path) -> Iterator[Callable[..., Line]]:
    """A line for an app with the settings that are given."""
    made: list[Line] = []

    def make(**app: object) -> Line:
        made.append(Line(shared_town, tmp_path / f"line-{len(made)}", **app))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for line in made:
        line.close()


@pytest.fixture
def line(make_line: Callable[..., Line]) -> Line:
    return make_line()
