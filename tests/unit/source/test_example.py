"""The example configuration works with the default templates, so that a newcomer may copy it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from release.loading import load_config
from release.model import Color
from source.manifests import Context, render
from source.values import values_for
from source.vetting import find_violations

if TYPE_CHECKING:
    import pytest

EXAMPLE = Path(__file__).parents[3] / "verdigris.example.yml"


def test_the_example_app_renders_with_the_default_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The example names its secrets by environment variables; a reader would set them.
    monkeypatch.setenv("SHOP_BLUE_DATABASE_PASSWORD", "blue-password")
    app = load_config(EXAMPLE).apps["shop"]
    context = Context(
        app="shop",
        namespace=app.namespace,
        color=Color.BLUE,
        live_color=Color.GREEN,
        tag="v1.0-blue",
        commit="c0ffee" * 6 + "c0ff",
        release="01JD0000000000000000000001",
        image=app.image_for(tag="v1.0-blue", commit="c0ffee"),
        values=values_for(app, Color.BLUE),
    )

    manifests = render(app, tmp_path, context)

    assert find_violations(manifests, app, app.namespace) == []
    (container,) = manifests.deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "DATABASE_PASSWORD", "value": "blue-password"} in container["env"]
