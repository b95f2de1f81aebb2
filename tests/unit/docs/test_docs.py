"""The documentation against the code: what can be set, asked, met or refused is on a page."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import pytest
from pydantic import BaseModel

from cli.failures import EXIT_CODES
from cli.main import SECTIONS, main
from release.config import Config
from release.environment import VARIABLES
from release.loading import parse_config
from release.model import JobState, Stage, State
from release.references import SecretReference
from release.secret import Secret
from release.transitions import TRANSITIONS
from webhook.application import create_app
from webhook.services import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click import Command
    from werkzeug.routing import Rule

    from webhook.services import Requests, Store

ROOT: Final = Path(__file__).parents[3]
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
ON_PROBLEMS: Final = ("release", "cluster", "source", "tasks", "worker", "webhook")

FENCE: Final = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"(?:\]\(|\b(?:src|srcset)=\")([^)\s\"]+)")
VARIABLE: Final = re.compile(r"\b(?:VERDIGRIS|FLOWER)_[A-Z_]*[A-Z]\b")


@cache
def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows_of(text: str) -> dict[str, str]:
    """The tables of a text: what the first column has in backquotes → the second column without them."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]*)\|", text, re.MULTILINE)
    return {first: second.replace("`", "").strip() for first, second in rows}


def section_of(page: str, heading: str) -> str:
    """What stands below a heading, to the next one of its level or above."""
    body = f"\n{read(page)}".partition(f"\n{heading}\n")[2]
    assert body, f"{page} has no heading {heading!r}"
    return re.split(rf"^#{{1,{heading.count('#')}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def blocks_of(text: str, language: str = "") -> list[str]:
    return [block for found, block in FENCE.findall(text) if found == language]


def shortest_file() -> str:
    return blocks_of(section_of("docs/configuration.md", "## The shortest useful file"), "yaml")[0]


# The configuration


def parts_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 -- an annotation is any object
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from parts_in(argument)


def fields_of(part: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every field of the file by its dotted path, as the page writes it."""
    for name, field in part.model_fields.items():
        path, kind = f"{above}{field.alias or name}", str(field.annotation)
        yield path
        step = ".NAME." if kind.startswith("dict[") else "[]." if kind.startswith("list[") else "."
        for inner in parts_in(field.annotation):
            if not issubclass(inner, SecretReference):
                yield from fields_of(inner, path + step)


def test_every_field_of_the_configuration_has_its_row() -> None:
    fields = set(fields_of(Config))

    rows = {
        name
        for name in rows_of(read("docs/configuration.md"))
        if re.split(r"\W", name)[0] in Config.model_fields
    }

    assert {"apps.NAME.smoke.requests[].json_equals", "tokens[].value"} <= fields
    assert rows == fields


def test_a_reference_to_a_secret_is_explained_field_by_field() -> None:
    explained = rows_of(section_of("docs/configuration.md", "## References to secrets"))

    assert set(explained) == set(SecretReference.model_fields)


def test_the_shortest_file_is_accepted() -> None:
    config = parse_config(shortest_file(), name="docs/configuration.md")

    assert config.apps["shop"].webhook is not None


@pytest.mark.parametrize("part", ["deadlines", "smoke", "objects", "manifests"])
def test_the_defaults_on_the_page_are_those_of_the_code(part: str) -> None:
    app = parse_config(shortest_file(), name="docs/configuration.md").apps["shop"]
    rows = rows_of(read("docs/configuration.md"))

    for name, default in getattr(app, part).model_dump().items():
        if isinstance(default, str | float):
            shown = default if isinstance(default, str) else f"{default:g}"
            assert shown in rows[f"apps.NAME.{part}.{name}"], name


def variables_in_use() -> Iterator[str]:
    """Those that processes read, and those that only the files around them or the command line know."""
    yield from VARIABLES
    around = [
        ROOT / "Procfile",
        ROOT / "docker-compose.yml",
        *ROOT.glob("cli/*.py"),
        *ROOT.glob("cli/commands/*.py"),
    ]
    for file in around:
        yield from VARIABLE.findall(file.read_text(encoding="utf-8"))


def test_every_environment_variable_is_explained() -> None:
    page = section_of("docs/configuration.md", "## Environment variables")

    assert {name for name in variables_in_use() if f"`{name}`" not in page} == set()


# The life of a release


def test_every_state_has_its_row_and_its_way_out() -> None:
    assert set(rows_of(section_of("docs/states.md", "## States"))) == set(State)


def test_the_table_of_transitions_is_that_of_the_code() -> None:
    rows = rows_of(section_of("docs/states.md", "## Transitions"))

    documented = {source: set(targets.split(", ")) - {"nothing"} for source, targets in rows.items()}

    assert documented == {state: set(following) for state, following in TRANSITIONS.items()}


def test_every_stage_and_every_state_of_a_job_is_explained() -> None:
    assert set(rows_of(section_of("docs/states.md", "## Stages"))) == set(Stage)
    assert {
        one for one in JobState if f"`{one}`" not in section_of("docs/states.md", "## Jobs and queues")
    } == set()


# The HTTP API


def rules() -> list[Rule]:
    """Of the application as it is put together; nothing is asked of its store."""
    config = parse_config(shortest_file(), name="docs/configuration.md")
    shop = config.apps["shop"].model_copy(update={"webhook": None})
    without_secrets = config.model_copy(update={"tokens": [], "apps": {"shop": shop}})
    nobody: Any = None
    key = Secret("k" * 32)
    app = create_app(
        without_secrets,
        cast("Store", SimpleNamespace(events=nobody)),
        cast("Requests", nobody),
        secret_key=key,
        settings=WebSettings(),
    )
    return list(app.url_map.iter_rules())


def spelled_out(rule: str) -> list[str]:
    """A rule as the page writes it: names without converters, each choice of ``any`` on its own."""
    choice = re.search(r"<any\(([^)]*)\):\w+>", rule)
    if choice:
        return [one for word in choice[1].split(", ") for one in spelled_out(rule.replace(choice[0], word))]
    return [re.sub(r"<\w+:", "<", rule)]


def test_every_route_is_listed() -> None:
    page = read("docs/api.md")

    routes = [
        f"{method} {path}"
        for rule in rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        for path in spelled_out(rule.rule)
    ]

    assert "POST /releases/<release_id>/retry" in routes
    assert [route for route in routes if f"`{route}`" not in page] == []


def test_every_listed_route_exists() -> None:
    known = {path for rule in rules() for path in spelled_out(rule.rule)}

    listed = set(re.findall(r"`(?:GET|POST) (/[^`]*)`", read("docs/api.md")))

    assert listed - known == set()


def slugs_in(tree: ast.AST) -> Iterator[str]:
    """Names of problems: given to one of these classes first, or as the class attribute ``slug``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in {"Problem", "ProblemDocument", "Failed", "Finding"} and node.args:
                yield from texts_of(node.args[0])
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "slug" for target in targets) and node.value:
                yield from texts_of(node.value)


def texts_of(value: ast.expr) -> Iterator[str]:
    """A constant; or ``migrate``'s f-string, which names what it ran."""
    if isinstance(value, ast.Constant) and value.value is not None:
        yield str(value.value)
    elif isinstance(value, ast.JoinedStr):
        yield from (f"{what}-failed" for what in ("migration", "smoke"))


@cache
def slugs() -> set[str]:
    files = [file for folder in ON_PROBLEMS for file in (ROOT / folder).glob("**/*.py")]
    return {slug for file in files for slug in slugs_in(ast.parse(file.read_text(encoding="utf-8")))}


def test_every_problem_is_listed() -> None:
    page = section_of("docs/api.md", "## Problems")

    assert {
        "nothing-ready",
        "cluster-conflict",
        "rollout-deadline",
        "migration-failed",
        "unexpected",
    } <= slugs()
    assert {slug for slug in slugs() if f"`{slug}`" not in page} == set()


def test_every_listed_problem_exists() -> None:
    from_flask = {"not-found", "method-not-allowed"}

    first_columns = re.findall(r"^\| (`[^|]*`) \|", section_of("docs/api.md", "## Problems"), re.MULTILINE)
    listed = {slug for column in first_columns for slug in re.findall(r"`([^`]+)`", column)}

    assert listed - slugs() == from_flask


# The command line


COMMANDS: Final = [name for commands in SECTIONS.values() for name in commands]


def command_of(name: str) -> Command:
    found = main.get_command(main.make_context("verdigris", ["--version"], resilient_parsing=True), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name: str) -> None:
    page = section_of("docs/commands.md", f"## verdigris {name}")
    shared = section_of("docs/commands.md", "## Options of every client command")

    options = [
        option
        for parameter in command_of(name).params
        for option in parameter.opts
        if parameter.param_type_name == "option" and option.startswith("--")
    ]

    missing = [one for one in options if not re.search(rf"`[^`]*{one}\b[^`]*`", page + shared)]
    assert missing == []


def test_every_exit_code_is_listed() -> None:
    page = section_of("docs/commands.md", "## Server, token, exit codes")

    for code, meaning in EXIT_CODES.items():
        assert f"| {code.value} | {meaning} |" in page


# The pages themselves


def anchors_of(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(FENCE, "", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(re.sub(FENCE, "", page.read_text(encoding="utf-8")))

    for link in links:
        target, _, anchor = link.partition("#")
        if ":" in target:
            continue
        file = page if not target else (page.parent / target)
        assert file.exists(), link
        assert not anchor or anchor in anchors_of(file), link


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_in_a_code_block_exists(page: str) -> None:
    named = {
        name for block in blocks_of(read(page)) for name in re.findall(r"^make (\w+)", block, re.MULTILINE)
    }

    assert named
    assert named - targets() == set()


def test_contributing_lists_the_make_targets() -> None:
    assert {
        name.removeprefix("make ") for name in rows_of(read("CONTRIBUTING.md")) if name.startswith("make ")
    } == (targets() - {"help"})


def test_the_readme_shows_commands_that_exist() -> None:
    named = {
        name
        for block in blocks_of(read("README.md"))
        for name in re.findall(r"^\s*verdigris ([a-z-]+)", block, re.MULTILINE)
    }

    assert {"check-config", "promote", "rollback"} <= named
    assert named - set(COMMANDS) == set()


def test_decisions_are_numbered_without_a_gap() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))

    for number, page in enumerate(pages, start=1):
        assert page.name.startswith(f"{number:04}-")
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. ")
