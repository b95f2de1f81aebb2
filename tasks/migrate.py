"""Migrate: the app's own commands in a ready pod of the release, or a Job of its manifests; once per release.

When it runs depends on what it does to the version before (ADR 9): ``expand`` in the deploy, ``contract``
after the decommission of the other color. An exec in a pod can't be fenced: one whose worker was lost is
failed, not repeated, unless the app says that it may be. A Job goes on by itself and is followed on.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from cluster.apply import stamp_fence
from cluster.errors import Forbidden, Invalid
from cluster.exec import run_command
from cluster.objects import get
from cluster.pods import ready_pod
from cluster.podspec import template_of
from cluster.waiting import Deadline
from release.model import JobKind, Migration, MigrationState
from release.names import WORKFLOW_LABEL
from release.problems import Problem
from tasks.migration import kind_of, origins_of
from tasks.migration_contract import migrate_after_decommission, put_off, warn_of_others
from tasks.migration_job import run_job
from tasks.migration_ledger import Entry, keep, ledger_of, read_ledger
from tasks.pod_secrets import tell_hiding
from tasks.step import Passed
from tasks.takeover import ask_again
from tasks.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cluster.kinds import Object
    from tasks.step import Step

ENDED: Final = frozenset(
    {"migration-failed", "command-not-started", "no-ready-pod", Invalid.slug, Forbidden.slug}
)
"""Problems after which nothing of the migration runs any more; after others that can't be known."""


def migrate(step: Step) -> Passed:
    """Run the release's migration, or say why not now."""
    if not step.app.has_migration:
        step.tell("no migration is configured")
        return Passed()
    if step.attempt > 1:
        stamp_fence(step.cluster, [ledger_of(step)], turn=step.turn, deadline=step.patience())
    if step.job.kind is JobKind.DECOMMISSION:
        migrate_after_decommission(step, partial(run_migration, kind=Migration.CONTRACT))
    else:
        migrate_in_deploy(step)
    return Passed()


def migrate_in_deploy(step: Step) -> None:
    """What the release's kind of migration means while the other color still serves users."""
    kind, entries = kind_of(step), read_ledger(step)
    warn_of_others(step, entries)
    if kind is Migration.NONE:
        step.tell("passed over: this release has no migration")
    elif kind is Migration.CONTRACT:
        put_off(step, find_known(step, entries))
    else:
        run_migration(step, kind=Migration.EXPAND)


def run_migration(step: Step, *, kind: Migration) -> None:
    """Run it to its end, unless it has been.

    Raises:
        Problem: ``migration-failed``; ``stage-lost``: a worker was lost in it; or its end is not known.
    """
    entry = begin(step, find_known(step, read_ledger(step)), kind=kind)
    if entry is None:
        return
    try:
        if step.app.migrate_job:
            run_job(step, run=entry.run, advice=advise(step))
        else:
            entry = run_commands(step, entry)
    except Problem as problem:
        if problem.document.slug in ENDED:
            known = read_ledger(step).get(entry.release, entry)
            keep(step, replace(known, state=MigrationState.FAILED))
        raise
    keep(step, replace(entry, state=MigrationState.PASSED))


def find_known(step: Step, entries: Mapping[str, Entry]) -> Entry | None:
    """What the cluster tells of this migration: of the release's own, or of what it deploys again."""
    return next((entries[release] for release in origins_of(step) if release in entries), None)


def begin(step: Step, known: Entry | None, *, kind: Migration) -> Entry | None:
    """Write down that it begins, before it does; None where it ran already.

    Raises:
        Problem: ``stage-lost``.
    """
    release, is_repeatable = step.get_release(), step.app.migrate_repeatable
    if known and known.state is MigrationState.PASSED and not is_repeatable:
        step.tell(f"the migration of {known.tag} ran at {known.moment} (exit code 0); it is not run again")
        keep(step, replace(known, release=release.id, tag=release.tag))
        return None
    own = known if known and known.release == release.id else None
    is_going_on = own is not None and own.state is MigrationState.RUNNING
    if own and is_going_on:
        check_not_lost(step, own)
    follows_on = is_going_on and step.app.migrate_job
    entry = Entry(
        release=release.id,
        tag=release.tag,
        kind=kind,
        state=MigrationState.RUNNING,
        at=own.at if own and follows_on else step.around.clock(),
        job=step.job.id,
        run=(own.run if own else 0) + (0 if follows_on else 1),
        done=() if is_repeatable or not known else known.done,
    )
    keep(step, entry)
    return entry


