from __future__ import annotations

import pytest

from release.problems import Problem
from source.address import anonymous, get_transport, without_credentials


@pytest.mark.parametrize(
    ("address", "transport"),
    [
        ("https://git.example.com/acme/shop.git", "https"),
        ("https://user:pass@git.example.com/acme/shop.git", "https"),
        ("http://gitea:3000/acme/shop.git", "http"),
        ("ssh://git@git.example.com:2222/acme/shop.git", "ssh"),
        ("git@git.example.com:acme/shop.git", "ssh"),
        ("[::1]:acme/shop.git", "ssh"),
        ("git://git.example.com/acme/shop.git", "git"),
        ("/srv/git/shop.git", "file"),
        ("file:///srv/git/shop.git", "file"),
    ],
)
def test_an_address_may_use_its_own_transport_only(address: str, transport: str) -> None:
    assert get_transport(address) == transport


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c touch% /tmp/pwned",
        "ext::touch",
        "ext://touch",
        "fd::17",
        "transport::https://git.example.com/x",
        "--upload-pack=touch /tmp/pwned",
        "-oProxyCommand=touch",
        "ssh://-oProxyCommand=touch/x",
        "ssh://git@-oProxyCommand=touch/x",
        "-oProxyCommand=touch:x",
        "git@-oProxyCommand=touch:x",
        "ftp://git.example.com/x",
        "HTTPS://git.example.com/x",
        "../shop.git",
        "shop.git",
        "https://git.example.com/x\n--upload-pack=touch",
        "",
    ],
)
def test_an_address_that_could_run_something_is_refused(address: str) -> None:
    with pytest.raises(Problem) as caught:
        get_transport(address)

    assert caught.value.document.slug == "repository-refused"


@pytest.mark.parametrize("address", ["/srv/git/shop.git", "file:///srv/git/shop.git"])
def test_a_local_address_is_refused_where_local_repositories_are_off(address: str) -> None:
    with pytest.raises(Problem, match="switched off"):
        get_transport(address, allow_file_transport=False)


def test_a_refusal_shows_no_credentials() -> None:
    with pytest.raises(Problem) as caught:
        get_transport("ftp://user:hunter2@git.example.com/x")

    assert "hunter2" not in str(caught.value)


def test_urls_are_printed_without_user_and_password() -> None:
    text = "fatal: unable to access 'https://user:pass@git.example.com/x': no"

    assert anonymous(text) == "fatal: unable to access 'https://git.example.com/x': no"


@pytest.mark.parametrize("address", ["https://u:hunter2@h/x", "https://hunter2@h/x", "ssh://u:hunter2@h/x"])
def test_the_secret_part_of_an_address_goes_from_any_text(address: str) -> None:
    said = f"could not log in to {address} with hunter2"

    assert "hunter2" not in without_credentials(said, address)


def test_a_user_of_ssh_is_no_secret() -> None:
    assert without_credentials("git: no such user", "ssh://git@h/x") == "git: no such user"
    assert without_credentials("git: no such user", "git@h:x") == "git: no such user"
