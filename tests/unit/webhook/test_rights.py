"""Whether a caller may, what a refusal says, and that it is entered in the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import g

from release.audit_entries import Outcome
from release.model import Actor
from release.problems import NotDurable, Problem
from release.roles import Action, Grant, Role
from webhook.access import Caller
from webhook.rights import check

if TYPE_CHECKING:
    from tests.unit.webhook.fakes import Web

RELEASER = Caller("ci", "token", (Grant(Role.RELEASER, frozenset({"shop"})),))
ADMIN = Caller("anna", "person", (Grant(Role.ADMIN),))


def ask(
    web: Web, caller: Caller | None, action: Action, app: str | None = "shop", *, release: str = ""
) -> None:
    with web.app.test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        g.caller = caller
        check(action, app, release=release)


def test_who_has_the_role_may_and_nothing_is_entered(web: Web) -> None:
    ask(web, RELEASER, Action.DEPLOY)
    ask(web, RELEASER, Action.READ)
    ask(web, ADMIN, Action.MANAGE_TOKENS, None)

    assert web.store.audit.read().entries == ()


def test_a_refusal_names_the_role_and_the_app_and_is_entered(web: Web) -> None:
    with pytest.raises(Problem) as refusal:
        ask(web, RELEASER, Action.PROMOTE, release="R1")

    told = refusal.value.document
    assert (told.slug, told.status) == ("not-allowed", 403)
    assert told.detail == "ci has the role releaser for shop; promote needs promoter"
    assert told.next_step == "ask somebody who is promoter for shop, or an administrator for that role"
    (entry,) = web.store.audit.read().entries
    assert (entry.actor, entry.address) == (Actor("token", "ci"), "192.0.2.7")
    assert (entry.action, entry.app, entry.release) == (Action.PROMOTE, "shop", "R1")
    assert (entry.outcome, entry.why) == (Outcome.REFUSED, "not-allowed")


@pytest.mark.parametrize(
    ("action", "app", "detail"),
    [
        (Action.DEPLOY, "blog", "ci has no role for blog; deploy needs releaser"),
        (Action.READ, None, "ci has no role for all apps; read needs viewer"),
        (Action.MANAGE_TOKENS, None, "ci has no role for all apps; manage-tokens needs admin"),
    ],
)
def test_a_role_for_one_app_is_none_for_another_and_none_for_all(
    web: Web, action: Action, app: str | None, detail: str
) -> None:
    with pytest.raises(Problem) as refusal:
        ask(web, RELEASER, action, app)

    assert refusal.value.document.detail == detail


def test_without_a_caller_it_is_unauthorized_and_nobody_is_entered(web: Web) -> None:
    for action in (Action.READ, Action.DEPLOY):
        with pytest.raises(Problem) as refusal:
            ask(web, None, action)
        assert refusal.value.document.status == 401

    assert web.store.audit.read().entries == ()


def test_where_reading_is_open_to_all_nobody_needs_a_role_for_it(open_web: Web) -> None:
    ask(open_web, None, Action.READ)
    ask(open_web, RELEASER, Action.READ, "blog")

    with pytest.raises(Problem):
        ask(open_web, None, Action.DEPLOY)


def test_a_refusal_that_can_not_be_entered_is_not_told_either(web: Web) -> None:
    web.store.is_away = True

    with pytest.raises(NotDurable):
        ask(web, RELEASER, Action.PROMOTE)
