"""What a process reads from its environment."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from release.environment import SECRET_KEY_LENGTH, VARIABLES, Settings
from release.references import ConfigError


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    settings = Settings.read({})

    assert settings == Settings(
        config=Path("verdigris.yml"),
        redis_url="redis://127.0.0.1:6379/0",
        public_url="http://127.0.0.1:8000",
        data=Path(".verdigris/data"),
        log_format="json",
        kubeconfig=None,
        secret_key=None,
    )


@pytest.mark.parametrize("default", ["verdigris.yml", "redis://127.0.0.1:6379/0", ".verdigris/data"])
def test_each_default_stands_in_the_description_of_its_variable(default: str) -> None:
    assert any(f"(default {default})" in description for description in VARIABLES.values())


def test_every_variable_is_read() -> None:
    given = {
        "VERDIGRIS_CONFIG": "/etc/verdigris/apps.yml",
        "VERDIGRIS_REDIS_URL": "redis://redis:6379/3",
        "VERDIGRIS_SECRET_KEY": "k" * SECRET_KEY_LENGTH,
        "VERDIGRIS_PUBLIC_URL": "https://deploys.example.com",
        "VERDIGRIS_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1",
        "VERDIGRIS_DATA": "/var/lib/verdigris",
        "VERDIGRIS_LOG_FORMAT": "console",
        "KUBECONFIG": "/home/one/.kube/config",
    }

    settings = Settings.read(given)

    assert set(given) == set(VARIABLES)
    assert settings.config == Path("/etc/verdigris/apps.yml")
    assert settings.redis_url == "redis://redis:6379/3"
    assert settings.get_secret_key().reveal() == "k" * SECRET_KEY_LENGTH
    assert settings.public_url == "https://deploys.example.com"
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::1/128"))
    assert settings.data == Path("/var/lib/verdigris")
    assert settings.log_format == "console"
    assert settings.kubeconfig == Path("/home/one/.kube/config")


@pytest.mark.parametrize("networks", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "*"])
def test_trusted_proxies_that_are_no_networks_keep_the_process_from_starting(networks: str) -> None:
    with pytest.raises(ConfigError, match="VERDIGRIS_TRUSTED_PROXIES"):
        Settings.read({"VERDIGRIS_TRUSTED_PROXIES": networks})


def test_empty_variables_count_as_not_set() -> None:
    assert Settings.read(dict.fromkeys(VARIABLES, "")) == Settings.read({})


def test_an_address_with_a_slash_at_its_end_joins_like_one_without() -> None:
    settings = Settings.read({"VERDIGRIS_PUBLIC_URL": "https://deploys.example.com/"})

    assert settings.public_url == "https://deploys.example.com"


def test_a_log_format_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"VERDIGRIS_LOG_FORMAT is 'xml': set it to json or console"):
        Settings.read({"VERDIGRIS_LOG_FORMAT": "xml"})


@pytest.mark.parametrize("key", ["", "k3y", "k" * (SECRET_KEY_LENGTH - 1), "k" + " " * SECRET_KEY_LENGTH])
def test_a_missing_short_or_blank_secret_key_is_refused(key: str) -> None:
    settings = Settings.read({"VERDIGRIS_SECRET_KEY": key})

    with pytest.raises(ConfigError, match="VERDIGRIS_SECRET_KEY is missing or shorter than 32") as refusal:
        settings.get_secret_key()

    assert not key or key not in str(refusal.value)


def test_no_secret_is_printed_with_the_settings() -> None:
    settings = Settings.read(
        {"VERDIGRIS_SECRET_KEY": "s3cr3t" * 8, "VERDIGRIS_REDIS_URL": "redis://:hunter2@redis:6379/0"}
    )

    assert "s3cr3t" not in repr(settings)
    assert "hunter2" not in repr(settings)
