"""Procfile, compose file and Dockerfile name things that exist and hold no secret."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ["web", "releases", "switches", "signals", "flower"]


def procfile() -> dict[str, list[str]]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: shlex.split(command) for name, _, command in (line.partition(":") for line in lines)}


def compose_commands() -> dict[str, list[str]]:
    return {name: SERVICES[name]["command"] for name in OURS}


@pytest.mark.parametrize("where", [procfile, compose_commands], ids=["Procfile", "compose"])
def test_each_process_is_a_command_of_ours_with_options_it_has(
    where: Callable[[], dict[str, list[str]]],
) -> None:
    commands = where()

    assert sorted(commands) == sorted(OURS)
    for program, command, *options in commands.values():
        assert program == "verdigris"
        help_text = CliRunner().invoke(main, [command, "--help"]).output
        for option in (one for one in options if one.startswith("--")):
            assert option in help_text, f"{command} has no {option}"


def test_redis_keeps_what_it_has_confirmed() -> None:
    command = " ".join(SERVICES["redis"]["command"])

    assert "--appendonly yes" in command
    assert "--appendfsync always" in command
    assert "--maxmemory-policy noeviction" in command
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]


@pytest.mark.parametrize("name", ["redis", *OURS])
def test_each_service_is_restarted_and_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["restart"] == "always"
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_without_privileges_and_without_a_secret_in_the_file(name: str) -> None:
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert not [key for key in service["environment"] if re.search("SECRET|TOKEN|PASSWORD|AUTH", key)]


def test_every_volume_is_declared() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}

    assert {one for one in used if one.isidentifier()} == set(COMPOSE["volumes"])


def test_the_image_runs_as_a_user_of_its_own_and_copies_what_is_there() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [
        word
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]

    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    assert [one for one in copied if not (ROOT / one).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert [one for one in copied if f"!{one}" not in ignored] == []


def test_the_example_environment_holds_names_only() -> None:
    values = dict(
        line.partition("=")[::2]
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )

    assert values == {
        "VERDIGRIS_SECRET_KEY": "",
        "VERDIGRIS_PUBLIC_URL": "https://verdigris.example.com",
        "FLOWER_BASIC_AUTH": "",
    }
