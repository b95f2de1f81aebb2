"""The thirteen kinds of requests that must not get through, or must not break anything, at every host.

Each was a published weakness in a peer. ``test_hostile_deliveries`` goes deeper, at one host; what only a
real server shows (a trickled body, fifty copies over Redis) is in ``test_web_process`` and
``test_deliveries_once``.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import socket
import time
import tracemalloc
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_network
from itertools import product
from threading import Event, Thread, Timer
from threading import enumerate as enumerate_threads
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.unit.webhook.fakes import KEY, NOW, TOKEN, FakeRequests, FakeStore, Web, make_web
from tests.unit.webhook.hosts import (
    FORK,
    GENERIC,
    GITEA,
    GITHUB,
    GITLAB,
    GITLAB_SIGNED,
    HOSTS,
    SIGNING_KEY,
    TAG,
    WITH_EVERY_HOST,
    by_standard,
    dump,
    make_host_config,
    put,
    standard_signature,
)
from tests.unit.webhook.providers.test_strict_json import HOSTILE
from tests.unit.webhook.test_hostile_deliveries import HOSTILE_TAGS
from webhook.application import create_app
from webhook.bodies import HOOK_LIMIT
from webhook.departures import Outgoing
from webhook.services import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.webhook.hosts import Host

SIGNED_BY = {
    "X-Hub-Signature-256",
    "X-Hub-Signature",
    "X-Gitea-Signature",
    "X-Forgejo-Signature",
    "X-Gogs-Signature",
    "X-Gitlab-Token",
    "webhook-signature",
}


@pytest.fixture
def web(tmp_path: Path, host: Host) -> Web:
    """A process that knows the one host."""
    return make_web(make_host_config(tmp_path, host))


def make_patient(folder: Path, **settings: Any) -> Web:  # noqa: ANN401 -- as WebSettings takes them
    store, requests, now = FakeStore(), FakeRequests(), [NOW]
    given = WebSettings(clock=lambda: now[0], **settings)
    config = make_host_config(folder, *HOSTS)
    return Web(create_app(config, store, requests, secret_key=KEY, settings=given), store, requests, now)


def forge(host: Host, body: bytes) -> Iterator[dict[str, str]]:
    """Headers whose proof is worth nothing."""
    good = host.headers(body)
    (name,) = SIGNED_BY & set(good)
    value = good[name]
    prefix, _, proof = value.rpartition("=" if value.startswith("sha") else ",")
    forged = [
        *("", f"{prefix}=", proof and f"x{value}", f"{value},{value}", f"sha1={'a' * 40}", f"{value}00"),
        *("\u00e9" * 64, "sha256=" + "\u00e9" * 64, value[:-1], value.swapcase(), "sha256=" + "0" * 64),
    ]
    without = {key: given for key, given in good.items() if key != name}
    yield without
    for one in forged:
        yield {**without, name: one.encode().decode("latin-1")}
    yield host.headers(body, secret=host.other_secret + "A" * 4)
    if host.sign is not GITLAB.sign:  # its token says nothing of the body
        yield {**good, name: host.headers(body + b" ")[name]}
        again = json.dumps(json.loads(body), indent=1).encode()
        yield {**good, name: host.headers(again)[name]}
        empty = hmac.new(b"", body, hashlib.sha256).hexdigest()
        yield {**good, name: f"{prefix}={empty}" if prefix else empty}


@WITH_EVERY_HOST
def test_1_a_forged_signature_is_refused_with_one_uniform_body(web: Web, host: Host) -> None:
    # Given every way to forge the proof of a delivery
    body = dump(host.push())
    answers: set[tuple[bytes, tuple[str, ...]]] = set()
    for headers in forge(host, body):
        # When each is sent, by a sender of its own
        sender = {"REMOTE_ADDR": f"192.0.2.{len(answers) + 1}"}
        answer = web.client.post(host.address, data=body, headers=headers, environ_overrides=sender)
        # Then it is refused
        assert answer.status_code in {401, 429}, headers
        if answer.status_code == 401:
            answers.add((answer.data, tuple(sorted(name for name, _ in answer.headers))))
    # And all are told the same, and nothing was started
    assert len(answers) == 1
    assert not web.requests.asked


@WITH_EVERY_HOST
def test_1_made_with_another_hooks_secret_is_refused(web: Web, host: Host) -> None:
    # The secret of the app beside it, which has another repository: authentic, but not for this one
    answer = host.deliver(web, secret=host.other_secret)
    assert answer.status_code == 401
    assert not web.requests.asked


@WITH_EVERY_HOST
def test_2_a_body_over_the_limit_is_refused_whole_or_chunked_in_flat_memory(web: Web, host: Host) -> None:
    # Given a body of many times the limit, the first part of which is signed
    body = dump(host.push()).ljust(HOOK_LIMIT)
    headers = host.headers(body)
    stream = io.BytesIO(body + b" " * 16 * HOOK_LIMIT)
    chunked = {"Transfer-Encoding": "chunked"}
    tracemalloc.start()
    # When it is sent with its length, and without one
    whole = web.client.post(
        host.address, input_stream=stream, headers=headers, content_length=len(stream.getvalue())
    )
    assert stream.tell() == 0
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    open_ended = web.client.post(
        host.address,
        input_stream=stream,
        headers={**headers, **chunked},
        environ_overrides={"wsgi.input_terminated": True},
    )
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    # Then both are refused before authentication, and no more than the limit was read
    assert (whole.status_code, open_ended.status_code) == (413, 413)
    assert stream.tell() <= HOOK_LIMIT + 1
    assert peak < 4 * HOOK_LIMIT
    assert not web.requests.asked


def test_2_a_trickled_body_is_cut_by_a_timeout(tmp_path: Path) -> None:
    # Given a process of little patience, and a client that sends a byte now and then
    web = make_patient(tmp_path, patience=0.2)
    ours, theirs = socket.socketpair()
    is_over = Event()

    def trickle() -> None:
        while not is_over.wait(0.02):
            with suppress(OSError):  # ours has stopped to listen
                theirs.send(b" ")

    # When its body is read
    began, client = time.monotonic(), Thread(target=trickle, daemon=True)
    with ours, theirs, ours.makefile("rb", buffering=0) as stream:
        client.start()
        given = {"wsgi.input": stream, "CONTENT_LENGTH": "500", "gunicorn.socket": ours}
        answer = web.client.post(GITHUB.address, headers=GITHUB.headers(b""), environ_overrides=given)
        is_over.set()
        client.join()
    # Then it is cut long before the body would have been there
    assert answer.status_code == 400
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("is_whole", "expected"), [(True, 0), (False, 1)])
def test_2_only_a_body_that_is_still_on_its_way_is_waited_for(
    tmp_path: Path, *, is_whole: bool, expected: int
) -> None:
    # Given a body whose reading tells what runs meanwhile
    web, body, seen = make_patient(tmp_path, patience=10), dump(GITHUB.push()), []

    class Told(io.BytesIO):
        def readinto(self, into: Any) -> int:  # noqa: ANN401 -- whatever can be written to
            timers = [one for one in enumerate_threads() if isinstance(one, Timer)]
            seen.append(sum(one.function.__module__ == "webhook.patience" for one in timers))
            return super().readinto(into)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        # When it is delivered, there whole or not
        given = {"wsgi.input": Told(body), "gunicorn.socket": Outgoing(ours, is_whole=is_whole)}
        given["CONTENT_LENGTH"] = str(len(body))
        answer = web.client.post(GITHUB.address, headers=GITHUB.headers(body), environ_overrides=given)
    # Then only one that may keep a thread waiting has a timer, which is a thread as well
    assert answer.status_code == 202
    assert seen == [expected]


@WITH_EVERY_HOST
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_3_json_that_breaks_parsers_is_a_bad_request(web: Web, host: Host, body: bytes) -> None:
    assert host.deliver(web, body).status_code == 400
    assert not web.requests.asked


@WITH_EVERY_HOST
def test_4_another_shape_is_unprocessable_and_the_next_request_is_served(web: Web, host: Host) -> None:
    # Given each place that is read, holding each kind of value that should not be there
    places = [host.tag_at, host.repository_at, host.repository_at[:1], host.commit_at or ("ref_type",)]
    values: tuple[Any, ...] = (None, 1, 1.5, True, [], {}, [[]], "x", {"id": {}})
    for number, (place, value) in enumerate(product(places, values)):
        payload = host.push()
        put(payload, place, value)
        # When it is delivered
        status = host.deliver(web, payload, identity=f"id-{number}").status_code
        # Then it is told as that, or says less and starts nothing; but it breaks nothing
        assert status in {200, 202, 403, 422}, (place, value)
    tags = {one.given["tag"] for one in web.requests.asked}
    assert tags <= {TAG}
    assert {one.given["commit"] for one in web.requests.asked} <= {"", host_commit(host)}
    assert host.deliver(web, host.push("v9.9-green"), identity="next").status_code == 202


def host_commit(host: Host) -> str:
    found: Any = host.push()
    for step in host.commit_at:
        found = found[step]
    return found if isinstance(found, str) else ""


@WITH_EVERY_HOST
def test_5_only_the_endpoints_own_scheme_counts(web: Web, host: Host) -> None:
    # Given a body that is signed in the manner of every other host
    body = dump(host.push())
    foreign: dict[str, str] = {}
    for other in HOSTS:
        foreign |= other.headers(body, secret=host.secret if other.secret[:6] == host.secret[:6] else None)
    own = SIGNED_BY & set(host.headers(body))
    if host.event_header:
        foreign[host.event_header] = host.event
    # When it is sent with all of those but its own
    kept = {name: value for name, value in foreign.items() if name not in own}
    if "X-Hub-Signature" in own:
        kept["X-Hub-Signature-256"] = GITHUB.headers(body)["X-Hub-Signature-256"]
    answer = web.client.post(host.address, data=body, headers={**kept, "Authorization": f"Bearer {TOKEN}"})
    # Then nothing starts
    assert answer.status_code == 401
    assert not web.requests.asked


def test_5_a_token_alone_is_refused_where_a_signing_token_is_configured(tmp_path: Path) -> None:
    web = make_web(make_host_config(tmp_path, GITLAB_SIGNED))
    for token in (SIGNING_KEY, GITLAB.secret):
        assert GITLAB.deliver(web, secret=token).status_code == 401
    assert GITLAB_SIGNED.deliver(web).status_code == 202


@pytest.mark.parametrize("host", [GENERIC, GITLAB_SIGNED], ids=lambda host: host.name)
def test_6_old_and_future_times_dotted_ids_and_unknown_versions_are_refused(web: Web, host: Host) -> None:
    body = dump(host.push())
    for seconds in (-301, 301):
        assert host.deliver(web, body, at=NOW + timedelta(seconds=seconds)).status_code == 401
    assert host.deliver(web, body, identity="msg.1").status_code == 401
    good = host.headers(body)["webhook-signature"]
    for signature in (good.replace("v1,", "v1a,"), good.replace("v1,", "v2,")):
        assert host.deliver(web, body, **{"webhook-signature": signature}).status_code == 401
    assert not web.requests.asked
    for seconds in (-300, 300):
        at = NOW + timedelta(seconds=seconds)
        assert host.deliver(web, body, at=at, identity=f"at{seconds}").status_code in {200, 202}


@WITH_EVERY_HOST
def test_6_while_a_secret_is_exchanged_both_work_until_the_old_one_is_taken_out(
    tmp_path: Path, host: Host
) -> None:
    # Given an app that takes the old secret and the new one
    new = host.other_secret
    config = make_host_config(tmp_path, host)
    (tmp_path / "new").write_text(new, encoding="utf-8")
    app = config.apps[host.name].model_dump()
    app["webhook"]["secrets"].append({"file": tmp_path / "new"})
    both = make_web(type(config).model_validate({"apps": {host.name: app}}))
    # When it is signed with either, or by a host that sends two signatures
    assert host.deliver(both, host.push("v1-blue"), identity="a", secret=host.secret).status_code == 202
    assert host.deliver(both, host.push("v2-blue"), identity="b", secret=new).status_code == 202
    if host.sign is by_standard:
        body, stamp = dump(host.push("v3-blue")), str(int(NOW.timestamp()))
        two = " ".join(standard_signature(body, key, "c", stamp) for key in (host.secret, new))
        assert host.deliver(both, body, identity="c", **{"webhook-signature": two}).status_code == 202
    # Then only the new one does once the old one is taken out
    del app["webhook"]["secrets"][0]
    after = make_web(type(config).model_validate({"apps": {host.name: app}}))
    assert host.deliver(after, secret=host.secret).status_code == 401
    assert host.deliver(after, secret=new).status_code == 202


@WITH_EVERY_HOST
def test_7_the_same_tag_however_often_it_is_told_is_one_release(web: Web, host: Host) -> None:
    # The same delivery, a new id for it, and the event that some hosts send beside it
    statuses = [host.deliver(web, identity=identity).status_code for identity in ("a", "a", "b")]
    assert statuses == [202, 200, 200]
    if host in {GITHUB, GITEA}:
        create = {"ref": TAG, "ref_type": "tag", "repository": host.push()["repository"]}
        assert host.deliver(web, create, event="create", identity="c").status_code == 200
    assert len(web.requests.asked) == 1


@WITH_EVERY_HOST
def test_8_a_repository_that_is_not_configured_is_forbidden(web: Web, host: Host) -> None:
    answer = host.deliver(web, host.push(repository=FORK.replace("shop", "fork")))
    assert answer.status_code == 403
    assert "mallory" not in answer.text
    assert not web.requests.asked


@WITH_EVERY_HOST
def test_8_addresses_in_a_payload_are_never_called(
    web: Web, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a payload full of addresses inside, and headers of a forged enterprise host
    inside = "http://169.254.169.254/latest/meta-data"
    payload = host.push()
    addresses = {"url": inside, "clone_url": "ext::sh -c id", "links": {"clone": [{"href": inside}]}}
    payload |= {**addresses, "compare": inside, "compare_url": inside}
    for part in ("repository", "project", "data"):
        if isinstance(payload.get(part), dict):
            payload[part] |= {**addresses, "git_http_url": inside, "html_url": inside}
    forged = {"X-GitHub-Enterprise-Host": "169.254.169.254", "X-Gitlab-Instance": inside}
    called: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: called.append(address))
    # When it arrives
    answer = host.deliver(web, payload, **forged)
    # Then its tag is released, and nobody was called or is to be
    assert answer.status_code == 202
    assert not called
    assert "169.254" not in repr(web.requests.asked)
    assert "ext::" not in repr(web.requests.asked)


@WITH_EVERY_HOST
@pytest.mark.parametrize("tag", HOSTILE_TAGS.values(), ids=HOSTILE_TAGS.keys())
def test_9_a_hostile_tag_is_refused_with_a_reason_in_a_200(web: Web, host: Host, tag: str) -> None:
    with capture_logs() as lines:
        answer = host.deliver(web, host.push(tag))
    assert answer.status_code == 200
    assert answer.json is not None
    assert "can't be released" in answer.json["reason"]
    assert len(answer.text) < 1000
    assert not web.requests.asked
    assert all(str(value).isprintable() for line in lines for value in line.values())


@WITH_EVERY_HOST
def test_10_tokens_in_the_address_other_methods_and_other_types_are_refused(web: Web, host: Host) -> None:
    body = dump(host.push())
    unsigned = {name: value for name, value in host.headers(body).items() if name not in SIGNED_BY}
    query = {"token": host.secret, "secret": host.secret, "access_token": TOKEN}
    assert web.client.post(host.address, data=body, headers=unsigned, query_string=query).status_code == 401
    for method in ("get", "put", "patch", "delete"):
        assert getattr(web.client, method)(host.address, headers=host.headers(body)).status_code == 405
    for kind in (
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=klingon",
        "",
    ):
        assert host.deliver(web, body, **{"Content-Type": kind}).status_code == 415
    assert not web.requests.asked


@WITH_EVERY_HOST
def test_11_refusals_name_nothing_and_no_secret_is_logged_even_when_echoed(web: Web, host: Host) -> None:
    # Given requests that are refused with 401, 403 and 404, by a sender that echoes every secret
    body, fork = dump(host.push()), dump(host.push(repository="mallory/fork"))
    echo = {"User-Agent": host.secret, "X-Echo": host.secret, "Authorization": f"Bearer {TOKEN}"}
    if host is not GITLAB:
        echo["X-Gitlab-Token"] = GITLAB.secret
    with capture_logs() as lines:
        answers = [
            host.deliver(web, body, secret=host.other_secret + "A" * 4, **echo),
            host.deliver(web, fork, **echo),
            web.client.post("/webhooks/unknown", data=body, headers={**host.headers(body), **echo}),
            host.deliver(web, body, **echo),
        ]
    # Then what they are told names no header, hook, app, repository or secret
    assert [answer.status_code for answer in answers] == [401, 403, 404, 202]
    for answer in answers[:3]:
        told = answer.text.lower() + str(answer.headers).lower()
        for word in ("x-", "signature", "sha256", host.name, "shop", "mallory", host.secret.lower()):
            assert word not in told.replace("x-content-type-options", "").replace("x-frame-options", "")
    # And neither does any line of the log, nor what is asked of the core
    for secret in (host.secret, host.other_secret, GITLAB.secret, TOKEN):
        assert secret not in repr(lines)
        assert secret not in repr(web.requests.asked)


def test_12_a_spoofed_sender_is_ignored_unless_a_trusted_proxy_names_it(tmp_path: Path) -> None:
    # Given an app that takes deliveries from one IPv6 address, behind one trusted proxy
    store, requests = FakeStore(), FakeRequests()
    settings = WebSettings(clock=lambda: NOW, proxies=(ip_network("10.0.0.1"),))
    config = make_host_config(tmp_path, GITHUB, senders=["2001:db8::1"])
    app = create_app(config, store, requests, secret_key=KEY, settings=settings)
    body = dump(GITHUB.push())

    def send(peer: str, forwarded: str = "") -> int:
        headers = GITHUB.headers(body) | ({"X-Forwarded-For": forwarded} if forwarded else {})
        overrides = {"REMOTE_ADDR": peer}
        answer = app.test_client().post(
            GITHUB.address, data=body, headers=headers, environ_overrides=overrides
        )
        return answer.status_code

    # When others say that they are that address, or are its neighbor, they are refused
    assert send("203.0.113.5", "2001:db8::1") == 401
    assert send("10.0.0.2", "2001:db8::1") == 401
    assert send("2001:db8::2") == 401
    assert send("10.0.0.1", "2001:db8::1, 203.0.113.5") == 401
    assert not requests.asked
    # Then it alone gets through, directly or by the proxy
    assert send("2001:db8::1") == 202
    assert send("10.0.0.1", "203.0.113.5, 2001:db8::1") == 200


@WITH_EVERY_HOST
def test_13_a_flood_without_proof_is_told_to_stop_and_a_signed_delivery_is_still_taken(
    web: Web, host: Host
) -> None:
    # Given a thousand requests without proof, from the address that the Git host's come from, too
    client, body = web.client, dump(host.push())
    unsigned = {name: value for name, value in host.headers(body).items() if name not in SIGNED_BY}
    with capture_logs() as lines:
        answers = [client.post(host.address, data=body, headers=unsigned) for _ in range(1000)]
    # When a signed one comes
    began = time.monotonic()
    signed = host.deliver(web, body)
    # Then it is taken at once; of the others nearly all were told to stop, and the log stayed short
    assert signed.status_code == 202
    assert time.monotonic() - began < 1
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(429) > 900
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 429)
    assert len(lines) < 100
