"""A contract migration: put off at its deploy, run once no older version runs any more.

It takes away what the version before needs. So it waits until its release is live and the other color was
decommissioned; from its beginning on, what is older may not work. No other release ever runs it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from release.model import Color, Migration, MigrationRecord, MigrationState, Release, Stage, State
from release.problems import Problem
from release.references import ConfigError
from release.secret import Redactor
from tasks.migration import origins_of
from tasks.migration_ledger import Entry, keep, keep_record, read_ledger
from tasks.routing import live_color, read_app_route, read_color
from tasks.turn import StageTurn, patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tasks.step import Step


def put_off(step: Step, known: Entry | None) -> None:
    """Remember that it is due after the decommission of the other color; nothing is run."""
    release, other = step.get_release(), step.color.other
    if known and known.state is MigrationState.PASSED:
        keep(step, replace(known, release=release.id, tag=release.tag))
        step.tell(f"the migration of {known.tag} ran at {known.moment} (exit code 0); it is not run again")
        return
    done = known.done if known else ()
    keep(
        step,
        Entry(
            release.id,
            release.tag,
            Migration.CONTRACT,
            MigrationState.PENDING,
            step.around.clock(),
            run=known.run if known and known.release == release.id else 0,
            done=done,
        ),
    )
    step.tell(
        f"the migration is contract: it is not run now, as {other} may need what it takes away. It runs when "
        f"{release.tag} is live and {other} is taken down with `verdigris decommission {step.name}`; from "
        "then on no older version is safe to go back to"
    )


def warn_of_others(step: Step, entries: Mapping[str, Entry]) -> None:
    """Say what other releases' contract migrations mean for this one, in the log and on the release."""
    own = list(origins_of(step))
    others = [one for one in give_up_gone(step, entries).values() if one.release not in own]
    texts = [text for one in others if (text := find_warning(step, one, own[-1]))]
    for text in texts:
        step.tell(f"warning: {text}")
    if texts:
        known = step.get_release().warnings
        step.move(warnings="\n".join(dict.fromkeys([*known, *texts])))


def find_warning(step: Step, entry: Entry, origin: str) -> str | None:
    """What another release's migration means for code that is as old as ``origin``; None where nothing."""
    if is_pending(entry):
        return (
            f"pending contract migration of {entry.tag} was never run. It can be, with `verdigris "
            f"decommission {step.name}`, while {entry.tag} is live; once another release is, it is given up: "
            "declare a later tag `Migration: contract` then"
        )
    if entry.record.has_contracted and origin < entry.release:
        return (
            f"the contract migration of {entry.tag} began at {entry.moment}; the code of this release is "
            "older and may not work with what it left"
        )
    return None


def migrate_after_decommission(step: Step, run: Callable[[Step], None]) -> None:
    """Run the live release's contract migration, if it is due, now that the other color is gone.

    Raises:
        Problem: ``contract-too-early``: an older version runs again; or what ``run`` raises.
    """
    live, entries = find_live(step), read_ledger(step)
    if live is None:
        step.tell("nothing of ours is live, so no contract migration is due")
        return
    entry = entries.get(live.id)
    if not is_due(entry):
        step.tell(f"no contract migration is due: {live.tag} is live")
        record = entry.record if entry else MigrationRecord(live.migration.kind or Migration.NONE)
        keep_record(step, live.id, record)
        return
    check_alone(step, live)
    step.tell(f"the contract migration of {live.tag} begins; its output is in the log of release {live.id}")
    with speaking_for(step, live) as own:
        run(own)
    step.tell(f"the contract migration of {live.tag} passed: no older version is safe to go back to any more")


def is_due(entry: Entry | None) -> bool:
    """Whether a decommission has to run it."""
    return entry is not None and entry.kind is Migration.CONTRACT and entry.state is not MigrationState.PASSED


def find_live(step: Step) -> Release | None:
    """The release that users are on, as the cluster shows it; what our records add to it, if they know it."""
    color = live_color(read_app_route(step))
    found = read_color(step, color) if color else None
    if color is None or found is None or not found.release:
        return None
    release_id = found.release
    known = patiently(lambda: step.around.store.find_release(release_id))
    now = step.around.clock()
    return known or Release(
        id=release_id,
        app=step.name,
        tag=found.tag or release_id,
        color=color,
        commit=found.commit or "",
        state=State.LIVE,
        actor=step.job.actor,
        created_at=now,
        updated_at=now,
    )


def check_alone(step: Step, live: Release) -> None:
    """No other version may run, however it came there.

    Raises:
        Problem: ``contract-too-early``.
    """
    other = read_color(step, live.color.other)
    if other is None:
        return
    raise Problem(
        "contract-too-early",
        "An older version still runs",
        detail=(
            f"{step.name}: the contract migration of {live.tag} was not begun, as {live.color.other} runs "
            f"{other.tag or 'something'} ({other.release or 'of somebody else'}) again"
        ),
        next_step=f"find out who deployed it there, then `verdigris decommission {step.name}` again",
    )


def give_up_gone(step: Step, entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """What is due for a release that runs nowhere any more is never run: say so, once; the others."""
    found = [read_color(step, color) for color in Color]
    runs = {view.release for view in found if view}
    gone = [entry for entry in entries.values() if is_pending(entry) and entry.release not in runs]
    for entry in gone:
        keep(step, replace(entry, state=MigrationState.GIVEN_UP, at=step.around.clock()))
        step.tell(
            f"warning: pending contract migration of {entry.tag} was never run and is given up, as its pods "
            "are gone; if it is still wanted, declare a later tag `Migration: contract`"
        )
    return {release: entry for release, entry in entries.items() if entry not in gone}


def is_pending(entry: Entry) -> bool:
    """Whether it waits for the decommission of the other color."""
    return entry.kind is Migration.CONTRACT and entry.state is MigrationState.PENDING


@contextmanager
def speaking_for(step: Step, live: Release) -> Iterator[Step]:
    """The step as one of the live release: its color, its pods, its log.

    Raises:
        Problem: ``secret-missing``: what its log must not show can't be known.
    """
    job = replace(step.job, release_id=live.id, tag=live.tag, color=live.color)
    turn = StageTurn(
        step.around.queue, job, stage=Stage.MIGRATE, fence=step.turn.fence, redactor=_redactor(step)
    )
    turn.directs = step.turn.directs
    with turn.kept():
        try:
            yield replace(step, job=job, release=live, turn=turn)
        except Problem as problem:
            told = problem.document
            turn.log(f"{told.title}\n{told.detail}\nWhat to do: {told.next_step}")
            raise


def _redactor(step: Step) -> Redactor:
    try:
        return Redactor(step.around.config.release_secrets(step.name))
    except ConfigError as error:
        raise Problem(
            "secret-missing",
            "A secret of the app can't be read",
            detail=f"{step.name}: {error}",
            next_step=(
                "give the workers that environment variable or file, then `verdigris decommission "
                f"{step.name}` again"
            ),
            status=500,
        ) from error
