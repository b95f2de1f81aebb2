"""Every Git host as a sender: its samples, and how it signs, computed apart from the code that checks it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from release.config import Config
from tests.unit.webhook.fakes import COMMIT, HOOK_SECRET, NOW, OTHER_SECRET, TOKEN, make_app
from webhook.providers.events import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from werkzeug.test import TestResponse

    from tests.unit.webhook.fakes import Web

SAMPLES = Path(__file__).parents[2] / "data"
SIGNING_KEY = "whsec_" + base64.b64encode(b"a key that only tests know, 32 b").decode()
OTHER_SIGNING_KEY = "whsec_" + base64.b64encode(b"the key of the other app, 32 by.").decode()
TAG = "v1.2.3-blue"
FORK = "mallory/shop"


@dataclass(frozen=True)
class Ci:
    """How a host tells of a check that has passed, and the paths to what counts of it."""

    event: str
    sample: str
    name_at: tuple[str | int, ...]
    state_at: tuple[str | int, ...]
    commit_at: tuple[str | int, ...]
    repository_at: tuple[str | int, ...]


@dataclass(frozen=True)
class Host:
    """One way to sign and to tell of a tag. ``path`` leads to where a payload names what it is about."""

    name: str
    provider: str
    event_header: str
    event: str
    sample: str
    repository: str
    tag_at: tuple[str | int, ...]
    commit_at: tuple[str | int, ...]
    repository_at: tuple[str | int, ...]
    tag_prefix: str
    sign: Callable[[bytes, str, str, datetime], dict[str, str]]
    secret: str = HOOK_SECRET
    other_secret: str = OTHER_SECRET
    ci: Ci | None = None

    @property
    def address(self) -> str:
        return f"/webhooks/{self.provider}"

    def push(self, tag: str = TAG, *, commit: str = COMMIT, repository: str | None = None) -> dict[str, Any]:
        """The payload of a new tag."""
        payload: dict[str, Any] = read_sample(self.provider, self.sample)["payload"]
        put(payload, self.tag_at, self.tag_prefix + tag)
        if self.commit_at:
            put(payload, self.commit_at, commit)
        put(payload, self.repository_at, self._last_of(repository or self.repository))
        return payload

    def report(self, *, commit: str = COMMIT) -> dict[str, Any]:
        """The payload of a check that has passed, at a host that tells of such."""
        assert self.ci
        payload: dict[str, Any] = read_sample(self.provider, self.ci.sample)["payload"]
        put(payload, self.ci.commit_at, commit)
        return payload

    def headers(
        self,
        body: bytes,
        *,
        event: str | None = None,
        secret: str | None = None,
        identity: str = "id-1",
        at: datetime = NOW,
        **more: str,
    ) -> dict[str, str]:
        """What goes with a body, signed."""
        given = {"Content-Type": "application/json"}
        if self.event_header:
            given[self.event_header] = self.event if event is None else event
        return {**given, **self.sign(body, secret or self.secret, identity, at), **more}

    def deliver(self, web: Web, payload: object | None = None, **how: Any) -> TestResponse:  # noqa: ANN401 -- as headers()
        """Send a payload, by default a new tag, as this host does."""
        body = payload if isinstance(payload, bytes) else dump(self.push() if payload is None else payload)
        return web.client.post(self.address, data=body, headers=self.headers(body, **how))

    def delivery(self, payload: object | None = None, **how: Any) -> Delivery:  # noqa: ANN401 -- as headers()
        """The same for a provider."""
        body = payload if isinstance(payload, bytes) else dump(self.push() if payload is None else payload)
        return Delivery(self.headers(body, **how), body, NOW)

    def _last_of(self, repository: str) -> str:
        """Bitbucket Server tells project and name apart; the name is what tests change."""
        return repository.rpartition("/")[2] if self.provider == "bitbucket-server" else repository


def put(payload: Any, path: tuple[str | int, ...], value: object) -> None:  # noqa: ANN401 -- JSON
    """Replace what a path leads to."""
    for step in path[:-1]:
        payload = payload[step]
    payload[path[-1]] = value


def dump(payload: object) -> bytes:
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def read_sample(provider: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / provider / f"{name}.json").read_text(encoding="utf-8"))
    return found


def samples_of(provider: str) -> list[str]:
    return sorted(path.stem for path in (SAMPLES / provider).glob("*.json"))


def expected_tags(expect: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a sample says that it starts; none where it is ignored."""
    if "tag" in expect:
        return [(expect["tag"], expect["commit"])]
    return [(one["tag"], one["commit"]) for one in expect.get("tags", [])]


