from pathlib import Path

import pytest

from sandbox.datastore import redis_command


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    return redis_command(tmp_path, 7001, server=Path("/opt/redis-server"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--bind", "127.0.0.1"),
        ("--port", "7001"),
        ("--appendonly", "yes"),
        ("--appendfsync", "always"),
        ("--maxmemory-policy", "noeviction"),
        ("--save", ""),
        ("--daemonize", "no"),
    ],
)
def test_the_server_keeps_what_it_confirms_and_listens_on_this_machine_only(
    command: list[str], option: str, value: str
) -> None:
    assert command[0] == "/opt/redis-server"
    assert command[command.index(option) + 1] == value


def test_the_data_lies_in_the_directory(command: list[str], tmp_path: Path) -> None:
    assert command[command.index("--dir") + 1] == str(tmp_path)


def test_a_throwaway_server_keeps_nothing(tmp_path: Path) -> None:
    command = redis_command(tmp_path, 7001, append_only=False, server=Path("/opt/redis-server"))
    assert command[command.index("--appendonly") + 1] == "no"