def check_not_lost(step: Step, entry: Entry) -> None:
    """Nobody saw the end of an earlier run. A person who asks anew has decided; a worker never decides it.

    Raises:
        Problem: ``stage-lost``.
    """
    if step.app.migrate_job or step.app.migrate_repeatable:
        return
    if entry.job != step.job.id:
        step.tell(
            f"the end of the run of {entry.moment} was not seen; it is run again, as {step.job.actor} asked "
            "for it"
        )
        return
    raise Problem(
        "stage-lost",
        "The stage was lost with its worker",
        detail=(
            f"{step.name}: migrate: the migration of {entry.tag}, begun at {entry.moment}, may be half done; "
            "it is not run again by itself"
        ),
        next_step=f"look at what it did, then {ask_again(step)}, which runs it again",
    )


def advise(step: Step) -> str:
    """What is to be done after a migration that failed."""
    if step.job.kind is JobKind.DECOMMISSION:
        return f"then `verdigris decommission {step.name}` again: the color is gone, the migration is left"
    return "users are still on the color that was live"


def run_commands(step: Step, entry: Entry) -> Entry:
    """Run the commands that have not ended well before, each noted at its end; the entry as it is then."""
    pod, hear = choose_pod(step)
    for index, command in enumerate(step.app.migrate):
        text = shlex.join(command)
        if entry.done[index : index + 1] == (text,):
            step.tell(f"$ {text}   ran already (exit code 0); it is not run again")
            continue
        run_one(step, pod, command, what="migration", hear=hear)
        entry = replace(entry, done=(*entry.done[:index], text))
        keep(step, entry)
    return entry


def run_all(step: Step, commands: Sequence[Sequence[str]], *, what: str) -> None:
    """Run commands in one ready pod of this release.

    Raises:
        Problem: a command ends with another exit code than 0; the following ones are not run.
    """
    if not commands:
        return
    pod, hear = choose_pod(step)
    for command in commands:
        run_one(step, pod, command, what=what, hear=hear)


def choose_pod(step: Step) -> tuple[str, Callable[[str], None]]:
    """A ready pod of the release, and who hears what is printed in it."""
    release = step.get_release()
    pod = step.ask(lambda: ready_pod(step.cluster, step.app.namespace, {WORKFLOW_LABEL: release.id}))
    return pod, tell_hiding(step, template_of(read_workload(step)))


def run_one(step: Step, pod: str, command: Sequence[str], *, what: str, hear: Callable[[str], None]) -> None:
    """Run one command and keep its output and exit code."""
    step.tell(f"$ {shlex.join(command)}   (in {pod})")
    exit_code = run_command(
        step.cluster,
        pod,
        step.app.namespace,
        step.app.container or first_container(step),
        list(command),
        turn=step.turn,
        on_output=hear,
        deadline=Deadline.after(step.app.deadlines.command, clock=step.around.clock),
    )
    step.tell(f"exit code {exit_code}")
    if exit_code != 0:
        raise Problem(
            f"{what}-failed",
            f"A {what} command failed",
            detail=f"{step.name} {step.job.tag}: `{shlex.join(command)}` in pod {pod}: exit code {exit_code}",
            next_step=f"read its output in the release's log; {advise(step)}",
        )


def first_container(step: Step) -> str:
    """The container that commands run in where the configuration names none."""
    return str(read_workload(step)["spec"]["template"]["spec"]["containers"][0]["name"])


def read_workload(step: Step) -> Object:
    """The Deployment of the step's color."""
    return step.ask(lambda: get(step.cluster, targets_of(step).deployment(step.color)))
