"""What people say between a promote's acceptance and its turn counts: nobody is moved against a rejection."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from release.auto_promotion import Block
from release.clock import utc_now
from release.drafts import Drafts
from release.model import VERDIGRIS, Actor, JobKind
from release.requests import Accepted
from tests.integration.line import ANNA

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy

BEN = Actor("person", "ben")
HOUR: Final = timedelta(hours=1)


def test_a_rejection_while_the_promote_waits_keeps_users_where_they_are(
    make_line: Callable[..., Line],
) -> None:
    # given users on blue, and a promote of green that was approved and waits for a worker
    line = make_line(promote={"approvals": 1})
    live = line.deploy("v1-blue")
    line.requests.approve(live.id, actor=BEN)
    assert line.promote().state == "done", line.job().problem
    ready = line.deploy("v2-green")
    line.requests.approve(ready.id, actor=BEN)
    line.accepted = line.requests.promote("shop", actor=ANNA)

    # when somebody rejects it
    line.requests.reject(ready.id, actor=ANNA, comment="the numbers are wrong")
    line.run()

    # then the promote fails, and users stay
    assert line.slug() == "release-rejected"
    assert "was rejected by person:anna" in line.told(ready)
    assert (line.state(ready), line.state(live)) == ("ready", "live")
    line.expect("v1-blue")


def test_a_promote_by_itself_that_is_stopped_in_the_last_moment_moves_nobody(
    make_line: Callable[..., Line],
) -> None:
    line = make_line(auto_promote=0)
    ready = line.deploy("v1-blue")
    line.requests.stop_countdown(ready.id, actor=ANNA, reason="wait for the team")
    job = Drafts(line.config, line.requests.gate).switch(
        ready, JobKind.PROMOTE, actor=VERDIGRIS, reason="by itself"
    )
    offer = line.queue.accept(job).offer
    assert offer
    line.sent.send(offer)
    line.accepted = Accepted(ready.id, job.id, is_new=True)

    line.run()

    assert line.slug() == "countdown-stopped"
    assert line.state(ready) == "ready"


def test_a_freeze_that_began_meanwhile_keeps_what_comes_by_itself_but_no_person(
    make_line: Callable[..., Line],
) -> None:
    # given a promote by itself that was accepted, and a freeze that began before a worker took it
    line = make_line(auto_promote=0)
    ready = line.deploy("v1-blue")
    line.accepted = line.requests.promote("shop", actor=VERDIGRIS)
    now = utc_now()
    freeze = {"from": f"{now - HOUR:%FT%TZ}", "to": f"{now + HOUR:%FT%TZ}", "reason": "holidays"}
    line.reconfigure(freezes=[freeze])

    line.run()

    # then users stay, and it comes after the freeze
    assert line.slug() == "app-frozen"
    assert line.state(ready) == "ready"
    countdown = line.requests.gate.count_down(ready)
    assert countdown
    assert countdown.blocked_by == (Block.FREEZE,)
    # and a person's that was accepted before the freeze goes on
    line.reconfigure(freezes=[])
    line.accepted = line.requests.promote("shop", actor=ANNA)
    line.reconfigure(freezes=[freeze])
    line.run()
    assert line.state(ready) == "live", line.job().problem
