"""Channels in the configuration: what may stand there, and which address may be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from release.channels import (
    CommitStatusChannel,
    SlackChannel,
    Topic,
    WebhookChannel,
    resolve_secret,
)
from release.loading import parse_config
from release.origins import Webhook
from release.references import ConfigError, SecretReference
from release.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

KEY = "whsec_" + "a" * 32
GITHUB = Webhook(provider="github", repository="acme/shop", secrets=[SecretReference(env="S")])
GITLAB = Webhook(provider="gitlab", repository="acme/shop", secrets=[SecretReference(env="S")])
FILE = """
channels:
  chat: {kind: slack, url: {env: CHAT_URL}, apps: [shop]}
  audit: {kind: webhook, url: "https://example.com/in", secret: {env: KEY}, events: [live, stage]}
  commits: {kind: commit-status, host: github, token: {file: token}}
apps:
  shop:
    repository: https://example.com/shop.git
    namespace: shop
    image: "registry/shop:{tag}"
    gateway: {address: "http://10.0.0.1"}
    webhook: {provider: github, repository: acme/shop, secrets: [{env: S}]}
  blog:
    repository: https://example.com/blog.git
    namespace: blog
    image: "registry/blog:{tag}"
    gateway: {address: "http://10.0.0.1"}
"""


def slack(**more: object) -> SlackChannel:
    return SlackChannel.model_validate({"kind": "slack", "url": {"env": "CHAT_URL"}, **more})


def hook(url: str = "https://example.com/in", **more: object) -> WebhookChannel:
    return WebhookChannel.model_validate({"kind": "webhook", "url": url, "secret": {"env": "KEY"}, **more})


def commits(**more: object) -> CommitStatusChannel:
    given = {"kind": "commit-status", "host": "github", "token": {"env": "TOKEN"}, **more}
    return CommitStatusChannel.model_validate(given)


def test_channels_are_read_by_name_with_what_is_usual() -> None:
    config = parse_config(FILE, name="verdigris.yml")

    chat, audit, status = config.channels.values()

    assert chat.topics == set(Topic) - {Topic.STAGE, Topic.TEST}
    assert audit.topics == {Topic.LIVE, Topic.STAGE}
    assert status.topics == {Topic.STAGE}
    assert config.stuck_after == 1800


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("kind: slack", "kind: pager", "'slack', 'webhook', 'commit-status'"),
        ("apps: [shop]", "apps: [shoe]", "the channel chat is for the app shoe, which is not among apps"),
        (
            "host: github,",
            "host: gitlab, apps: [shop],",
            "the channel commits is for the app shop, whose webhook is not of its host",
        ),
        ("[live, stage]", "[live, test]", "Input should be"),
        ("[live, stage]", "[]", "at least 1 item"),
        ("https://example.com/in", "http://example.com/in", "url does not begin with https://"),
        ("host: github", "host: github, api: ftp://x", "api does not begin with https://"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, finding: str) -> None:
    with pytest.raises(ConfigError, match=r"verdigris.yml:\d+: ") as told:
        parse_config(FILE.replace(old, new), name="verdigris.yml")

    assert finding in str(told.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("example.com/in", "is no address"),
        ("https://", "is no address"),
        ("https://example.com:0/in", "is no address"),
        ("https://example.com:http/in", "is no address"),
        ("https://exa mple.com/in", "is no address"),
        ("https://example.com\\@evil.example/in", "is no address"),
        ("https://exämple.com/in", "is no address"),
        ("https://anna:secret@example.com/in", "has a password"),
        ("https://example.com/in#here", "has a password or a #"),
        ("http://example.com/in", "plain_http: true allows"),
        ("file:///etc/passwd", "is no address"),
        ("gopher://example.com/", "does not begin with https://"),
    ],
)
def test_what_is_no_plain_address_is_refused(url: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        hook(url)


def test_plain_http_has_to_be_wanted() -> None:
    assert hook("http://10.0.0.1:8080/in", plain_http=True).url == "http://10.0.0.1:8080/in"
    with pytest.raises(ValidationError):
        hook("gopher://10.0.0.1/", plain_http=True)


def test_a_channel_is_for_all_apps_or_for_those_it_names() -> None:
    assert slack().covers("shop", None)
    assert slack(apps=["shop"]).covers("shop", GITHUB)
    assert not slack(apps=["shop"]).covers("blog", GITHUB)


def test_a_commits_status_is_for_apps_on_its_host() -> None:
    assert commits().covers("shop", GITHUB)
    assert not commits().covers("shop", GITLAB)
    assert not commits().covers("shop", None)
    assert not commits(apps=["blog"]).covers("shop", GITHUB)
    assert commits(host="gitlab").covers("shop", GITLAB)


def test_a_host_of_your_own_has_its_own_address() -> None:
    assert commits().address == "https://api.github.com"
    assert commits(host="gitlab").address == "https://gitlab.com/api/v4"
    assert commits(api="https://git.example.com/api/v3/").address == "https://git.example.com/api/v3"


@pytest.mark.parametrize(
    ("channel", "text", "why"),
    [
        (slack(), "not-an-address-at-all", "is no address"),
        (slack(), "http://hooks.example.com/T1/B1", "does not begin with https://"),
        (hook(), "0123456789abcdef", "has to be whsec_"),
        (hook(), "whsec_" + "a" * 16, "24 bytes or more"),
        (hook(), "whsec_" + "ä" * 32, "in base64"),
        (commits(), "0123456789abcdef\n0123", "characters that no token has"),
        (commits(), "0123456789abcdéf", "characters that no token has"),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused_without_being_shown(
    channel: SlackChannel | WebhookChannel | CommitStatusChannel, text: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(text)
    reference = SecretReference(file=tmp_path / "secret")
    field = {"slack": "url", "webhook": "secret", "commit-status": "token"}[channel.kind]

    with pytest.raises(ConfigError, match="the secret of the channel chat") as told:
        resolve_secret("chat", channel.model_copy(update={field: reference}))

    assert why in str(told.value)
    assert text not in str(told.value)


@pytest.mark.parametrize(
    ("channel", "field", "text"),
    [
        (slack(), "url", "https://hooks.example.com/T1/B1/x"),
        (hook(), "secret", KEY),
        (commits(), "token", "ghp_0123456789abcdef"),
    ],
)
def test_a_secret_is_read_from_its_place(
    channel: SlackChannel | WebhookChannel | CommitStatusChannel, field: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(text)
    reference = SecretReference(file=tmp_path / "secret")

    assert resolve_secret("chat", channel.model_copy(update={field: reference})) == Secret(text)
