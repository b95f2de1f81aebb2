from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from release.audit_entries import NewEntry, Outcome
from release.model import Actor, Color, JobKind, JobState, State
from release.roles import Action, Role
from tests.unit.webhook.fakes import (
    NOW,
    TOKEN,
    make_config,
    make_job,
    make_observation,
    make_release,
    make_web,
)
from tests.unit.webhook.test_guard import make_token
from tests.unit.webhook.test_pages import csrf_of, sign_in, text_of
from webhook.cookie_way import Way, find_way

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.webhook.fakes import Web

MARIA = Actor("person", "maria")
HEADER = {"Authorization": f"Bearer {TOKEN}"}


def make_public(folder: Path, **more: object) -> Web:
    """Where the shop has an address of its own; green is under test."""
    config = make_config(folder)
    shop = config.apps["shop"].model_copy(update={"public_url": "http://localhost:8080/", **more})
    web = make_web(config.model_copy(update={"apps": {**config.apps, "shop": shop}}))
    web.store.seen["shop"] = make_observation()
    return web


class TestGlance:
    def test_every_app_has_its_row_and_nothing_of_others_is_told(self, web: Web) -> None:
        web.store.seen["shop"] = make_observation()
        web.store.found = [make_release("R0", tag="v1.0-green", state=State.LIVE, color=Color.GREEN)]
        page = sign_in(web).get("/").text
        assert 'href="/apps/shop"' in page
        assert "v1.0-green live 1 min ago" in text_of(page)
        assert "forum The cluster was not read yet" in text_of(page)
        assert "Deploy a tag" not in page

    def test_who_may_see_one_app_alone_gets_all_of_it_at_once(self, web: Web) -> None:
        web.store.jobs = [make_job("J9", app="forum", queue="forum", release_id="R9", tag="v7.7-green")]
        client = sign_in(web, make_token(web, Role.VIEWER, "shop"))
        page = client.get("/").text
        assert "Latest releases" in page
        assert "v7.7-green" not in page
        assert "forum" not in page

    def test_a_filter_leaves_out_what_has_it_not(self, web: Web) -> None:
        page = sign_in(web).get("/?q=FOR").text
        assert 'id="app-forum"' in page
        assert 'id="app-shop"' not in page
        assert "1 of 2 apps have “FOR”" in page
        assert 'value="FOR"' in page

    def test_a_hostile_filter_is_only_text(self, web: Web) -> None:
        page = sign_in(web).get("/", query_string={"q": '"><script>alert(1)</script>'}).text
        assert "<script>alert" not in page
        assert "0 of 2 apps" in page


class TestOneApp:
    def test_our_newest_switch_is_shown_wherever_a_look_does_not_know_of_it(self, web: Web) -> None:
        web.store.seen["shop"] = make_observation()
        web.store.found = [
            make_release("R0", tag="v1.0-green", state=State.STANDBY, color=Color.GREEN, updated_at=NOW),
            make_release("R1", state=State.LIVE, updated_at=NOW),
        ]
        client = sign_in(web)
        page = client.get("/apps/shop").text
        assert 'aria-label="blue: live"' in page
        assert "green idle standby v1.0-green" in text_of(page)
        assert "Decommission green" in page
        assert "v2.0-blue live" in text_of(client.get("/").text)
        told = client.get("/api/v1/apps/shop", headers=HEADER).get_json()
        assert (told["observation"]["live"], told["can_roll_back_to"]["id"]) == ("blue", "R0")

    def test_what_failed_or_runs_is_told_with_its_age_and_state_as_well(self, web: Web) -> None:
        web.store.seen["shop"] = make_observation()
        client = sign_in(web)
        for state in (State.FAILED, State.RUNNING):
            web.store.found = [make_release("R1", state=state)]
            page = text_of(client.get("/apps/shop").text)
            assert f"blue test {state} v2.0-blue 2 of 2 pods ready 6113728f27 1 min ago" in page
            assert f"v2.0-blue test {state} 1 min ago" in text_of(client.get("/").text)

    def test_a_job_that_no_worker_takes_is_told_first_with_what_helps(self, web: Web) -> None:
        web.store.seen["shop"] = make_observation()
        offered = {"state": JobState.OFFERED, "offered_at": NOW - timedelta(minutes=2)}
        web.store.jobs = [make_job(kind=JobKind.ROLLBACK, tag="v1.0-blue", **offered)]
        client, helps = (
            sign_in(web),
            "No worker takes the rollback to v1.0-blue: verdigris rollback shop --direct",
        )
        page = client.get("/apps/shop").text
        assert 'id="shop-stuck" role="alert"' in page
        assert helps in text_of(page)
        assert helps in text_of(client.get("/").text)
        told = client.get("/api/v1/apps/shop", headers=HEADER).get_json()
        assert told["attention"][0].startswith("no worker takes the rollback to v1.0-blue: ")
        assert "none takes it: `verdigris rollback shop --direct`" in told["queue"][0]["doing"]


