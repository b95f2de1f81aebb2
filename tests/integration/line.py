"""A production line for one small app: a bare repository, a queue, and stages that run here and now.

``push`` delivers a tag, ``run`` carries out what was offered, stage by stage, as workers do, but in this
process and without Celery. Each line has a namespace and a host name of its own in a shared ``Town``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, cast

import fakeredis
import pytest
import requests
import yaml
from ulid import ULID

from cluster import objects
from cluster.connection import Body
from cluster.kinds import Ref, object_path
from release.clock import utc_now
from release.environment import Settings
from release.loading import parse_config
from release.model import Actor, Color
from release.queue import Held, Queue, Timing
from release.requests import Requests
from release.store import Store
from source.checkout import Repositories
from tasks.activate import moves
from tasks.celery_tasks import WORK
from tasks.execution import NotClaimed, StageCancelled, StageFailed, run_stage
from tasks.signature import SIGNATURE
from tasks.step import Passed, Surroundings
from tasks.switching import PROOF_INTERVAL, move_users
from tasks.tested import check_passed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from release.model import Job, Release, Stage, State
    from release.records import Offer
    from release.redis_access import Client
    from release.requests import Accepted
    from sandbox.store import Event, Object
    from tasks.execution import Work
    from tasks.step import Step
    from tasks.turn import StageTurn
    from tests.integration.town import Town

ANNA = Actor("person", "anna")
GIT = Actor("git", "octocat")
DEADLINE = 30.0
TIMING = Timing(lease=1_000, grace=60_000)
"""A heartbeat every 0.2 s: a cancel is noticed soon."""

BRISK: Final = 0.02
"""Seconds between two answers that prove a switch, where a test is about something else."""

APP = """
import json, os, signal, socketserver, sys

with open("does.json") as file:
    does = json.load(file)
if does.get("crash"):
    sys.exit(does["crash"])
print("open", flush=True)

def answer(path):
    ready = not does.get("unready")
    status = 503 if path == "/ready" and not ready else does.get("status", 200)
    if path == "/flaky" and does["flaky"] > 0:
        does["flaky"] -= 1
        status = 500
    told = {"tag": os.environ["TAG"], "color": os.environ["COLOR"], **does.get("body", {})}
    return status, json.dumps(told)

