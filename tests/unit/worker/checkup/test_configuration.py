"""The configuration, its secrets and webhooks, seen from a worker or from the web process."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from release.environment import Settings
from release.loading import parse_config
from release.origins import Webhook
from release.secret import Secret
from webhook.providers import PROVIDERS
from worker.checkup.configuration import (
    look_at_folder,
    look_at_secrets,
    look_at_webhook,
    read_configuration,
)
from worker.checkup.lines import Grade

if TYPE_CHECKING:
    from pathlib import Path

    from release.config import Config
    from worker.checkup.lines import Line

LONG = "s" * 40
WEB = {"VERDIGRIS_SECRET_KEY": LONG, "VERDIGRIS_PUBLIC_URL": "https://v.example.com"}
TEXT = """
tokens: [{name: ci, value: {env: TOKEN}}]
apps:
  shop:
    repository: /srv/git/shop.git
    namespace: shop
    image: "shop:{tag}"
    gateway: {address: "http://127.0.0.1"}
    webhook: {repository: acme/shop, secrets: [{env: HOOK}]}
    values_by_color: {blue: {PASSWORD: {env: BLUE}}}
"""


def config() -> Config:
    return parse_config(TEXT, name="verdigris.yml")


def secrets(**environment: str) -> dict[str, Line]:
    lines = look_at_secrets(config(), Settings.read(environment), environment)
    return {line.about: line for line in lines}


def hook(**environment: str) -> list[Line]:
    webhook = config().apps["shop"].webhook
    assert webhook
    return look_at_webhook("shop", webhook, Settings.read(environment), environment)


def test_a_good_file_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "verdigris.yml"
    file.write_text(TEXT)

    found, lines = read_configuration(file)

    assert found == config()
    assert [(line.grade, line.found) for line in lines] == [(Grade.OK, "good; apps: 1")]


def test_every_mistake_in_the_file_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "verdigris.yml"
    file.write_text(TEXT.replace("namespace: shop", "namespace: Shop").replace("image:", "imago:"))

    found, lines = read_configuration(file)

    assert found is None
    assert len(lines) > 2
    assert {line.grade for line in lines} == {Grade.FAILED}
    assert any(f"{file}:6: apps.shop.namespace" in line.found for line in lines)
    assert "VERDIGRIS_CONFIG" in lines[0].fix


def test_a_file_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    found, (line,) = read_configuration(tmp_path / "absent.yml")

    assert found is None
    assert "can't be read" in line.found


def test_all_secrets_of_the_web_process_are_ok() -> None:
    lines = secrets(**WEB, TOKEN=LONG, BLUE="b")

    assert {line.grade for line in lines.values()} == {Grade.OK}
    assert {"API tokens", "session key", "values of shop"} == set(lines)


def test_a_value_that_a_worker_needs_is_failed_where_it_is_missing() -> None:
    line = secrets()["values of shop"]

    assert line.grade is Grade.FAILED
    assert "environment variable BLUE can't be read" in line.found
    assert "`export BLUE=$(openssl rand -hex 32)`" in line.fix
    assert "apps.shop.values_by_color" in line.fix


def test_a_worker_has_no_tokens_and_need_not() -> None:
    line = secrets(BLUE="b")["API tokens"]

    assert line.grade is Grade.WARNING
    assert "could not be looked at: TOKEN" in line.found
    assert "--url" in line.fix
    assert "logs deploy/web" in line.fix


@pytest.mark.parametrize("environment", [{"TOKEN": "short"}, {**WEB}])
def test_a_token_that_is_short_or_missing_in_the_web_process_is_failed(environment: dict[str, str]) -> None:
    line = secrets(**environment)["API tokens"]

    assert line.grade is Grade.FAILED
    assert "TOKEN" in line.fix


def test_a_short_session_key_is_failed() -> None:
    line = secrets(VERDIGRIS_SECRET_KEY="short", TOKEN=LONG)["session key"]

    assert line.grade is Grade.FAILED
    assert line.fix == "VERDIGRIS_SECRET_KEY=$(openssl rand -hex 32)"


def test_a_webhook_is_ok_with_the_page_that_shows_its_deliveries() -> None:
    secret, deliveries = hook(**WEB, HOOK=LONG)

    assert secret.found == "secrets: 1, readable and long enough"
    assert deliveries.grade is Grade.OK
    assert "https://github.com/acme/shop/settings/hooks" in deliveries.found
    assert "https://v.example.com/webhooks/github" in deliveries.found


@pytest.mark.parametrize(
    ("provider", "page"),
    [
        ("gitlab", "https://gitlab.com/acme/shop/-/hooks"),
        ("bitbucket", "https://bitbucket.org/acme/shop/admin/webhooks"),
        ("gitea", "the host's page of webhooks for acme/shop"),
    ],
)
def test_the_page_of_a_webhook_is_its_hosts(provider: str, page: str) -> None:
    webhook = Webhook.model_validate(
        {"provider": provider, "repository": "acme/shop", "secrets": [{"env": "HOOK"}]}
    )
    environment = {**WEB, "HOOK": LONG}

    lines = look_at_webhook("shop", webhook, Settings.read(environment), environment)

    assert page in lines[-1].found
    assert f"https://v.example.com/webhooks/{provider}" in lines[-1].found


@pytest.mark.parametrize(("value", "found"), [("short", "fewer than 16"), (" ", "blank")])
def test_a_webhooks_secret_is_long_enough(value: str, found: str) -> None:
    line = hook(**WEB, HOOK=value)[0]

    assert line.grade is Grade.FAILED
    assert found in line.found
    assert "openssl rand -hex 32" in line.fix


@pytest.mark.parametrize(
    ("provider", "proposed"),
    [
        ("github", ["$(openssl rand -hex 32)"]),
        ("generic", ["whsec_$(openssl rand -base64 32)"]),
        ("gitlab", ["$(openssl rand -hex 32)", "whsec_$(openssl rand -base64 32)"]),
    ],
)
def test_a_secret_that_is_proposed_is_one_that_its_host_can_use(
    provider: str, proposed: list[str], tmp_path: Path
) -> None:
    # given a webhook without its secrets
    file = tmp_path / "hook"
    webhook = Webhook.model_validate(
        {"provider": provider, "repository": "acme/shop", "secrets": [{"env": "HOOK"}, {"file": str(file)}]}
    )

    # when it is looked at
    of_variable, of_file = look_at_webhook("shop", webhook, Settings.read(WEB), WEB)[:2]

    # then both fixes are commands whose secret the host takes
    assert of_variable.fix.startswith(f"`export HOOK={proposed[0]}`")
    assert of_file.fix.startswith(f"`echo {proposed[0]} > {file}`")
    assert all(command in of_variable.fix for command in proposed)
    for command in proposed:
        made = subprocess.run(["sh", "-c", f"echo {command}"], capture_output=True, text=True, check=True)
        PROVIDERS[provider].check_secrets([Secret(made.stdout.strip())])


def test_a_webhook_that_only_this_machine_reaches_is_a_warning() -> None:
    line = hook(VERDIGRIS_SECRET_KEY=LONG, HOOK=LONG)[1]

    assert line.grade is Grade.WARNING
    assert "http://127.0.0.1:8000/webhooks/github" in line.found
    assert "VERDIGRIS_PUBLIC_URL" in line.fix


def test_no_line_shows_a_secret() -> None:
    lines = [*secrets(**WEB, TOKEN=LONG, BLUE="hidden-blue").values(), *hook(**WEB, HOOK=LONG)]

    assert not [line for line in lines if LONG in str(line) or "hidden-blue" in str(line)]


def test_a_folder_that_can_be_written_is_ok(tmp_path: Path) -> None:
    (line,) = look_at_folder(tmp_path / "data")

    assert line.grade is Grade.OK
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_that_can_t_be_made_is_failed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    (line,) = look_at_folder(tmp_path / "file" / "data")

    assert line.grade is Grade.FAILED
    assert "VERDIGRIS_DATA" in line.fix
