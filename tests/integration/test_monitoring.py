"""Numbers and logs of processes as they are run: two web processes, a worker, a real Redis."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cli.commands.processes import worker_arguments
from cli.demo.crew import Crew, Member
from sandbox.datastore import start_redis
from tests.integration.line import Repo
from tests.unit.webhook.fakes import HOOK_SECRET, REPOSITORY, TOKEN, dump, headers, make_app, push
from webhook.metrics_folder import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.needs_redis, pytest.mark.timeout(180)]

Found = TypeVar("Found")

BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
DEADLINE: Final = 60.0
ACCEPTED: Final = ("verdigris_deliveries_total", "accepted")


def until(find: Callable[[], Found | None], what: str) -> Found:
    pause, end = threading.Event(), time.monotonic() + DEADLINE
    while not (found := find()):
        assert time.monotonic() < end, f"not within {DEADLINE:.0f} s: {what}"
        pause.wait(0.1)
    return found


@dataclass
class Site:
    """What runs, its web process on ``port``."""

    folder: Path
    crew: Crew
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deliver(self, number: int) -> requests.Response:
        body = dump(push(ref=f"refs/tags/v{number}.0-blue"))
        given = headers(body, **{"X-GitHub-Delivery": f"delivery-{number}"})
        return requests.post(f"{self.url}/webhooks/github", data=body, headers=given, timeout=30)

    def scrape(self) -> dict[tuple[str, str], float]:
        """By name and its last label's value."""
        answer = requests.get(f"{self.url}/metrics", headers=BEARER, timeout=30)
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.text)
        return {
            (one.name, ([*one.labels.values()] or [""])[-1]): one.value
            for family in families
            for one in family.samples
        }

    def metrics_folders(self) -> list[Path]:
        return list((self.folder / "tmp").glob(f"{PREFIX}*"))

    def lines(self, process: str) -> list[dict[str, Any]]:
        log = self.crew.log_of(process)
        text = log.read_text(encoding="utf-8") if log.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def is_alive(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        return False

    def children(self) -> list[int]:
        """The processes that answer, of which gunicorn's first is the parent."""
        parent = self.crew.pid("web")
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        return [int(one) for one in text.split()]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "tmp").mkdir()
    with started(tmp_path) as found:
        yield found


@contextmanager
def started(folder: Path) -> Iterator[Site]:
    """``verdigris web`` with two processes, as the Procfile has it."""
    with start_redis(folder / "redis", append_only=False) as redis, socket.create_server(LOCAL) as listener:
        crew = Crew(environment=_prepare(folder, redis.port), logs=folder / "logs")
        with closing(crew):
            program = str(Path(sys.executable).with_name("verdigris"))
            bind = f"fd://{listener.fileno()}"
            web = (program, "web", "--bind", bind, "--workers", "2")
            crew.start(Member("web", web, descriptors=(listener.fileno(),)))
            site = Site(folder, crew, listener.getsockname()[1])
            until(lambda: site.is_alive() and len(site.children()) == 2, "the web process answers")
            yield site


LOCAL: Final = ("127.0.0.1", 0)


def _prepare(folder: Path, port: int) -> dict[str, str]:
    secret = folder / "hook"
    secret.write_text(HOOK_SECRET, encoding="utf-8")
    shop = json.loads(json.dumps(make_app(REPOSITORY, secret), default=str))
    shop["repository"] = str(Repo(folder).bare)
    tokens = [{"name": "prometheus", "value": {"env": "CI_TOKEN"}, "role": "viewer"}]
    (folder / "verdigris.yml").write_text(yaml.safe_dump({"tokens": tokens, "apps": {"shop": shop}}))
    return {
        **os.environ,
        "TMPDIR": str(folder / "tmp"),
        "VERDIGRIS_CONFIG": str(folder / "verdigris.yml"),
        "VERDIGRIS_REDIS_URL": f"redis://127.0.0.1:{port}/0",
        "VERDIGRIS_DATA": str(folder / "data"),
        "VERDIGRIS_SECRET_KEY": "a secret key that only tests know, 32+",
        "CI_TOKEN": TOKEN,
        "KUBECONFIG": str(folder / "no-kubeconfig"),
        "PYTHONUNBUFFERED": "1",
    }


