"""Which templates an app has, and rendering in a process of its own, hostile templates included."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from source import templates as tested
from source.documents import MAX_CHARACTERS, Unusable
from source.templates import ROLES, Templates, read_templates, render_jinja

if TYPE_CHECKING:
    from pathlib import Path

    from release.config import App


def render(text: str, **values: object) -> str:
    templates = Templates({"f.yml": text}, "jinja2", "a test")
    return render_jinja(templates, ["f.yml"], {"values": values}, cpu_seconds=1)["f.yml"]


def test_without_a_manifests_folder_ours_serve_with_all_five_files(app: App, empty_tree: Path) -> None:
    found = read_templates(app, empty_tree)

    assert found.origin == "Verdigris' own templates"
    assert [found.find(role) for role in ROLES] == [f"{role}.yml" for role in ROLES]


def test_the_apps_folder_replaces_ours_whole_and_yaml_is_yml(app: App, empty_tree: Path) -> None:
    (empty_tree / "manifests").mkdir()
    (empty_tree / "manifests" / "service.yaml").write_text("a: b")
    (empty_tree / "manifests" / "notes.txt").write_text("not read")

    found = read_templates(app, empty_tree)

    assert found.find("service") == "service.yaml"
    assert found.find("deployment") is None
    assert dict(found.texts) == {"service.yaml": "a: b"}
    assert found.origin == "manifests/ of https://git.example.com/acme/myapp.git"


def test_two_files_of_one_role_are_refused(app: App, empty_tree: Path) -> None:
    (empty_tree / "manifests").mkdir()
    for name in ("service.yml", "service.yaml"):
        (empty_tree / "manifests" / name).write_text("a: b")

    with pytest.raises(Unusable, match=r"service.yml and service.yaml are both there"):
        read_templates(app, empty_tree).find("service")


def test_a_link_out_of_the_tree_is_not_read(app: App, empty_tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.yml").write_text("password: x")
    (empty_tree / "manifests").mkdir()
    (empty_tree / "manifests" / "service.yml").symlink_to("../../secret.yml")

    with pytest.raises(Unusable, match="leads out of the repository"):
        read_templates(app, empty_tree)


def test_a_folder_that_is_a_link_out_of_the_tree_is_not_read(
    app: App, empty_tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (empty_tree / "manifests").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Unusable, match="leads out of the repository"):
        read_templates(app, empty_tree)


def test_a_dangling_folder_is_no_missing_folder(app: App, empty_tree: Path) -> None:
    (empty_tree / "manifests").symlink_to("nowhere")

    with pytest.raises(Unusable, match="must be a folder"):
        read_templates(app, empty_tree)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (MAX_CHARACTERS + 1)], ids=["no text", "too long"])
def test_a_file_that_is_no_manifest_is_refused(app: App, empty_tree: Path, content: bytes) -> None:
    (empty_tree / "manifests").mkdir()
    (empty_tree / "manifests" / "service.yml").write_bytes(content)

    with pytest.raises(Unusable) as caught:
        read_templates(app, empty_tree)

    assert caught.value.file == "service.yml"


def test_a_folder_in_a_files_place_and_a_pipe_are_refused(app: App, empty_tree: Path) -> None:
    (empty_tree / "manifests" / "service.yml").mkdir(parents=True)

    with pytest.raises(Unusable, match="can't be read"):
        read_templates(app, empty_tree)


def test_a_template_is_rendered_in_a_process_without_our_environment() -> None:
    assert "HOME" in os.environ
    assert render("{{ values.x | tojson }} ü\n", x=[1, "a"]) == '[1, "a"] ü\n'


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'a' * (10 ** 10) }}",
        "{{ 'a' | center(10 ** 10) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% include 'f.yml' %}",
    ],
    ids=["loops", "text", "filter", "macro", "include"],
)
def test_a_template_without_end_is_given_up(text: str) -> None:
    started = time.monotonic()

    with pytest.raises(Unusable):
        render(text)

    assert time.monotonic() - started < tested.RENDER_SECONDS + 5


def test_a_number_without_end_is_given_up_as_well() -> None:
    """Nothing inside a Python process can interrupt this one."""
    with pytest.raises(Unusable, match="more time or memory"):
        render("{{ 9 ** (9 ** 9) }}")
