"""A core that remembers what was asked and shows what a test puts in: for the web process, without Redis."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import fakeredis

from release.api_tokens import ApiTokens
from release.approvals import Verdict
from release.audit import Audit
from release.auto_promotion import Stop
from release.config import Config
from release.counts import Counts
from release.differences import Differences
from release.events import Events
from release.gate import Gate
from release.history import EVERYTHING, ReleasePage, Wanted
from release.model import Actor, Color, Job, JobKind, JobState, Release, Stage, StageRun, StageState, State
from release.observation import ColorObservation, Observation
from release.plan import PLAN
from release.problems import NotDurable, Problem
from release.secret import Secret
from release.signal_lines import SignalLines
from release.standing_queues import StandingQueue
from tests.unit.webhook.contract import hold_to_document
from webhook.application import create_app
from webhook.services import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from release.approvals import Vote
    from release.ci import Check
    from release.problems import ProblemDocument
    from release.records import Change, LogLine
    from release.store import Store
    from release.tag_watch import Comparison, KnownTag

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
KEY = Secret("a secret key that only tests know, 32+")
HOOK_SECRET = "It's a Secret to Everybody"
OTHER_SECRET = "the secret of the other app"
TOKEN = "a token that only tests know"
COMMIT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
REPOSITORY = "Codertocat/Hello-World"
OCTOCAT = Actor("git", "octocat")


@dataclass(frozen=True)
class FakeAccepted:
    release_id: str | None
    job_id: str
    is_new: bool = True


@dataclass
class Asked:
    """One call of ``FakeRequests``."""

    what: str
    subject: str
    given: dict[str, Any]


class FakeTags:
    """What ``release.heard_tags.HeardTags`` shows, of the app ``shop``."""

    def __init__(self) -> None:
        self.is_away = False
        self.last: Comparison | None = None
        self.asked = 0
        self.found: list[KnownTag] = []

    def find_last(self, app: str) -> tuple[Comparison | None, int]:
        self._check()
        return (self.last, self.asked) if app == "shop" else (None, 0)

    def never_delivered(self, app: str) -> list[KnownTag]:
        self._check()
        return self.found if app == "shop" else []

    def ask(self, app: str) -> None:
        self._check()
        assert app == "shop"
        self.asked += 1

    def dismiss(self, app: str, tag: KnownTag) -> None:
        self._check()
        assert app == "shop"
        self.found = [tag if one.name == tag.name else one for one in self.found]

    def _check(self) -> None:
        if self.is_away:
            message = "Redis did not answer: ConnectionError"
            raise NotDurable(message)


@dataclass
class FakeConsent:
    """What ``release.consent.Consent`` shows."""

    said: list[Vote] = field(default_factory=list)
    stop: Stop | None = None

    def votes(self, release_id: str) -> list[Vote]:
        return self.said if release_id == "R1" else []

    def find_stop(self, release_id: str) -> Stop | None:
        return self.stop if release_id == "R1" else None


class FakeEvents(Events):
    """Something has always happened, so that nothing is remembered."""

    number = 0

    def last_id(self) -> str:
        self.number += 1
        return f"{self.number}-0"

    def touched(self) -> dict[str, int]:
        return {"shop": self.number, "forum": self.number}


@dataclass
class FakeHistory:
    """What ``release.history.History`` shows, from the store's list; places are numbers in it."""

    store: FakeStore

    def read(self, wanted: Wanted = EVERYTHING, *, after: str | None = None, limit: int = 50) -> ReleasePage:
        every = self.store.releases(limit=len(self.store.found))
        fitting = [one for one in every if wanted.apps is None or one.app in wanted.apps]
        fitting = [one for one in fitting if wanted.fits(one)][int(after or 0) :]
        following = str(int(after or 0) + limit) if len(fitting) > limit else None
        return ReleasePage(tuple(fitting[:limit]), following)


@dataclass
class FakeQueues:
    """What ``release.standing_queues.StandingQueues`` shows, from the store's jobs."""

    store: FakeStore

    def read(self, *, limit: int = 100) -> list[StandingQueue]:
        names = sorted({one.queue for one in self.store.jobs if not one.state.is_over})
        jobs = {name: self.store.queue(name) for name in names}
        return [StandingQueue(name, jobs[name][:limit], len(jobs[name])) for name in names]


