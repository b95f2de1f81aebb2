from pathlib import Path

import pytest

from sandbox.__main__ import parse
from sandbox.main import Settings


def test_a_directory_is_all_that_is_needed() -> None:
    assert parse(["--directory", "d"]) == Settings(directory=Path("d"))


def test_every_setting_has_an_option() -> None:
    ports = ["--api-port", "1", "--gateway-port", "2"]
    namespaces = ["--namespace", "a", "--namespace", "b"]
    start = ["--objects", "o.yml", "--account", "verdigris/worker"]
    settings = parse(["--directory", "d", *ports, "--images", "i.yml", *namespaces, "--token", "t", *start])
    assert settings == Settings(
        directory=Path("d"),
        api_port=1,
        gateway_port=2,
        images=Path("i.yml"),
        namespaces=("a", "b"),
        token="t",
        objects=Path("o.yml"),
        accounts=("verdigris/worker",),
    )


def test_without_a_directory_nothing_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([])
    assert "--directory" in capsys.readouterr().err
