"""--json: every command that reads or acts has it, and refusals are told in it with the same exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from cli.main import SECTIONS, main
from tests.unit.cli.canned import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.cli.canned import CannedServer, Json, Terminal

WITHOUT = {"sandbox", "web", "worker", "flower", "completion"}
"""They become a process, or print a script."""

ALONE = {"plan", "check-config", "doctor", "demo"}
"""They ask no server."""


def commands() -> Iterator[tuple[str, ...]]:
    """Every command by its words, those of groups too."""
    for section in SECTIONS.values():
        for name in section:
            if name in WITHOUT:
                continue
            command = main.get_command(click.Context(main), name)
            if isinstance(command, click.Group):
                yield from ((name, below) for below in command.commands)
            else:
                yield (name,)


COMMANDS = list(commands())
ASKING = [words for words in COMMANDS if words[0] not in ALONE]


def command_of(words: tuple[str, ...]) -> click.Command:
    command = main.get_command(click.Context(main), words[0])
    for word in words[1:]:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    assert command is not None
    return command


def arguments_of(words: tuple[str, ...]) -> list[str]:
    """The words with all that is required."""
    given = list(words)
    for parameter in command_of(words).params:
        if not parameter.required and not isinstance(parameter, click.Argument):
            continue
        value = parameter.type.choices[0] if isinstance(parameter.type, click.Choice) else "shop"
        given += [value] if isinstance(parameter, click.Argument) else [parameter.opts[0], value]
    return given


def told(output: str) -> Json:
    """The one object that stdout holds."""
    content: Json = json.loads(output)
    return content


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_that_reads_or_acts_has_json(words: tuple[str, ...]) -> None:
    names = {option for parameter in command_of(words).params for option in parameter.opts}

    assert "--json" in names


def test_commands_were_found() -> None:
    assert {("status",), ("watch",), ("logs",), ("promote",), ("token", "make")} <= set(ASKING)


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_a_refusal_is_an_object_on_stdout_and_words_on_stderr(
    terminal: Terminal, server: CannedServer, words: tuple[str, ...]
) -> None:
    document = problem("app-frozen", status=409)
    server.refuse_all(document)
    given = arguments_of(words)

    in_words, in_json = terminal.run(*given), terminal.run(*given, "--json")

    assert told(in_json.stdout) == {"error": {**document.as_json(), "exit_code": 1}}
    assert in_json.exit_code == in_words.exit_code == 1
    assert in_json.stderr == in_words.stderr


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_a_server_that_is_not_there_is_an_object_as_well(terminal: Terminal, words: tuple[str, ...]) -> None:
    terminal.environment["VERDIGRIS_SERVER"] = "http://127.0.0.1:1"
    given = arguments_of(words)

    in_json = terminal.run(*given, "--json")

    assert in_json.exit_code == 3
    error = told(in_json.stdout)["error"]
    assert error["title"] == "http://127.0.0.1:1 can't be reached"
    assert error["next_step"]
    assert (error["type"], error["status"], error["exit_code"]) == (None, None, 3)


@pytest.mark.parametrize("words", sorted(ALONE - {"demo"}))
def test_commands_that_ask_no_server_tell_their_failures_as_one_object(
    bare_terminal: Terminal, words: str
) -> None:
    bare_terminal.environment["VERDIGRIS_CONFIG"] = str(bare_terminal.home / "nothing.yml")
    given = arguments_of((words,)) if words == "plan" else [words]

    in_words, in_json = bare_terminal.run(*given), bare_terminal.run(*given, "--json")

    assert isinstance(told(in_json.stdout), dict)
    assert in_json.exit_code == in_words.exit_code != 0


@pytest.mark.parametrize(
    ("arguments", "title", "next_step"),
    [
        (["promote", "--json"], "Missing argument 'APP'.", "see `verdigris promote --help`"),
        (["releases", "--json", "--limit", "x"], "Invalid value for '--limit': ", "releases --help`"),
        (["promot", "--json"], "No such command 'promot'.", "see `verdigris --help`"),
        (["token", "--json"], "No such option", "see `verdigris token --help`"),
    ],
)
def test_wrong_usage_is_an_object_as_well(
    terminal: Terminal, arguments: list[str], title: str, next_step: str
) -> None:
    result = terminal.run(*arguments)

    error = told(result.stdout)["error"]
    assert result.exit_code == error["exit_code"] == 2
    assert error["title"].startswith(title)
    assert error["next_step"].endswith(next_step)


def test_without_json_stdout_holds_no_error(terminal: Terminal, server: CannedServer) -> None:
    server.refuse_all(problem())

    assert terminal.run("status").stdout == ""
