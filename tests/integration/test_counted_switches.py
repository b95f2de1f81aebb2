"""What real stages and switches leave in the numbers for monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.line import Line

pytestmark = pytest.mark.needs_envoy


def test_a_promote_and_a_rollback_are_counted_with_what_their_probers_saw(line: Line) -> None:
    # Given a release that is live, another one that is promoted, and a rollback
    line.is_brisk = False
    line.go_live("v1-blue")
    line.deploy("v2-green")
    line.promote()
    line.rollback()
    # When the numbers are read
    totals = line.store.counts.read(apps=["shop"], queues=["shop"]).totals
    # Then each stage and switch is in them, and none lost anything
    assert totals["stages", "shop", "deploy", "passed"] == 2
    assert totals["stages", "shop", "activate", "passed"] == 2
    assert totals["stages", "shop", "rollback", "passed"] == 1
    assert totals["releases", "shop", "live"] == 3
    assert totals["switches", "shop", "promote"] == totals["switches", "shop", "rollback"] == 1
    assert totals["switch-requests", "shop"] > 0
    assert totals["switch-lost", "shop"] == 0
    # And when users met the other version
    took = {name[1:3] for name in totals if name[0] == "switch-took"}
    assert {("promote", "first_new"), ("rollback", "first_new")} <= took
    assert totals["switch-milliseconds", "rollback", "first_new"] > 0
