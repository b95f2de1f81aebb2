"""A pinned image stands in everything that is rendered, whichever way the manifests name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from release.model import Color
from release.problems import Problem
from source.documents import Unusable
from source.manifests import render
from source.pinning import check_pinned, pin_image
from source.vetting import check_manifests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release.config import App
    from source.manifests import Context

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64
TAGGED = "docker.io/acme/myapp:v2.0-green"
PINNED = f"{TAGGED}@{DIGEST}"


def workload(*images: Any, init: tuple[Any, ...] = ()) -> dict[str, Any]:  # noqa: ANN401 -- hostile as well
    """A Deployment with containers that run these."""
    spec = {
        "containers": [{"name": f"c{number}", "image": image} for number, image in enumerate(images)],
        "initContainers": [{"name": f"i{number}", "image": image} for number, image in enumerate(init)],
    }
    return {"kind": "Deployment", "spec": {"template": {"spec": spec}}}


def images_of(deployment: dict[str, Any]) -> list[Any]:
    spec = deployment["spec"]["template"]["spec"]
    return [one["image"] for kind in ("containers", "initContainers") for one in spec[kind]]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (TAGGED, PINNED),
        ("acme/myapp:v2.0-green", PINNED),
        (PINNED, PINNED),
        (f"acme/myapp:v2.0-green@{DIGEST}", f"acme/myapp:v2.0-green@{DIGEST}"),
    ],
)
def test_the_tag_gets_the_digest_in_every_container(written: str, expected: str) -> None:
    deployment = workload("envoy:v1", written, init=(written,))

    check_pinned(deployment, PINNED, file="deployment.yml")

    assert images_of(deployment) == ["envoy:v1", expected, expected]


@pytest.mark.parametrize(
    "image",
    ["acme/myapp:v1.0-green", "acme/other:v2.0-green", f"{TAGGED}@{OTHER}", "No Name", None, 7, ["x"], ""],
)
def test_a_deployment_that_does_not_run_it_is_refused(image: object) -> None:
    deployment = workload(image)

    with pytest.raises(Unusable, match="no container of the Deployment runs") as refused:
        check_pinned(deployment, PINNED, file="deployment.yml")

    assert refused.value.file == "deployment.yml"
    assert images_of(deployment) == [image]


def test_a_job_may_run_something_else() -> None:
    job = workload("acme/migrations:v1", TAGGED)

    assert pin_image(job, PINNED, file="migrate.yml")
    assert images_of(job) == ["acme/migrations:v1", PINNED]
    assert not pin_image(workload("acme/migrations:v1"), PINNED, file="migrate.yml")


@pytest.mark.parametrize("deployment", [{}, {"spec": {"template": {}}}])
def test_without_containers_there_is_nothing_to_pin(deployment: dict[str, Any]) -> None:
    assert not pin_image(deployment, PINNED, file="deployment.yml")


def images_in(manifests: Any) -> list[str]:  # noqa: ANN401 -- a part of an object
    return [one["image"] for one in manifests.deployment["spec"]["template"]["spec"]["containers"]]


def test_our_own_templates_name_it(
    empty_tree: Path, make_app: Callable[..., App], make_context: Callable[..., Context]
) -> None:
    found = render(make_app(), empty_tree, make_context(image=PINNED))

    assert images_in(found) == [PINNED]
    check_manifests(found, make_app(), "shop")


def test_the_articles_form_has_tag_and_digest_for_its_name(
    article: Path, article_app: App, make_context: Callable[..., Context]
) -> None:
    found = render(article_app, article, make_context(image=PINNED))

    assert images_in(found) == [PINNED]
    labels = found.deployment["spec"]["template"]["metadata"]["labels"]
    assert labels["workflow"] == "01J0000000000000000000TEST"
    check_manifests(found, article_app, "shop")


def test_a_registrys_port_is_no_tag(
    article: Path, article_app: App, make_context: Callable[..., Context]
) -> None:
    file = article / "manifests" / "deployment.yml"
    text = file.read_text().replace("docker.io/$DOCKER_USERNAME", "registry:5000/acme")
    file.write_text(text)
    image = f"registry:5000/acme/myapp:v2.0-green@{DIGEST}"

    found = render(article_app, article, make_context(image=image))

    assert images_in(found) == [image]


@pytest.mark.parametrize("color", Color)
def test_a_migrations_job_runs_the_same_bytes(
    article: Path, make_app: Callable[..., App], make_context: Callable[..., Context], color: Color
) -> None:
    (article / "manifests" / "migrate.yml").write_text(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\nspec:\n  template:\n    spec:\n"
        f"      restartPolicy: Never\n      containers:\n        - name: migrate\n          image: {TAGGED}\n"
    )
    variables = {"DOCKER_USERNAME": "acme", "DB_PASSWORD": "none"}
    app = make_app(migrate_job="migrate.yml", manifests={"syntax": "envsubst", "variables": variables})

    found = render(app, article, make_context(image=PINNED, color=color, live_color=color.other))

    assert found.migration
    assert found.migration["spec"]["template"]["spec"]["containers"][0]["image"] == PINNED


def test_without_a_digest_nothing_is_checked(
    article: Path, article_app: App, make_context: Callable[..., Context]
) -> None:
    found = render(article_app, article, make_context(image="docker.io/acme/other:v2.0-green"))

    assert images_in(found) == ["docker.io/acme/myapp:v2.0-green"]


def test_the_refusal_names_file_and_image(
    article: Path, article_app: App, make_context: Callable[..., Context]
) -> None:
    with pytest.raises(Problem) as refused:
        render(article_app, article, make_context(image=f"docker.io/acme/other:v2.0-green@{DIGEST}"))

    assert refused.value.document.slug == "manifests-invalid"
    assert "deployment.yml: no container of the Deployment runs docker.io/acme/other" in str(refused.value)
