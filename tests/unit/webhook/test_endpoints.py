from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from release.config import Config
from release.references import ConfigError
from tests.unit.webhook.fakes import HOOK_SECRET, OTHER_SECRET, make_app
from tests.unit.webhook.hosts import (
    GENERIC,
    GITLAB,
    HOSTS,
    SIGNING_KEY,
    WITH_EVERY_HOST,
    make_host_config,
)
from webhook.endpoints import Endpoints, resolve_endpoints

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.webhook.hosts import Host


def resolve(folder: Path, provider: str, *secrets: str) -> None:
    """One app of a host with secrets of these values."""
    files = []
    for number, secret in enumerate(secrets):
        files.append(folder / f"secret-{number}")
        files[-1].write_text(secret, encoding="utf-8")
    app = make_app("acme/shop", *files)
    app["webhook"]["provider"] = provider
    resolve_endpoints(Config.model_validate({"apps": {"shop": app}}), {})


@WITH_EVERY_HOST
@pytest.mark.parametrize(("secret", "why"), [("", "blank"), (" \n", "blank"), ("short", "fewer than")])
def test_without_a_proper_secret_nothing_starts(tmp_path: Path, host: Host, secret: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        resolve(tmp_path, host.provider, secret)


@WITH_EVERY_HOST
def test_a_secret_that_is_not_there_keeps_it_from_starting(tmp_path: Path, host: Host) -> None:
    app = make_app("acme/shop", tmp_path / "nowhere")
    app["webhook"]["provider"] = host.provider
    with pytest.raises(ConfigError, match="can't be read"):
        resolve_endpoints(Config.model_validate({"apps": {"shop": app}}), {})


@WITH_EVERY_HOST
def test_two_secrets_are_taken_at_once(tmp_path: Path, host: Host) -> None:
    resolve(tmp_path, host.provider, host.secret, host.other_secret)


@pytest.mark.parametrize(
    ("provider", "secrets"),
    [
        ("generic", (HOOK_SECRET,)),
        ("generic", (SIGNING_KEY, OTHER_SECRET)),
        ("gitlab", (HOOK_SECRET, SIGNING_KEY)),
        ("gitlab", ("whsec_is this base64?",)),
    ],
)
def test_secrets_that_could_never_be_valid_keep_it_from_starting(
    tmp_path: Path, provider: str, secrets: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError, match=r"apps\.shop\.webhook\.secrets") as refusal:
        resolve(tmp_path, provider, *secrets)
    assert provider in str(refusal.value)
    assert not any(secret in str(refusal.value) for secret in secrets)


def test_an_app_without_a_webhook_has_no_endpoint(tmp_path: Path) -> None:
    app = {**make_app("acme/shop", tmp_path / "x"), "webhook": None}
    assert resolve_endpoints(Config.model_validate({"apps": {"shop": app}}), {}) == ()


def test_apps_sign_for_themselves_even_where_their_kinds_of_secrets_differ(tmp_path: Path) -> None:
    endpoints = resolve_endpoints(make_host_config(tmp_path, *HOSTS))
    assert {one.app for one in endpoints if one.provider == "gitlab"} == {
        *("gitlab", "gitlab-other", "gitlab-signed", "gitlab-signed-other"),
    }
    (signer,) = Endpoints(endpoints).find_signers(GITLAB.delivery(), "gitlab")
    assert [one.app for one in signer.endpoints] == ["gitlab"]


def test_of_a_repositorys_apps_those_are_found_that_signed_and_are_open_to_the_sender(tmp_path: Path) -> None:
    endpoints = Endpoints(resolve_endpoints(make_host_config(tmp_path, *HOSTS, senders=["192.0.2.0/24"])))
    signers = endpoints.find_signers(GITLAB.delivery(), "gitlab")
    (own,) = signers[0].endpoints
    repository = own.repository.upper()

    assert endpoints.of(repository, "gitlab", signers, sender="192.0.2.1") == [own]
    assert endpoints.of(repository, "gitlab", signers, sender="198.51.100.1") == []
    assert endpoints.of(repository, "gitlab", [], sender="192.0.2.1") == []
    assert endpoints.of(repository, "github", signers, sender="192.0.2.1") == []
    assert endpoints.has_repository(repository, "gitlab")
    assert not endpoints.has_repository("acme/nowhere", "gitlab")


def test_senders_are_networks_and_a_single_address_is_that_address(tmp_path: Path) -> None:
    config = make_host_config(tmp_path, GENERIC, senders=["192.0.2.0/24", "2001:db8::1"])
    endpoint = resolve_endpoints(config)[0]
    assert endpoint.is_open_to("192.0.2.99")
    assert endpoint.is_open_to("2001:db8::1")
    assert not endpoint.is_open_to("2001:db8::2")
    assert not endpoint.is_open_to("")


@pytest.mark.parametrize("network", ["192.0.2.1/24", "example.org", "", "10.0.0.0/33", "*"])
def test_what_is_no_network_is_a_mistake_in_the_configuration(tmp_path: Path, network: str) -> None:
    with pytest.raises(ValueError, match="senders"):
        make_host_config(tmp_path, GENERIC, senders=[network])
