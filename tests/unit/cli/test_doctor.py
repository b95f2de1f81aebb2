"""`verdigris doctor` where there is nothing to look at, and the form of what it prints."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from cli.commands.doctor import as_json, summary
from worker.checkup.lines import failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.cli.canned import Terminal

LINES = [ok("redis", "Redis 7.4"), failed("istio", "not there", fix="install it"), warning("a", "b", fix="c")]


@pytest.fixture
def nothing(bare_terminal: Terminal, tmp_path: Path) -> Iterator[Terminal]:
    """No Redis, no cluster, and so far no configuration."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        bare_terminal.environment |= {
            "VERDIGRIS_CONFIG": str(tmp_path / "verdigris.yml"),
            "VERDIGRIS_REDIS_URL": f"redis://:hidden@127.0.0.1:{held.getsockname()[1]}/0",
            "VERDIGRIS_DATA": str(tmp_path / "data"),
            "VERDIGRIS_SECRET_KEY": None,
            "VERDIGRIS_PUBLIC_URL": None,
            "KUBECONFIG": str(tmp_path / "kubeconfig"),
        }
        yield bare_terminal


def write_config(terminal: Terminal, **more: object) -> None:
    app = {
        "repository": "/nowhere/shop.git",
        "namespace": "shop",
        "image": "shop:{tag}",
        "gateway": {"address": "http://127.0.0.1:1"},
        **more,
    }
    file = terminal.home / "verdigris.yml"
    file.write_text(json.dumps({"apps": {"shop": app}}), encoding="utf-8")


def test_without_a_configuration_the_rest_is_looked_at_all_the_same(nothing: Terminal) -> None:
    result = nothing.run("doctor")

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("failed  configuration ")
    assert "start from verdigris.example.yml; fix: " in lines[0]
    assert any(line.startswith("ok      data folder ") for line in lines)
    assert any(line.startswith("failed  redis 127.0.0.1:") and "; fix: start Redis" in line for line in lines)
    assert any(line.startswith("warning workers of switches: could not be looked at") for line in lines)
    assert lines[-1] == "2 failed, 2 warning, 1 ok"
    assert "hidden" not in result.output


def test_every_line_that_is_not_ok_has_a_fix(nothing: Terminal) -> None:
    write_config(nothing)

    result = nothing.run("doctor", "--json")

    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["healthy"] is False
    failing = {check["about"].split()[0] for check in document["checks"] if check["grade"] == "failed"}
    assert failing == {"redis", "cluster", "gateway", "repository"}
    assert [check for check in document["checks"] if (check["grade"] == "ok") is (check["fix"] != "")] == []


def test_an_app_that_is_not_configured_is_wrong_usage(nothing: Terminal) -> None:
    write_config(nothing)

    result = nothing.run("doctor", "--app", "other")

    assert result.exit_code == 2
    assert "other is none of: shop" in result.stderr
    assert result.stdout == ""


def test_an_environment_that_means_nothing_is_wrong_usage(nothing: Terminal) -> None:
    nothing.environment |= {"VERDIGRIS_LOG_FORMAT": "xml"}

    result = nothing.run("doctor")

    assert result.exit_code == 2
    assert "VERDIGRIS_LOG_FORMAT" in result.stderr


def test_programs_get_every_line_by_its_parts() -> None:
    assert as_json(LINES[:2]) == {
        "healthy": False,
        "checks": [
            {"grade": "ok", "about": "redis", "found": "Redis 7.4", "fix": ""},
            {"grade": "failed", "about": "istio", "found": "not there", "fix": "install it"},
        ],
    }
    assert as_json([LINES[2]])["healthy"] is True


def test_the_summary_begins_with_what_is_worst() -> None:
    assert summary(LINES) == "1 failed, 1 warning, 1 ok"
    assert summary(LINES[:1]) == "1 ok"
