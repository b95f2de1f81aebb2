"""Every example on the pages works: configurations are read, manifests are rendered and vetted."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from release.loading import parse_config, secret_references
from release.model import Color
from release.references import SecretReference
from source.manifests import Context, render
from source.values import values_for
from source.vetting import find_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.config import App
    from source.manifests import Manifests

ROOT: Final = Path(__file__).parents[3]
ARTICLE: Final = ROOT / "tests" / "unit" / "source" / "article"
PAGES: Final = ("install", "migrate-from-pipelines", "manifests", "operate", "troubleshooting")
BLOCK: Final = re.compile(r"^( *)```yaml\n(?: *# (\S+)\n)?(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """The files of one section of a page, by the path in their first line."""

    title: str
    files: dict[str, str]

    def apps(self) -> dict[str, App]:
        return parse_config(self.files["verdigris.yml"], name=self.title).apps


def read(page: str) -> str:
    return (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")


def blocks_in(text: str) -> Iterator[tuple[str, str]]:
    """Each YAML block as path and content; "" where it names no file."""
    for indent, path, content in BLOCK.findall(text):
        yield path, "\n".join(line.removeprefix(indent) for line in content.splitlines())


def examples() -> list[Example]:
    sections = re.split(r"^## ", read("manifests"), flags=re.MULTILINE)
    named = [(one.partition("\n")[0], one) for one in sections if one.startswith("Example: ")]
    return [Example(title, dict(blocks_in(text))) for title, text in named]


def resolve_secrets(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the environment every variable that the example names, as its reader would."""
    for _, reference in secret_references(app):
        if isinstance(reference, SecretReference) and reference.env:
            monkeypatch.setenv(reference.env, f"the value of {reference.env}: with a colon")


def render_for(name: str, app: App, tree: Path, color: Color) -> Manifests:
    tag, commit = f"v2.0-{color}", "c0ffee" * 6 + "c0ff"
    context = Context(
        app=name,
        namespace=app.namespace,
        color=color,
        live_color=color.other,
        tag=tag,
        commit=commit,
        release="01JD0000000000000000000001",
        image=app.image_for(tag=tag, commit=commit),
        values=values_for(app, color),
    )
    return render(app, tree, context)


def check_manifests(name: str, app: App, manifests: Manifests, color: Color) -> None:
    """What sanity checks of manifests without a cluster."""
    assert find_violations(manifests, app, app.namespace) == []
    expected = {
        app.objects.deployment: manifests.deployment,
        app.objects.service: manifests.service,
        app.objects.virtual_service: manifests.virtual_service_test,
    }
    for pattern, found in expected.items():
        assert found["metadata"]["name"] == pattern.format(app=name, color=color)
    rule = manifests.destination_rule_test
    assert rule["metadata"]["name"] == app.objects.destination_rule.format(app=name)
    assert "$" not in str(manifests.deployment)


@pytest.mark.parametrize("color", Color)
@pytest.mark.parametrize("example", examples(), ids=lambda example: example.title)
def test_every_example_renders_and_would_pass_the_vetting(
    example: Example, color: Color, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((name, app),) = example.apps().items()
    # The examples name secrets by environment variables; a reader would set them.
    resolve_secrets(app, monkeypatch)
    for path, content in example.files.items():
        if path != "verdigris.yml":
            file = tmp_path / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{content}\n", encoding="utf-8")

    manifests = render_for(name, app, tmp_path, color)

    check_manifests(name, app, manifests, color)


def test_there_is_an_example_of_each_form() -> None:
    forms = [(one.apps().popitem()[1].manifests.syntax, len(one.files) > 1) for one in examples()]

    assert sorted(forms) == [("envsubst", True), ("jinja2", False), ("jinja2", True)]


@pytest.mark.parametrize("color", Color)
def test_the_migration_page_renders_the_articles_manifests_unchanged(
    color: Color, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dict(blocks_in(read("migrate-from-pipelines")))["verdigris.yml"]
    ((name, app),) = parse_config(config, name="migrate-from-pipelines.md").apps.items()
    # The example names its secrets by environment variables; a reader would set them.
    resolve_secrets(app, monkeypatch)
    shutil.copytree(ARTICLE, tmp_path / "manifests")

    manifests = render_for(name, app, tmp_path, color)

    assert find_violations(manifests, app, app.namespace) == []
    (container,) = manifests.deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"docker.io/example/myapp:v2.0-{color}"
    assert manifests.deployment["metadata"]["name"] == f"myapp-{color}"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_yaml_can_be_read(page: str) -> None:
    for path, content in blocks_in(read(page)):
        if path == "verdigris.yml":
            assert parse_config(content, name=page).apps
        elif not path.startswith("manifests/"):
            assert yaml.safe_load(content)
