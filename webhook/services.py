"""What a request handler works with: the configuration, the store, and the way to ask for something.

``create_app`` puts it in; handlers take it with ``services()``. The protocols name what of the core this
process uses, so that tests can pass plain classes in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, cast

from flask import current_app

from release.clock import Clock, utc_now
from webhook.current import current_request
from webhook.senders import find_sender

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from release.api_tokens import ApiTokens
    from release.approvals import Verdict, Vote
    from release.audit import Audit
    from release.auto_promotion import Stop
    from release.ci import Check
    from release.config import Config
    from release.counts import Counts
    from release.difference import Difference
    from release.events import Heard
    from release.gate import Gate
    from release.history import ReleasePage, Wanted
    from release.model import Actor, Job, Release
    from release.observation import Observation
    from release.records import Change, LogLine
    from release.secret import Secret
    from release.signal_lines import SignalLines
    from release.standing_queues import StandingQueue
    from release.tag_watch import Comparison, KnownTag
    from webhook.access import Tokens
    from webhook.channels import FailingChannels
    from webhook.endpoints import Endpoints
    from webhook.glance import Glance
    from webhook.metrics import WebMetrics
    from webhook.provider import Provider
    from webhook.redis_metrics import RedisMetrics
    from webhook.remembered import Remembered
    from webhook.senders import Network
    from webhook.throttle import Throttle

EXTENSION: Final = "verdigris"
SENDER: Final = "verdigris.sender"
PATIENCE: Final = 10.0


class Events(Protocol):
    """What happens: ``release.events.Events``. Each method raises ``NotDurable`` without Redis."""

    def last_id(self) -> str:
        """The newest event's id."""

    def touched(self) -> dict[str, int]:
        """By app, a number that is another one after each event of it."""

    def listen(self, *, after: str, logs: Mapping[str, str], wait: float) -> Heard:
        """Events, and lines of logs, after those of these ids; or wait for some."""


class History(Protocol):
    """Releases of the past: ``release.history.History``. It raises ``NotDurable`` without Redis."""

    def read(self, wanted: Wanted = ..., *, after: str | None = None, limit: int = 50) -> ReleasePage:
        """A page of what is wanted, the newest first."""


class Queues(Protocol):
    """All queues: ``release.standing_queues.StandingQueues``. It raises ``NotDurable`` without Redis."""

    def read(self, *, limit: int = 100) -> list[StandingQueue]:
        """Those that have a job at all, by name."""


class Differences(Protocol):
    """What promotes change: ``release.differences.Differences``. It raises ``NotDurable`` without Redis."""

    def find(self, release_id: str) -> Difference | None:
        """What a promote of the release changes, as a worker looked at it last."""


class Tags(Protocol):
    """What is known of tags: ``release.heard_tags.HeardTags``. Each method raises ``NotDurable`` etc."""

    def find_last(self, app: str) -> tuple[Comparison | None, int]:
        """The last comparison, and how many were asked for so far."""

    def never_delivered(self, app: str) -> list[KnownTag]:
        """Those in Git that nobody told of, dismissed ones too."""

    def ask(self, app: str) -> None:
        """Let a worker compare."""

    def dismiss(self, app: str, tag: KnownTag) -> None:
        """Keep a decision against a tag."""


class Consent(Protocol):
    """What people said: ``release.consent.Consent``. Each method raises ``NotDurable`` without Redis."""

    def votes(self, release_id: str) -> list[Vote]:
        """What was said to a release, oldest first."""

    def find_stop(self, release_id: str) -> Stop | None:
        """Who stopped a release from being promoted by itself, if anybody did."""


class Store(Protocol):
    """What is read: ``release.store.Store``. Each method raises ``NotDurable`` while Redis is away."""

    @property
    def tags(self) -> Tags:
        """What is known of tags."""

    @property
    def consent(self) -> Consent:
        """What people said to releases."""

    @property
    def differences(self) -> Differences:
        """What promotes change."""

    @property
    def events(self) -> Events:
        """What happens."""

    @property
    def history(self) -> History:
        """Releases of the past."""

    @property
    def queues(self) -> Queues:
        """All queues at a glance."""

    @property
    def audit(self) -> Audit:
        """Who asked for what."""

    @property
    def counts(self) -> Counts:
        """Numbers for monitoring."""

    @property
    def api_tokens(self) -> ApiTokens:
        """Tokens that were made at run time."""

    @property
    def signals(self) -> SignalLines:
        """What is told outside."""

    def is_reachable(self) -> bool:
        """Whether Redis answers."""

    def find_release(self, release_id: str) -> Release | None:
        """The release of that id."""

    def find_job(self, job_id: str) -> Job | None:
        """The job of that id."""

    def releases(self, app: str | None = None, *, limit: int = 50) -> list[Release]:
        """The newest first."""

    def releases_on_a_color(self, app: str) -> list[Release]:
        """Those whose pods are expected to run, oldest first."""

    def jobs_of(self, release_id: str) -> list[Job]:
        """Every job of a release, oldest first."""

    def recent_jobs(self, app: str, *, limit: int = 10) -> list[Job]:
        """An app's jobs, newest first."""

    def queue(self, name: str) -> list[Job]:
        """The active job, then those behind it."""

    def log(self, subject: str, *, after: str = "0", limit: int = 1000) -> list[LogLine]:
        """Lines after the one with id ``after``."""

    def changes(self, release_id: str) -> list[Change]:
        """Every step in a release's life, oldest first."""

    def observation(self, app: str) -> Observation | None:
        """What a worker last saw of an app."""

    def last_seen_before(self, limit: datetime) -> dict[str, datetime]:
        """When a worker last saw those apps that none has seen since."""

    def spend(self, ticket: str, *, seconds: int) -> bool:
        """Whether a one-time ticket is used for the first time."""

    def end_session(self, session_id: str, *, seconds: int) -> None:
        """Remember that a person signed out, as long as the session would still count."""

    def is_session_ended(self, session_id: str) -> bool:
        """Whether that session was signed out of."""


