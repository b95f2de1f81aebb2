"""Redis is away for a while and comes back, and nobody restarts anything.

``VERDIGRIS_OUTAGE_SECONDS`` is for how long it is away in each test: longer than a lease, or 120.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from release.clock import utc_now
from release.model import Color, JobState, StageState, State
from release.secret import Secret
from tests.integration.hosts import Hosts, NoHosts
from tests.integration.outages import BEARER, PLAN, SECRET_KEY, OneHost, Site, redis_away
from tests.unit.webhook.fakes import COMMIT, HOOK_SECRET, make_config, make_web
from webhook.tickets import issue_ticket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.outages import Answer

OUTAGE: Final = float(os.environ.get("VERDIGRIS_OUTAGE_SECONDS", "6"))
GOES_ON: Final = 30.0
"""Seconds after which everything must have gone on; a read that is under way gives up after ten."""

SOON: Final = 2.0
WITHOUT_REDIS: Final = {
    "/healthz",
    "/static/<path:filename>",
    "/login",
    "/logout",
    "/audit",  # these two ask who is there first: open to nobody who is not signed in
    "/tokens",
    "/apps/<name>/test-route",  # a way to another site, by the configuration alone
    "/channels",  # there is none here that could have a state
    "/api/v1/channels",
    "/login/provider",  # these three are not there without a provider
    "/login/callback",
    "/login/leave",
    "/metrics",  # says itself that Redis is away
    "/api",  # tells nothing of this installation
    "/api/v1/openapi.json",
}

BODIES: Final[dict[str, dict[str, object]]] = {
    "deploy": {"tag": "v0-blue", "commit": COMMIT},
    "dismiss": {"tag": "v0-blue", "commit": COMMIT},
    "tokens": {"name": "nightly", "role": "viewer"},
}
FORMS: Final = re.compile(r"/(apps|releases|tokens|channels)\b")
"""What people send from a page leads back to it, with what became of it: the page is the 503."""

pytestmark = [pytest.mark.needs_redis, pytest.mark.timeout(240 + 2 * OUTAGE)]
tags = count(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("away")
    try:
        with Hosts(PLAN) as hosts:
            yield from running(Site(hosts, folder, HOOK_SECRET))
    except NoHosts as reason:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs network namespaces: {reason}")
        yield from running(Site(OneHost(), folder, HOOK_SECRET))


def running(site: Site) -> Iterator[Site]:
    try:
        site.start()
        yield site
    finally:
        site.crew.close()


@pytest.fixture(params=["stopped", "frozen", "lost"])
def how(request: pytest.FixtureRequest, site: Site) -> str:
    if request.param == "lost" and isinstance(site.hosts, OneHost):
        pytest.skip("nothing is lost on its way without network namespaces")
    return str(request.param)


def next_tag(site: Site) -> tuple[str, str]:
    """A tag for the color that is not live, and its commit."""
    known = site.store.releases_on_a_color("shop")
    live = [release.color for release in known if release.state is State.LIVE]
    return tag_of(site, live[0].other if live else Color.GREEN)


def tag_of(site: Site, color: Color) -> tuple[str, str]:
    """A tag for a color, and its commit."""
    tag = f"v{next(tags)}-{color}"
    return tag, site.repo.commit(tag)


def wait_out(began: float) -> None:
    """Until Redis has been away for as long as it should be."""
    threading.Event().wait(max(0.0, began + OUTAGE - time.monotonic()))


def at_once(site: Site, *asked: tuple[str, str, bytes]) -> list[Answer]:
    """Many requests together."""
    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(lambda one: site.ask(*one, headers=BEARER), asked))


def is_all_ready(site: Site, web: str) -> bool:
    """Whether each of its processes can accept: so many requests at once come by all of them."""
    with ThreadPoolExecutor(20) as pool:
        return all(pool.map(lambda _: site.is_ready(web), range(20)))


def promote(site: Site) -> Answer:
    return site.ask("POST", "/api/v1/apps/shop/promote", headers=BEARER)


def check_told(answer: Answer, what: object) -> None:
    assert answer.status == 503, (what, answer)
    assert answer.headers["Retry-After"] == "5", (what, answer)
    assert answer.seconds < SOON, (what, answer)


def routes(folder: Path) -> list[tuple[str, str, bytes]]:
    """Method, path and body of everything that asks Redis, the forms of pages apart."""
    ticket = issue_ticket("anna", key=Secret(SECRET_KEY), clock=utc_now)
    named = {
        "name": "shop", "release_id": "01R", "job_id": "01J", "host": "github", "ticket": ticket,
    }  # fmt: skip
    found = []
    for rule in make_web(make_config(folder)).app.url_map.iter_rules():
        path = re.sub(r"<(?:[^<>:]+:)?(\w+)>", lambda match: named.get(match[1], "cancel"), rule.rule)
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            if rule.rule not in WITHOUT_REDIS and not (method == "POST" and FORMS.match(path)):
                body = BODIES.get(path.rpartition("/")[2], {})
                found.append((method, path, json.dumps(body).encode() if method == "POST" else b""))
    return found


def test_every_route_says_so_within_two_seconds(site: Site, how: str, tmp_path: Path) -> None:
    asked = [one for one in routes(tmp_path) if not one[1].startswith("/webhooks")]
    tag, commit = next_tag(site)
    known = {release.id for release in site.store.releases()}
    # Given connections that have just been used
    site.until(lambda: is_all_ready(site, "web"), "the web process is ready", seconds=GOES_ON)
    with redis_away(site, how):
        # When the first requests of the outage come, twenty at once
        with ThreadPoolExecutor(20) as pool:
            first = list(pool.map(lambda _: site.deliver(tag, commit), range(20)))
        # Then each of them is told in time, and so is whoever comes later, alone or not
        for answer in first:
            check_told(answer, "delivery")
        for answer, one in zip(at_once(site, *asked), asked, strict=True):
            check_told(answer, one)
        for one in asked:
            check_told(site.ask(*one, headers=BEARER), one)
        check_told(site.deliver(tag, commit), "delivery")
        # And the process lives
        assert site.ask("GET", "/healthz").status == 200
        assert site.ask("GET", "/login").status == 200
    # When it is back, the same delivery is accepted, once
    statuses = {site.insist(lambda: site.deliver(tag, commit), seconds=GOES_ON).status for _ in range(3)}
    assert statuses in ({200}, {200, 202})
    assert site.wait_for_end(tag).state is JobState.DONE
    new = [release for release in site.store.releases() if release.id not in known]
    assert [release.tag for release in new] == [tag]


def test_a_deploy_in_its_migration_goes_on(site: Site, how: str) -> None:
    # Given a release in its migration, which is not repeatable
    tag, commit = next_tag(site)
    site.gate.hold("RUN migrate")
    assert site.insist(lambda: site.deliver(tag, commit)).status == 202
    site.until(site.gate.find_sender, "the migration runs")
    began = time.monotonic()
    # When Redis goes away, and the migration ends meanwhile
    with redis_away(site, how):
        threading.Event().wait(OUTAGE / 2)
        site.gate.open()
        wait_out(began)
    # Then the release comes to its end, and was nobody else's in between
    job = site.wait_for_end(tag, seconds=GOES_ON)
    assert (job.state, job.problem) == (JobState.DONE, None)
    assert {run.state for run in job.stages} == {StageState.PASSED}
    assert site.release(tag).state is State.READY
    # And a promote comes through the other worker
    assert site.insist(lambda: promote(site), seconds=GOES_ON).status == 202
    assert site.wait_for_end(tag, seconds=GOES_ON).state is JobState.DONE
    assert site.release(tag).state is State.LIVE
    assert set(site.crew.restarts) <= {"redis"}


def test_a_switch_goes_on_and_what_is_started_meanwhile_waits_and_then_works(site: Site, how: str) -> None:
    # Given a release on its way to every user
    tag, commit = next_tag(site)
    assert site.insist(lambda: site.deliver(tag, commit)).status == 202
    assert site.wait_for_end(tag).state is JobState.DONE
    site.gate.hold("PATCH /apis/networking.istio.io/v1/namespaces/shop/virtualservices/")
    assert site.insist(lambda: promote(site)).status == 202
    site.until(site.gate.find_sender, "the switch is on its way")
    newer, its_commit = tag_of(site, site.release(tag).color.other)
    late, began = site.make_crew(), time.monotonic()
    try:
        # When Redis goes away while it is, and a web process and a worker are started
        with redis_away(site, how):
            site.gate.open()
            site.start_web(late, f"late-{how}")
            site.start_worker(late, f"later-{how}", queue="releases")
            site.until(lambda: "Booting worker" in site.log(f"late-{how}"), "it has started")
            site.until(lambda: site.ask("GET", "/healthz", web=f"late-{how}").status == 200, "it answers")
            site.until(lambda: "Trying again" in site.log(f"later-{how}"), "it waits")
            check_told(site.deliver(newer, its_commit, web=f"late-{how}"), "delivery")
            assert site.ask("GET", "/healthz", web=f"late-{how}").status == 200
            wait_out(began)
        # Then the switch is done
        assert site.wait_for_end(tag, seconds=GOES_ON).state is JobState.DONE
        assert site.release(tag).state is State.LIVE
        assert set(site.crew.restarts) <= {"redis"}
        # And what was started works
        site.until(lambda: site.has_begun(f"later-{how}"), "the worker works", seconds=GOES_ON)
        delivered = site.insist(lambda: site.deliver(newer, its_commit, web=f"late-{how}"), seconds=GOES_ON)
        assert delivered.status in {200, 202}
        assert site.wait_for_end(newer, seconds=GOES_ON).state is JobState.DONE
        assert late.restarts == {}
    finally:
        late.close()
