"""Completion: a script for each shell, values from the server, and not a word when anything is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from cli.completing import SECONDS
from cli.main import NAMES, main
from release.model import State
from tests.serving import serving
from tests.unit.cli.canned import app, release

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer, Terminal

ROOT = Path(__file__).parents[3]


def complete(terminal: Terminal, *words: str, program: str = "bash") -> list[str]:
    """What the shell would offer for the last word."""
    asked = {
        "_VERDIGRIS_COMPLETE": f"{program}_complete",
        "COMP_WORDS": " ".join(["verdigris", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = CliRunner(env={**terminal.environment, **asked}).invoke(main, prog_name="verdigris")
    assert done.stderr == ""
    return [line.removeprefix("plain,") for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("status", ""), ["bar", "shop"]),
        (("promote", "s"), ["shop"]),
        (("releases", "--app", "b"), ["bar"]),
        (("show", "R"), ["R1", "R2"]),
        (("promote", "shop", "--release", "R"), ["R1", "R2"]),
        (("show", "v"), ["v2.0-blue"]),
        (("cancel", "v2"), ["v2.0-blue"]),
        (("logs", ""), ["bar", "shop", "v2.0-blue", "R1", "R2"]),
        (("promote", "shop", "--no-c"), ["--no-color"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("token", "make", "--role", "p"), ["promoter"]),
    ],
)
def test_apps_and_releases_are_completed(
    terminal: Terminal, server: CannedServer, words: tuple[str, ...], found: list[str]
) -> None:
    server.answer("GET /apps", {"apps": [{**app(), "name": "bar"}, app()]})
    server.answer("GET /releases", {"releases": [release(), release(id="R2", state=State.LIVE)]})

    assert complete(terminal, *words) == found


def test_the_release_of_an_app_is_asked_for_with_its_name(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [release()]})

    complete(terminal, "promote", "shop", "--release", "")

    assert server.asked[0].query == {"app": ["shop"], "limit": ["50"]}


def test_of_two_releases_of_a_tag_the_newest_is_told_beside_it(
    terminal: Terminal, server: CannedServer
) -> None:
    releases = [release(), release(id="R2", state=State.FAILED), release(id="R3", tag="v1.0-green")]
    server.answer("GET /releases", {"releases": releases})

    found = complete(terminal, "retry", "--app", "shop", "v", program="zsh")

    assert found == [
        *("plain", "v1.0-green", "shop ready"),
        *("plain", "v2.0-blue", "shop ready"),
    ]
    assert server.asked[0].query["app"] == ["shop"]


def test_tags_that_were_never_delivered_are_completed(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps/shop/tags", {"missed": [{"tag": "v2.1-blue"}, {"tag": "w1-blue"}]})

    assert complete(terminal, "deploy", "shop", "v") == ["v2.1-blue"]


def test_shells_that_show_a_word_on_each_value_get_one(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /releases", {"releases": [release()]})

    assert "shop v2.0-blue ready" in complete(terminal, "show", "", program="zsh")


def test_the_server_that_the_command_names_is_asked(bare_terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps", {"apps": [app()]})

    assert complete(bare_terminal, "status", "--server", server.url, "") == ["shop"]


def test_names_of_commands_come_without_importing_one(terminal: Terminal) -> None:
    program = (
        "import sys\nfrom cli.main import main\n"
        "try: main(prog_name='verdigris')\nexcept SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('cli.commands.')])"
    )
    asked = {"_VERDIGRIS_COMPLETE": "bash_complete", "COMP_WORDS": "verdigris st", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(terminal.home), **asked},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.splitlines() == ["plain,status", "plain,stop-countdown", "plain,start", "[]"]


@pytest.mark.parametrize(
    "answer", [(200, []), (200, {"apps": [{"name": 3}]}), (200, b"<html>"), (401, {}), (503, {}), (0, b"")]
)
def test_a_server_that_answers_wrongly_means_nothing_to_complete(
    terminal: Terminal, server: CannedServer, answer: tuple[int, object]
) -> None:
    server.answer("GET /apps", answer[1], status=answer[0])

    assert complete(terminal, "status", "") == []


@pytest.mark.parametrize("server_of", ["http://127.0.0.1:1", "no address", "http://no-such-host.invalid"])
def test_no_server_means_nothing_to_complete(bare_terminal: Terminal, server_of: str) -> None:
    bare_terminal.environment["VERDIGRIS_SERVER"] = server_of

    assert complete(bare_terminal, "status", "") == []


def test_no_server_named_and_profiles_that_are_wrong_mean_nothing_to_complete(
    bare_terminal: Terminal,
) -> None:
    assert complete(bare_terminal, "status", "") == []

    bare_terminal.write_profiles("[[[")

    assert complete(bare_terminal, "status", "") == []


def test_a_server_that_keeps_silent_is_waited_for_less_than_a_second(bare_terminal: Terminal) -> None:
    over = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            over.wait(30)

    with serving(Silent) as address:
        bare_terminal.environment["VERDIGRIS_SERVER"] = address
        complete(bare_terminal, "completion", "")  # what is imported once is no part of it
        begun = time.monotonic()
        found = complete(bare_terminal, "status", "")
        took = time.monotonic() - begun
        over.set()

    assert found == []
    assert SECONDS <= took < 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_says_how_to_install_it(bare_terminal: Terminal, shell: str) -> None:
    result = bare_terminal.run("completion", shell)

    assert result.exit_code == 0
    assert f"verdigris completion {shell}" in result.stdout
    assert f"_VERDIGRIS_COMPLETE={shell}_complete" in result.stdout
    assert all(line.startswith("#") for line in result.stdout.split("\n\n")[0].splitlines())
    assert (shell == "zsh") == result.stdout.startswith("#compdef verdigris\n")


def test_the_script_works_in_a_real_bash(terminal: Terminal, server: CannedServer) -> None:
    server.answer("GET /apps", {"apps": [app()]})
    folder = terminal.home / "bin"
    folder.mkdir()
    program = folder / "verdigris"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from cli.main import main\nmain()\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    (terminal.home / "script").write_text(terminal.run("completion", "bash").stdout, encoding="utf-8")
    asked = (
        f'. "{terminal.home}/script"; COMP_WORDS=(verdigris promote s); COMP_CWORD=2; '
        '_verdigris_completion verdigris; echo "${COMPREPLY[@]}"; complete -p verdigris'
    )
    environment = {name: value for name, value in terminal.environment.items() if value is not None}

    done = subprocess.run(
        ["bash", "--norc", "-c", asked],
        env={**environment, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.splitlines()[0] in {"shop", ""}
    assert "_verdigris_completion" in done.stdout.splitlines()[1]
    assert done.stderr == ""


def test_every_command_is_completed(terminal: Terminal) -> None:
    assert complete(terminal, "") == list(NAMES)
