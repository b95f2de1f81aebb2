"""An app's configuration, its context, and the two kinds of manifests that most tests start from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release.config import App
from release.model import Color
from source.manifests import Context

if TYPE_CHECKING:
    from collections.abc import Callable

ARTICLE = Path(__file__).parent / "article"


def _make_app(**fields: object) -> App:
    return App.model_validate(
        {
            "repository": "https://token12345@git.example.com/acme/myapp.git",
            "namespace": "shop",
            "image": "docker.io/acme/myapp:{tag}",
            "gateway": {"address": "http://127.0.0.1:8080"},
            **fields,
        }
    )


def _make_context(**fields: object) -> Context:
    known: dict[str, object] = {
        "app": "myapp",
        "namespace": "shop",
        "color": Color.GREEN,
        "live_color": Color.BLUE,
        "tag": "v2.0-green",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "release": "01J0000000000000000000TEST",
        "image": "docker.io/acme/myapp:v2.0-green",
        "values": {"hosts": ["shop.example.com"]},
    }
    return Context(**{**known, **fields})  # type: ignore[arg-type]


@pytest.fixture
def make_app() -> Callable[..., App]:
    """An app of the configuration, with these fields its own."""
    return _make_app


@pytest.fixture
def make_context() -> Callable[..., Context]:
    """What a template knows, with these fields its own."""
    return _make_context


@pytest.fixture
def article(tmp_path: Path) -> Path:
    """A tree with the article's manifests, unchanged."""
    shutil.copytree(ARTICLE, tmp_path / "tree" / "manifests")
    return tmp_path / "tree"


@pytest.fixture
def article_app() -> App:
    return _make_app(
        manifests={
            "syntax": "envsubst",
            "variables": {"DOCKER_USERNAME": "acme", "DB_PASSWORD": "not: a #mapping"},
        }
    )


@pytest.fixture
def empty_tree(tmp_path: Path) -> Path:
    """A tree without manifests: ours serve."""
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


@pytest.fixture
def app() -> App:
    return _make_app()


@pytest.fixture
def context() -> Context:
    return _make_context()
