"""What every host has in common, over the samples of each."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from release.ci import Check, CheckState
from release.origins import WITHOUT_CI, Webhook
from release.secret import Secret
from tests.unit.webhook.fakes import COMMIT
from tests.unit.webhook.hosts import (
    GENERIC,
    HOSTS,
    TAG,
    WITH_CI,
    WITH_EVERY_HOST,
    dump,
    expected_tags,
    put,
    read_sample,
    samples_of,
)
from webhook.providers import PROVIDERS
from webhook.providers.events import (
    BadBody,
    BadShape,
    BadSignature,
    CheckReport,
    Ignored,
    NewTag,
    TagPush,
)

if TYPE_CHECKING:
    from tests.unit.webhook.hosts import Host
    from webhook.providers.events import Event

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
    # Then it starts what it says, reports what it says, or is ignored for the reason that it says
    expect = sample["expect"]
    if isinstance(event, TagPush):
        assert [(tag.name, tag.commit) for tag in event.tags] == expected_tags(expect)
        assert {tag.is_move for tag in event.tags} == {expect.get("moved", False)}
    elif isinstance(event, CheckReport):
        assert (event.repository, event.commit) == (host.repository, expect["commit"])
        assert event.checks == tuple(expected_check(*check) for check in expect["checks"])
    else:
        assert expect["ignored"] in event.reason


def expected_check(name: str, state: str, at: str | None) -> Check:
    return Check(name, CheckState(state), datetime.fromisoformat(at) if at else None)


def test_hosts_that_tell_of_ci_are_those_that_the_configuration_lets_wait_for_it() -> None:
    assert {host.provider for host in HOSTS if not host.ci} == WITHOUT_CI


@WITH_CI
def test_a_check_that_passed_names_repository_commit_delivery_and_time(host: Host) -> None:
    event = read_report(host, host.report())
    assert isinstance(event, CheckReport)
    assert (event.repository, event.commit, event.delivery) == (host.repository, COMMIT, "id-1")
    assert CheckState.PASSED in {check.state for check in event.checks}
    assert {check.at.tzinfo for check in event.checks if check.at} == {UTC}


@WITH_CI
@pytest.mark.parametrize("state", ["", "Success", "SUCCESS ", "passed!", "approved", "☃", "x" * 5000])
def test_a_state_that_nobody_knows_never_counts_as_passed(host: Host, state: str) -> None:
    # Given a report whose one check has a state that the host does not have
    assert host.ci
    payload = host.report()
    put(payload, host.ci.name_at, "the check")
    put(payload, host.ci.state_at, state)
    # When it is read
    if host is GENERIC:  # its sender writes the body, and is told
        with pytest.raises(BadShape, match="state"):
            read_report(host, payload)
        return
    event = read_report(host, payload)
    # Then it is waited for
    assert isinstance(event, CheckReport)
    assert {check.state for check in event.checks if check.name == "the check"} == {CheckState.PENDING}


@WITH_CI
@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("commit", "6113728"),
        ("commit", COMMIT.upper()),
        ("commit", COMMIT + "\n"),
        ("commit", None),
        ("commit", [COMMIT]),
        ("name", 1),
        ("name", {"name": "build"}),
        ("state", 1),
        ("state", ["success"]),
        ("repository", None),
        ("repository", 1),
        ("repository", ["acme/shop"]),
    ],
)
def test_a_report_of_another_shape_is_told_from_a_broken_one(host: Host, what: str, value: object) -> None:
    assert host.ci
    payload = host.report()
    put(payload, getattr(host.ci, f"{what}_at"), value)
    with pytest.raises(BadShape) as refusal:
        read_report(host, payload)
    assert "6113728" not in str(refusal.value)


@WITH_CI
@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\x00", "\u202ebuild", "a\u2028b"])
def test_a_hostile_name_is_no_check(host: Host, name: str) -> None:
    assert host.ci
    payload = host.report()
    put(payload, host.ci.name_at, name)
    event = read_report(host, payload)
    names = {check.name for check in event.checks} if isinstance(event, CheckReport) else set()
    assert name not in names


@WITH_CI
def test_a_commit_of_sha256_is_one(host: Host) -> None:
    event = read_report(host, host.report(commit="a" * 64))
    assert isinstance(event, CheckReport)
    assert event.commit == "a" * 64


@pytest.mark.parametrize("host", [host for host in HOSTS if not host.ci], ids=lambda host: host.name)
@pytest.mark.parametrize(
    "event", ["status", "workflow_run", "action_run_success", "Pipeline Hook", "repo:commit_status_created"]
)
def test_where_a_host_tells_of_no_ci_nothing_is_taken_for_it(host: Host, event: str) -> None:
    payload = read_sample("gitea", "status")["payload"]
    told = PROVIDERS[host.provider].parse(host.delivery(payload, event=event))
    assert isinstance(told, Ignored)


def read_report(host: Host, payload: object) -> Event:
    assert host.ci
    return PROVIDERS[host.provider].parse(host.delivery(payload, event=host.ci.event))


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