class FakeStore:
    """What ``release.store.Store`` shows, from lists. Trail, tokens and numbers are the real ones."""

    def __init__(self) -> None:
        self.server = fakeredis.FakeServer()
        client = fakeredis.FakeRedis(server=self.server, decode_responses=True, encoding_errors="replace")
        self.audit = Audit(client)
        self.api_tokens = ApiTokens(client)
        self.counts = Counts(client)
        self.differences = Differences(client)
        self.signals = SignalLines(client)
        self.tags = FakeTags()
        self.consent = FakeConsent()
        self.events = FakeEvents(client)
        self.history, self.queues = FakeHistory(self), FakeQueues(self)
        self.found: list[Release] = []
        self.jobs: list[Job] = []
        self.lines: dict[str, list[LogLine]] = {}
        self.steps: dict[str, list[Change]] = {}
        self.seen: dict[str, Observation] = {}
        self.spent: set[str] = set()
        self.ended: dict[str, int] = {}

    @property
    def is_away(self) -> bool:
        return not self.server.connected

    @is_away.setter
    def is_away(self, value: bool) -> None:
        self.server.connected = not value

    def is_reachable(self) -> bool:
        self._check()
        return True

    def find_release(self, release_id: str) -> Release | None:
        self._check()
        return next((one for one in self.found if one.id == release_id), None)

    def find_job(self, job_id: str) -> Job | None:
        self._check()
        return next((one for one in self.jobs if one.id == job_id), None)

    def releases(self, app: str | None = None, *, limit: int = 50) -> list[Release]:
        self._check()
        ours = [one for one in self.found if app in {None, one.app}]
        return sorted(ours, key=lambda one: one.created_at, reverse=True)[:limit]

    def releases_on_a_color(self, app: str) -> list[Release]:
        states = {State.READY, State.LIVE, State.STANDBY, State.ROLLED_BACK}
        return [one for one in reversed(self.releases(app)) if one.state in states]

    def jobs_of(self, release_id: str) -> list[Job]:
        self._check()
        return [one for one in self.jobs if one.release_id == release_id]

    def recent_jobs(self, app: str, *, limit: int = 10) -> list[Job]:
        return [one for one in reversed(self.jobs) if one.app == app][:limit]

    def queue(self, name: str) -> list[Job]:
        self._check()
        return [one for one in self.jobs if one.queue == name and not one.state.is_over]

    def log(self, subject: str, *, after: str = "0", limit: int = 1000) -> list[LogLine]:
        self._check()
        lines = self.lines.get(subject, [])
        ids = [line.id for line in lines]
        start = ids.index(after) + 1 if after in ids else 0
        return lines[start : start + limit]

    def changes(self, release_id: str) -> list[Change]:
        return self.steps.get(release_id, [])

    def observation(self, app: str) -> Observation | None:
        self._check()
        return self.seen.get(app)

    def last_seen_before(self, limit: datetime) -> dict[str, datetime]:
        self._check()
        return {app: one.at for app, one in self.seen.items() if one.at < limit}

    def spend(self, ticket: str, *, seconds: int) -> bool:
        assert seconds > 0
        self._check()
        is_new = ticket not in self.spent
        self.spent.add(ticket)
        return is_new

    def end_session(self, session_id: str, *, seconds: int) -> None:
        self._check()
        self.ended[session_id] = seconds

    def is_session_ended(self, session_id: str) -> bool:
        self._check()
        return session_id in self.ended

    def _check(self) -> None:
        if self.is_away:
            message = "Redis did not answer: ConnectionError"
            raise NotDurable(message)