class App(socketserver.StreamRequestHandler):
    # Without http.server, whose import takes longer than all else of a pod's start.

    def handle(self):
        is_kept = True
        while is_kept and (request := self.rfile.readline().decode().split()):
            lines = iter(lambda: self.rfile.readline().decode().strip().lower(), "")
            headers = dict(line.split(": ", 1) for line in lines if ": " in line)
            is_kept = request[0] == "GET" and headers.get("connection") != "close"
            status, body = answer(request[1]) if request[0] == "GET" else (501, "")
            head = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", "X-Tag: " + os.environ["TAG"]]
            head += [] if is_kept else ["Connection: close"]
            self.wfile.write("\\r\\n".join([*head, "", body]).encode())

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever(poll_interval=0.05)
"""


@dataclass
class Sent:
    """An outbox whose offers are run, not published."""

    offers: list[Offer] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def send(self, offer: Offer) -> None:
        self.offers.append(offer)

    def show_waiting(self, job_id: str, *, app: str, tag: str, release: str | None) -> None:
        self.shown.append(f"{job_id} {app} {tag} {release}")

    def close_waiting(self, job_id: str) -> None:
        self.closed.append(job_id)


class Repo:
    """The app's repository, and a tree to commit in, which is its own: so a tag costs no push.

    It is its own ``origin``, for what a test pushes by itself.
    """

    def __init__(self, folder: Path) -> None:
        self.bare = folder / "shop.git"
        self.clone = folder / "shop"
        place = f"--separate-git-dir={self.bare}"
        _git(folder, "init", "--quiet", "--template=", "--initial-branch=main", place, str(self.clone))
        with (self.bare / "config").open("a") as config:
            config.write(f'[remote "origin"]\n\turl = {self.bare}\n[maintenance]\n\tauto = false\n')
        (self.clone / "app.py").write_text(APP)

    def commit(self, tag: str, *, files: Mapping[str, str] | None = None, **does: object) -> str:
        """A commit whose app does as it is told, and its tag, as after a push; its id."""
        (self.clone / "does.json").write_text(json.dumps({"made for": tag, **does}))
        for name, text in (files or {}).items():
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / name).write_text(text)
        _git(self.clone, "add", "--all")
        _git(self.clone, "commit", "--quiet", "--allow-empty", "--message", tag)
        _git(self.clone, "tag", "--force", tag)
        return (self.bare / "refs" / "heads" / "main").read_text().strip()

    def remove_tag(self, tag: str) -> None:
        """The Git host forgets the tag; its commit stays."""
        _git(self.clone, "push", "--quiet", "origin", f":refs/tags/{tag}")


def _git(folder: Path, *arguments: str) -> str:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {"NAME": "Ada", "EMAIL": "ada@example.com"}
    identity = {
        f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in who.items()
    }
    env = {**outside, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    return done.stdout


class Interruptible:
    """The queue as one worker sees it, with something that happens at a moment of its stage.

    ``at_check``: called after each answer to "is it still my turn?", between a read and its write.
    ``at_line``: called with each line of the log. A frozen worker's heartbeat is frozen as well: it believes
    in its claim until it asks. Lines may leave with the heartbeat: an end that one of them brings comes to
    the stage when it asks next.
    """

    def __init__(
        self,
        queue: Queue,
        *,
        at_check: Callable[[int], None] = lambda _: None,
        at_line: Callable[[str], None] = lambda _: None,
        has_heartbeat: bool = True,
    ) -> None:
        self._queue = queue
        self._at_check = at_check
        self._at_line = at_line
        self._has_heartbeat = has_heartbeat
        self.checks = 0
        self._end: BaseException | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the queue has
        return getattr(self._queue, name)

    def look(self, job_id: str, *, fence: int) -> Held | None:
        self._come_to_an_end()
        held = self._queue.look(job_id, fence=fence)
        if held:
            self.checks += 1
            self._at_check(self.checks)
        return held

    def renew(self, job_id: str, *, fence: int) -> Held | None:
        return self._queue.renew(job_id, fence=fence) if self._has_heartbeat else Held(None)

    def log(self, job_id: str, *, fence: int, subject: str, stage: str, lines: Sequence[str]) -> bool:
        kept = self._queue.log(job_id, fence=fence, subject=subject, stage=stage, lines=lines)
        try:
            for line in lines:
                self._at_line(line)
        except BaseException as end:
            if threading.current_thread().name != "heartbeat":
                raise
            self._end = end
        if threading.current_thread().name != "heartbeat":
            self._come_to_an_end()
        return kept

    def _come_to_an_end(self) -> None:
        if self._end:
            raise self._end


class Brisk:
    """A stage's turn whose proof of a switch asks as often as ever, but sooner again."""

    def __init__(self, turn: StageTurn) -> None:
        self._turn = turn

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the turn has
        return getattr(self._turn, name)

    def pause(self, seconds: float) -> None:
        self._turn.pause(BRISK if seconds == PROOF_INTERVAL else seconds)


@dataclass(frozen=True)
class Ended:
    """One stage as it ended: ``result`` is what Celery would show."""

    stage: Stage
    result: str


