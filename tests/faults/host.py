"""The two ways in: a Git host that delivers signed webhooks, and a person with a token.

Both meet a web process and a Redis that are killed now and then, and ask again as such callers do.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import requests

from tests.faults.ledger import Asked
from tests.faults.place import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from tests.faults.ledger import Ledger
    from tests.faults.place import Place

PAUSE: Final = 0.4
LOOK_INTERVAL: Final = 0.8
TIMEOUT: Final = 8.0
CONFLICT: Final = 409
UNAVAILABLE: Final = frozenset({500, 502, 503, 504})


class Stopped(Exception):
    """The campaign's time is up while somebody still waits."""


class Refused(Exception):
    """An answer that says no, for good."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__(f"{answer.request.method} {answer.request.path_url}: {answer.status_code}")
        self.status = answer.status_code
        self.slug = _slug(answer)


class Host:
    """Delivers webhooks and calls the API, for as long as it takes. One thread's: it keeps its connection."""

    def __init__(self, place: Place, ledger: Ledger, *, over: Event) -> None:
        self._place = place
        self._ledger = ledger
        self._over = over
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy leads to this machine, and looking for one takes time

    def deliver(self, app: str, tag: str) -> Asked:
        """A push of a tag: sent again with the same delivery id until it is answered.

        Raises:
            Stopped: the time is up.
            Refused: it starts nothing.
        """
        body = json.dumps(self._push(app, tag)).encode()
        digest = hmac.new(self._place.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={digest}",
        }
        address = f"{self._place.web}/webhooks/github"
        answer = self._insist(
            lambda: self._session.post(address, data=body, headers=headers, timeout=TIMEOUT)
        )
        told = answer.json()
        if "release" not in told:
            raise Refused(answer)
        asked = Asked(app, "deploy", told["release"], told["job"], tag, tag.rpartition("-")[2])
        self._ledger.accept(asked)
        self._ledger.count(pushed=1)
        return asked

    def switch(self, kind: str, release: dict[str, Any]) -> Asked:
        """A promote or rollback of a release. After a lost answer the job that it made is looked up.

        Raises:
            Stopped, Refused: as ``deliver``.
        """
        app, wanted = release["app"], {"release": release["id"], "reason": "the campaign"}
        try:
            job = str(self._post(f"apps/{app}/{kind}", wanted)["job"]["id"])
        except Refused as refusal:
            found = self._find_job(release["id"], kind) if refusal.status == CONFLICT else None
            if found is None:
                raise
            job = found
        asked = Asked(app, kind, release["id"], job, release["tag"], release["color"])
        self._ledger.accept(asked)
        return asked

    def retry(self, release: dict[str, Any]) -> Asked:
        """Run a failed release again. Raises as ``switch``."""
        try:
            job = str(self._post(f"releases/{release['id']}/retry", {})["job"]["id"])
        except Refused as refusal:
            jobs = self.get(f"releases/{release['id']}")["jobs"]
            if refusal.status != CONFLICT or len(jobs) == 1:
                raise
            job = str(jobs[-1]["id"])
        asked = Asked(
            release["app"], "deploy", release["id"], job, tag=release["tag"], color=release["color"]
        )
        self._ledger.accept(asked)
        return asked

    def get(self, path: str) -> dict[str, Any]:
        """Read something from the API."""
        address, headers = f"{self._place.web}/api/v1/{path}", self._authorization()
        answer = self._insist(lambda: self._session.get(address, headers=headers, timeout=TIMEOUT))
        told: dict[str, Any] = answer.json()
        return told

    def wait(self, asked: Asked) -> dict[str, Any]:
        """The job, once it is over."""
        while True:
            job = self.get(f"jobs/{asked.job}")
            if job["ended_at"]:
                return job
            self.pause(LOOK_INTERVAL)

    def pause(self, seconds: float) -> None:
        """Wait a moment.

        Raises:
            Stopped: the time is up.
        """
        if self._over.wait(seconds):
            raise Stopped

    def _find_job(self, release: str, kind: str) -> str | None:
        """The newest job of that kind which the campaign does not know of yet."""
        jobs = self.get(f"releases/{release}")["jobs"]
        known = {one.job for every in list(self._ledger.asked.values()) for one in every}
        ours = [str(job["id"]) for job in jobs if job["kind"] == kind and job["id"] not in known]
        return ours[-1] if ours else None

    def _post(self, path: str, content: dict[str, str]) -> dict[str, Any]:
        address, headers = f"{self._place.web}/api/v1/{path}", self._authorization()
        answer = self._insist(
            lambda: self._session.post(address, json=content, headers=headers, timeout=TIMEOUT)
        )
        told: dict[str, Any] = answer.json()
        return told

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._place.token}"}

    def _insist(self, call: Callable[[], requests.Response]) -> requests.Response:
        """Ask until there is an answer that isn't "later"."""
        while True:
            try:
                answer = call()
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code not in UNAVAILABLE:
                if not answer.ok:
                    raise Refused(answer)
                return answer
            self._ledger.count(redeliveries=1)
            self.pause(PAUSE)

    def _push(self, app: str, tag: str) -> dict[str, Any]:
        return {
            "ref": f"refs/tags/{tag}",
            "before": "0" * 40,
            "after": self._place.commit,
            "created": True,
            "deleted": False,
            "forced": False,
            "head_commit": {"id": self._place.commit, "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ")},
            "repository": {"full_name": f"{OWNER}/{app}", "name": app, "owner": {"login": OWNER}},
            "pusher": {"name": "octocat"},
        }


def _slug(answer: requests.Response) -> str:
    """The name of the problem that an answer tells."""
    try:
        return str(answer.json()["type"]).rpartition("/")[2]
    except (ValueError, KeyError):
        return f"HTTP {answer.status_code}"