class TestWhoDidWhat:
    def test_what_became_of_it_is_told_for_those_who_read_the_trail_as_well(self, web: Web) -> None:
        asked = NewEntry(
            actor=MARIA,
            action=Action.PROMOTE,
            outcome=Outcome.ACCEPTED,
            app="shop",
            release="R1",
            after={"job": "J1", "tag": "v2.0-blue"},
        )
        web.store.audit.write(asked)
        web.store.jobs = [make_job(state=JobState.FAILED, kind=JobKind.PROMOTE)]
        page = text_of(sign_in(web).get("/apps/shop").text)
        assert "maria asked to promote v2.0-blue failed" in page

    def test_administrators_see_what_people_asked_for(self, web: Web) -> None:
        entry = NewEntry(
            actor=MARIA,
            action=Action.PROMOTE,
            outcome=Outcome.REFUSED,
            app="shop",
            why="app-frozen",
            reason="now",
        )
        web.store.audit.write(entry)
        page = text_of(sign_in(web).get("/apps/shop").text)
        assert "maria asked to promote refused: app-frozen" in page
        assert "“now”" in page

    def test_everybody_else_sees_who_asked_for_the_latest_jobs(self, web: Web) -> None:
        web.store.audit.write(NewEntry(actor=MARIA, action=Action.READ, outcome=Outcome.REFUSED, app="shop"))
        web.store.jobs = [make_job(state=JobState.DONE, kind=JobKind.PROMOTE, reason="go")]
        page = text_of(sign_in(web, make_token(web, Role.VIEWER, "shop")).get("/apps/shop").text)
        assert "octocat (Git push) asked to promote v2.0-blue done" in page
        assert "maria" not in page


class TestQueue:
    def test_every_queue_is_told_with_places_and_what_is_of_other_apps_is_not_named(self, web: Web) -> None:
        web.store.jobs = [
            make_job("J1", app="forum", queue="shared", release_id="R8", tag="v7.7-green"),
            make_job("J2", app="shop", queue="shared", state=JobState.WAITING),
            make_job("J3", app="forum", queue="forum", release_id="R9", tag="v8.8-green"),
        ]
        everything = text_of(sign_in(web).get("/queue").text)
        own = text_of(sign_in(web, make_token(web, Role.VIEWER, "shop")).get("/queue").text)
        assert "now deploy v7.7-green of forum running sanity" in everything
        assert "v8.8-green" in everything
        assert "now another app&#39;s job 1 deploy v2.0-blue" in own.replace("'", "&#39;")
        assert "v7.7" not in own
        assert "v8.8" not in own

    def test_of_a_long_queue_the_first_hundred_are_told(self, web: Web) -> None:
        web.store.jobs = [make_job(f"J{n}", state=JobState.WAITING, tag=f"v{n}.0-blue") for n in range(130)]
        page = sign_in(web).get("/queue").text
        assert "v99.0-blue" in page
        assert "v100.0-blue" not in page
        assert "30 more wait behind these." in page


class TestHistory:
    @pytest.fixture
    def past(self, web: Web) -> Web:
        web.store.found = [
            make_release(f"R{n}", tag=f"v{n}.0-blue", state=State.FAILED if n % 2 else State.LIVE)
            for n in range(60)
        ]
        web.store.found.append(make_release("R99", app="forum", tag="v99.0-blue"))
        return web

    def test_pages_lead_on_with_what_was_chosen(self, past: Web) -> None:
        page = sign_in(past).get("/history?state=failed&q=v").text
        assert page.count('class="what"') == 25
        assert "/history?state=failed&amp;q=v&amp;after=25" in page

    def test_what_one_may_not_see_is_not_found(self, past: Web) -> None:
        client = sign_in(past, make_token(past, Role.VIEWER, "shop"))
        assert "v99.0-blue" not in client.get("/history?q=v99").text
        assert client.get("/history?app=forum").status_code == 403
        assert client.get("/history?app=nothing").status_code in {403, 404}

    def test_a_wrong_question_is_a_page_that_says_so(self, past: Web) -> None:
        client = sign_in(past)
        for query in ("state=gone", "after=x", "color=red", "limit=5", "app=A"):
            answer = client.get(f"/history?{query}")
            assert answer.status_code in {400, 404}, query
        assert "A parameter of the address is wrong" in client.get("/history?after=x").text

    def test_the_api_finds_the_same(self, past: Web) -> None:
        path = "/api/v1/releases?state=failed&q=v1&limit=3"
        first = past.client.get(path, headers=HEADER).json
        assert first
        tags = [one["tag"] for one in first["releases"]]
        rest = past.client.get(f"{path}&after={first['next']}", headers=HEADER).json
        assert rest
        tags += [one["tag"] for one in rest["releases"]]
        assert sorted(tags) == [
            "v1.0-blue",
            "v11.0-blue",
            "v13.0-blue",
            "v15.0-blue",
            "v17.0-blue",
            "v19.0-blue",
        ]
        assert rest["next"] is None


