"""The web process as it is run: gunicorn with threads, the real core, a real Redis."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from release.audit_entries import NewEntry, Outcome
from release.model import Actor
from release.redis_access import connect
from release.roles import Action
from release.store import Store
from sandbox.datastore import DatastoreError, RunningRedis, find_redis_server, start_redis
from tests.unit.webhook.fakes import COMMIT, HOOK_SECRET, REPOSITORY, TOKEN, dump, headers, push
from webhook.bodies import HOOK_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.needs_redis

ROOT = Path(__file__).parents[2]
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE = 1.5
HASTY = Path(__file__).with_name("hasty.py")
CONFIGURATION = f"""
tokens:
  - name: ci
    value: {{env: CI_TOKEN}}
apps:
  shop:
    repository: https://git.example/app.git
    webhook:
      repository: {REPOSITORY}
      secrets: [{{env: HOOK_SECRET}}]
    namespace: shop
    image: "registry.example/app:{{tag}}"
    gateway: {{address: "http://127.0.0.1:9"}}
"""


@dataclass(frozen=True)
class WebProcess:
    """A running gunicorn."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deliver(self, body: bytes, **more: str) -> requests.Response:
        given = headers(body, **more)
        return requests.post(f"{self.url}/webhooks/github", data=body, headers=given, timeout=30)

    def send_raw(self, *parts: bytes, pause: float = 0) -> bytes:
        """What is answered to bytes sent as they are."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            for part in parts:
                try:
                    connection.sendall(part)
                except OSError:
                    break
                time.sleep(pause)
            return _receive(connection)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def redis(folder: Path) -> Iterator[RunningRedis]:
    try:
        server = find_redis_server()
    except DatastoreError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a real Redis: {error}")
        pytest.skip(str(error))
    with start_redis(folder / "redis", server=server) as running:
        yield running


@pytest.fixture(autouse=True)
def store(redis: RunningRedis) -> Iterator[Store]:
    """What the core knows, which is nothing before each test."""
    client = connect(redis.url, timeout=5)
    client.flushdb()
    yield Store(client)
    client.close()


@contextmanager
def running(folder: Path, redis: RunningRedis) -> Iterator[WebProcess]:
    """Gunicorn as the Procfile runs it, on a socket that is already bound."""
    (folder / "verdigris.yml").write_text(CONFIGURATION, encoding="utf-8")
    environment = {
        **os.environ,
        "VERDIGRIS_CONFIG": str(folder / "verdigris.yml"),
        "VERDIGRIS_REDIS_URL": redis.url,
        "VERDIGRIS_SECRET_KEY": "a secret key that only tests know, 32+",
        "CI_TOKEN": TOKEN,
        "HOOK_SECRET": HOOK_SECRET,
    }
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "web.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", f"webhook.wsgi:create(patience={PATIENCE})"),
                *("--bind", f"fd://{listener.fileno()}", "--forwarded-allow-ips=", "--config", str(HASTY)),
                *("--workers", "2", "--threads", "8", "--graceful-timeout", "5", "--no-control-socket"),
            ],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
        web = WebProcess(listener.getsockname()[1], process)
    try:
        wait_until(lambda: is_alive(web), f"the web process to answer, see {folder / 'web.log'}")
        yield web
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def is_alive(web: WebProcess) -> bool:
    assert web.process.poll() is None, "the web process ended"
    try:
        return requests.get(f"{web.url}/healthz", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def wait_until(holds: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def web(folder: Path, redis: RunningRedis) -> Iterator[WebProcess]:
    with running(folder, redis) as process:
        yield process


def test_a_delivery_fifty_times_at_once_is_one_release(web: WebProcess, store: Store) -> None:
    # Given fifty deliveries of one tag, half of them under ids of their own
    body = dump(push())
    ids = [{"X-GitHub-Delivery": f"id-{number}"} if number % 2 else {} for number in range(50)]
    # When all arrive at once
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda more: web.deliver(body, **more), ids))
    # Then one is accepted, the others name its release, and no other exists
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    assert len({answer.json()["release"] for answer in answers}) == 1
    assert [one.tag for one in store.releases("shop")] == ["v1.2.3-blue"]


def test_a_process_started_later_knows_what_was_delivered_before(
    web: WebProcess, tmp_path: Path, redis: RunningRedis, store: Store
) -> None:
    body = dump(push())
    assert web.deliver(body).status_code == 202
    with running(tmp_path, redis) as later:
        assert later.deliver(body).status_code == 200
    assert len(store.releases()) == 1


def test_while_unsigned_requests_flood_in_a_signed_delivery_is_answered_within_a_second(
    web: WebProcess, store: Store
) -> None:
    # Given a thousand requests without a valid signature, as many at once as the process has threads
    body, forged = dump(push()), {"X-Hub-Signature-256": "sha256=" + "0" * 64}
    with ThreadPoolExecutor(17) as pool:
        flood = [pool.submit(web.deliver, body, **forged) for _ in range(1000)]
        # When a signed delivery comes from the same address in the middle of them
        wait_until(lambda: sum(one.done() for one in flood) > 300, "the flood to have begun")
        began = time.monotonic()
        answer = web.deliver(body)
        took = time.monotonic() - began
        statuses = [one.result().status_code for one in flood]
    # Then it is taken at once, and of the others nearly all were told to stop
    assert answer.status_code == 202
    assert took < 1
    assert set(statuses) == {401, 429}
    assert statuses.count(401) < 30  # all processes together, so each knows what the other has refused
    assert len(store.releases()) == 1


def test_a_deploy_by_api_shows_in_every_place(web: WebProcess) -> None:
    # Given a deploy asked for by API
    asked = {"tag": "v3.0-green", "commit": COMMIT, "reason": "hotfix"}
    answer = requests.post(f"{web.url}/api/v1/apps/shop/deploy", json=asked, headers=BEARER, timeout=10)
    assert answer.status_code == 202
    release, job = answer.json()["release"], answer.json()["job"]
    # When it is looked up
    looked_up = requests.get(f"{web.url}{answer.headers['Location']}", headers=BEARER, timeout=10).json()
    app = requests.get(f"{web.url}/api/v1/apps/shop", headers=BEARER, timeout=10).json()
    shown = requests.get(f"{web.url}/api/v1/releases/{release['id']}", headers=BEARER, timeout=10).json()
    # Then it waits for a worker, under the token's name
    assert looked_up["id"] == job["id"]
    assert looked_up["doing"] == "waiting for a worker"
    assert [one["id"] for one in app["queue"]] == [job["id"]]
    assert shown["release"]["actor"] == {"kind": "token", "name": "ci"}
    assert shown["changes"][0]["to"] == "queued"


def test_what_was_asked_is_in_the_trail_with_the_steps_that_followed(web: WebProcess) -> None:
    # Given a deploy, by somebody who may not promote
    audit = f"{web.url}/api/v1/audit"
    wanted = {"name": "nightly", "role": "releaser", "apps": ["shop"]}
    made = requests.post(f"{web.url}/api/v1/tokens", json=wanted, headers=BEARER, timeout=10)
    nightly = {"Authorization": f"Bearer {made.json()['text']}"}
    asked = {"tag": "v3.0-green", "commit": COMMIT, "reason": "hotfix"}
    answer = requests.post(f"{web.url}/api/v1/apps/shop/deploy", json=asked, headers=nightly, timeout=10)
    release = answer.json()["release"]["id"]
    assert (
        requests.post(f"{web.url}/api/v1/apps/shop/promote", headers=nightly, timeout=10).status_code == 403
    )
    # When the trail is read
    entries = requests.get(audit, headers=BEARER, timeout=10).json()["entries"]
    # Then it has all of that, with what the release was and became
    assert [(one["action"], one["outcome"]) for one in entries] == [
        ("promote", "refused"),
        ("deploy", "accepted"),
        ("change", "done"),
        ("manage-tokens", "done"),
    ]
    refused, accepted, step, _ = entries
    assert (refused["why"], refused["actor"]["name"], refused["address"]) == (
        "not-allowed",
        "nightly",
        "127.0.0.1",
    )
    assert (accepted["release"], accepted["reason"], step["release"]) == (release, "hotfix", release)
    assert (accepted["before"], accepted["after"]["state"]) == ({"live": None}, "queued")


def test_a_long_trail_is_written_out_in_answers_of_a_size(web: WebProcess, store: Store) -> None:
    # Given more entries than one answer has
    for number in range(10_050):
        store.audit.write(
            NewEntry(
                actor=Actor("token", "ci"), action=Action.DEPLOY, outcome=Outcome.DONE, reason=f"é{number}"
            )
        )
    # When they are asked for, as long as there are some
    numbers: list[int] = []
    after, lines = "", [""]
    while lines:
        chosen = {"after": after} if after else {}
        answer = requests.get(f"{web.url}/api/v1/audit/export", chosen, headers=BEARER, timeout=60)
        lines = answer.text.splitlines()
        numbers += [json.loads(line)["number"] for line in lines]
        after = json.loads(lines[-1])["id"] if lines else ""
    # Then each is there once
    assert numbers == list(range(1, 10_051))


def test_nothing_ready_is_a_problem_in_words(web: WebProcess) -> None:
    answer = requests.post(f"{web.url}/api/v1/apps/shop/promote", headers=BEARER, timeout=10)
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/nothing-ready")


def test_a_chunked_body_over_the_limit_is_refused(web: WebProcess, store: Store) -> None:
    body = dump(push()) + b" " * HOOK_LIMIT
    given = headers(body[:HOOK_LIMIT])
    chunks = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    try:
        answer = requests.post(f"{web.url}/webhooks/github", data=chunks, headers=given, timeout=30)
        assert answer.status_code == 413
    except requests.ConnectionError:
        pass  # the server may hang up before all was sent
    assert store.releases() == []
    assert is_alive(web)


def test_a_chunked_delivery_is_a_delivery(web: WebProcess) -> None:
    body = dump(push())
    pieces = iter([body[:100], body[100:]])
    answer = requests.post(f"{web.url}/webhooks/github", data=pieces, headers=headers(body), timeout=30)
    assert answer.status_code == 202


def head(body: bytes, **more: str) -> bytes:
    lines = [f"{name}: {value}" for name, value in {**headers(body), **more}.items()]
    return "\r\n".join(["POST /webhooks/github HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def test_a_trickled_body_is_cut_by_a_timeout(web: WebProcess, store: Store) -> None:
    body = dump(push())
    began = time.monotonic()
    trickle = [bytes([byte]) for byte in body[:200]]
    answer = web.send_raw(head(body, **{"Content-Length": str(len(body))}), *trickle, pause=0.05)
    assert answer == b"" or b" 400 " in answer.splitlines()[0]  # hanging up is an answer, too
    assert time.monotonic() - began < PATIENCE + 200 * 0.06 + 5
    assert store.releases() == []
    assert web.deliver(body).status_code == 202


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n{}\r\n0\r\n\r\n", b"-5\r\n{}\r\n0\r\n\r\n", b"ffffffffffffffff\r\n{}"]
)
def test_broken_chunks_are_a_bad_request(web: WebProcess, chunk: bytes) -> None:
    answer = web.send_raw(head(b"{}", **{"Transfer-Encoding": "chunked", "Connection": "close"}), chunk)
    assert b" 400 " in answer.splitlines()[0]


def test_while_redis_is_away_answers_are_quick_and_say_so(web: WebProcess, redis: RunningRedis) -> None:
    # Given a process with a warm connection
    body = dump(push())
    assert web.deliver(dump(push(ref="refs/tags/v0-blue"))).status_code == 202
    assert requests.get(f"{web.url}/readyz", timeout=10).status_code == 200
    # When Redis stops answering without hanging up
    redis.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: web.deliver(body), range(20)))
        # Then the Git host is told to come back, long before it gives up
        assert time.monotonic() - began < 2
        assert {answer.status_code for answer in answers} == {503}
        assert all("Retry-After" in answer.headers for answer in answers)
        called = [requests.get(f"{web.url}/api/v1/apps", headers=BEARER, timeout=10) for _ in range(4)]
        assert {answer.status_code for answer in called} == {503}
        assert max(answer.elapsed.total_seconds() for answer in called) < 2
        ready = requests.get(f"{web.url}/readyz", timeout=10)
        assert ready.status_code == 503
        assert "Retry-After" in ready.headers
        assert requests.get(f"{web.url}/healthz", timeout=10).status_code == 200
    finally:
        redis.process.send_signal(signal.SIGCONT)
    # And once it answers again, the delivery is taken, once
    wait_until(lambda: web.deliver(body).status_code in {200, 202}, "the delivery to be taken")
    wait_until(lambda: web.deliver(body).status_code == 200, "the delivery to be known")


def test_a_redis_that_is_killed_keeps_every_delivery_that_was_accepted(tmp_path: Path) -> None:
    accepted: dict[str, str] = {}

    def deliver(number: int) -> None:
        tag = f"v{number}-blue"
        answer = web.deliver(dump(push(ref=f"refs/tags/{tag}")), **{"X-GitHub-Delivery": f"id-{number}"})
        if answer.status_code == 202:
            accepted[answer.json()["release"]] = tag
        assert answer.status_code in {202, 503}
        if len(accepted) >= 40:
            first.process.kill()

    # Given a burst of deliveries, in the middle of which Redis is killed
    with (
        start_redis(tmp_path / "redis", server=find_redis_server()) as first,
        running(tmp_path, first) as web,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(deliver, range(120)))
    assert 40 <= len(accepted) < 120
    # When it is started again over its append-only file
    with start_redis(tmp_path / "redis", first.port, server=find_redis_server()) as second:
        client = connect(second.url, timeout=5)
        known = {release.id: release for release in Store(client).releases("shop", limit=200)}
        jobs = {job.release_id for job in Store(client).queue("shop")}
        client.close()
    # Then nothing that was answered 202 is missing, and each release has its job
    assert {release: known[release].tag for release in accepted} == accepted
    assert set(known) == jobs


def test_the_log_is_json_without_secrets(web: WebProcess, folder: Path) -> None:
    web.deliver(dump(push()), **{"X-Gitlab-Token": HOOK_SECRET})
    web.deliver(b"{}", **{"X-Hub-Signature-256": "sha256=0"})
    text = (folder / "web.log").read_text(encoding="utf-8")
    events = [json.loads(line)["event"] for line in text.splitlines() if line.startswith("{")]
    assert {"tag received", "delivery refused"} <= set(events)
    assert HOOK_SECRET not in text
    assert TOKEN not in text


def test_without_a_secret_key_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "verdigris.yml").write_text(CONFIGURATION, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "VERDIGRIS_CONFIG": str(tmp_path / "verdigris.yml")}
    ended = subprocess.run(
        [sys.executable, "-c", "from webhook.wsgi import create; create()"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "VERDIGRIS_SECRET_KEY" in ended.stderr