@dataclass
class FakeRequests:
    """Accepts everything but what ``refusal`` or ``is_away`` say; a delivery or a tag and commit once."""

    asked: list[Asked] = field(default_factory=list)
    refusal: Problem | None = None
    is_away: bool = False
    is_in_doubt: bool = True
    is_new: bool = True
    known: dict[str, FakeAccepted] = field(default_factory=dict)
    started_by_checks: list[str] = field(default_factory=list)
    gate: Gate = field(init=False)
    verdict: Verdict = field(default_factory=lambda: Verdict(is_approved=True, missing=0))

    def deploy(
        self,
        app: str,
        tag: str,
        *,
        actor: Actor,
        commit: str = "",
        delivery: str | None = None,
        address: str = "",
        reason: str = "",
    ) -> FakeAccepted:
        keys = [f"{app} {delivery}", f"{app} {tag} {commit}"] if delivery else []
        first = next((self.known[key] for key in keys if key in self.known), None)
        if first:
            return FakeAccepted(first.release_id, first.job_id, is_new=False)
        accepted = self._ask(
            "deploy",
            app,
            tag=tag,
            actor=actor,
            commit=commit,
            delivery=delivery,
            reason=reason,
            **({"address": address} if address else {}),
        )
        self.known.update(dict.fromkeys(keys, accepted))
        return accepted

    def promote(
        self,
        app: str,
        *,
        actor: Actor,
        release_id: str | None = None,
        reason: str = "",
        overrides_freeze: bool = False,
    ) -> FakeAccepted:
        overrides = {"overrides_freeze": True} if overrides_freeze else {}
        return self._ask("promote", app, actor=actor, release_id=release_id, reason=reason, **overrides)

    def rollback(
        self, app: str, *, actor: Actor, release_id: str | None = None, reason: str = ""
    ) -> FakeAccepted:
        return self._ask("rollback", app, actor=actor, release_id=release_id, reason=reason)

    def decommission(self, app: str, *, actor: Actor, reason: str = "") -> FakeAccepted:
        return self._ask("decommission", app, actor=actor, reason=reason)

    def redeploy(self, release_id: str, *, actor: Actor, reason: str = "") -> FakeAccepted:
        return self._ask("redeploy", release_id, actor=actor, reason=reason)

    def retry(self, release_id: str, *, actor: Actor, reason: str = "") -> FakeAccepted:
        return self._ask("retry", release_id, actor=actor, reason=reason)

    def cancel(self, release_id: str, *, actor: Actor, reason: str = "") -> FakeAccepted:
        return self._ask("cancel", release_id, actor=actor, reason=reason)

    def start(
        self, release_id: str, *, actor: Actor, reason: str = "", overrides_freeze: bool = False
    ) -> FakeAccepted:
        overrides = {"overrides_freeze": True} if overrides_freeze else {}
        return self._ask("start", release_id, actor=actor, reason=reason, **overrides)

    def approve(self, release_id: str, *, actor: Actor, comment: str = "") -> Verdict:
        self._ask("approve", release_id, actor=actor, comment=comment)
        return self.verdict

    def reject(self, release_id: str, *, actor: Actor, comment: str = "") -> Verdict:
        self._ask("reject", release_id, actor=actor, comment=comment)
        return replace(self.verdict, is_approved=False, rejected_by=actor)

    def stop_countdown(self, release_id: str, *, actor: Actor, reason: str = "") -> Stop:
        self._ask("stop-countdown", release_id, actor=actor, reason=reason)
        return Stop(actor, reason, NOW)

    def note_checks(self, app: str, commit: str, checks: Iterable[Check]) -> list[str]:
        self._ask("note_checks", app, commit=commit, checks=tuple(checks))
        return self.started_by_checks

    def _ask(self, what: str, subject: str, **given: object) -> FakeAccepted:
        if self.is_away:
            message = "Redis did not answer: TimeoutError"
            raise NotDurable(message, is_in_doubt=self.is_in_doubt)
        if self.refusal:
            raise self.refusal
        self.asked.append(Asked(what, subject, given))
        number = len(self.asked)
        return FakeAccepted(f"R{number}", f"J{number}", self.is_new)


@dataclass
class Web:
    """One web process over a fake core, its clock held still."""

    app: Flask
    store: FakeStore
    requests: FakeRequests
    now: list[datetime]

    @property
    def client(self) -> FlaskClient:
        """A browser or program that keeps its cookies to itself."""
        return self.app.test_client()

    def wait(self, delay: timedelta) -> None:
        """Let time pass."""
        self.now[0] += delay


def make_config(folder: Path, *, public_read: bool = False, apps: Mapping[str, Any] | None = None) -> Config:
    """Two apps of repositories of their own, each with its own secret, and one token called ``ci``."""
    secrets = {"shop": HOOK_SECRET, "forum": OTHER_SECRET, "token": TOKEN}
    for name, value in secrets.items():
        (folder / name).write_text(value, encoding="utf-8")
    return Config.model_validate(
        {
            "public_read": public_read,
            "tokens": [{"name": "ci", "value": {"file": folder / "token"}}],
            "apps": apps
            or {
                "shop": make_app(REPOSITORY, folder / "shop"),
                "forum": make_app("acme/forum", folder / "forum"),
            },
        }
    )


def make_app(repository: str, *secrets: Path) -> dict[str, Any]:
    """One app's section of the configuration."""
    return {
        "repository": "https://git.example/app.git",
        "webhook": {"repository": repository, "secrets": [{"file": secret} for secret in secrets]},
        "namespace": "shop",
        "image": "registry.example/app:{tag}",
        "gateway": {"address": "http://127.0.0.1:8081"},
        "migrate": [["npm", "run", "migrate"]],
    }


