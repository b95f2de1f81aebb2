"""Which server is asked, and with which token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.failures import Failure
from cli.profile import Choice, Connection, find_connection, home_relative
from release.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.canned import CannedServer, Terminal

TWO = """
[profiles.default]
server = "https://default.example.com/"
token_env = "DEFAULT_TOKEN"

[profiles.staging]
server = "https://staging.example.com/verdigris"
token_file = "{folder}/staging-token"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "staging-token").write_text("of-staging\n", encoding="utf-8")
    file = tmp_path / "config.toml"
    file.write_text(TWO.format(folder=tmp_path), encoding="utf-8")
    return file


def find(path: Path, choice: Choice | None = None, **environment: str) -> Connection:
    return find_connection(choice or Choice(), environment=environment, path=path)


def test_the_default_profile_serves_where_nothing_is_named(path: Path) -> None:
    found = find(path, DEFAULT_TOKEN="of-default")

    assert found == Connection("https://default.example.com", Secret("of-default"))


def test_another_profile_can_be_named(path: Path) -> None:
    found = find(path, Choice(profile="staging"))

    assert found == Connection("https://staging.example.com/verdigris", Secret("of-staging"))


def test_options_come_before_the_environment_and_that_before_the_profile(path: Path, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("of-the-option", encoding="utf-8")

    by_environment = find(path, VERDIGRIS_TOKEN="of-the-environment", DEFAULT_TOKEN="of-default")
    by_option = find(path, Choice(token_file=token_file), VERDIGRIS_TOKEN="of-the-environment")

    assert by_environment.token == Secret("of-the-environment")
    assert by_option.token == Secret("of-the-option")


def test_a_profiles_token_is_not_sent_to_another_server(path: Path) -> None:
    elsewhere = find(path, Choice(server="https://elsewhere.example.com"), DEFAULT_TOKEN="of-default")
    named = find(path, Choice(server="https://elsewhere.example.com", profile="staging"))

    assert elsewhere == Connection("https://elsewhere.example.com", None)
    assert named.token is None


def test_a_profiles_token_goes_to_its_server_however_that_is_named(path: Path) -> None:
    found = find(path, Choice(server="https://default.example.com"), DEFAULT_TOKEN="of-default")

    assert found.token == Secret("of-default")


def test_a_profile_with_only_a_token_serves_the_server_that_is_named(path: Path) -> None:
    path.write_text('[profiles.default]\ntoken_env = "T"\n', encoding="utf-8")

    assert find(path, Choice(server="http://127.0.0.1:8000"), T="a-token").token == Secret("a-token")


def test_a_server_without_a_token_is_fine(tmp_path: Path) -> None:
    found = find(tmp_path / "none.toml", Choice(server="http://127.0.0.1:8000/"))

    assert found == Connection("http://127.0.0.1:8000", None)


def refusal(path: Path, choice: Choice | None = None, **environment: str) -> str:
    with pytest.raises(Failure) as caught:
        find(path, choice, **environment)
    assert caught.value.exit_code == 2
    return f"{caught.value.message}; {caught.value.next_step}"


def test_without_any_server_the_ways_to_name_one_are_told(tmp_path: Path) -> None:
    text = refusal(tmp_path / "none.toml")

    assert "set VERDIGRIS_SERVER, give --server, or write" in text
    assert "none.toml" in text


@pytest.mark.parametrize(
    "server",
    [
        "verdigris.example.com",
        "ftp://x",
        "http://",
        "http://x/?token=a",
        "http://x/#a",
        "http://[::1",
        "http://x:99999",
        "http://x:0",
    ],
)
def test_what_is_no_address_is_refused(tmp_path: Path, server: str) -> None:
    assert "is no address of a server" in refusal(tmp_path / "none.toml", Choice(server=server))


def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = refusal(tmp_path / "none.toml", Choice(server="https://me:hunter2@example.com"))

    assert "carries a user name" in text
    assert "hunter2" not in text


def test_a_profile_that_does_not_exist_is_told(path: Path) -> None:
    assert "has no profile 'production'" in refusal(path, Choice(profile="production"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[profiles.default", "can't be read"),
        ('[profiles.default]\ntoken = "t"', "profile 'default' is wrong"),
        ("[profiles.default]\nserver = 1", "profile 'default' is wrong"),
        ('[profiles]\ndefault = "x"', "profile 'default' is wrong"),
        ("profiles = 1", "no server is named"),
        ("", "no server is named"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")

    assert message in refusal(path)


def test_a_file_that_is_a_folder_is_told(tmp_path: Path) -> None:
    assert "can't be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b" \n", "holds no token"), (b"two\nlines", "characters that no token has"), (b"\xff", "can't be read")],
)
def test_a_token_file_that_holds_none_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    assert message in refusal(tmp_path / "none.toml", Choice(server="http://x", token_file=file))


def test_a_missing_token_file_is_told(tmp_path: Path) -> None:
    choice = Choice(server="http://x", token_file=tmp_path / "none")

    assert "can't be read; check the path" in refusal(tmp_path / "none.toml", choice)


def test_a_variable_that_a_profile_names_and_that_is_not_set_is_told(path: Path) -> None:
    assert "the profile's variable DEFAULT_TOKEN holds no token" in refusal(path)


def test_a_token_that_is_no_ascii_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path / "none.toml", Choice(server="http://x"), VERDIGRIS_TOKEN="tøken-of-mine")

    assert "VERDIGRIS_TOKEN holds characters that no token has" in text
    assert "tøken" not in text


def test_help_names_files_relative_to_the_home(tmp_path: Path) -> None:
    assert home_relative(tmp_path.home() / "a" / "b") == "~/a/b"
    assert home_relative(tmp_path.home().parent / "elsewhere") == str(tmp_path.home().parent / "elsewhere")


def test_commands_use_the_profile_of_the_home(bare_terminal: Terminal, server: CannedServer) -> None:
    bare_terminal.write_profiles(f'[profiles.mine]\nserver = "{server.url}"\ntoken_env = "MINE"\n')
    bare_terminal.environment |= {"MINE": "a-token-of-mine"}
    server.answer("GET /apps", {"apps": []})

    result = bare_terminal.run("apps", "--profile", "mine")

    assert result.exit_code == 0
    assert server.asked[0].headers["Authorization"] == "Bearer a-token-of-mine"


def test_commands_without_any_server_end_with_2(bare_terminal: Terminal) -> None:
    result = bare_terminal.run("apps")

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: no server is named\nNext: set VERDIGRIS_SERVER")
