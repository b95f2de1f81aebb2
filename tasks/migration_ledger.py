"""Which migrations an app had, and how far each is: in the cluster, beside what they migrate.

A ConfigMap of its own, and not an annotation of a Deployment: it outlives Redis, and the color that a release
ran on. An entry is written before what it tells of begins: what nobody saw end is told as begun.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cluster.configmap import read_entries, set_entry
from cluster.kinds import Ref
from release.model import Migration, MigrationRecord, MigrationState
from release.records import migration_fields
from release.turn import LostTurn
from tasks.turn import patiently

if TYPE_CHECKING:
    from collections.abc import Mapping

    from release.config import App
    from tasks.step import Act, Step

KEPT: Final = 100
"""Entries of an app; beyond that the oldest go that nothing is left to be done about."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The migration of one release.

    ``at`` as in ``MigrationRecord``; ``job``: the one of our queue that began it last; ``run``: how often it
    was begun; ``done``: its commands that have ended well.
    """

    release: str
    tag: str
    kind: Migration
    state: MigrationState
    at: datetime
    job: str = ""
    run: int = 0
    done: tuple[str, ...] = ()

    @property
    def record(self) -> MigrationRecord:
        """The same for the release's own record."""
        return MigrationRecord(self.kind, self.state, self.at)

    @property
    def moment(self) -> str:
        """``at`` for people."""
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def dump(self) -> str:
        """As it stands in the cluster."""
        return json.dumps(
            {
                "tag": self.tag,
                "migration": self.kind,
                "state": self.state,
                "at": self.at.isoformat(timespec="milliseconds"),
                "job": self.job,
                "run": self.run,
                "done": self.done,
            },
            ensure_ascii=False,
        )


def parse_entry(release: str, text: str) -> Entry | None:
    """Read back what ``dump`` wrote; None where somebody spoiled it."""
    try:
        data = json.loads(text)
        return Entry(
            release=release,
            tag=str(data["tag"]),
            kind=Migration(data["migration"]),
            state=MigrationState(data["state"]),
            at=datetime.fromisoformat(data["at"]),
            job=str(data["job"]),
            run=int(data["run"]),
            done=tuple(str(command) for command in data["done"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def ledger_of(act: Act) -> Ref:
    """Where the migrations of the act's app stand."""
    return ledger_of_app(act.name, act.app)


def ledger_of_app(name: str, app: App) -> Ref:
    """Where an app's migrations stand."""
    return Ref("ConfigMap", app.namespace, f"verdigris-{name}-migrations")


def read_ledger(act: Act) -> dict[str, Entry]:
    """The app's migrations by release, the oldest first."""
    texts = act.ask(lambda: read_entries(act.cluster, ledger_of(act)))
    entries = (parse_entry(release, text) for release, text in sorted(texts.items()))
    return {entry.release: entry for entry in entries if entry}


def keep(step: Step, entry: Entry) -> None:
    """Write an entry into the cluster, then the release's own record.

    Raises:
        LostTurn: it is somebody else's turn.
    """
    set_entry(
        step.cluster,
        ledger_of(step),
        entry.release,
        entry.dump(),
        outdated=find_outdated,
        turn=step.turn,
        deadline=step.patience(),
    )
    keep_record(step, entry.release, entry.record)


def keep_record(step: Step, release_id: str, record: MigrationRecord) -> None:
    """Bring a release's own record to what the cluster tells; nothing where the release is not known.

    Raises:
        LostTurn: it is somebody else's turn.
    """
    fields, job = migration_fields(record), step.job.id
    move = step.around.queue.move
    if not patiently(lambda: move(job, fence=step.turn.fence, release_id=release_id, fields=fields)):
        raise LostTurn(f"job {job}: another worker has taken this stage over")


def find_outdated(texts: Mapping[str, str]) -> list[str]:
    """What may be dropped so that one more has room: the oldest of those that are over."""
    surplus = len(texts) - KEPT + 1
    if surplus <= 0:
        return []
    known = {release: parse_entry(release, text) for release, text in sorted(texts.items())}
    waiting = {MigrationState.PENDING, MigrationState.RUNNING}
    over = [release for release, entry in known.items() if entry is None or entry.state not in waiting]
    return over[:surplus]
