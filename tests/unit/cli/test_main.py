"""The overview of commands, and that it loads nothing it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from cli.failures import EXIT_CODES, Exit
from cli.lazy import Entry, LazyGroup
from cli.main import SECTIONS, main
from tests.unit.cli.canned import app

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Terminal

ROOT = Path(__file__).parents[3]
HEAVY = {"rich", "pydantic", "yaml", "kubernetes", "celery", "flask", "requests", "redis", "sandbox"}
NAMES = [name for section in SECTIONS.values() for name in section]
OWN = [name for name in NAMES if name != "demo"]


def loaded_by(program: str) -> set[str]:
    """The top-level modules that a program has loaded at its end."""
    source = f"import sys\n{program}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_overview_loads_no_command() -> None:
    program = "from cli.main import main\nmain(['--help'], standalone_mode=False)"

    assert not loaded_by(program) & HEAVY


def test_client_commands_load_no_server() -> None:
    program = "from cli.main import main\nmain(['apps', '--help'], standalone_mode=False)"

    assert not loaded_by(program) & {"pydantic", "yaml", "kubernetes", "celery", "flask", "redis", "sandbox"}


@pytest.mark.parametrize("words", ["'status'", "'status', '--json'"])
def test_status_imports_no_more_than_it_needs(server: CannedServer, words: str) -> None:
    server.answer("GET /apps", {"apps": [app()]})
    server.answer("GET /releases", {"releases": []})

    loaded = loaded_by(
        f"from cli.main import main\nmain([{words}, '--server', '{server.url}'], standalone_mode=False)"
    )

    needed = {"requests"} if "json" in words else {"requests", "rich"}
    assert loaded & HEAVY == needed
    assert not loaded & {"release.model", "pytest"}


@pytest.mark.parametrize("name", OWN)
def test_each_summary_is_the_first_line_of_the_commands_help(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    (entry,) = (section[name] for section in SECTIONS.values() if name in section)

    assert command is not None
    assert command.name == name
    assert (command.help or "").splitlines()[0] == entry.summary


def test_the_overview_shows_every_command_and_exit_code() -> None:
    output = CliRunner().invoke(main, ["--help"]).output

    assert all(f"  {name} " in output for name in NAMES)
    assert all(f"{code.value}  {meaning}" in output for code, meaning in EXIT_CODES.items())
    assert set(EXIT_CODES) == set(Exit)
    assert "verdigris completion bash" in output


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["promot"])

    assert result.exit_code == 2
    assert "No such command 'promot'" in result.stderr


def test_commands_are_completed_by_name() -> None:
    done = CliRunner().invoke(
        main,
        prog_name="verdigris",
        env={"_VERDIGRIS_COMPLETE": "bash_complete", "COMP_WORDS": "verdigris pro", "COMP_CWORD": "1"},
    )

    assert done.output == "plain,promote\n"


def group_with(entry: Entry) -> LazyGroup:
    return LazyGroup("verdigris", sections={"Run": {"extra": entry}})


def test_a_command_that_needs_an_extra_says_what_to_install() -> None:
    group = group_with(Entry("cli.no_such_module", "extra", "", extra="demo"))

    result = CliRunner().invoke(group, ["extra"])

    assert result.exit_code == 2
    assert result.stderr == (
        "Error: `verdigris extra` needs more than the plain installation\n"
        "the module cli.no_such_module is not installed\n"
        "Next: pip install 'verdigris[demo]'\n"
    )


def test_a_mistake_of_ours_is_not_told_as_a_missing_extra() -> None:
    group = group_with(Entry("cli.no_such_module", "extra", ""))

    assert isinstance(CliRunner().invoke(group, ["extra"]).exception, ModuleNotFoundError)


def test_the_version_is_shown(bare_terminal: Terminal) -> None:
    result = bare_terminal.run("--version")

    assert result.exit_code == 0
    assert result.output.startswith("verdigris, version ")
