"""Every route against every role, for an app that the role is for and for another, over API and pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pytest

from release.audit_entries import Filter, Outcome
from release.model import Actor, JobState
from release.roles import NEEDED, RANK, Action, Grant, Role
from tests.unit.webhook.fakes import NOW, Web, make_config, make_job, make_release, make_web
from tests.unit.webhook.test_pages import csrf_of, sign_in
from webhook.guard import Scope, action_of, find_need
from webhook.pages import OPEN_TO_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

    from release.audit_entries import Entry

GUARDED = ("api", "pages", "scrape")
CALLED = ("api.", "scrape.")
"""What takes a token."""

OPEN = {
    "static": "files that are the same everywhere",
    "health.show_alive": "probes",
    "health.show_ready": "probes",
    "hooks.take_delivery": "asks for signatures",
    "reference.show_openapi": "tells nothing of this copy",
    "reference.show_reference": "tells nothing of this copy",
}
"""Routes without a role that belong to neither API nor pages."""

IDS = {"shop": "R9", "forum": "R8"}
BODIES: dict[str, dict[str, object]] = {
    "api.deploy": {"tag": "v3.0-blue"},
    "api.dismiss_tag": {"tag": "v3.0-blue"},
    "api.make_token": {"name": "mine", "role": "viewer"},
}


@dataclass(frozen=True)
class Door:
    """One method of one route, and one of the actions that its address names."""

    endpoint: str
    method: str
    rule: str
    action: Action
    scope: Scope

    @property
    def is_for_all(self) -> bool:
        return self.scope is Scope.NAMED and not {"<name>", "<release_id>", "<job_id>"} & set(
            re.findall(r"<\w+>", self.rule)
        )

    def address(self, app: str) -> str:
        path = self.rule.replace("<name>", app).replace("<release_id>", IDS[app])
        path = path.replace("<job_id>", f"J{IDS[app]}")
        path = path.replace("<token_name>", "nobody").replace("<channel_name>", "nowhere")
        return f"{path}?app={app}" if self.scope in {Scope.ASKED, Scope.CHOSEN} else path

    def needs(self, role: Role, *, is_own: bool) -> bool:
        is_covered = self.scope is Scope.SEEN or (is_own and not self.is_for_all)
        return is_covered and RANK[role] >= RANK[NEEDED[self.action]]


def doors_of(web: Web) -> Iterator[Door]:
    for rule in web.app.url_map.iter_rules():
        need = find_need(web.app.view_functions[rule.endpoint])
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}) if need else ():
            assert need
            choice = re.search(r"<any\(([^)]*)\):\w+>", rule.rule)
            for word in choice[1].split(", ") if choice else [""]:
                path = rule.rule.replace(choice[0], word) if choice else rule.rule
                yield Door(rule.endpoint, method, path, need.action or action_of(word), need.scope)


def furnish(web: Web) -> Web:
    """A release with a job, of each app."""
    web.store.found = [make_release(IDS[app], app=app) for app in IDS]
    web.store.jobs = [
        make_job(f"J{IDS[app]}", app=app, queue="both", release_id=IDS[app], state=JobState.DONE)
        for app in IDS
    ]
    return web


def make_token(web: Web, role: Role, *apps: str) -> str:
    name = "-".join([role, *apps])
    grant = Grant(role, frozenset(apps))
    return web.store.api_tokens.make(name, grant, made_by=Actor("person", "anna"), now=NOW)[1].reveal()


def refusals_of(web: Web) -> tuple[Entry, ...]:
    return web.store.audit.read(Filter(outcome=Outcome.REFUSED)).entries


def call(web: Web, door: Door, app: str, token: str) -> TestResponse:
    header = {"Authorization": f"Bearer {token}"}
    if door.method != "POST":
        return web.client.open(door.address(app), method=door.method, headers=header)
    return web.client.post(door.address(app), headers=header, json=BODIES.get(door.endpoint, {}))


def test_every_route_says_what_it_takes(web: Web) -> None:
    open_to_all, nothing_said = set(), []
    for rule in web.app.url_map.iter_rules():
        blueprint = rule.endpoint.partition(".")[0]
        if rule.endpoint in OPEN_TO_ALL or blueprint not in GUARDED:
            open_to_all.add(rule.endpoint)
        elif find_need(web.app.view_functions[rule.endpoint]) is None:
            nothing_said.append(f"{rule}: put @needs(Action.…) of webhook.guard under its route")

    assert nothing_said == []
    assert open_to_all == set(OPEN) | OPEN_TO_ALL


def test_a_route_that_says_nothing_is_refused_to_everybody(tmp_path: Path) -> None:
    web = make_web(make_config(tmp_path))
    client = sign_in(web)
    web.app.view_functions["pages.show_overview"] = lambda: "secrets"

    answer = client.get("/")

    assert (answer.status_code, "secrets" in answer.text) == (403, False)
    assert "Nobody may" in answer.text


@pytest.mark.parametrize("app", ["shop", "forum"])
@pytest.mark.parametrize("role", Role)
def test_the_api_lets_each_role_do_what_it_may_to_its_own_app_alone(web: Web, role: Role, app: str) -> None:
    # Given a token with a role for shop
    token = make_token(furnish(web), role, "shop")
    doors = [one for one in doors_of(web) if one.endpoint.startswith(CALLED)]
    assert len(doors) > 20
    assert "/metrics" in {one.rule for one in doors}
    for door in doors:
        web.requests.asked.clear()
        # When it calls a route about shop, or about the other app
        answer = call(web, door, app, token)
        # Then it is refused, with its role, unless the table has it
        if door.needs(role, is_own=app == "shop"):
            assert answer.status_code != 403, door
            continue
        assert answer.status_code == 403, door
        told = answer.get_json(force=True)
        about = "for all apps" if door.is_for_all else f"for {app}"
        has = (
            f"has the role {role} {about}"
            if app == "shop" and not door.is_for_all
            else f"has no role {about}"
        )
        assert told["detail"] == f"{role}-shop {has}; {door.action} needs {NEEDED[door.action]}"
        assert web.requests.asked == []


@pytest.mark.parametrize("role", Role)
def test_a_role_for_all_apps_counts_for_each_and_for_what_belongs_to_all(web: Web, role: Role) -> None:
    token = make_token(furnish(web), role)

    for door in doors_of(web):
        if door.endpoint.startswith(CALLED):
            is_refused = call(web, door, "forum", token).status_code == 403
            assert is_refused is (RANK[role] < RANK[NEEDED[door.action]]), door


@pytest.mark.parametrize("app", ["shop", "forum"])
@pytest.mark.parametrize("role", Role)
def test_pages_let_each_role_do_what_it_may_to_its_own_app_alone(web: Web, role: Role, app: str) -> None:
    # Given somebody who is signed in with a role for shop
    client = sign_in(web, make_token(furnish(web), role, "shop"))
    csrf = csrf_of(client.get("/").text)
    doors = [one for one in doors_of(web) if one.endpoint.startswith("pages.")]
    assert len(doors) > 10
    for door in doors:
        web.requests.asked.clear()
        # When they open a page or send a form, whatever buttons were shown
        form = {"csrf_token": csrf, "tag": "v3.0-blue", "reason": "because"}
        data = form if door.method == "POST" else None
        answer = client.open(door.address(app), method=door.method, data=data)
        # Then they are refused, unless the table has it
        if door.needs(role, is_own=app == "shop"):
            assert answer.status_code in {200, 303}, door
            continue
        assert answer.status_code == 403, door
        assert "You are not allowed to do this." in answer.text
        assert web.requests.asked == []


@pytest.mark.parametrize("role", Role)
def test_going_past_a_freeze_takes_its_own_right_beside_that_of_the_action(
    web: Web, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    # Given a table in which that takes more than what it comes with, and somebody with a role for shop
    monkeypatch.setitem(NEEDED, Action.OVERRIDE_FREEZE, Role.ADMIN)
    token = make_token(furnish(web), role, "shop")
    header, client = {"Authorization": f"Bearer {token}"}, sign_in(web, token)
    csrf = csrf_of(client.get("/").text)
    for app, action, is_wanted in product(IDS, (Action.PROMOTE, Action.START), (True, False)):
        # When they act with and without it, by call and by form
        web.requests.asked.clear()
        place = f"apps/{app}/promote" if action is Action.PROMOTE else f"releases/{IDS[app]}/start"
        body = {"reason": "hotfix", **({"override_freeze": True} if is_wanted else {})}
        called = web.client.post(f"/api/v1/{place}", headers=header, json=body)
        sent = client.post(f"/{place}", data={"csrf_token": csrf, **body})
        # Then they are refused, unless the table has both
        needed = [NEEDED[action], *([Role.ADMIN] if is_wanted else [])]
        is_allowed = app == "shop" and all(RANK[role] >= RANK[one] for one in needed)
        assert (called.status_code != 403, sent.status_code != 403) == (is_allowed, is_allowed)
        assert bool(web.requests.asked) is is_allowed
        if is_wanted and app == "shop" and role is Role.PROMOTER:
            assert called.get_json(force=True)["detail"].endswith("; override-freeze needs admin")


@pytest.mark.parametrize("door", ["api", "pages"])
def test_every_change_and_every_refusal_is_in_the_trail(web: Web, door: str) -> None:
    # Given a promoter of shop, who asks for everything of both apps
    token = make_token(furnish(web), Role.PROMOTER, "shop")
    client = sign_in(web, token)
    csrf = csrf_of(client.get("/").text)
    kind = "token" if door == "api" else "person"
    for one in doors_of(web):
        if not one.endpoint.startswith(door) or one.method != "POST" or one.is_for_all:
            continue
        if one.action is Action.READ:  # it changes nothing but a cookie of the browser's
            continue
        for app in IDS:
            before = len(web.store.audit.read().entries)
            if door == "api":
                call(web, one, app, token)
            else:
                client.post(one.address(app), data={"csrf_token": csrf, "tag": "v3.0-blue", "reason": "x"})
            # Then each is one entry, by its name, with who asked, from where
            entries = web.store.audit.read().entries
            assert len(entries) == before + 1, (one, app)
            assert (entries[0].action, entries[0].app) == (one.action, app)
            assert (str(entries[0].actor), entries[0].address) == (f"{kind}:promoter-shop", "127.0.0.1")
            assert (entries[0].why == "not-allowed") is (app == "forum")
            if app == "forum":
                assert entries[0].outcome is Outcome.REFUSED


def test_lists_leave_out_what_one_may_not_see(web: Web) -> None:
    # Given two apps, a queue that both go through, and a viewer of one
    header = {"Authorization": f"Bearer {make_token(furnish(web), Role.VIEWER, 'shop')}"}
    web.store.jobs = [
        make_job("J8", app="forum", queue="shop", release_id="R8", tag="v7.7-green"),
        make_job("J9", app="shop", queue="shop", release_id="R9", state=JobState.WAITING),
    ]
    # When they list apps and releases
    apps = web.client.get("/api/v1/apps", headers=header).json
    releases = web.client.get("/api/v1/releases", headers=header).json
    # Then there is nothing of the other one, but that its job has a place
    assert apps is not None
    assert releases is not None
    assert [one["name"] for one in apps["apps"]] == ["shop"]
    assert [(job["id"], job["position"]) for job in apps["apps"][0]["queue"]] == [("J9", 1)]
    assert [one["id"] for one in releases["releases"]] == ["R9"]


def test_the_overview_leaves_out_what_one_may_not_see(web: Web) -> None:
    client = sign_in(web, make_token(furnish(web), Role.VIEWER, "shop"))
    web.store.jobs = [
        make_job("J8", app="forum", queue="shop", release_id="R8", tag="v7.7-green"),
        make_job("J9", app="shop", queue="shop", release_id="R9", state=JobState.WAITING),
    ]

    page = client.get("/").text

    assert [name for name in ("forum", "R8", "v7.7-green") if name in page] == []
    assert "another app&#39;s job" in page or "another app's job" in page
    assert 'method="post"' not in page.replace('action="/logout"', "").split("<main", 1)[1]


def test_where_reading_is_open_everybody_sees_all(open_web: Web) -> None:
    token = make_token(furnish(open_web), Role.VIEWER, "shop")

    for header in ({}, {"Authorization": f"Bearer {token}"}):
        found = open_web.client.get("/api/v1/releases", headers=header).json
        assert found is not None
        assert {one["app"] for one in found["releases"]} == {"shop", "forum"}
        assert open_web.client.get("/releases/R8").status_code == 200


def test_whoever_asks_in_vain_all_the_time_is_stopped_before_the_trail_is_full(web: Web) -> None:
    header = {"Authorization": f"Bearer {make_token(web, Role.VIEWER)}"}

    statuses = [web.client.post("/api/v1/apps/shop/promote", headers=header).status_code for _ in range(70)]

    assert set(statuses) == {403, 429}
    assert len(refusals_of(web)) == statuses.count(403) < 70


def test_a_page_that_stays_open_is_entered_once_a_minute(web: Web) -> None:
    header = {"Authorization": f"Bearer {make_token(web, Role.VIEWER, 'shop')}"}

    statuses = {web.client.get("/api/v1/apps/forum", headers=header).status_code for _ in range(5)}

    assert statuses == {403}
    assert [one.action for one in refusals_of(web)] == [Action.READ]