def digest(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signature(body: bytes, secret: str, identity: str, timestamp: str) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def by_github(body: bytes, secret: str, identity: str, _: datetime) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={digest(body, secret)}", "X-GitHub-Delivery": identity}


def by_token(_: bytes, secret: str, identity: str, __: datetime) -> dict[str, str]:
    return {"X-Gitlab-Token": secret.encode().decode("latin-1"), "Idempotency-Key": identity}


def by_standard(body: bytes, secret: str, identity: str, at: datetime) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    signature = standard_signature(body, secret, identity, timestamp)
    return {"webhook-id": identity, "webhook-timestamp": timestamp, "webhook-signature": signature}


def by_gitea(name: str) -> Callable[[bytes, str, str, datetime], dict[str, str]]:
    def sign(body: bytes, secret: str, identity: str, _: datetime) -> dict[str, str]:
        return {f"X-{name}-Signature": digest(body, secret), f"X-{name}-Delivery": identity}

    return sign


def by_bitbucket(header: str) -> Callable[[bytes, str, str, datetime], dict[str, str]]:
    def sign(body: bytes, secret: str, identity: str, _: datetime) -> dict[str, str]:
        return {"X-Hub-Signature": f"sha256={digest(body, secret)}", header: identity}

    return sign


GITHUB = Host(
    name="github",
    provider="github",
    event_header="X-GitHub-Event",
    event="push",
    sample="push_tag_annotated",
    repository="acme/shop",
    tag_at=("ref",),
    commit_at=("head_commit", "id"),
    repository_at=("repository", "full_name"),
    tag_prefix="refs/tags/",
    sign=by_github,
    ci=Ci(
        event="status",
        sample="status",
        name_at=("context",),
        state_at=("state",),
        commit_at=("sha",),
        repository_at=("repository", "full_name"),
    ),
)
GITLAB = Host(
    name="gitlab",
    provider="gitlab",
    event_header="X-Gitlab-Event",
    event="Tag Push Hook",
    sample="tag_push_annotated",
    repository="acme/web/shop",
    tag_at=("ref",),
    commit_at=("checkout_sha",),
    repository_at=("project", "path_with_namespace"),
    tag_prefix="refs/tags/",
    sign=by_token,
    ci=Ci(
        event="Pipeline Hook",
        sample="pipeline",
        name_at=("builds", 0, "name"),
        state_at=("builds", 0, "status"),
        commit_at=("object_attributes", "sha"),
        repository_at=("project", "path_with_namespace"),
    ),
)
GITLAB_SIGNED = replace(
    GITLAB, name="gitlab-signed", sign=by_standard, secret=SIGNING_KEY, other_secret=OTHER_SIGNING_KEY
)
GITEA = replace(GITHUB, name="gitea", provider="gitea", event_header="X-Gitea-Event", sign=by_gitea("Gitea"))
FORGEJO = replace(
    GITEA,
    name="forgejo",
    provider="forgejo",
    event_header="X-Forgejo-Event",
    sign=by_gitea("Forgejo"),
    ci=Ci(
        event="action_run_success",
        sample="action_run_success",
        name_at=("run", "workflow_id"),
        state_at=("run", "status"),
        commit_at=("run", "commit_sha"),
        repository_at=("run", "repository", "full_name"),
    ),
)
GOGS = replace(
    GITEA,
    name="gogs",
    provider="gogs",
    event_header="X-Gogs-Event",
    event="create",
    sample="create_tag",
    commit_at=(),
    tag_prefix="",
    sign=by_gitea("Gogs"),
    ci=None,
)
BITBUCKET = Host(
    name="bitbucket",
    provider="bitbucket",
    event_header="X-Event-Key",
    event="repo:push",
    sample="push_tag",
    repository="acme/shop",
    tag_at=("push", "changes", 0, "new", "name"),
    commit_at=("push", "changes", 0, "new", "target", "hash"),
    repository_at=("repository", "full_name"),
    tag_prefix="",
    sign=by_bitbucket("X-Request-UUID"),
    ci=Ci(
        event="repo:commit_status_updated",
        sample="build_status",
        name_at=("commit_status", "key"),
        state_at=("commit_status", "state"),
        commit_at=("commit_status", "commit", "hash"),
        repository_at=("repository", "full_name"),
    ),
)
BITBUCKET_SERVER = Host(
    name="bitbucket-server",
    provider="bitbucket-server",
    event_header="X-Event-Key",
    event="repo:refs_changed",
    sample="tag_added",
    repository="ACME/shop",
    tag_at=("changes", 0, "ref", "id"),
    commit_at=("toCommit", "id"),
    repository_at=("repository", "slug"),
    tag_prefix="refs/tags/",
    sign=by_bitbucket("X-Request-Id"),
)
GENERIC = Host(
    name="generic",
    provider="generic",
    event_header="",
    event="",
    sample="tag_pushed",
    repository="acme/shop",
    tag_at=("data", "ref"),
    commit_at=("data", "commit"),
    repository_at=("data", "repository"),
    tag_prefix="refs/tags/",
    sign=by_standard,
    secret=SIGNING_KEY,
    other_secret=OTHER_SIGNING_KEY,
    ci=Ci(
        event="",
        sample="check_reported",
        name_at=("data", "name"),
        state_at=("data", "state"),
        commit_at=("data", "commit"),
        repository_at=("data", "repository"),
    ),
)
HOSTS = (
    GITHUB,
    GITLAB,
    GITLAB_SIGNED,
    GITEA,
    FORGEJO,
    GOGS,
    BITBUCKET,
    BITBUCKET_SERVER,
    GENERIC,
)
WITH_CI = pytest.mark.parametrize("host", [host for host in HOSTS if host.ci], ids=lambda host: host.name)
WITH_EVERY_HOST = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)


def make_host_config(folder: Path, *hosts: Host, **webhook: object) -> Config:
    """An app of each host's repository, and beside it one of another repository with a secret of its own."""
    apps: dict[str, Any] = {}
    for host in hosts:
        for app, repository, secret in (
            (host.name, host.repository, host.secret),
            (f"{host.name}-other", "other/project", host.other_secret),
        ):
            (folder / app).write_text(secret, encoding="utf-8")
            apps[app] = make_app(repository, folder / app)
            apps[app]["webhook"] |= {"provider": host.provider, **webhook}
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    tokens = [{"name": "ci", "value": {"file": folder / "token"}}]
    return Config.model_validate({"tokens": tokens, "apps": apps})