class TestTestRoute:
    @pytest.mark.parametrize(
        ("address", "domain", "host", "way"),
        [
            ("http://127.0.0.1:8080", "", "127.0.0.1", Way.HOST),
            ("https://Shop.example.com/", "", "shop.example.com", Way.HOST),
            ("https://shop.example.com", "example.com", "verdigris.example.com", Way.DOMAIN),
            ("https://shop.example.com", "example.com", "example.com", Way.DOMAIN),
            ("https://shop.example.com", "example.com", "evilexample.com", Way.BY_HAND),
            ("https://shop.example.com", "", "verdigris.example.com", Way.BY_HAND),
            ("https://shop.example.com", "", "", Way.BY_HAND),
        ],
    )
    def test_a_cookie_is_for_one_host_or_a_domain_that_is_named(
        self, address: str, domain: str, host: str, way: Way
    ) -> None:
        assert find_way(address, domain, host=host) is way

    def test_a_click_sets_the_cookie_for_an_hour_and_leads_there(self, tmp_path: Path) -> None:
        client = sign_in(make_public(tmp_path))
        answer = client.get("/apps/shop/test-route")
        cookie = answer.headers["Set-Cookie"]
        assert (answer.status_code, answer.headers["Location"]) == (303, "http://localhost:8080/")
        assert cookie.startswith("test=true;")
        assert {"Max-Age=3600", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        page = client.get("/apps/shop").text
        assert "This browser is on the test route" in page

        left = client.post("/apps/shop/test-route/leave", data={"csrf_token": csrf_of(page)})
        assert (left.status_code, left.headers["Location"]) == (303, "/apps/shop")
        assert "Max-Age=0" in left.headers["Set-Cookie"]
        assert "This browser is on" not in client.get("/apps/shop").text

    def test_where_nothing_is_under_test_it_says_so(self, tmp_path: Path) -> None:
        web = make_public(tmp_path)
        web.store.seen["shop"] = make_observation(test_route=None)
        answer = sign_in(web).get("/apps/shop/test-route", follow_redirects=True)
        assert "Nothing of shop is under test now" in answer.text
        assert "the color under test" not in answer.text

    def test_users_color_is_not_called_the_one_under_test(self, tmp_path: Path) -> None:
        web = make_public(tmp_path)
        assert "Open blue, the color under test" in sign_in(web).get("/apps/shop").text
        web.store.seen["shop"] = make_observation(live=Color.BLUE)
        assert "the color under test" not in sign_in(web).get("/apps/shop").text

    def test_on_https_the_cookie_stays_there(self, tmp_path: Path) -> None:
        config = make_config(tmp_path)
        update = {"public_url": "https://shop.example.com", "test_cookie_domain": "example.com"}
        shop = config.apps["shop"].model_copy(update=update)
        whole = config.model_copy(update={"public_read": True, "apps": {**config.apps, "shop": shop}})
        web = make_web(whole, public_url="https://verdigris.example.com")
        web.store.seen["shop"] = make_observation()
        answer = web.client.get("/apps/shop/test-route", base_url="https://verdigris.example.com")
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "Domain=example.com" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({"public_url": None}, {}),
        ({"public_url": "http://elsewhere.example"}, {}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
    ],
)
def test_no_other_site_and_no_other_address_takes_somebody_to_the_test_route(
    tmp_path: Path, more: dict[str, object], headers: dict[str, str]
) -> None:
    answer = sign_in(make_public(tmp_path, **more)).get("/apps/shop/test-route", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/apps/shop")
    assert "test=" not in answer.headers.get("Set-Cookie", "")