class DyingAtMove:
    """The queue of a worker that dies when it wants to record what it did."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the queue has
        return getattr(self._queue, name)

    def move(self, *_: object, **__: object) -> bool:
        raise KeyboardInterrupt


class Line:
    """Requests on one side, stages on the other."""

    def __init__(self, town: Town, folder: Path, *, client: Client | None = None, **app: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.town = town
        self.namespace = f"t{ULID()}".lower()
        self.host = f"{self.namespace}.example.com"
        self.repo = Repo(folder)
        self.image = f"registry.sandbox/{self.namespace}"
        town.add_namespace(self.namespace)
        town.add_image(self.image, self.repo.bare, [sys.executable, "-S", "app.py"])
        self.redis = client or fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
        self.config_text = yaml.safe_dump({"apps": {"shop": self._configured(app)}})
        self.config = parse_config(self.config_text, name="verdigris.yml")
        self.store, self.queue, self.sent = Store(self.redis), Queue(self.redis, TIMING), Sent()
        self.requests = Requests(self.config, self.store, self.queue, self.sent)
        self.cluster = town.connect()
        self.around = Surroundings(
            settings=replace(Settings.read({}), data=folder / "data"),
            config=self.config,
            store=self.store,
            queue=self.queue,
            outbox=self.sent,
            repositories=Repositories(folder / "repositories"),
            connect=lambda _: self.cluster,
            clock=utc_now,
        )
        self.accepted: Accepted | None = None
        self.is_brisk = True
        self._deliveries = 0

    def _configured(self, given: dict[str, object]) -> dict[str, object]:
        """The app of the tests: one pod a color, short waits; ``given`` replaces or adds settings."""
        values = {"hosts": [self.host], "replicas": 1, "readiness_path": "/ready", "drain_seconds": 0}
        more = given.pop("values", {})
        assert isinstance(more, dict)
        return {
            "repository": str(self.repo.bare),
            "namespace": self.namespace,
            "image": f"{self.image}:{{tag}}",
            "gateway": {"address": self.town.address, "host": self.host},
            "values": {**values, "grace_seconds": 2, **more},
            "smoke": {"requests": [{"path": "/"}], "deadline": 5, "interval": 0.1},
            "deadlines": {"rollout": 20, "image_wait": 0.5, "switch": 5},
            "drain": 0,
            **given,
        }

    def push(
        self, tag: str, *, files: Mapping[str, str] | None = None, config: str = "", **does: object
    ) -> Release:
        """Commit, tag, push, and deliver the webhook."""
        commit = self.repo.commit(tag, files=files, **does)
        self._deliveries += 1
        delivery = f"delivery-{self._deliveries}"
        return self.take(
            self.requests.deploy("shop", tag, actor=GIT, commit=commit, delivery=delivery, reason=config)
        )

    def take(self, accepted: Accepted) -> Release:
        self.accepted = accepted
        return self.release(accepted.release_id or "")

    def default_manifests(self) -> dict[str, str]:
        """Verdigris' own templates, as files of the app's repository."""
        names = ("deployment", "gateway", "route", "route-test", "service")
        folder = resources.files("manifests")
        return {f"manifests/{name}.yml": (folder / f"{name}.yml").read_text("utf-8") for name in names}

    def with_apps(self, *names: str) -> Surroundings:
        """What a worker has whose configuration knows other apps."""
        app = yaml.safe_load(self.config_text)["apps"]["shop"]
        text = yaml.safe_dump({"apps": dict.fromkeys(names, app)})
        return replace(self.around, config=parse_config(text, name="verdigris.yml"))

    def reconfigure(self, **app: object) -> None:
        """Workers are started anew with other settings of the app."""
        document = yaml.safe_load(self.config_text)
        document["apps"]["shop"].update(app)
        self.config_text = yaml.safe_dump(document)
        self.config = parse_config(self.config_text, name="verdigris.yml")
        self.around = replace(self.around, config=self.config)
        self.requests = Requests(self.config, self.store, self.queue, self.sent)

    def run(self, *, until: Stage | None = None) -> list[Ended]:
        """Run whatever was offered to its end, or up to (without) a stage: ``run`` again goes on there."""
        ended: list[Ended] = []
        while self.sent.offers:
            offer = self.sent.offers.pop(0)
            for index in range(offer.index, len(offer.stages)):
                if offer.stages[index] is until:
                    self.sent.offers.insert(0, replace(offer, index=index))
                    return ended
                result = self.run_stage(offer, index)
                ended.append(Ended(offer.stages[index], result))
                if not result.endswith("passed"):
                    break
        return ended

    def run_stage(
        self, offer: Offer, index: int, *, work: Work | None = None, around: Surroundings | None = None
    ) -> str:
        """One stage as a worker runs it; what Celery would show."""
        try:
            return run_stage(
                around or self.around,
                self._hurried(work or WORK[offer.stages[index]]),
                job_id=offer.job_id,
                index=index,
                fence=offer.fence,
                owner=f"{offer.task_prefix(index)}{ULID()}",
            )
        except (StageFailed, StageCancelled, NotClaimed) as end:
            return f"{type(end).__name__}: {end}"

    def _hurried(self, work: Work) -> Work:
        """The same work, sooner proved; unless ``is_brisk`` was taken back, where a proof is looked at."""

        def hurried(step: Step) -> Passed:
            return work(replace(step, turn=cast("StageTurn", Brisk(step.turn))))

        return hurried if self.is_brisk else work

    def dying_after_its_switch(self) -> Surroundings:
        """What a worker has that dies between its switch and the record of it."""
        return replace(self.around, queue=cast("Queue", DyingAtMove(self.queue)))

    def interrupted(
        self,
        *,
        at_check: Callable[[int], None] = lambda _: None,
        at_line: Callable[[str], None] = lambda _: None,
        has_heartbeat: bool = True,
    ) -> Surroundings:
        """What a worker has in whose stage something happens; see ``Interruptible``."""
        queue = Interruptible(self.queue, at_check=at_check, at_line=at_line, has_heartbeat=has_heartbeat)
        return replace(self.around, queue=cast("Queue", queue))

    def lose(self, why: str = "its worker stopped renewing its claim") -> Offer:
        """The reconciler takes the running stage from its worker and offers it anew."""
        job = self.job()
        offer = self.queue.lost(job.id, fence=job.fence, why=why).offer
        assert offer
        return offer

    def deploy(self, tag: str, **does: object) -> Release:
        """Push and run; the release as it is then."""
        pushed = self.push(tag, **does)  # type: ignore[arg-type]
        self.run()
        return self.release(pushed.id)

    def promote(self, release_id: str | None = None) -> Job:
        return self._ask(
            self.requests.promote("shop", actor=ANNA, release_id=release_id, reason="looks good")
        )

    def rollback(self) -> Job:
        return self._ask(self.requests.rollback("shop", actor=ANNA, reason="errors"))

    def decommission(self) -> Job:
        return self._ask(self.requests.decommission("shop", actor=ANNA))

    def go_live(self, tag: str, **does: object) -> Release:
        """Deploy and promote, which must pass; without the proof, whose repetitions take their time."""
        release = self.deploy(tag, **does)
        assert release.state == "ready", self.told(release)
        self.accepted = self.requests.promote("shop", actor=ANNA)
        assert self.run_stage(self.sent.offers.pop(), 0, work=_switch_alone) == "activate passed"
        self.expect(tag)
        return self.release(release.id)

    def _ask(self, accepted: Accepted) -> Job:
        self.accepted = accepted
        self.run()
        return self.job()

    def job(self) -> Job:
        """The job of the last request."""
        assert self.accepted
        found = self.store.find_job(self.accepted.job_id)
        assert found
        return found

    def slug(self) -> str | None:
        """What ended the last request's job."""
        problem = self.job().problem
        return problem.slug if problem else None

    def release(self, release_id: str) -> Release:
        found = self.store.find_release(release_id)
        assert found
        return found

    def state(self, release: Release) -> State:
        return self.release(release.id).state

    def told(self, release: Release) -> str:
        """The release's log as text."""
        return "\n".join(line.text for line in self.store.log(release.id, limit=10_000))

    def ref(self, kind: str, color: str = "") -> Ref:
        names = {"Deployment": f"shop-{color}", "Service": "shop", "Gateway": "shop-gateway"}
        return Ref(kind, self.namespace, names.get(kind, "shop-blue-green"))

    def find(self, kind: str, color: str = "") -> Object | None:
        return objects.find(self.cluster, self.ref(kind, color))

    def get(self, kind: str, color: str = "") -> Object:
        return objects.get(self.cluster, self.ref(kind, color))

    def replica_sets(self, color: str) -> list[Object]:
        """Those of a color that have pods."""
        found, _ = objects.list_objects(self.cluster, "ReplicaSet", self.namespace, labels=f"color={color}")
        return [one for one in found if one["spec"]["replicas"]]

    def route(self) -> list[Object]:
        """The VirtualService's entries."""
        entries: list[Object] = self.get("VirtualService")["spec"]["http"]
        return entries

    def default(self) -> str:
        """The color that the default entry names."""
        return subset_of(self.route()[-1])

    def edit(self, kind: str, changes: Object, color: str = "") -> None:
        """What somebody changes by hand with ``kubectl``."""
        self.by_hand("PATCH", self.ref(kind, color), Body(changes, "application/merge-patch+json"))

    def by_hand(self, method: str, ref: Ref, body: Body | None = None, *, path: str = "") -> None:
        query = {"fieldManager": "kubectl-edit"} if body else None
        self.cluster.request(method, path or object_path(ref), query=query, body=body)

    def keep(self, *kinds: tuple[str, str]) -> Callable[[], None]:
        """Remember objects as they are; what is returned puts them back, as somebody with a backup would."""
        plural = {"VirtualService": "virtualservices.networking.istio.io", "Deployment": "deployments.apps"}
        kept = [(plural[kind], self.get(kind, color)) for kind, color in kinds]

        def restore() -> None:
            for resource, obj in kept:
                self.town.call(partial(self.town.store.update, resource, obj, check_version=False))
            for kind, color in kinds:
                self.wait_for(partial(self.is_settled, kind, color), f"{kind} {color} is as it was")

        return restore

    def is_settled(self, kind: str, color: str) -> bool:
        """Whether every pod of a Deployment runs its newest template; other kinds always are."""
        obj = self.get(kind, color)
        if kind != "Deployment":
            return True
        status, wanted = obj["status"], obj["spec"]["replicas"]
        counts = [status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        return counts == [wanted] * 3 and status["observedGeneration"] == obj["metadata"]["generation"]

    def create(self, obj: Object) -> None:
        objects.create(self.cluster, {**obj, "metadata": {"namespace": self.namespace, **obj["metadata"]}})

    def ask(self, *, cookie: str = "") -> tuple[int, str]:
        """A request through the gateway: its status, and the tag that answered."""
        answer = self._get(cookie)
        return answer.status_code, answer.headers.get("X-Tag", "")

    def find_signature(self, *, cookie: str) -> str | None:
        """The release that the gateway says an answer is of."""
        return self._get(cookie).headers.get(SIGNATURE)

    def _get(self, cookie: str) -> requests.Response:
        headers = {"Host": self.host} | ({"Cookie": cookie} if cookie else {})
        return requests.get(self.town.address, headers=headers, timeout=5)

    def expect(self, tag: str, *, cookie: str = "") -> None:
        """Users, or testers, get this version: at once, or as soon as Envoy has followed the route."""
        self.wait_for(
            lambda: self.ask(cookie=cookie) == (200, tag), f"{tag} answers ({self.ask(cookie=cookie)})"
        )

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Ask again and again, to the deadline."""
        end, pause = time.monotonic() + DEADLINE, threading.Event()
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"not within {DEADLINE:.0f} s: {what}")
            pause.wait(0.02)

    @contextmanager
    def writes(self) -> Iterator[list[Event]]:
        """Every write to this line's objects while the block runs, in order."""
        heard: list[Event] = []

        def listen(event: Event) -> None:
            if event.object["metadata"].get("namespace") == self.namespace:
                heard.append(event)

        end = self.town.hear(listen)
        try:
            yield heard
        finally:
            self.town.call(end)

    @contextmanager
    def users(self) -> Iterator[list[tuple[int, str]]]:
        """Users ask, one request after the other, while the block runs: what they got."""
        got: list[tuple[int, str]] = []
        ended = threading.Event()

        def ask_on() -> None:
            while not ended.wait(0.01):
                got.append(self.ask())

        thread = threading.Thread(target=ask_on, daemon=True)
        thread.start()
        try:
            yield got
        finally:
            ended.set()
            thread.join(DEADLINE)

    def close(self) -> None:
        """Take the app away: Envoy has one watch of files per Service and subset, the system few of them."""
        kinds = [(kind, "") for kind in ("VirtualService", "DestinationRule", "Gateway", "Service")]
        for kind, color in [*kinds, *(("Deployment", color) for color in Color)]:
            if self.find(kind, color):
                self.by_hand("DELETE", self.ref(kind, color))


def _switch_alone(step: Step) -> Passed:
    move_users(step, check=check_passed)
    return Passed(moves(step))


def subset_of(entry: Object) -> str:
    subset: Any = entry["route"][0]["destination"]["subset"]
    return str(subset)
