"""What is entered of a change: what was found before it, and what became of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from release.audit_entries import Outcome
from release.model import Actor, Color, State
from release.problems import NotDurable, Problem
from release.roles import Action, Grant, Role
from tests.unit.webhook.fakes import NOW, TOKEN, Web, make_release
from tests.unit.webhook.test_pages import sign_in

if TYPE_CHECKING:
    from release.audit_entries import Entry, NewEntry

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def entries(web: Web) -> tuple[Entry, ...]:
    return web.store.audit.read().entries


def test_a_job_is_entered_with_what_was_live_and_what_it_became(web: Web) -> None:
    web.store.found = [
        make_release("R1"),
        make_release("R0", tag="v1.0-green", color=Color.GREEN, state=State.LIVE),
    ]

    web.client.post("/api/v1/apps/shop/promote", headers=BEARER, json={"release": "R1", "reason": "now"})

    (entry,) = entries(web)
    assert (entry.actor, entry.address) == (Actor("token", "ci"), "127.0.0.1")
    assert (entry.action, entry.app, entry.release) == (Action.PROMOTE, "shop", "R1")
    assert (entry.outcome, entry.why, entry.reason) == (Outcome.ACCEPTED, "", "now")
    assert entry.before == {"live": "R0", "state": "ready", "tag": "v2.0-blue"}
    assert entry.after == {"live": "R0", "state": "ready", "tag": "v2.0-blue", "job": "J1"}


@pytest.mark.parametrize(("action", "state"), [("promote", State.READY), ("decommission", State.FAILED)])
def test_what_the_core_chose_is_entered_with_the_state_that_it_had_before(
    web: Web, action: str, state: State
) -> None:
    web.store.found = [
        make_release("R1", state=state),
        make_release("R0", tag="v1.0-green", color=Color.GREEN, state=State.LIVE),
    ]

    web.client.post(f"/api/v1/apps/shop/{action}", headers=BEARER)

    (entry,) = entries(web)
    assert entry.release == "R1"
    assert entry.before == {"live": "R0", "state": state, "tag": "v2.0-blue"}


def test_a_redeploy_is_not_entered_as_a_step_of_the_release_that_it_repeats(web: Web) -> None:
    web.store.found = [make_release("R7", state=State.FAILED)]

    web.client.post("/api/v1/releases/R7/redeploy", headers=BEARER)

    (entry,) = entries(web)
    assert entry.release == "R1"
    assert entry.before == {"live": None}


def test_a_tag_is_entered_by_its_name_and_what_had_been_asked_before_as_such(web: Web) -> None:
    web.requests.is_new = False

    web.client.post("/api/v1/apps/shop/deploy", headers=BEARER, json={"tag": "v9-blue"})

    assert entries(web)[0].after == {"live": None, "tag": "v9-blue", "job": "J1", "is_new": False}


def test_what_the_core_refuses_is_entered_by_the_problems_name(web: Web) -> None:
    web.requests.refusal = Problem("app-frozen", "The app is frozen", detail="shop", next_step="wait")

    web.client.post("/api/v1/apps/shop/promote", headers=BEARER, json={"reason": "now"})

    (entry,) = entries(web)
    assert (entry.outcome, entry.why, entry.reason) == (Outcome.REFUSED, "app-frozen", "now")


def test_what_needs_no_job_is_done(web: Web) -> None:
    web.client.post("/api/v1/apps/shop/tags/compare", headers=BEARER)
    web.client.post("/api/v1/apps/shop/tags/dismiss", headers=BEARER, json={"tag": "v9-blue"})

    dismissed, compared = entries(web)
    assert (compared.action, compared.outcome) == (Action.COMPARE_TAGS, Outcome.DONE)
    assert (dismissed.outcome, dismissed.why) == (Outcome.REFUSED, "tag-not-missed")
    assert dismissed.after == {"tag": "v9-blue"}


def test_what_was_not_asked_for_is_not_entered(web: Web) -> None:
    web.client.get("/api/v1/apps", headers=BEARER)
    web.client.post("/api/v1/apps/shop/deploy", headers=BEARER, json={"tag": 7})
    web.client.post("/api/v1/apps/nobody/promote", headers=BEARER)

    assert entries(web) == ()


class Deaf:
    """A trail that can't be written to."""

    def write(self, entry: NewEntry) -> str:
        message = f"Redis did not answer: {entry.action}"
        raise NotDurable(message)


