"""A rollback from the command line while Redis and the service are gone, and what becomes of it after."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import fakeredis
import pytest
from click.testing import CliRunner

from cli.main import main
from cluster import objects
from cluster.kinds import Ref
from release.model import Stage
from release.queue import Queue
from release.recovery import find_replaced, find_running
from release.store import Store
from tasks.execution import observe_app
from tests.integration.line import ANNA, Line

if TYPE_CHECKING:
    from release.model import Release

pytestmark = pytest.mark.needs_envoy

NOWHERE = "redis://127.0.0.1:1/0"


class Desk:
    """Somebody with the configuration file and a kubeconfig, and nothing else."""

    def __init__(self, line: Line, folder: Path) -> None:
        self.line = line
        self.file = folder / "verdigris.yml"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VERDIGRIS_")},
            "VERDIGRIS_CONFIG": str(self.file),
            "VERDIGRIS_REDIS_URL": NOWHERE,
            "KUBECONFIG": str(line.town.folder / "kubeconfig"),
        }

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """The command in this process, which needs no second to start."""
        ours = [name for name in os.environ if name.startswith("VERDIGRIS_")]
        _, *arguments = command = self._command(*options)
        given = {**dict.fromkeys(ours), **self.environment}
        done = CliRunner().invoke(main, arguments, env=given, catch_exceptions=False)
        return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)

    def type(self, *options: str) -> subprocess.CompletedProcess[str]:
        """The command in a process of its own, as it is typed."""
        return subprocess.run(
            self._command(*options), env=self.environment, capture_output=True, text=True, check=False
        )

    def answer(self, text: str) -> tuple[int, str]:
        """The same at a terminal, where somebody answers."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            self._command(),
            env=self.environment,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            os.write(ours, f"{text}\n".encode())
            said, _ = process.communicate(timeout=30)
        os.close(ours)
        os.close(theirs)
        return process.returncode, said.decode()

    def _command(self, *options: str) -> list[str]:
        self.file.write_text(self.line.config_text, encoding="utf-8")
        return [str(Path(sys.executable).with_name("verdigris")), "rollback", "shop", "--direct", *options]


@pytest.fixture
def desk(line: Line, tmp_path: Path) -> Desk:
    return Desk(line, tmp_path)


def both_promoted(line: Line) -> tuple[Release, Release]:
    """Green was live, blue is."""
    return line.go_live("v1-green"), line.go_live("v2-blue")


def notes(line: Line) -> dict[str, str]:
    found: dict[str, str] = line.get("VirtualService")["metadata"]["annotations"]
    return {name.removeprefix("verdigris.dev/"): value for name, value in found.items()}


def look(line: Line) -> None:
    """What a worker's observer does, a while later."""
    seen = observe_app(line.around, "shop")
    later = replace(seen, at=seen.at + timedelta(minutes=1))
    line.queue.settle(find_replaced(later, line.store.releases_on_a_color("shop")))


def test_users_are_moved_back_without_redis_and_records_follow_when_it_is_there_again(
    line: Line, desk: Desk
) -> None:
    # given a live release, and one on standby with fewer pods
    old, new = both_promoted(line)
    line.edit("Deployment", {"spec": {"replicas": 2}}, "blue")

    # when somebody rolls back from the command line, with nothing but configuration and kubeconfig
    with line.users() as got:
        done = desk.type("--yes", "--reason", "errors", "--json")

    # then users are there, with room for all of them, and nobody lost a request
    assert done.returncode == 0, done.stderr
    line.expect("v1-green")
    assert {status for status, _ in got} == {200}
    assert line.get("Deployment", "green")["spec"]["replicas"] == 2
    answer = json.loads(done.stdout)
    assert (answer["to"]["release"], answer["from"]["release"], answer["is_proved"]) == (old.id, new.id, True)
    assert "kubectl -n" in done.stderr

    # and the route says who did it and why
    told = notes(line)
    assert (told["live-release"], told["previous-release"], told["switch"]) == (old.id, new.id, "rollback")
    assert told["switched-by"].startswith("direct:")
    assert (told["switch-reason"], told["direct"]) == ("errors", "1")

    # and our records follow as soon as somebody looks
    assert (line.state(old), line.state(new)) == ("standby", "live")
    look(line)
    assert (line.state(old), line.state(new)) == ("live", "rolled-back")
    change = line.store.changes(old.id)[-1]
    assert str(change.actor) == told["switched-by"]
    assert change.reason.startswith("rolled back by direct:")
    assert change.reason.endswith(": errors")

    # and what follows is as after any rollback: promote again, deploy, roll back
    assert line.promote(new.id).state == "done", line.job().problem
    line.expect("v2-blue")
    assert line.rollback().state == "done", line.job().problem
    line.reconfigure(take_over=["kubectl-edit"])
    assert line.deploy("v3-blue").state == "ready", line.job().problem


