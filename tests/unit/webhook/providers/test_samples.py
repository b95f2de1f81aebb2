"""What every host has in common, over the samples of each."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from release.config import Webhook
from release.secret import Secret
from tests.unit.webhook.fakes import COMMIT
from tests.unit.webhook.hosts import (
    HOSTS,
    TAG,
    WITH_EVERY_HOST,
    dump,
    expected_tags,
    put,
    read_sample,
    samples_of,
)
from webhook.providers import PROVIDERS
from webhook.providers.events import BadBody, BadShape, BadSignature, Ignored, NewTag, TagPush

if TYPE_CHECKING:
    from tests.unit.webhook.hosts import Host

SAMPLES = [(host, name) for host in HOSTS for name in samples_of(host.provider)]


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}


def test_the_configuration_names_the_hosts_that_there_are() -> None:
    named = Webhook.model_json_schema()["properties"]["provider"]["enum"]
    assert set(named) == set(PROVIDERS) == {host.provider for host in HOSTS}


@WITH_EVERY_HOST
def test_there_are_samples(host: Host) -> None:
    assert len(samples_of(host.provider)) >= 4


@pytest.mark.parametrize(("host", "name"), SAMPLES, ids=[f"{host.name}/{name}" for host, name in SAMPLES])
def test_samples_become_what_they_say(host: Host, name: str) -> None:
    # Given a sample that holds the event's name, its payload and what it should become
    sample = read_sample(host.provider, name)
    # When it is read
    event = PROVIDERS[host.provider].parse(host.delivery(sample["payload"], event=sample["event"]))
    # Then it starts what it says, or is ignored for the reason that it says
    tags = expected_tags(sample["expect"])
    if tags:
        assert isinstance(event, TagPush)
        assert [(tag.name, tag.commit) for tag in event.tags] == tags
    else:
        assert isinstance(event, Ignored)
        assert sample["expect"]["ignored"] in event.reason


@WITH_EVERY_HOST
def test_a_new_tag_names_repository_delivery_and_pusher(host: Host) -> None:
    event = PROVIDERS[host.provider].parse(host.delivery(host.push()))
    assert isinstance(event, TagPush)
    assert event.repository == host.repository
    assert event.tags == (NewTag(TAG, COMMIT if host.commit_at else ""),)
    assert event.delivery == "id-1"
    assert event.pusher in {"ann", "maria"}


@WITH_EVERY_HOST
def test_a_tag_keeps_its_slashes(host: Host) -> None:
    event = PROVIDERS[host.provider].parse(host.delivery(host.push("team/v1-blue")))
    assert isinstance(event, TagPush)
    assert event.tags[0].name == "team/v1-blue"


@WITH_EVERY_HOST
def test_its_own_secret_holds_and_another_does_not(host: Host) -> None:
    provider, delivery = PROVIDERS[host.provider], host.delivery()
    provider.verify(delivery, [Secret(host.other_secret), Secret(host.secret)])
    with pytest.raises(BadSignature):
        provider.verify(delivery, [Secret(host.other_secret)])
    with pytest.raises(BadSignature):
        provider.verify(delivery, [])


@WITH_EVERY_HOST
def test_headers_count_whatever_their_case(host: Host) -> None:
    body = dump(host.push())
    lower = {name.lower(): value for name, value in host.headers(body).items()}
    delivery = host.delivery(body)
    delivery = type(delivery)(lower, body, delivery.at)
    PROVIDERS[host.provider].verify(delivery, [Secret(host.secret)])
    assert isinstance(PROVIDERS[host.provider].parse(delivery), TagPush)


@WITH_EVERY_HOST
def test_a_delivery_without_an_id_is_known_by_its_body(host: Host) -> None:
    body = dump(host.push())
    delivery = host.delivery(body, identity="")
    event = PROVIDERS[host.provider].parse(delivery)
    assert event.delivery == f"sha256:{hashlib.sha256(body).hexdigest()[:32]}"


@WITH_EVERY_HOST
def test_an_id_with_marks_is_written_out_and_cut(host: Host) -> None:
    event = PROVIDERS[host.provider].parse(host.delivery(identity="\u202e" + "x" * 5000))
    assert event.delivery.isprintable()
    assert len(event.delivery) < 100


@WITH_EVERY_HOST
def test_without_the_header_that_names_the_event_nothing_is_read(host: Host) -> None:
    if host.event_header:
        with pytest.raises(BadShape, match=host.event_header):
            PROVIDERS[host.provider].parse(host.delivery(event=""))


@WITH_EVERY_HOST
@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("commit", "6113728"),
        ("commit", COMMIT.upper()),
        ("commit", COMMIT + "\n"),
        ("commit", 1),
        ("commit", [COMMIT]),
        ("tag", None),
        ("tag", 1),
        ("tag", {"name": TAG}),
        ("tag", [TAG]),
        ("repository", {}),
        ("repository", 1),
        ("repository", ["acme/shop"]),
        ("whole repository", None),
        ("whole repository", []),
        ("whole repository", "acme/shop"),
    ],
)
def test_a_signed_body_of_another_shape_is_told_from_a_broken_one(
    host: Host, what: str, value: object
) -> None:
    # Given the payload of a new tag with one thing wrong
    payload = host.push()
    places = {"commit": host.commit_at, "tag": host.tag_at, "repository": host.repository_at}
    place = places.get(what) or host.repository_at[:1]
    put(payload, place, value)
    # When it is read
    with pytest.raises(BadShape) as refusal:
        PROVIDERS[host.provider].parse(host.delivery(payload))
    # Then what is told names fields, not what stood in them
    assert "6113728" not in str(refusal.value)


@WITH_EVERY_HOST
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"a": NaN}', b"\xff"])
def test_what_is_no_object_is_a_broken_body(host: Host, body: bytes) -> None:
    with pytest.raises(BadBody):
        PROVIDERS[host.provider].parse(host.delivery(body))


@WITH_EVERY_HOST
def test_without_a_pusher_it_is_unknown(host: Host) -> None:
    payload = without(host.push(), "pusher", "user_username", "user_name", "actor", "sender")
    if host.provider == "generic":
        payload["data"] = without(payload["data"], "pusher")
    event = PROVIDERS[host.provider].parse(host.delivery(payload))
    assert isinstance(event, TagPush)
    assert event.pusher == "unknown"


@WITH_EVERY_HOST
def test_only_the_test_connection_of_bitbucket_server_needs_no_signature(host: Host) -> None:
    greetings = {
        event: PROVIDERS[host.provider].greet(host.delivery(event=event, secret=host.secret))
        for event in ("ping", "diagnostics:ping", host.event)
    }
    assert set(greetings.values()) == {None}