def test_every_process_tells_the_numbers_of_all_of_them_also_of_one_that_was_killed(site: Site) -> None:
    # Given deliveries that either of two processes has taken, each over a connection of its own
    for number in range(12):
        assert site.deliver(number).status_code == 202
    assert {site.scrape()[ACCEPTED] for _ in range(6)} == {12}
    # When one of them is killed, and another takes its place
    killed = site.children()[0]
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in site.children() and len(site.children()) == 2, "another process")
    # Then nothing that was counted is gone
    assert site.deliver(12).status_code == 202
    assert {site.scrape()[ACCEPTED] for _ in range(6)} == {13}
    assert site.scrape()["verdigris_releases_total", "queued"] == 13


def test_the_folder_of_numbers_goes_with_the_processes_and_what_is_left_with_the_next_start(
    tmp_path: Path,
) -> None:
    # Given a folder of its own, for its own eyes
    (tmp_path / "tmp").mkdir()
    with started(tmp_path) as site:
        (made,) = site.metrics_folders()
        assert list(made.glob("counter_*.db"))
        # When all its processes are killed, and it is started again
        before = site.crew.pid("web")
        site.crew.kill("web")
        until(lambda: site.crew.pid("web") != before and site.is_alive(), "it is started again")
        # Then there is a new one, which counts from nothing; Redis has not forgotten
        until(lambda: site.metrics_folders() not in ([], [made]), "a folder of its own")
        assert len(site.metrics_folders()) == 1
        assert site.scrape()[ACCEPTED] == 0
    # When it is told to end, then nothing is left
    assert site.metrics_folders() == []


def test_one_finds_the_way_from_a_delivery_to_its_stages(site: Site) -> None:
    # Given a delivery, and a worker that finds no cluster
    site.deliver(7)
    arguments = worker_arguments("releases", "releases-1")
    site.crew.start(Member("worker", (sys.executable, "-m", "celery", *arguments)))
    # When its first stage has ended
    ended = until(lambda: find(site.lines("worker"), "stage ends"), "the stage ends")
    # Then all that was logged of it has the delivery's id, the release, and what it is about
    received = find(site.lines("web"), "tag received")
    assert received
    answered = next(line for line in site.lines("web") if line.get("route") == "/webhooks/<host>")
    begun = find(site.lines("worker"), "stage begins")
    assert begun
    for line in (begun, ended):
        assert line["delivery"] == received["delivery"] == answered["delivery"] == "delivery-7"
        assert line["release"] == received["release"] == answered["release"]
        assert (line["app"], line["tag"], line["stage"]) == ("shop", "v7.0-blue", "sanity")
        assert line["job"]
    assert (ended["outcome"], answered["status"]) == ("failed", 202)
    # And Celery's own lines of it name the release
    own = until(
        lambda: next((one for one in site.lines("worker") if one["logger"] == "celery.app.trace"), None),
        "Celery's line",
    )
    assert (own["release"], own["stage"], own["tag"]) == (received["release"], "sanity", "v7.0-blue")
    # And its end is counted
    until(lambda: site.scrape().get(("verdigris_releases_total", "failed")), "the failure is counted")
    assert HOOK_SECRET not in site.crew.log_of("web").read_text(encoding="utf-8")


def test_each_line_of_the_web_process_is_one_json_object_gunicorns_own_too(site: Site) -> None:
    site.deliver(1)
    text = site.crew.log_of("web").read_text(encoding="utf-8")

    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "webhook.request_log"}


def find(lines: list[dict[str, Any]], event: str) -> dict[str, Any] | None:
    return next((line for line in lines if line["event"] == event), None)