@pytest.mark.parametrize("is_refused", [False, True])
def test_what_is_accepted_stays_so_without_its_entry_a_refusal_does_not(
    web: Web, capsys: pytest.CaptureFixture[str], *, is_refused: bool
) -> None:
    web.store.audit = Deaf()  # type: ignore[assignment]  # only writes
    if is_refused:
        web.requests.refusal = Problem("app-frozen", "The app is frozen", detail="shop", next_step="wait")

    answer = web.client.post("/api/v1/apps/shop/promote", headers=BEARER)

    assert answer.status_code == (503 if is_refused else 202)
    assert ("not entered in the audit trail" in capsys.readouterr().out) is not is_refused


# The trail as a page and as an export


def fill(web: Web, number: int = 3) -> None:
    web.store.found = [make_release("R1")]
    for index in range(number):
        web.client.post(
            f"/api/v1/apps/{'shop' if index % 2 == 0 else 'forum'}/rollback",
            headers=BEARER,
            json={"reason": f"<b>{index}</b>"},
        )


def test_the_page_shows_entries_as_text_and_chooses_among_them(web: Web) -> None:
    fill(web)
    client = sign_in(web)

    page = client.get("/audit").text
    chosen = client.get("/audit?app=shop&actor=&action=rollback&release=&outcome=&since=&until=").text
    none = client.get("/audit?until=2020-01-01T00%3A00").text

    assert "“&lt;b&gt;2&lt;/b&gt;”" in page
    assert page.index("&gt;2&lt;") < page.index("&gt;1&lt;") < page.index("&gt;0&lt;")
    assert "&gt;1&lt;" not in chosen
    assert "<option selected>rollback</option>" in chosen
    assert "Nothing of that kind." in none
    assert 'value="2020-01-01T00:00"' in none


def test_the_page_leads_on_to_what_is_older_with_the_same_choice(web: Web) -> None:
    fill(web)
    client = sign_in(web)

    first = client.get("/audit?limit=1&app=shop").text
    link = first.partition('">Older</a>')[0].rpartition('href="')[2].replace("&amp;", "&")
    second = client.get(link).text

    assert "app=shop" in link
    assert "&gt;2&lt;" in first
    assert "&gt;0&lt;" in second
    assert "Older" not in second


@pytest.mark.parametrize("query", ["app=nobody", "since=yesterday", "colour=red", "limit=0", "app=a&app=b"])
def test_what_can_not_be_meant_is_refused_by_the_page(web: Web, query: str) -> None:
    assert sign_in(web).get(f"/audit?{query}").status_code in {400, 404}


def test_the_way_to_the_page_is_shown_to_those_who_may_read_it(web: Web) -> None:
    assert 'href="/audit"' in sign_in(web).get("/").text
    for role, apps, way in ((Role.PROMOTER, (), ""), (Role.ADMIN, ("forum",), 'href="/audit?app=forum"')):
        text = web.store.api_tokens.make(
            f"{role}", Grant(role, frozenset(apps)), made_by=Actor("token", "ci"), now=NOW
        )[1]
        page = sign_in(web, text.reveal()).get("/").text
        assert ("/audit" in page) is bool(way)
        assert way in page


def test_where_reading_is_open_the_page_still_asks_who_one_is(open_web: Web) -> None:
    answer = open_web.client.get("/audit")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/audit")
    assert "/audit" not in open_web.client.get("/").text


def test_the_whole_trail_is_written_out_the_oldest_first(web: Web) -> None:
    fill(web)

    answer = web.client.get("/api/v1/audit/export", headers=BEARER)

    assert answer.mimetype == "application/x-ndjson"
    assert "verdigris-audit.jsonl" in answer.headers["Content-Disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["number"] for one in lines] == [1, 2, 3]
    assert all(line.isascii() for line in answer.text.splitlines())
    after = web.client.get(f"/api/v1/audit/export?app=shop&after={lines[0]['id']}", headers=BEARER)
    assert [json.loads(line)["number"] for line in after.text.splitlines()] == [3]


def test_an_export_of_nothing_is_empty_and_one_that_can_not_begin_is_refused(web: Web) -> None:
    empty = web.client.get("/api/v1/audit/export", headers=BEARER)
    web.store.is_away = True
    away = web.client.get("/api/v1/audit/export", headers=BEARER)

    assert (empty.status_code, empty.text) == (200, "")
    assert away.status_code == 503


def test_an_export_is_bounded_and_goes_on(web: Web) -> None:
    fill(web)

    first = web.client.get("/api/v1/audit/export?limit=2", headers=BEARER).text.splitlines()
    after = json.loads(first[-1])["id"]
    rest = web.client.get(f"/api/v1/audit/export?limit=2&after={after}", headers=BEARER).text.splitlines()

    assert [json.loads(one)["number"] for one in (*first, *rest)] == [1, 2, 3]
    assert web.client.get("/api/v1/audit/export?limit=10001", headers=BEARER).status_code == 400