def test_a_redis_that_was_emptied_learns_who_rolled_back(line: Line, desk: Desk) -> None:
    old, new = both_promoted(line)
    assert desk.run("--yes", "--reason", "errors").returncode == 0

    empty = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True)
    Queue(empty).recover(find_running(observe_app(line.around, "shop")))

    found = {one.id: one for one in Store(empty).releases_on_a_color("shop")}
    assert (found[old.id].state, found[new.id].state) == ("live", "rolled-back")
    assert found[old.id].actor.kind == found[new.id].actor.kind == "direct"
    assert "errors" in found[old.id].reason


def test_nothing_is_done_without_a_yes(line: Line, desk: Desk) -> None:
    both_promoted(line)

    unasked = desk.type()
    assert (unasked.returncode, line.default()) == (2, "blue")
    assert "nobody is there to be asked" in unasked.stderr
    assert "from  v2-blue" in unasked.stdout

    code, said = desk.answer("n")
    assert (code, line.default()) == (1, "blue")
    assert "the answer was no" in said

    code, said = desk.answer("y")
    assert (code, line.default()) == (0, "green")
    assert "every user is on v1-green (green)" in said


def test_where_there_is_no_way_back_it_is_said_why_and_what_to_do(line: Line, desk: Desk) -> None:
    def check_refused(found: str, step: str) -> None:
        before = line.get("VirtualService")["metadata"]["resourceVersion"]
        done = desk.run("--yes")
        assert done.returncode == 1
        assert found in done.stderr
        assert step in done.stderr
        assert line.get("VirtualService")["metadata"]["resourceVersion"] == before
        assert "verdigris.dev/direct" not in line.get("DestinationRule")["metadata"]["annotations"]

    # given one release only
    old = line.go_live("v1-green")
    check_refused("the route records no release before the one that is live", "verdigris redeploy")

    # given another one before it, whose pods are not there, or which is not there itself
    new = line.go_live("v2-blue")
    line.edit("Deployment", {"spec": {"replicas": 0}}, "green")
    line.wait_for(lambda: not line.get("Deployment", "green")["status"].get("availableReplicas"), "no pods")
    check_refused("it runs no available pod of it", f"describe pods -l workflow={old.id}")
    line.edit("Deployment", {"metadata": {"labels": {"workflow": "other"}}}, "green")
    check_refused("it runs v1-green (other)", f"verdigris redeploy {old.id}")
    line.by_hand("DELETE", line.ref("Deployment", "green"))
    line.wait_for(lambda: line.find("Deployment", "green") is None, "green is gone")
    check_refused(f"green should run {old.id} ({old.id}); it runs nothing", f"verdigris redeploy {old.id}")
    assert notes(line)["live-release"] == new.id


def test_a_second_one_does_not_move_users_forth_again(line: Line, desk: Desk) -> None:
    both_promoted(line)
    assert desk.run("--yes", "--release", "v1-green").returncode == 0

    again = desk.run("--yes")

    assert (again.returncode, line.default()) == (1, "green")
    assert "users were moved back already, by direct:" in again.stderr


def test_errors_end_with_the_documented_codes(line: Line, desk: Desk) -> None:
    both_promoted(line)

    other = desk.run("--yes", "--release", "01OTHER")
    assert (other.returncode, line.default()) == (1, "blue")
    assert "01OTHER is not what users were on before" in other.stderr
    assert desk.run("--yes", "--context", "nowhere").returncode == 2
    desk.environment["KUBECONFIG"] = str(desk.file)
    assert desk.run("--yes").returncode == 2
    desk.environment["VERDIGRIS_CONFIG"] = str(desk.file.with_name("none.yml"))
    assert desk.run("--yes").returncode == 2


def test_a_rollback_that_fails_lets_the_workers_go_on(line: Line, desk: Desk) -> None:
    # given more users' pods than an autoscaler lets the other color have
    both_promoted(line)
    line.edit("Deployment", {"spec": {"replicas": 3}}, "blue")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-green"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2}
    kind = "HorizontalPodAutoscaler"
    scaler = Ref(kind, line.namespace, "shop-green")
    line.create(
        {"apiVersion": "autoscaling/v2", "kind": kind, "metadata": {"name": "shop-green"}, "spec": spec}
    )

    done = desk.run("--yes")

    # then nothing was switched, and nothing keeps a worker from doing it later
    assert done.returncode == 1
    assert "allows 2 replicas, the live color has 3" in done.stderr
    assert line.default() == "blue"
    assert objects.get(line.cluster, scaler)["metadata"]["annotations"]["verdigris.dev/direct"] == "0"
    line.by_hand("DELETE", scaler)
    assert line.rollback().state == "done", line.job().problem


