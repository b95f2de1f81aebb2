from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest

from release.model import (
    Actor,
    ByHand,
    Color,
    JobKind,
    JobState,
    Migration,
    MigrationRecord,
    MigrationState,
    State,
)
from release.observation import ColorObservation
from release.others import Interference, Tool, Writer
from release.problems import ProblemDocument
from release.records import Change, LogLine
from tests.unit.webhook.fakes import (
    KEY,
    NOW,
    OCTOCAT,
    TOKEN,
    Web,
    make_job,
    make_observation,
    make_release,
)
from webhook.tickets import issue_ticket

if TYPE_CHECKING:
    from flask.testing import FlaskClient

FRAGMENT = {"X-Fragment": "1"}
CRASH = ProblemDocument(
    "crash-loop", "The container keeps crashing", "shop: pod <b>x</b> ended", "run `verdigris retry R1`"
)


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def sign_in(web: Web, token: str = TOKEN) -> FlaskClient:
    client = web.client
    csrf = csrf_of(client.get("/login").text)
    answer = client.post("/login", data={"token": token, "csrf_token": csrf})
    assert answer.status_code == 303
    return client


def text_of(page: str) -> str:
    """What a person reads, without markup and with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("path", ["/", "/apps/shop", "/queue", "/history", "/releases/R1"])
def test_pages_lead_strangers_to_the_door(web: Web, path: str) -> None:
    answer = web.client.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/login?next={path}"


def test_a_stranger_learns_nothing_of_what_exists(web: Web) -> None:
    web.store.found = [make_release("R1")]
    assert web.client.get("/releases/R1").status_code == web.client.get("/releases/R2").status_code == 303


def test_a_fragment_for_a_stranger_is_a_plain_401(web: Web) -> None:
    assert web.client.get("/", headers=FRAGMENT).status_code == 401


def test_where_reading_is_open_pages_show_no_buttons(open_web: Web) -> None:
    page = open_web.client.get("/apps/shop")
    assert page.status_code == 200
    assert "Deploy a tag" not in page.text
    assert "Sign in" in page.text


def test_after_a_revert_no_page_offers_the_promote_that_would_be_refused(web: Web) -> None:
    live = make_release("R0", tag="v1.0-green", color=Color.GREEN, state=State.LIVE)
    left = make_release("R1", state=State.ROLLED_BACK, updated_at=NOW - timedelta(minutes=1))
    web.store.found = [live, left]
    web.store.seen["shop"] = make_observation(has_route=True, test_route=None)

    client = sign_in(web)

    for path, button in (("/apps/shop", "shop-promote"), ("/releases/R1", "release-promote")):
        page = client.get(path).text
        assert f'id="{button}-off" type="button" disabled aria-describedby="{button}-why"' in page
        assert f'id="{button}-why"' in page
        assert "`verdigris redeploy R1` tests it anew" in text_of(unescape(page))


def test_an_app_s_page_shows_each_color_with_what_runs_and_which_is_live(web: Web) -> None:
    web.store.seen["shop"] = make_observation()
    web.store.found = [make_release("R1"), make_release("R0", state=State.LIVE, color=Color.GREEN)]
    page = sign_in(web).get("/apps/shop").text
    assert re.search(r'class="card green live".*?v1\.0-green.*?3 of 3 pods ready', page, re.DOTALL)
    assert re.search(r'class="card blue test".*?v2\.0-blue.*?ready.*?cookie test=true', page, re.DOTALL)
    assert "cluster seen 3 s ago" in text_of(page)


def test_an_old_look_is_called_out_of_date(web: Web) -> None:
    web.store.seen["shop"] = make_observation(at=NOW - timedelta(minutes=3))
    assert "Out of date: cluster seen 3 min ago" in text_of(sign_in(web).get("/apps/shop").text)


def test_before_anybody_looked_the_page_says_so(web: Web) -> None:
    page = text_of(sign_in(web).get("/apps/shop").text)
    assert "The cluster was not read yet." in page
    assert "No worker has looked at the cluster yet." in page


def test_what_the_cluster_shows_wrong_is_told(web: Web) -> None:
    web.store.seen["shop"] = make_observation(live=None, problem="the default route has two destinations")
    page = text_of(sign_in(web).get("/apps/shop").text)
    assert "The default route has two destinations." in page
    assert "Users: no color is live" in page


ARGO = Writer("argocd-controller", "Apply", NOW - timedelta(seconds=20), Tool.ARGO_CD)
MOVED = Interference(
    mark="moved",
    what="Argo CD, as argocd-controller (Apply, 11:59:40 UTC), moved every user back to v1.0-green (green)",
    users="Users get v1.0-green (green) now",
    next_step="let Argo CD leave it alone. Then `verdigris promote shop --release R1`",
    seen_at=NOW - timedelta(seconds=12),
    writer=ARGO,
)


def test_who_moved_users_stands_before_all_else_of_the_app(web: Web) -> None:
    web.store.seen["shop"] = make_observation(interference=MOVED)
    page = sign_in(web).get("/apps/shop").text
    text = text_of(page)
    assert "Argo CD, as argocd-controller (Apply, 11:59:40 UTC), moved every user back to" in text
    assert "Users get v1.0-green (green) now. noticed 12 s ago" in text
    assert "What to do: Let Argo CD leave it alone." in text
    assert "<code>verdigris promote shop --release R1</code>" in page
    assert text.index("moved every user") < text.index("Every user")
    assert "within an hour" not in text

    web.store.seen["shop"] = make_observation(interference=replace(MOVED, times=3))
    assert "It happened 3 times within an hour" in text_of(sign_in(web).get("/apps/shop").text)


def test_a_hostile_manager_s_name_is_only_text(web: Web) -> None:
    hostile = replace(MOVED, what="<script>alert(1)</script>\u202e moved every user")
    web.store.seen["shop"] = make_observation(interference=hostile)
    page = sign_in(web).get("/apps/shop").text
    assert "<script>alert" not in page
    assert "\u202e" not in page


def test_the_queue_shows_places_and_what_each_waits_for(web: Web) -> None:
    web.store.jobs = [
        make_job("J1", state=JobState.OFFERED),
        make_job("J2", state=JobState.WAITING, kind=JobKind.PROMOTE, tag="v3.0-green"),
    ]
    page = text_of(sign_in(web).get("/apps/shop").text)
    assert "now deploy v2.0-blue waiting for a worker" in page
    assert "1 promote v3.0-green waiting for its turn" in page


def test_hostile_names_are_escaped_and_written_out(web: Web) -> None:
    tag = "v<script>alert(1)</script>\u202e-blue"
    seen = ColorObservation(Color.BLUE, exists=True, release="R1", tag=tag, replicas=1)
    web.store.seen["shop"] = make_observation(blue=seen)
    web.store.found = [make_release("R1", tag=tag, actor=Actor("git", "<img src=x>"))]
    client = sign_in(web)
    for path in ("/", "/apps/shop", "/releases/R1"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "\u202e" not in page
        assert "\\u202e-blue" in page


def test_the_release_page_begins_with_why_it_failed_and_what_to_do(web: Web) -> None:
    web.store.found = [make_release(state=State.FAILED, reason="crash-loop")]
    web.store.jobs = [make_job(state=JobState.FAILED, passed=1, problem=CRASH)]
    page = sign_in(web).get("/releases/R1").text
    assert "shop: pod &lt;b&gt;x&lt;/b&gt; ended." in page
    assert "Run <code>verdigris retry R1</code>." in page
    assert page.index("The container keeps crashing.") < page.index('class="timeline"')
    assert "Retry" in page


def test_the_release_page_shows_stages_with_times(web: Web) -> None:
    web.store.found = [make_release(state=State.RUNNING)]
    web.store.jobs = [make_job(passed=1)]
    page = text_of(sign_in(web).get("/releases/R1").text)
    assert "sanity passed 11:57:00 · 20 s deploy running 11:57:20 · 2 min 40 s so far migrate pending" in page
    assert "Cancel" in page


def test_the_release_page_shows_life_and_output(web: Web) -> None:
    web.store.found = [make_release()]
    web.store.steps["R1"] = [Change("R1", "shop", None, State.QUEUED, OCTOCAT, "tag pushed", NOW)]
    web.store.lines["R1"] = [LogLine("1-0", NOW, "deploy", "\x1b[31m<b>2 of 2</b>\npods\u202e")]
    page = sign_in(web).get("/releases/R1").text
    assert '<span class="ink-red">&lt;b&gt;2 of 2&lt;/b&gt; pods\\u202e</span>' in page
    assert "12:00:00 queued octocat (Git push): tag pushed" in text_of(page)


def test_the_release_page_holds_the_commands_that_do_without_us(web: Web) -> None:
    by_hand = ByHand("kubectl patch -p '[\"<forth>\"]'", "kubectl patch -p '[\"back\"]'")
    web.store.found.append(make_release("R1", state=State.LIVE, by_hand=by_hand))
    web.store.found.append(make_release("R2", state=State.RETIRED, by_hand=by_hand))
    client = sign_in(web)

    page = unescape(client.get("/releases/R1").text)

    assert f"<code>{by_hand.promote}</code>" in page
    assert f"<code>{by_hand.rollback}</code>" in page
    assert "&lt;forth&gt;" in client.get("/releases/R1").text
    assert "kubectl" not in client.get("/releases/R2").text


def test_the_release_page_shows_warnings(web: Web) -> None:
    web.store.found = [make_release(warnings=("Service <shop>: add mesh",))]
    page = sign_in(web).get("/releases/R1").text
    assert "Service &lt;shop&gt;: add mesh" in page


def test_a_long_log_shows_its_end(web: Web) -> None:
    web.store.found = [make_release()]
    web.store.lines["R1"] = [LogLine(f"{n}-0", NOW, "deploy", f"line <{n}>") for n in range(1, 2501)]
    page = sign_in(web).get("/releases/R1").text
    assert "line &lt;2500&gt;" in page
    assert "line &lt;1500&gt;" not in page
    assert "The last 1000 lines" in page


def test_an_unknown_release_is_a_page_that_says_so(web: Web) -> None:
    answer = sign_in(web).get("/releases/nothing")
    assert answer.status_code == 404
    assert "No such release." in answer.text


def test_while_redis_is_away_the_page_says_so(web: Web) -> None:
    client = sign_in(web)
    web.store.is_away = True
    answer = client.get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Redis is away" in answer.text
    assert "accepted" not in answer.text


@pytest.mark.parametrize("path", ["/", "/apps/shop", "/queue", "/history", "/releases/R1"])
def test_a_fragment_is_the_changing_part_alone(web: Web, path: str) -> None:
    web.store.found = [make_release()]
    client = sign_in(web)
    whole, part = client.get(path), client.get(path, headers=FRAGMENT)
    assert "<!doctype html>" in whole.text
    assert "<!doctype html>" not in part.text
    assert part.text.strip()
    assert "X-Fragment" in part.headers["Vary"]


@pytest.mark.parametrize(
    "path", ["/", "/apps/shop", "/queue", "/history", "/releases/R1", "/login", "/nowhere"]
)
def test_pages_need_nothing_that_their_own_policy_forbids(web: Web, path: str) -> None:
    web.store.found, web.store.jobs = [make_release()], [make_job()]
    web.store.seen["shop"] = make_observation()
    page = sign_in(web).get(path).text
    assert "style=" not in page
    assert not re.search(r"\son[a-z]+=", page)
    assert not re.search(r"<script(?! src=)", page)
    assert not re.search(r"(src|href|action)=\"(https?:)?//", page)


def test_a_wrong_token_is_refused_and_not_shown_again(web: Web) -> None:
    client = web.client
    csrf = csrf_of(client.get("/login").text)
    answer = client.post("/login", data={"token": "hunter2 hunter2 hunter2", "csrf_token": csrf})
    assert answer.status_code == 401
    assert "hunter2" not in answer.text
    assert client.get("/").status_code == 303


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(web: Web) -> None:
    client = web.client
    csrf = csrf_of(client.get("/login").text)
    cookie = client.post("/login", data={"token": TOKEN, "csrf_token": csrf}).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires" in cookie
    assert TOKEN not in cookie


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/releases/R1", "/releases/R1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\tx", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_one_stays_here(web: Web, wanted: str, target: str) -> None:
    client = web.client
    csrf = csrf_of(client.get("/login", query_string={"next": wanted}).text)
    answer = client.post("/login", data={"token": TOKEN, "csrf_token": csrf, "next": wanted})
    assert answer.headers["Location"] == target


def test_a_session_ends_whatever_one_does(web: Web) -> None:
    client = sign_in(web)
    for _ in range(3):
        web.wait(timedelta(hours=3, minutes=59))
        assert client.get("/").status_code == 200
    web.wait(timedelta(minutes=5))
    assert client.get("/").status_code == 303


def test_a_session_ends_with_its_token(web: Web) -> None:
    client = sign_in(web)
    with client.session_transaction() as session:
        assert session["name"] == "ci"
        session["proof"] = "0" * 32
    assert client.get("/").status_code == 303


def test_a_cookie_that_we_did_not_sign_is_nobodys(web: Web) -> None:
    client = web.client
    client.set_cookie("verdigris", "eyJuYW1lIjoiY2kiLCJ1bnRpbCI6OTk5OTk5OTk5OX0.aaaaaa.bbbb")
    assert client.get("/").status_code == 303


def test_signing_out_ends_it_here(web: Web) -> None:
    client = sign_in(web)
    csrf = csrf_of(client.get("/").text)
    assert client.post("/logout", data={"csrf_token": csrf}).status_code == 303
    assert client.get("/").status_code == 303


def test_a_ticket_opens_the_door_once(web: Web) -> None:
    ticket = issue_ticket("maria", key=KEY, clock=lambda: web.now[0])
    client = web.client
    assert client.get(f"/enter/{ticket}").headers["Location"] == "/"
    assert "maria" in client.get("/").text
    again = web.client.get(f"/enter/{ticket}")
    assert again.status_code == 403
    assert "works once" in again.text


def test_a_ticket_is_no_token_and_needs_redis(web: Web) -> None:
    ticket = issue_ticket("maria", key=KEY, clock=lambda: web.now[0])
    assert web.client.get(f"/login?token={TOKEN}", follow_redirects=True).request.path == "/login"
    assert web.client.get("/api/v1/apps", headers={"Authorization": f"Bearer {ticket}"}).status_code == 401
    web.store.is_away = True
    assert web.client.get(f"/enter/{ticket}").status_code == 503


@pytest.fixture
def migrating(web: Web) -> Web:
    """Where v2 is live, whose contract migration has run, and v1 is what was before."""
    ran = MigrationRecord(Migration.CONTRACT, MigrationState.PASSED, NOW - timedelta(minutes=4))
    web.store.found = [
        make_release("R1", tag="v1.0-blue", state=State.RETIRED),
        make_release("R2", tag="v2.0-green", color=Color.GREEN, state=State.LIVE, migration=ran),
    ]
    return web


def test_pages_tell_since_when_there_is_no_safe_way_back(migrating: Web) -> None:
    client = sign_in(migrating)

    overview, live = (text_of(client.get(path).text) for path in ("/apps/shop", "/releases/R2"))

    assert "the contract migration of v2.0-green began at" in overview
    assert "older code may not work with what it left" in overview
    assert "Migration contract, passed, 4 min ago" in live


def test_deploying_older_code_again_is_warned_of_on_its_page(migrating: Web) -> None:
    client = sign_in(migrating)

    older, newer = (text_of(client.get(f"/releases/{name}").text) for name in ("R1", "R2"))

    assert "Not safe: the contract migration of v2.0-green began at" in older
    assert "Not safe" not in newer
