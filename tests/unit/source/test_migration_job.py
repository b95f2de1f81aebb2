"""The Job that migrates: found, rendered, made this release's own, and refused where users would reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from release.problems import Problem
from source.manifests import objects_of, render
from source.stamping import LONGEST_JOB_NAME, SHORTEST_LIFE
from source.templates import read_templates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from release.config import App
    from source.manifests import Context


def job(**spec: object) -> dict[str, Any]:
    container = {"name": "migrate", "image": "{{ image }}"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "{{ app }}-migrate"},
        "spec": {"template": template, **spec},
    }


@pytest.fixture
def tree(empty_tree: Path, app: App) -> Path:
    """Our own templates as the app's, so that a further file can stand among them."""
    folder = empty_tree / "manifests"
    ours = read_templates(app, empty_tree).texts
    folder.mkdir()
    for name, text in ours.items():
        (folder / name).write_text(text)
    return empty_tree


@pytest.fixture
def job_app(make_app: Callable[..., App]) -> App:
    return make_app(migrate_job="migrate.yml", image_pull_secrets=["regcred"])


def write(tree: Path, *documents: dict[str, Any]) -> None:
    (tree / "manifests" / "migrate.yml").write_text(yaml.safe_dump_all(documents))


def refusal(app: App, tree: Path, context: Context) -> str:
    with pytest.raises(Problem) as caught:
        render(app, tree, context)
    assert caught.value.document.slug in {"manifests-invalid", "manifest-missing"}
    return caught.value.document.detail


def test_it_is_this_release_s_own_and_no_part_of_what_a_deploy_applies(
    job_app: App, tree: Path, context: Context
) -> None:
    write(tree, job())

    manifests = render(job_app, tree, context)

    found = manifests.migration
    assert found
    assert found["metadata"]["name"] == f"myapp-migrate-{context.release.lower()}"
    assert found["metadata"]["namespace"] == "shop"
    assert found["metadata"]["labels"] == {"color": "green", "workflow": context.release}
    assert found["metadata"]["annotations"]["verdigris.dev/tag"] == "v2.0-green"
    pod = found["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == context.image
    assert pod["imagePullSecrets"] == [{"name": "regcred"}]
    assert "metadata" not in found["spec"]["template"]
    assert all(obj is not found for obj in objects_of(manifests))
    assert "myapp-migrate" not in repr(manifests)


def test_an_app_that_names_none_has_none(app: App, tree: Path, context: Context) -> None:
    write(tree, job())

    assert render(app, tree, context).migration is None


@pytest.mark.parametrize(
    ("given", "kept"), [(None, None), (0, SHORTEST_LIFE), (SHORTEST_LIFE, SHORTEST_LIFE), (86_400, 86_400)]
)
def test_it_stays_long_enough_for_its_end_to_be_seen(
    job_app: App, tree: Path, context: Context, given: int | None, kept: int | None
) -> None:
    write(tree, job() if given is None else job(ttlSecondsAfterFinished=given))

    migration = render(job_app, tree, context).migration

    assert migration
    assert migration["spec"].get("ttlSecondsAfterFinished") == kept


def test_a_name_may_be_as_long_as_leaves_room_for_the_release_and_a_number(
    job_app: App, tree: Path, context: Context
) -> None:
    fitting, too_long = job(), job()
    fitting["metadata"]["name"] = "a" * LONGEST_JOB_NAME
    too_long["metadata"]["name"] = "a" * (LONGEST_JOB_NAME + 1)

    write(tree, fitting)
    migration = render(job_app, tree, context).migration
    assert migration
    assert len(f"{migration['metadata']['name']}-999") <= 63
    write(tree, too_long)
    assert f"may have {LONGEST_JOB_NAME} characters" in refusal(job_app, tree, context)


def test_users_are_not_sent_to_its_pods(job_app: App, tree: Path, context: Context) -> None:
    like_the_app, apart = job(), job()
    like_the_app["spec"]["template"]["metadata"] = {"labels": {"app": "myapp", "task": "migrate"}}
    apart["spec"]["template"]["metadata"] = {"labels": {"task": "migrate"}}

    write(tree, apart)
    assert render(job_app, tree, context).migration
    write(tree, like_the_app)
    assert "take app=myapp out of their labels" in refusal(job_app, tree, context)


@pytest.mark.parametrize(
    ("documents", "found"),
    [
        ([], "it holds nothing"),
        ([job(), job()], "it holds batch/v1 Job, batch/v1 Job"),
        ([{**job(), "apiVersion": "batch/v1beta1"}], "it holds batch/v1beta1 Job"),
        ([{**job(), "kind": "CronJob"}], "it holds batch/v1 CronJob"),
    ],
    ids=["empty", "two", "version", "kind"],
)
def test_its_file_holds_one_job_and_nothing_else(
    job_app: App, tree: Path, context: Context, documents: list[dict[str, Any]], found: str
) -> None:
    write(tree, *documents)

    detail = refusal(job_app, tree, context)

    assert "migrate.yml: " in detail
    assert found in detail


def test_another_namespace_is_refused(job_app: App, tree: Path, context: Context) -> None:
    elsewhere = job()
    elsewhere["metadata"]["namespace"] = "kube-system"
    write(tree, elsewhere)

    assert "names another namespace than shop" in refusal(job_app, tree, context)


def test_a_file_that_is_not_there_is_told(job_app: App, tree: Path, context: Context) -> None:
    assert "migrate.yml is not there, and the app's migrate_job names it" in refusal(job_app, tree, context)


def test_the_article_s_syntax_works_for_it_too(article: Path, article_app: App, context: Context) -> None:
    app = article_app.model_copy(update={"migrate_job": "migrate.yml"})
    document = job()
    document["metadata"]["name"] = "migrate-$COLOR_TEST"
    write(article, document)

    migration = render(app, article, context).migration

    assert migration
    assert migration["metadata"]["name"] == f"migrate-green-{context.release.lower()}"
