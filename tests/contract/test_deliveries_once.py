"""One tag, one release: each host's deliveries over the real core and Redis, at once and over restarts."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from release.queue import Queue
from release.redis_access import connect
from release.requests import Requests
from release.store import Store
from tests.unit.webhook.fakes import KEY, NOW
from tests.unit.webhook.hosts import (
    BITBUCKET,
    BITBUCKET_SERVER,
    GITEA,
    GITHUB,
    GOGS,
    HOSTS,
    TAG,
    WITH_EVERY_HOST,
    dump,
    make_host_config,
    read_sample,
)
from webhook.application import create_app
from webhook.services import WebSettings

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

    from release.records import Offer
    from release.redis_access import Client
    from tests.unit.webhook.hosts import Host

pytestmark = pytest.mark.needs_redis

COPIES = 50
OTHER_COMMIT = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"


class NoOutbox:
    """No worker is there to be told."""

    def send(self, offer: Offer) -> None:
        """Nothing: the offer stays in Redis."""

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        """Nothing is shown."""

    def close_waiting(self, job_id: str) -> None:
        """Nothing was shown."""


def start(folder: Path, client: Client, host: Host) -> Flask:
    """A web process over this Redis, with nothing in its memory."""
    config, store = make_host_config(folder, host), Store(client)
    requests = Requests(config, store, Queue(client), NoOutbox())
    settings = WebSettings(clock=lambda: NOW)
    return create_app(config, store, requests, secret_key=KEY, settings=settings)


def send(app: Flask, host: Host, body: bytes, *, identity: str = "id-1", event: str = "") -> TestResponse:
    headers = host.headers(body, identity=identity, event=event or host.event)
    return app.test_client().post(host.address, data=body, headers=headers)


def tags_of(client: Client, host: Host) -> list[str]:
    return sorted(release.tag for release in Store(client).releases(host.name))


@WITH_EVERY_HOST
def test_fifty_copies_at_once_are_one_release(tmp_path: Path, real_redis: Client, host: Host) -> None:
    # Given two processes, and fifty copies of a delivery, half of them under ids of their own
    apps = [start(tmp_path, real_redis, host) for _ in range(2)]
    body, gate = dump(host.push()), Barrier(COPIES)

    def deliver(number: int) -> TestResponse:
        gate.wait(30)
        return send(apps[number % 2], host, body, identity=f"id-{number}" if number % 4 > 1 else "id")

    # When all arrive at the same moment
    with ThreadPoolExecutor(COPIES) as pool:
        answers = list(pool.map(deliver, range(COPIES)))
    # Then one is accepted, the others name its release and how to run it again, and no other exists
    assert sorted(answer.status_code for answer in answers) == [200] * (COPIES - 1) + [202]
    contents = [answer.get_json() for answer in answers]
    assert len({content["release"] for content in contents}) == 1
    duplicates = [content for content in contents if content["result"] == "duplicate"]
    assert len(duplicates) == COPIES - 1
    assert all("verdigris" in content["next_step"] for content in duplicates)
    assert tags_of(real_redis, host) == [TAG]
    assert len(Store(real_redis).queue(host.name)) == 1


@WITH_EVERY_HOST
def test_a_process_started_later_knows_what_came_before(
    tmp_path: Path, real_redis: Client, host: Host
) -> None:
    body = dump(host.push())
    first = send(start(tmp_path, real_redis, host), host, body).get_json()
    for identity in ("id-1", "another"):
        again = send(start(tmp_path, real_redis, host), host, body, identity=identity)
        assert again.status_code == 200
        assert again.get_json()["release"] == first["release"]
        assert again.get_json()["next_step"] == f"to run it again: verdigris redeploy {first['release']}"
    assert tags_of(real_redis, host) == [TAG]


@WITH_EVERY_HOST
def test_a_delivery_that_failed_before_it_was_queued_gets_through_when_it_is_sent_again(
    tmp_path: Path, real_redis: Client, host: Host
) -> None:
    # Given a Redis that nobody answers for
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        away = connect(address, timeout=0.05)
        body = dump(host.push())
        # When a delivery comes, the host is told to come back
        answer = send(start(tmp_path, away, host), host, body)
        away.close()
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    # Then the same delivery is taken once Redis is there
    assert send(start(tmp_path, real_redis, host), host, body).status_code == 202
    assert tags_of(real_redis, host) == [TAG]


@pytest.mark.parametrize("host", [GITHUB, GITEA], ids=lambda host: host.name)
def test_push_and_create_of_one_tag_are_one_release(tmp_path: Path, real_redis: Client, host: Host) -> None:
    app, payload = start(tmp_path, real_redis, host), host.push()
    create = {"ref": TAG, "ref_type": "tag", "repository": payload["repository"]}
    statuses = [
        send(app, host, dump(create), identity="a", event="create").status_code,
        send(app, host, dump(payload), identity="b").status_code,
        send(app, host, dump(create), identity="c", event="create").status_code,
    ]
    assert statuses == [200, 202, 200]
    assert tags_of(real_redis, host) == [TAG]


def test_both_ways_in_which_gogs_could_tell_of_a_tag_are_one_release(
    tmp_path: Path, real_redis: Client
) -> None:
    app, push = start(tmp_path, real_redis, GOGS), read_sample("gogs", "push_tag")["payload"]
    push["head_commit"] = {"id": OTHER_COMMIT}
    assert send(app, GOGS, dump(GOGS.push()), identity="a").status_code == 202
    assert send(app, GOGS, dump(push), identity="b", event="push").status_code == 200
    assert tags_of(real_redis, GOGS) == [TAG]


@pytest.mark.parametrize(
    ("host", "sample"),
    [(BITBUCKET, "push_tags_and_branches"), (BITBUCKET_SERVER, "tags_and_branches")],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_several_tags_at_once_are_released_once_each(
    tmp_path: Path, real_redis: Client, host: Host, sample: str
) -> None:
    # Given a delivery of two tags that match, and one more after it that names one of them again
    app, payload = start(tmp_path, real_redis, host), read_sample(host.provider, sample)["payload"]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: send(app, host, dump(payload)).status_code, range(8)))
    # Then there is one release of each
    assert set(statuses) <= {200, 202}
    assert tags_of(real_redis, host) == [TAG, "v1.2.4-green"]


def test_a_moved_tag_starts_nothing_where_the_host_does_not_tell(tmp_path: Path, real_redis: Client) -> None:
    app = start(tmp_path, real_redis, GITEA)
    assert send(app, GITEA, dump(GITEA.push())).status_code == 202
    moved = send(app, GITEA, dump(GITEA.push(commit=OTHER_COMMIT)), identity="moved")
    assert moved.status_code == 200
    assert "moved" in moved.get_json()["reason"]
    assert tags_of(real_redis, GITEA) == [TAG]


def test_hosts_do_not_know_each_others_deliveries(tmp_path: Path, real_redis: Client) -> None:
    """The same id from two hosts is no duplicate: it is each app's own."""
    statuses = [
        send(start(tmp_path, real_redis, host), host, dump(host.push())).status_code for host in HOSTS
    ]
    assert statuses == [202] * len(HOSTS)