def test_a_gateway_that_can_t_be_asked_from_here_is_said(line: Line, desk: Desk) -> None:
    both_promoted(line)
    line.reconfigure(gateway={"address": "http://127.0.0.1:1", "host": line.host})

    done = desk.run("--yes")

    assert done.returncode == 0, done.stderr
    assert "the gateway http://127.0.0.1:1 can't be reached from here" in done.stdout
    line.expect("v1-green")


def test_a_promote_that_was_lost_after_its_switch_does_not_undo_it(line: Line, desk: Desk) -> None:
    """The reason to fence: Redis and workers died right after a bad release went live."""
    # given a promote that moved every user, and died with its worker before it was recorded
    old = line.go_live("v1-green")
    bad = line.deploy("v2-blue")
    line.accepted = line.requests.promote("shop", actor=ANNA)
    with pytest.raises(KeyboardInterrupt):
        line.run_stage(line.sent.offers.pop(), 0, around=line.dying_after_its_switch())
    assert (line.default(), line.state(bad)) == ("blue", "ready")

    # when users are moved back, and then Redis and workers come again and take the stage over
    assert desk.run("--yes", "--reason", "errors").returncode == 0
    result = line.run_stage(line.lose(), 0)

    # then users stay where they are, and the job says why
    assert result.startswith(
        "StageFailed: Users were moved away from this release after its promote was asked"
    )
    assert line.default() == "green"
    problem = line.job().problem
    assert problem
    assert problem.slug == "rolled-back-since"
    assert "errors" in problem.detail
    line.expect("v1-green")

    # and our records learn the whole story; then it may be promoted by who wants that
    look(line)
    assert (line.state(old), line.state(bad)) == ("live", "rolled-back")
    assert [str(change.target) for change in line.store.changes(bad.id)][-3:] == [
        "ready",
        "live",
        "rolled-back",
    ]
    assert line.promote(bad.id).state == "done", line.job().problem
    line.expect("v2-blue")


def test_a_deploy_that_is_about_to_replace_the_standby_can_t_any_more(line: Line, desk: Desk) -> None:
    """A worker that reaches Redis while we don't: it decided to deploy to green when users were on blue."""
    both_promoted(line)
    line.push("v3-green")
    line.run(until=Stage.DEPLOY)
    done: list[int] = []

    def roll_back(check: int) -> None:
        # after the worker has looked where users are, before its first write
        if check == 1:
            done.append(desk.run("--yes").returncode)

    result = line.run_stage(line.sent.offers.pop(), 1, around=line.interrupted(at_check=roll_back))

    assert done == [0]
    assert result.startswith("StageFailed: Users were rolled back directly meanwhile"), result
    assert line.slug() == "taken-directly"
    line.expect("v1-green")

    # and the next one to green is told that users are there
    assert line.deploy("v4-green").state == "failed"
    assert line.slug() == "color-is-live"


def test_a_decommission_that_is_about_to_delete_the_standby_can_t_any_more(line: Line, desk: Desk) -> None:
    both_promoted(line)
    line.accepted = line.requests.decommission("shop", actor=ANNA)
    done: list[int] = []

    def roll_back(check: int) -> None:
        # before its last write: the test entry is out, the subset perhaps as well
        if check == 3:
            done.append(desk.run("--yes").returncode)

    result = line.run_stage(line.sent.offers.pop(), 0, around=line.interrupted(at_check=roll_back))

    assert done == [0]
    assert result.startswith("StageFailed: Users were rolled back directly meanwhile"), result
    line.expect("v1-green")
    assert {one["name"] for one in line.get("DestinationRule")["spec"]["subsets"]} == {"blue", "green"}


def test_a_rollback_that_was_broken_off_says_how_to_go_on(line: Line, desk: Desk) -> None:
    # given what a killed command leaves
    both_promoted(line)
    for kind, color in (("DestinationRule", ""), ("Deployment", "green")):
        line.edit(kind, {"metadata": {"annotations": {"verdigris.dev/direct": "1"}}}, color)

    # then a stage that would write is refused, saying so
    assert line.deploy("v3-green").state == "failed"
    problem = line.job().problem
    assert problem
    assert problem.slug == "taken-directly"
    assert "verdigris.dev/direct-`" in problem.next_step
    line.expect("v2-blue")

    # and the same command again does it
    assert desk.run("--yes").returncode == 0
    look(line)
    line.expect("v1-green")
    assert line.deploy("v3-blue").state == "ready", line.job().problem
