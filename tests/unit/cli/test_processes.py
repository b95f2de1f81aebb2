"""Commands that become another program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.canned import Terminal

ROOT = Path(__file__).parents[3]

CONFIGURATION = """
tokens: [{name: ci, value: {env: CI_TOKEN}}]
channels: {chat: {kind: slack, url: {env: CHAT_URL}}}
apps:
  shop:
    repository: https://git.example.com/shop.git
    namespace: shop
    image: registry.example.com/shop:{tag}
    gateway: {address: "http://gateway.example.com"}
    values_by_color: {blue: {DB_PASSWORD: {env: SHOP_PASSWORD}}}
"""


@pytest.fixture
def configured(bare_terminal: Terminal, tmp_path: Path) -> Terminal:
    file = tmp_path / "verdigris.yml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    bare_terminal.environment |= {"VERDIGRIS_CONFIG": str(file), "SHOP_PASSWORD": "secret"}
    bare_terminal.environment |= {"VERDIGRIS_SECRET_KEY": "k" * 32, "CI_TOKEN": "t" * 16}
    return bare_terminal


def test_web_becomes_gunicorn_with_threads(configured: Terminal) -> None:
    result = configured.run("web", "--bind", "127.0.0.1:9000", "--workers", "3")

    assert result.exit_code == 0
    ((module, arguments),) = configured.launched
    assert module == "gunicorn"
    assert {
        "--bind=127.0.0.1:9000",
        "--workers=3",
        "--worker-class=webhook.arrivals.ArrivalWorker",
        "--graceful-timeout=20",
        "--config=python:webhook.metrics_folder",
        "--logger-class=webhook.gunicorn_log.UniformLogger",
    } <= set(arguments)
    assert arguments[-1] == "webhook.wsgi:create()"


def test_web_takes_the_number_of_workers_from_the_environment(configured: Terminal) -> None:
    configured.environment |= {"WEB_CONCURRENCY": "5"}

    configured.run("web")

    assert "--workers=5" in configured.launched[0][1]


@pytest.mark.parametrize("missing", ["VERDIGRIS_SECRET_KEY", "CI_TOKEN"])
def test_web_does_not_start_without_its_secrets_and_names_them(configured: Terminal, missing: str) -> None:
    del configured.environment[missing]

    result = configured.run("web")

    assert result.exit_code == 2
    assert missing in result.stderr
    assert configured.launched == []


def test_web_needs_no_secret_that_only_workers_handle(configured: Terminal) -> None:
    del configured.environment["SHOP_PASSWORD"]

    assert configured.run("web").exit_code == 0


@pytest.mark.parametrize("queue", ["releases", "switches"])
def test_worker_becomes_celery_with_one_job_at_a_time(configured: Terminal, queue: str) -> None:
    result = configured.run("worker", "--queues", queue, "--name", "first")

    ((module, arguments),) = configured.launched
    assert module == "celery"
    assert arguments[:3] == ["-A", "worker.app", "worker"]
    expected = {"--concurrency=1", "--pool=prefork", "--task-events", "--without-gossip", "--without-mingle"}
    assert expected | {f"--queues={queue}", "--hostname=first@%h"} <= set(arguments)
    assert result.stderr == f"takes jobs of queue {queue}\n"


def test_workers_on_one_machine_have_names_of_their_own(configured: Terminal) -> None:
    configured.run("worker")

    (name,) = (one for one in configured.launched[0][1] if one.startswith("--hostname="))
    assert name.removeprefix("--hostname=releases-").removesuffix("@%h").isdecimal()


def test_a_worker_without_a_secret_of_an_app_does_not_start_and_names_it(configured: Terminal) -> None:
    del configured.environment["SHOP_PASSWORD"]

    result = configured.run("worker")

    assert result.exit_code == 2
    assert "SHOP_PASSWORD" in result.stderr
    assert configured.launched == []


def test_a_worker_for_signals_needs_the_channels_secrets_and_no_other(configured: Terminal) -> None:
    del configured.environment["SHOP_PASSWORD"]
    configured.environment |= {"CHAT_URL": "https://hooks.example.com/T1/B1"}

    assert configured.run("worker", "--queues", "signals").exit_code == 0

    ((module, arguments),) = configured.launched
    assert (module, arguments[:3]) == ("celery", ["-A", "worker.signals", "worker"])
    assert "--queues=signals" in arguments


@pytest.mark.parametrize("url", ["", "http://hooks.example.com/T1/B1"])
def test_a_worker_for_signals_does_not_start_with_a_channel_that_cannot_be_used(
    configured: Terminal, url: str
) -> None:
    configured.environment |= {"CHAT_URL": url}

    result = configured.run("worker", "--queues", "signals")

    assert result.exit_code == 2
    assert "CHAT_URL" in result.stderr or "the channel chat" in result.stderr
    assert not url or url not in result.stderr
    assert configured.launched == []


def test_a_worker_without_a_configuration_does_not_start(bare_terminal: Terminal) -> None:
    bare_terminal.environment |= {"VERDIGRIS_CONFIG": "nowhere.yml"}

    result = bare_terminal.run("worker")

    assert result.exit_code == 2
    assert "nowhere.yml" in result.stderr


def test_a_worker_of_another_queue_is_wrong_usage(bare_terminal: Terminal) -> None:
    assert bare_terminal.run("worker", "--queues", "celery").exit_code == 2
    assert bare_terminal.launched == []


def test_flower_keeps_what_it_has_seen_where_a_file_is_named(bare_terminal: Terminal) -> None:
    pytest.importorskip("flower")
    bare_terminal.environment |= {"FLOWER_BASIC_AUTH": "me:a long password"}

    bare_terminal.run("flower")
    bare_terminal.run("flower", "--port", "6000", "--database", "seen.db")

    (_, plain), (_, kept) = bare_terminal.launched
    assert plain[:5] == ["-A", "worker.app", "flower", "--address=127.0.0.1", "--port=5555"]
    assert "--read-only=True" in plain
    assert kept == [*plain[:4], "--port=6000", *plain[5:], "--persistent=True", "--db=seen.db"]


def test_flower_gets_its_password_by_the_environment_alone(bare_terminal: Terminal) -> None:
    """Arguments are for all on the machine to read."""
    pytest.importorskip("flower")
    bare_terminal.environment |= {"FLOWER_BASIC_AUTH": "me:a long password"}

    result = bare_terminal.run("flower")

    assert "a long password" not in result.output + " ".join(bare_terminal.launched[0][1])


@pytest.mark.parametrize("login", ["", "me", "me:", ":password", "me:password,", "me:pass,word"])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 -- it is refused
def test_flower_without_a_login_does_not_start_wherever_it_listens(
    bare_terminal: Terminal, login: str, address: str
) -> None:
    pytest.importorskip("flower")
    bare_terminal.environment |= {"FLOWER_BASIC_AUTH": login}

    result = bare_terminal.run("flower", "--address", address)

    assert result.exit_code == 2
    assert "FLOWER_BASIC_AUTH" in result.stderr
    assert "password" not in result.stderr.replace("user:password", "")
    assert bare_terminal.launched == []


@pytest.mark.parametrize(
    ("module", "arguments", "expected"),
    [
        ("json.tool", ["--help"], "usage: python -m json.tool"),
        ("gunicorn", ["--version"], "gunicorn"),
    ],
)
def test_the_program_replaces_ours(module: str, arguments: list[str], expected: str) -> None:
    source = f"from cli.surroundings import Surroundings\nSurroundings().launch({module!r}, {arguments!r})"

    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert expected in done.stdout


def split_setting(line: str) -> tuple[str, str, str]:
    return line.partition("=")


def test_gunicorn_takes_our_settings(configured: Terminal) -> None:
    configured.run("web")
    _, arguments = configured.launched[0]

    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--print-config", *arguments[:-1], "tests.unit.cli.wsgi:app"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    shown = {name.strip(): value.strip() for name, _, value in map(split_setting, done.stdout.splitlines())}
    assert shown["threads"] == "8", done.stderr
    assert shown["graceful_timeout"] == "20"
    assert shown["control_socket_disable"] == "True"
