"""What the acts share: the shop, the API, the users, and waiting for something to come true."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import requests

from cli.demo.place import APP

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.client import Client, Json
    from cli.demo.crew import Crew
    from cli.demo.narrator import Narrator
    from cli.demo.place import Place
    from cli.demo.shop import Shop
    from cli.demo.users import Users

DEADLINE: Final = 30.0
"""Seconds that anything in an act may take."""

RELEASE_OVER: Final = frozenset({"ready", "live", "failed", "cancelled", "superseded"})
JOB_OVER: Final = frozenset({"done", "failed", "cancelled"})


class Unexpected(Exception):
    """Something is not as it must be; the message says what."""


class Play:
    """The stage that every act plays on."""

    def __init__(self, place: Place, crew: Crew, shop: Shop, client: Client, narrator: Narrator) -> None:
        self.place = place
        self.crew = crew
        self.shop = shop
        self.client = client
        self.narrator = narrator
        self.users: Users | None = None
        self.tags: dict[str, str] = {}

    def push(self, *tags: str, **version: Any) -> str:  # noqa: ANN401 -- whatever is given to Shop.commit, or waited for
        """Commit, tag and push; what the hook said is shown."""
        self.shop.commit(tags[0].partition("-")[0], **version)
        for tag in tags:
            self.shop.tag(tag)
        self.narrator.say(f"[bold]$ git push origin {' '.join(tags)}[/]")
        answer = self.shop.push(*tags)
        for line in answer.splitlines():
            self.narrator.say(f"[dim]{line}[/]")
        return answer

    def get_release(self, tag: str) -> Json:
        """The newest release of a tag, waited for."""
        found: Json = self.wait(f"a release of {tag}", lambda: self._find_release(tag))
        return found

    def wait_for_release(self, tag: str, *states: str) -> Json:
        """The release of a tag once nothing of it is under way; it must be in one of ``states``."""

        def find() -> Json | None:
            release = self._find_release(tag)
            return release if release and release["state"] in RELEASE_OVER else None

        with self.narrator.doing(f"{tag} on its way through sanity, deploy, migrate, smoke"):
            release: Json = self.wait(f"the end of {tag}", find)
        check(release["state"] in states, f"{tag} is {release['state']}: {release['reason']}")
        self.narrator.say(f"{tag} is [bold]{release['state']}[/]")
        return release

    def switch(self, what: str, tag: str) -> None:
        """Promote or roll back, wait for the job, and see that users get ``tag``."""
        self.narrator.say(f"[bold]$ verdigris {what} {APP} --wait[/]")
        self.run_job(what)
        self.wait(f"users on {tag}", lambda: self.ask()["version"] == tag)

    def run_job(self, what: str) -> Json:
        """Ask for a promote, rollback or decommission and wait until its job has ended well."""
        job_id = self.client.post("apps", APP, what)["job"]["id"]

        def find() -> Json | None:
            job = self.client.get("jobs", job_id)
            return job if job["state"] in JOB_OVER else None

        job: Json = self.wait(f"the end of {what}", find)
        problem = job["problem"] or {}
        check(job["state"] == "done", f"{what} is {job['state']}: {problem.get('detail')}")
        return job

    def jobs(self, tag: str) -> list[Json]:
        """The jobs of a tag's newest release, oldest first."""
        jobs: list[Json] = self.client.get("releases", self.get_release(tag)["id"])["jobs"]
        return jobs

    def ask(self, *, cookie: str | None = None) -> Json:
        """One request through the gateway, as a user or with the test cookie."""
        headers = {"Cookie": cookie} if cookie else {}
        answer = requests.get(self.place.gateway, headers=headers, timeout=5)
        found: Json = answer.json() if answer.ok else {"version": f"status {answer.status_code}"}
        return found

    def seen(self, tag: str) -> int:
        """How many users' requests a version has answered so far."""
        return self.users.seen.versions.get(tag, 0) if self.users else 0

    def wait_for_users(self, tag: str, *, more: int = 30) -> None:
        """Until the steady traffic has met a version ``more`` times again."""
        before = self.seen(tag)
        self.wait(f"traffic on {tag}", lambda: self.seen(tag) >= before + more)

    def wait(self, what: str, condition: Callable[[], Any], *, deadline: float = DEADLINE) -> Any:  # noqa: ANN401 -- whatever is given to Shop.commit, or waited for
        """Ask until the condition gives something true, which is returned.

        Raises:
            Unexpected: it did not until the deadline.
        """
        until = time.monotonic() + deadline
        while not (found := condition()):
            check(time.monotonic() < until, f"{what}: not within {deadline:.0f} s")
            time.sleep(0.05)
        return found

    def _find_release(self, tag: str) -> Json | None:
        releases: list[Json] = self.client.get("releases", app=APP)["releases"]
        return next((release for release in releases if release["tag"] == tag), None)


def check(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 -- reads as an assertion
    """Go on only if it is so."""
    if not is_so:
        raise Unexpected(otherwise)
