"""Secrets of the namespace that the configuration gives to pods: by color, and pull secrets for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.model import Color
from source.manifests import render
from source.stamping import stamp_pull_secrets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release.config import App
    from source.documents import Object
    from source.manifests import Context, Manifests

ENV_FROM = {"blue": ["env-blue"], "green": ["env-green", "more"]}


def container_of(manifests: Manifests) -> Object:
    container: Object = manifests.deployment["spec"]["template"]["spec"]["containers"][0]
    return container


@pytest.mark.parametrize(
    ("color", "names"), [(Color.BLUE, ["env-blue"]), (Color.GREEN, ["env-green", "more"])]
)
def test_our_deployment_takes_its_environment_from_the_color_s_secrets(
    make_app: Callable[..., App],
    make_context: Callable[..., Context],
    empty_tree: Path,
    color: Color,
    names: list[str],
) -> None:
    app, context = make_app(env_from=ENV_FROM), make_context(color=color, live_color=color.other)

    container = container_of(render(app, empty_tree, context))

    assert container["envFrom"] == [{"secretRef": {"name": name}} for name in names]


def test_the_older_way_of_our_templates_adds_none_twice(
    make_app: Callable[..., App], make_context: Callable[..., Context], empty_tree: Path
) -> None:
    context = make_context(values={"hosts": ["shop.example.com"], "env_from": True})

    alone = container_of(render(make_app(), empty_tree, context))
    both = container_of(render(make_app(env_from=ENV_FROM), empty_tree, context))

    assert alone["envFrom"] == [{"secretRef": {"name": "env-green"}}]
    assert both["envFrom"] == [{"secretRef": {"name": name}} for name in ("env-green", "more")]


def test_without_any_there_is_no_such_field(app: App, context: Context, empty_tree: Path) -> None:
    manifests = render(app, empty_tree, context)

    assert "envFrom" not in container_of(manifests)
    assert "imagePullSecrets" not in manifests.deployment["spec"]["template"]["spec"]


def test_a_template_of_the_team_can_use_both(
    make_app: Callable[..., App], make_context: Callable[..., Context], empty_tree: Path
) -> None:
    app = make_app(env_from=ENV_FROM, image_pull_secrets=["regcred"])
    for name in ("service", "deployment", "gateway", "route", "route-test"):
        path = empty_tree / "manifests" / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{{% if env_from and image_pull_secrets %}}{{{{ fail('{name}') }}}}{{% endif %}}")

    with pytest.raises(Exception, match="can't be used") as caught:
        render(app, empty_tree, make_context())

    assert "service" in caught.value.document.detail  # type: ignore[attr-defined]


def test_pull_secrets_are_put_into_the_article_s_own_deployment(
    article: Path, article_app: App, context: Context
) -> None:
    app = article_app.model_copy(update={"image_pull_secrets": ["regcred", "other"]})
    known = render(article_app, article, context).deployment["spec"]["template"]["spec"]

    spec = render(app, article, context).deployment["spec"]["template"]["spec"]

    before = known.get("imagePullSecrets", [])
    assert [item["name"] for item in spec["imagePullSecrets"]] == [
        *(item["name"] for item in before),
        *(name for name in ("regcred", "other") if {"name": name} not in before),
    ]


def test_what_the_manifest_names_itself_stays_and_stands_once() -> None:
    spec: dict[str, Any] = {"imagePullSecrets": [{"name": "own"}, {"name": "regcred"}]}
    workload = {"spec": {"template": {"spec": spec}}}

    stamp_pull_secrets(workload, ["regcred", "new"], file="deployment.yml")

    assert spec["imagePullSecrets"] == [{"name": "own"}, {"name": "regcred"}, {"name": "new"}]
