from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release.config import App
from release.model import Color
from release.problems import Problem
from release.secret import Secret
from source.values import names_by_color, values_for, variables_for

if TYPE_CHECKING:
    from pathlib import Path

BASE = {
    "repository": "/srv/git/shop.git",
    "namespace": "shop",
    "image": "shop:{tag}",
    "gateway": {"address": "http://127.0.0.1"},
}


def test_a_colors_values_lie_over_those_of_the_app(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a-long-enough-password\n")
    app = App.model_validate(
        {
            **BASE,
            "values": {"replicas": 2, "env": {"A": "a"}},
            "values_by_color": {
                "blue": {"replicas": 3, "DB_PASSWORD": {"file": str(tmp_path / "password")}},
                "green": {"DB_HOST": "db-green"},
            },
        }
    )

    assert values_for(app, Color.BLUE) == {
        "replicas": 3,
        "env": {"A": "a"},
        "DB_PASSWORD": Secret("a-long-enough-password"),
    }
    assert values_for(app, Color.GREEN) == {"replicas": 2, "env": {"A": "a"}, "DB_HOST": "db-green"}


def test_a_secret_that_is_not_there_is_told_with_the_values_name() -> None:
    missing = {"DB_PASSWORD": {"env": "VERDIGRIS_TEST_NO_SUCH_VARIABLE"}}
    app = App.model_validate(
        {**BASE, "values_by_color": {"blue": missing}, "manifests": {"variables": missing}}
    )

    for read in (lambda: values_for(app, Color.BLUE), lambda: variables_for(app, Color.BLUE)):
        with pytest.raises(Problem) as caught:
            read()
        assert caught.value.document.slug == "secret-missing"
        assert "DB_PASSWORD" in caught.value.document.detail


def test_variables_are_words_and_secrets(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a-long-enough-password")
    variables = {"DOCKER_USERNAME": "acme", "P": {"file": str(tmp_path / "password")}}
    app = App.model_validate({**BASE, "manifests": {"variables": variables}})

    assert variables_for(app, Color.BLUE) == {
        "DOCKER_USERNAME": "acme",
        "P": Secret("a-long-enough-password"),
    }


def test_variables_of_a_color_lie_over_those_of_both(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a-long-enough-password")
    app = App.model_validate(
        {
            **BASE,
            "manifests": {"variables": {"DB_HOST": "db", "DB_USER": "shop"}},
            "values_by_color": {
                "blue": {"DB_HOST": "db-blue", "N": 3, "ON": True},
                "green": {"DB_PASSWORD": {"file": str(tmp_path / "password")}},
            },
        }
    )

    blue, green = variables_for(app, Color.BLUE), variables_for(app, Color.GREEN)

    assert blue == {"DB_HOST": "db-blue", "DB_USER": "shop", "N": "3", "ON": "true"}
    assert green == {"DB_HOST": "db", "DB_USER": "shop", "DB_PASSWORD": Secret("a-long-enough-password")}
    assert names_by_color(app) == {"DB_HOST", "N", "ON", "DB_PASSWORD"}
