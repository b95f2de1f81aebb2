"""The site: it builds without a warning and without the network, and the commands on its pages exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.docs.test_docs import COMMANDS, ROOT, blocks_of, command_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES: Final = ("index", "install", "migrate-from-pipelines", "manifests", "operate", "troubleshooting")
OURS: Final = re.compile(r"(?:^|(?<=[\s(]))(?<!-n )verdigris ([a-z][a-z-]+)((?: [^|;&)]*)?)")
"""A command of ours; behind ``-n`` it is kubectl's namespace."""
INSTALLED: Final = find_spec("mkdocs") is not None and find_spec("material") is not None


@pytest.fixture(scope="module")
def needs_mkdocs() -> None:
    if not INSTALLED:
        reason = "MkDocs with Material is not installed: pip install -e '.[docs]'"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def build(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=project, env=quiet, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(needs_mkdocs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 -- it skips
    place = tmp_path_factory.mktemp("site")
    built = build(ROOT, place)
    assert built.returncode == 0, built.stderr
    return place


@pytest.fixture
def copy(needs_mkdocs: None, tmp_path: Path) -> Path:  # noqa: ARG001 -- it skips
    """The project as far as the site needs it, to spoil."""
    project = tmp_path / "project"
    leave = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info", "tests")
    shutil.copytree(ROOT, project, ignore=leave)
    return project


class Demands(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        is_fetched = tag != "link" or found.get("rel") in {"stylesheet", "icon", "preload", "preconnect"}
        if tag != "a" and is_fetched:
            self.addresses += [found[name] or "" for name in ("src", "href", "srcset") if found.get(name)]


def test_the_site_builds_without_a_warning(site: Path) -> None:
    for page in (*PAGES, "configuration", "api", "commands", "states", "adr/0001-layout-and-imports"):
        assert (site / f"{page}.html").exists()


def test_a_page_needs_nothing_from_elsewhere(site: Path) -> None:
    for page in site.glob("**/*.html"):
        demands = Demands()
        demands.feed(page.read_text(encoding="utf-8"))

        assert demands.addresses
        assert [address for address in demands.addresses if "//" in address] == [], page.name


def test_a_file_outside_of_docs_that_a_page_links_to_is_in_the_site(site: Path) -> None:
    page = (site / "configuration.html").read_text(encoding="utf-8")

    assert 'href="project/verdigris.example.yml.html"' in page
    assert "in_mesh" in (site / "project" / "verdigris.example.yml.html").read_text(encoding="utf-8")


def test_every_decision_is_in_the_navigation(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")

    for decision in (ROOT / "docs" / "adr").glob("*.md"):
        assert f'href="adr/{decision.stem}.html"' in page


def test_a_broken_link_and_a_page_that_the_navigation_lacks_end_the_build(copy: Path, tmp_path: Path) -> None:
    # Given four mistakes: one build tells of each, where four builds would take four times as long
    links = ["nowhere.md", "states.md#nowhere", "../nowhere.yml"]
    page = copy / "docs" / "index.md"
    spoiled = "".join(f"\n[nowhere]({link})\n" for link in links)
    page.write_text(f"{page.read_text(encoding='utf-8')}\n{spoiled}", encoding="utf-8")
    (copy / "docs" / "forgotten.md").write_text("# Forgotten\n", encoding="utf-8")
    # When the site is built
    built = build(copy, tmp_path / "site")
    # Then it counts each of them as a reason to end
    told = (built.stdout + built.stderr).splitlines()
    warnings = [line for line in told if line.startswith("WARNING")]
    assert built.returncode != 0
    assert len(warnings) == 4, warnings
    assert "Aborted with 4 warnings in strict mode!" in built.stdout + built.stderr
    for word in ("'nowhere.md'", "'#nowhere'", "nowhere.yml'", "are not included in the"):
        assert [word in line for line in warnings].count(True) == 1, (word, warnings)
    assert "forgotten.md" in built.stderr


def commands_on(page: str) -> Iterator[tuple[str, str]]:
    """Each command of ours on a page, in blocks and in text, with what follows it."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    lines = "\n".join(blocks_of(text, "sh")).replace("\\\n", " ").splitlines()
    inline = re.findall(r"`([^`\n]*\bverdigris [^`\n]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in (*lines, *inline):
        yield from OURS.findall(line)


@cache
def options_of(name: str) -> set[str]:
    return {option for parameter in command_of(name).params for option in parameter.opts} | {"--help"}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_on_a_page_exists(page: str) -> None:
    for name, rest in commands_on(page):
        assert name in COMMANDS, name
        given = {word.partition("=")[0] for word in shlex.split(rest) if word.startswith("--")}
        assert given <= options_of(name), f"verdigris {name}{rest}"


def test_commands_were_found_on_the_pages() -> None:
    names = {name for page in PAGES for name, _ in commands_on(page)}

    assert {"promote", "rollback", "plan", "doctor", "check-config", "redeploy"} <= names
