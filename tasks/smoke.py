"""Smoke: the release is tested where only the test cookie leads; all checks passed means ready."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cluster.apply import annotate
from cluster.objects import get
from cluster.podspec import template_of
from cluster.route import Known, tested_entries
from release.model import State
from release.names import PASSED_ENTRIES, PASSED_INPUTS, PASSED_ROUTE, PASSED_TEMPLATE, name_of_test_entry
from release.problems import Problem
from tasks.ahead import begin_test_look
from tasks.by_hand import record_commands
from tasks.checks import find_failure
from tasks.inputs import note_inputs
from tasks.migrate import read_workload, run_all
from tasks.pod_secrets import read_pod_secrets
from tasks.routing import find_route, get_known_route, understand_route
from tasks.step import Passed, step_of
from tasks.targets import targets_of
from tasks.tested import check_runs

if TYPE_CHECKING:
    from release.smoke import HttpCheck
    from tasks.step import Step


def smoke(step: Step) -> Passed:
    """Run the app's commands and requests against the test color, then record what exactly has passed."""
    seen = step.at_begin()
    begin_test_look(seen)
    before, route = check_runs(seen), check_test_route(seen)
    # An answer that is not as expected is quoted.
    step.turn.hide(read_pod_secrets(step, template_of(read_workload(seen))))
    run_all(step, step.app.smoke.commands, what="smoke")
    deadline = step.around.clock().timestamp() + step.app.smoke.deadline
    for check in step.app.smoke.requests:
        wait_for(step, check, deadline=deadline)
    step.turn.pause(0)  # a cancel that came while a command ran
    record_verdict(step, template_hash=before.template_hash or "", fingerprint=route.fingerprint)
    record_commands(step)
    release = step.get_release()
    ready = step_of(release, State.READY, "all stages passed", sources=frozenset({State.RUNNING}))
    return Passed((ready,))


def check_test_route(step: Step) -> Known:
    """The route, which must lead the test cookie to this release's color: else the tests ask another one.

    Raises:
        Problem: it leads elsewhere.
    """
    route = get_known_route(step)
    if route.test_color is step.color:
        return route
    raise route_changed(step, f"the test route leads to {route.test_color or 'nothing'}, not to {step.color}")


def route_changed(step: Step, found: str) -> Problem:
    """Somebody else wrote the route while the release was tested."""
    return Problem(
        "route-changed",
        "The route was changed while the release was tested",
        detail=f"{step.name} {step.job.tag}: {found}",
        next_step=f"find out who changes the route, then `verdigris retry {step.get_release().id}`",
    )


def wait_for(step: Step, check: HttpCheck, *, deadline: float) -> None:
    """Repeat one request until it passes.

    Raises:
        Problem: it did not until ``deadline`` (a timestamp), with what was wrong the last time.
    """
    what = f"{check.method} {check.path}"
    step.turn.pause(0)
    cookie, release = step.app.test_cookie, step.get_release().id
    while failure := find_failure(check, step.app.gateway, cookie=cookie, release=release):
        if step.around.clock().timestamp() + step.app.smoke.interval > deadline:
            raise smoke_failed(step, what, failure)
        step.tell(f"{what}: {failure}; tried again")
        step.turn.pause(step.app.smoke.interval)
    step.tell(f"{what}: passed")


def smoke_failed(step: Step, what: str, failure: str) -> Problem:
    """A check that did not pass in time."""
    where = f"{step.name} {step.job.tag} on {step.color}"
    return Problem(
        "smoke-failed",
        "A smoke test failed",
        detail=f"{where}: {what} through {step.app.gateway.address}: {failure}",
        next_step="users are still on the live color; look at pods and log, push a corrected tag",
    )


def record_verdict(step: Step, *, template_hash: str, fingerprint: str) -> None:
    """Write on the Deployment what passed: its template and the route's entries that the tests saw.

    The entries are kept whole as well: from a fingerprint nobody can tell what was changed later.

    Raises:
        Problem: either changed while the tests ran.
    """
    seen = step.at_once()
    begin_test_look(seen)
    check_runs(seen, template_hash=template_hash)
    standing = find_route(seen) or {}
    route = understand_route(seen, standing or None)
    if not isinstance(route, Known) or route.fingerprint != fingerprint:
        raise route_changed(step, "its default or its test entry is not what it was when the tests began")
    entries = tested_entries(standing, name_of_test_entry(step.name))
    reference = targets_of(step).deployment(step.color)
    annotate(
        step.cluster,
        reference,
        {
            PASSED_TEMPLATE: template_hash,
            PASSED_ROUTE: fingerprint,
            PASSED_INPUTS: note_inputs(step, step.ask(lambda: get(seen.cluster, reference))),
            PASSED_ENTRIES: json.dumps(entries, sort_keys=True, separators=(",", ":")),
        },
        turn=step.turn,
        deadline=step.patience(),
    )