def make_web(config: Config, *, public_url: str = "http://127.0.0.1:8000") -> Web:
    """A web process for ``config``."""
    store, now = FakeStore(), [NOW]
    requests = make_requests(config, store, now)
    settings = WebSettings(public_url=public_url, clock=lambda: now[0])
    app = create_app(config, store, requests, secret_key=KEY, settings=settings)
    hold_to_document(app)
    return Web(app, store, requests, now)


def make_requests(config: Config, store: FakeStore, now: list[datetime]) -> FakeRequests:
    """Requests whose gate is the real one: rules are asked of it."""
    requests = FakeRequests()
    requests.gate = Gate(config, cast("Store", store), clock=lambda: now[0])
    return requests


def make_release(release_id: str = "R1", **given: object) -> Release:
    """A release that is ready on blue, unless ``given`` says otherwise."""
    values: dict[str, Any] = {
        "app": "shop",
        "tag": "v2.0-blue",
        "color": Color.BLUE,
        "commit": COMMIT,
        "state": State.READY,
        "actor": OCTOCAT,
        "created_at": NOW - timedelta(minutes=5),
        "updated_at": NOW - timedelta(minutes=1),
        **given,
    }
    return Release(id=release_id, **values)


def make_job(
    job_id: str = "J1",
    *,
    passed: int = 0,
    kind: JobKind = JobKind.DEPLOY,
    state: JobState = JobState.RUNNING,
    problem: ProblemDocument | None = None,
    **given: object,
) -> Job:
    """A deploy of ``R1`` that runs its stage number ``passed``, unless ``given`` says otherwise."""
    values: dict[str, Any] = {
        "app": "shop",
        "queue": "shop",
        "color": Color.BLUE,
        "release_id": "R1",
        "tag": "v2.0-blue",
        "stage_index": min(passed, len(PLAN[kind]) - 1),
        "fence": 1,
        "attempt": 1,
        "actor": OCTOCAT,
        "reason": "",
        "created_at": NOW - timedelta(minutes=4),
        **given,
    }
    stages = tuple(
        _stage_run(stage, index, passed, state, has_failed=problem is not None)
        for index, stage in enumerate(PLAN[kind])
    )
    return Job(id=job_id, kind=kind, state=state, stages=stages, problem=problem, **values)


def _stage_run(stage: Stage, index: int, passed: int, state: JobState, *, has_failed: bool) -> StageRun:
    start = NOW - timedelta(minutes=3) + timedelta(seconds=20 * index)
    if index < passed:
        return StageRun(stage, StageState.PASSED, start, start + timedelta(seconds=20))
    if index == passed and has_failed:
        return StageRun(stage, StageState.FAILED, start, start + timedelta(seconds=75))
    if index == passed and state is JobState.RUNNING:
        return StageRun(stage, StageState.RUNNING, start)
    return StageRun(stage, StageState.PENDING)


def make_observation(**given: object) -> Observation:
    """Green is live with ``R0``; blue runs ``R1`` behind the test route."""
    values: dict[str, Any] = {
        "app": "shop",
        "at": NOW - timedelta(seconds=3),
        "live": Color.GREEN,
        "blue": _runs(Color.BLUE, "R1", "v2.0-blue", 2),
        "green": _runs(Color.GREEN, "R0", "v1.0-green", 3),
        "live_release": "R0",
        "test_route": Color.BLUE,
        **given,
    }
    return Observation(**values)


def _runs(color: Color, release: str, tag: str, pods: int) -> ColorObservation:
    return ColorObservation(color, True, release, tag, COMMIT, replicas=pods, available=pods, passed=True)  # noqa: FBT003 -- exists


def sign(body: bytes, secret: str = HOOK_SECRET) -> str:
    """As GitHub signs, computed on its own."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def push(**given: object) -> dict[str, Any]:
    """The parts of GitHub's push of a new tag that count."""
    return {
        "ref": "refs/tags/v1.2.3-blue",
        "before": "0" * 40,
        "after": "b8ec69cbb0a4c521d84f6bff2b8788c343e2a9de",
        "created": True,
        "deleted": False,
        "head_commit": {"id": COMMIT},
        "repository": {"full_name": REPOSITORY, "name": "Hello-World", "owner": {"login": "Codertocat"}},
        "pusher": {"name": "octocat"},
        **given,
    }


def dump(payload: Mapping[str, Any]) -> bytes:
    """As GitHub writes it."""
    return json.dumps(payload, separators=(",", ":")).encode()


def headers(body: bytes, *, secret: str = HOOK_SECRET, event: str = "push", **more: str) -> dict[str, str]:
    """A delivery's headers."""
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": sign(body, secret),
        **more,
    }
