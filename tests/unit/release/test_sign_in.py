from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from release.config import Config
from release.loading import secret_references
from release.references import ConfigError
from release.roles import Grant, Role
from release.sign_in import GroupGrant, SignIn, grants_of

APP = {
    "repository": "https://git.example/app.git",
    "namespace": "shop",
    "image": "registry.example/app:{tag}",
    "gateway": {"address": "http://127.0.0.1:8081"},
}
SECRET = {"env": "CLIENT_SECRET"}


def sign_in(**given: object) -> SignIn:
    values = {"issuer": "https://id.example.com", "client_id": "verdigris", "client_secret": SECRET, **given}
    return SignIn.model_validate(values)


def config(**given: Any) -> Config:  # noqa: ANN401 -- parts of a file
    return Config.model_validate({"apps": {"shop": APP}, **given})


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example.com",
        "https://id.example.com/realms/shop",
        "https://id.example.com:8443/",
        "http://127.0.0.1:5000",
        "http://localhost:5000",
        "http://[::1]:5000/x",
    ],
)
def test_an_issuer_is_asked_with_tls_or_on_this_machine(issuer: str) -> None:
    assert sign_in(issuer=issuer).issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example.com",
        "id.example.com",
        "https://user:password@id.example.com",
        "https://id.example.com?x",
        "https://id.example.com/#x",
        "https://id.example.com/a b",
        "https://id.example.com\\@elsewhere.example",
        "https://id.example.com\n",
        "ftp://id.example.com",
        "",
    ],
)
def test_any_other_issuer_is_a_mistake(issuer: str) -> None:
    with pytest.raises(ValidationError, match=r"https://"):
        sign_in(issuer=issuer)


def test_without_openid_among_the_scopes_nobody_can_be_told() -> None:
    with pytest.raises(ValidationError, match="must have openid"):
        sign_in(scopes=["profile"])


@pytest.mark.parametrize(
    "address",
    [
        "https://id.example.com/token",
        "https://ID.example.com:443/token",
        "https://id.example.com.",
        "https://keys.example.net/jwks?x=1",
        "https://more.example.net:8443/x",
    ],
)
def test_addresses_on_named_hosts_may_be_used(address: str) -> None:
    assert sign_in(hosts=["keys.example.net", "more.example.net:8443"]).is_open_to(address)


@pytest.mark.parametrize(
    "address",
    [
        "http://id.example.com/token",
        "https://id.example.com:8443/token",
        "https://more.example.net/x",
        "https://id.example.com.evil.example/token",
        "https://id.example.com@evil.example/token",
        "https://evil.example\\@id.example.com/token",
        "https://evil.example/#@id.example.com/",
        "https://127.0.0.1/token",
        "http://127.0.0.1/token",
        "file:///etc/passwd",
        "https://id.example.com/a\r\nHost: evil",
        "",
    ],
)
def test_addresses_on_other_hosts_may_not(address: str) -> None:
    assert not sign_in(hosts=["keys.example.net", "more.example.net:8443"]).is_open_to(address)


def test_a_provider_on_this_machine_may_do_without_tls_but_leads_nowhere_else_without() -> None:
    here = sign_in(issuer="http://127.0.0.1:5000", hosts=["id.example.com", "localhost:5001"])

    assert here.is_open_to("http://127.0.0.1:5000/token")
    assert here.is_open_to("http://localhost:5001/token")
    assert here.is_open_to("https://id.example.com/token")
    assert not here.is_open_to("http://id.example.com/token")
    assert not here.is_open_to("http://id.example.com:443/token")
    assert not here.is_open_to("http://127.0.0.1:5001/token")


def test_people_know_a_provider_by_its_host() -> None:
    assert sign_in(issuer="https://id.example.com:8443/realms/shop").host == "id.example.com:8443"


def test_groups_have_the_roles_that_the_configuration_grants() -> None:
    granted = [
        GroupGrant(group="sre", role=Role.PROMOTER),
        GroupGrant(group="shop-team", role=Role.RELEASER, apps=["shop"]),
        GroupGrant(group="sre", role=Role.ADMIN, apps=["shop"]),
    ]

    assert grants_of(["sre", "cooks"], granted) == (
        Grant(Role.PROMOTER),
        Grant(Role.ADMIN, frozenset({"shop"})),
    )
    assert grants_of(["cooks", "SRE"], granted) == ()
    assert grants_of([], granted) == ()


def test_sign_in_and_grants_belong_together() -> None:
    there = sign_in().model_dump()
    grants = [{"group": "sre", "role": "promoter", "apps": ["shop"]}]

    assert config(sign_in=there, grants=grants).grants[0].role is Role.PROMOTER
    for alone in ({"sign_in": there}, {"grants": grants}):
        with pytest.raises(ValidationError, match="name both or none"):
            config(**alone)


def test_a_grant_for_an_app_that_does_not_exist_is_a_mistake() -> None:
    grants = [{"group": "sre", "role": "promoter", "apps": ["shpo"]}]
    with pytest.raises(ValidationError, match="grants name the app shpo"):
        config(sign_in=sign_in().model_dump(), grants=grants)


def test_an_unknown_field_or_role_is_a_mistake() -> None:
    with pytest.raises(ValidationError):
        sign_in(verify=False)
    with pytest.raises(ValidationError):
        GroupGrant.model_validate({"group": "sre", "role": "owner"})


def test_the_client_secret_is_among_those_that_are_checked() -> None:
    whole = config(sign_in=sign_in().model_dump(), grants=[{"group": "sre", "role": "admin"}])
    assert ("sign_in", "client_secret") in [location for location, _ in secret_references(whole)]


def test_a_client_secret_may_be_a_file() -> None:
    assert sign_in(client_secret={"file": "/run/secrets/client"}).client_secret.file == Path(
        "/run/secrets/client"
    )


def test_a_client_secret_that_no_header_can_carry_is_told(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("a client secret that only tests know", encoding="utf-8")
    assert sign_in(client_secret={"file": file}).resolve_client_secret().matches(file.read_text())

    file.write_text("a client secret with an é in it", encoding="utf-8")
    with pytest.raises(ConfigError, match="not ASCII"):
        sign_in(client_secret={"file": file}).resolve_client_secret()