class Accepted(Protocol):
    """What a request became: ``release.requests.Accepted``. Not new: the ids are the first one's."""

    @property
    def release_id(self) -> str | None:
        """The release, where one is known."""

    @property
    def job_id(self) -> str:
        """The job that will carry it out."""

    @property
    def is_new(self) -> bool:
        """False for what had been asked before."""


class Requests(Protocol):
    """What can be asked: ``release.requests.Requests``. Durable on return; else ``Problem`` etc."""

    @property
    def gate(self) -> Gate:
        """What an app's rules let through."""

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
    ) -> Accepted:
        """A new release of ``tag``."""

    def promote(
        self,
        app: str,
        *,
        actor: Actor,
        release_id: str | None = None,
        reason: str = "",
        overrides_freeze: bool = False,
    ) -> Accepted:
        """Move every user to a release that is ready."""

    def rollback(
        self, app: str, *, actor: Actor, release_id: str | None = None, reason: str = ""
    ) -> Accepted:
        """Move every user back."""

    def decommission(self, app: str, *, actor: Actor, reason: str = "") -> Accepted:
        """Remove the color that is not live."""

    def redeploy(self, release_id: str, *, actor: Actor, reason: str = "") -> Accepted:
        """A new release of the same commit."""

    def retry(self, release_id: str, *, actor: Actor, reason: str = "") -> Accepted:
        """The same release once more."""

    def cancel(self, release_id: str, *, actor: Actor, reason: str = "") -> Accepted:
        """Stop a release on its way."""

    def start(
        self, release_id: str, *, actor: Actor, reason: str = "", overrides_freeze: bool = False
    ) -> Accepted:
        """Let a release that waits go into its queue now."""

    def approve(self, release_id: str, *, actor: Actor, comment: str = "") -> Verdict:
        """Say yes to the promote of a release."""

    def reject(self, release_id: str, *, actor: Actor, comment: str = "") -> Verdict:
        """Say no to it, for good."""

    def stop_countdown(self, release_id: str, *, actor: Actor, reason: str = "") -> Stop:
        """Let a release not be promoted by itself."""

    def note_checks(self, app: str, commit: str, checks: Iterable[Check]) -> list[str]:
        """Keep what CI says of a commit; the ids of the releases that it lets into their queue."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """How this process presents itself.

    ``public_url`` is where people and Git hosts reach it; ``session`` how long one stays signed in;
    ``patience`` how many seconds a client may take to send a body; ``proxies`` are those whose
    word on the sender counts.
    """

    public_url: str = "http://127.0.0.1:8000"
    session: timedelta = timedelta(hours=12)
    patience: float = PATIENCE
    clock: Clock = utc_now
    proxies: tuple[Network, ...] = ()

    @property
    def is_https(self) -> bool:
        """Whether cookies may be kept off plain HTTP."""
        return self.public_url.startswith("https://")

    def address(self, path: str) -> str:
        """The full address of a page."""
        return f"{self.public_url.rstrip('/')}{path}"


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that handlers use."""

    config: Config
    store: Store
    requests: Requests
    tokens: Tokens
    endpoints: Endpoints
    settings: WebSettings
    key: Secret
    throttle: Throttle
    remembered: Remembered
    failing_channels: FailingChannels
    glance: Glance
    metrics: WebMetrics
    redis_metrics: RedisMetrics
    provider: Provider | None = None


def services() -> Services:
    """Those of the application that handles the current request."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 -- as in webhook.current
    return cast("Services", app.extensions[EXTENSION])


def current_sender() -> str:
    """Who sent the current request: the peer, or whom a trusted proxy names."""
    environ = current_request().environ
    found = environ.get(SENDER)
    if found is None:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")  # all of them, joined by the server
        found = find_sender(environ.get("REMOTE_ADDR") or "", forwarded, services().settings.proxies)
        environ[SENDER] = found
    return cast("str", found)
