"""What a release of a tag would do, without one: sanity's own checks, then each object's difference.

Nothing is written, to the cluster or to Redis. An object as it would stand is the server's answer to a dry
run, so it has every default and every webhook's touch. The first apply over an object that Verdigris created
also takes out what the manifest dropped since; that alone a dry run can't show.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from ulid import ULID

from cluster import objects
from cluster.difference import find_difference
from cluster.kinds import Ref, ref_of
from cluster.route import set_test_entry, take_spec
from cluster.subsets import add_subsets, with_both_colors
from release import refusals
from release.model import (
    Actor,
    Job,
    JobKind,
    JobState,
    Release,
    Stage,
    StageRun,
    StageState,
    StartWhen,
    State,
)
from release.names import name_of_test_entry
from release.plan import PLAN
from release.queue import Timing
from release.secret import Redactor
from release.tag import find_color, find_refusal
from source.registry import find_digest
from tasks.deploy import without_verdict
from tasks.findings import Finding, Findings
from tasks.routing import understand_route
from tasks.sanity import find_commit, find_kind, inspect
from tasks.signature import signed
from tasks.step import Step, Surroundings
from tasks.turn import StageTurn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluster.apply import Trial
    from cluster.connection import Cluster
    from cluster.kinds import Object
    from cluster.patch import Patch
    from release.clock import Clock
    from release.config import App, Config
    from release.environment import Settings
    from release.model import Color
    from release.origins import Registry
    from release.outbox import Outbox
    from release.queue import Queue
    from release.store import Store
    from source.checkout import Repositories

PLANNED: Final = "planned"
"""Stands for the release's id in manifests: there is no release."""

PLANNER: Final = Actor("person", "plan")


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one object; no ``difference`` where it stays as it is."""

    ref: Ref
    is_new: bool
    difference: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release would meet, and what it would change."""

    app: str
    tag: str
    color: Color
    commit: str | None
    findings: Findings
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Place:
    """What a plan is made with; ``tell`` hears what is looked at, without secrets."""

    settings: Settings
    config: Config
    repositories: Repositories
    connect: Callable[[App], Cluster]
    clock: Clock
    tell: Callable[[str], None]
    find_digest: Callable[[str, Registry], str | None] = find_digest


def make_plan(place: Place, name: str, tag: str) -> Plan:
    """Look at everything that a release of the tag would meet.

    Raises:
        Problem: there is no such app, the tag can't be released, or the cluster can't be asked.
        ConfigError: a secret of the app can't be read.
    """
    redactor = Redactor(place.config.release_secrets(name))
    step = _step_of(place, name, tag, redactor)
    findings = Findings(f"{name} {tag}")
    commit = find_commit(step, findings)
    find_kind(step, commit, findings)
    step = _with_image(place, step, commit, findings)
    seen = inspect(step, commit, findings)
    changes = []
    for trial in seen.trials:
        with findings.collecting():
            changes += _find_change(step, trial, redactor.redact)
    return Plan(name, tag, step.color, commit, findings.redacted(redactor.redact), changes)


def _with_image(place: Place, step: Step, commit: str | None, findings: Findings) -> Step:
    """The step with the image as a release that waits for it would have it: by its digest."""
    if commit is None or step.app.start_when is not StartWhen.IMAGE_EXISTS:
        return step
    image = step.app.image_for(tag=step.job.tag, commit=commit)
    with findings.collecting():
        digest = place.find_digest(image, step.app.registry)
        if digest:
            return replace(step, release=replace(step.get_release(), image=f"{image}@{digest}"))
        findings.warn(
            Finding(
                "image-not-there",
                "Its image is not there yet",
                detail=f"the registry has no {image}",
                next_step="let CI push it: until then a release of the tag waits",
            )
        )
    return step


def _find_change(step: Step, trial: Trial, redact: Callable[[str], str]) -> list[Change]:
    if trial.result is None:
        return []
    ref = ref_of(trial.obj)
    standing = step.ask(lambda: objects.find(step.cluster, ref))
    after = _as_deployed(step, trial.obj, trial.result, standing)
    return [Change(ref, standing is None, find_difference(standing, after, redact=redact))]


def _as_deployed(step: Step, obj: Object, result: Object, standing: Object | None) -> Object:
    """The object as the deploy stage leaves it: routes that exist are patched, not applied."""
    if obj["kind"] == "Deployment":
        return without_verdict(result)
    if obj["kind"] == "DestinationRule" and standing:
        return _patched(step, standing, add_subsets(standing, with_both_colors(obj)))
    if obj["kind"] != "VirtualService":
        return result
    entry_name = name_of_test_entry(step.name)
    if standing is None:
        return signed(result, PLANNED, entry_name=entry_name)
    understand_route(step, standing)
    wanted = signed(obj, PLANNED, entry_name=entry_name)
    if step.app.routes == "from-repository":
        return _patched(step, standing, take_spec(standing, wanted))
    entry = next(one for one in wanted["spec"]["http"] if one.get("name") == entry_name)
    return _patched(step, standing, set_test_entry(standing, entry, entry_name))


def _patched(step: Step, standing: Object, patch: Patch | None) -> Object:
    if not patch:
        return standing
    return step.ask(lambda: objects.patch_json(step.cluster, ref_of(standing), patch, dry_run=True))


class _Nowhere:
    """Redis' place in a plan: nothing is asked or kept there, and the log goes to whoever plans."""

    timing = Timing()

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def log(self, job_id: str, *, lines: Sequence[str], **_: Any) -> bool:  # noqa: ANN401 -- whatever a log needs
        """Pass lines on."""
        del job_id
        for line in lines:
            self._tell(line)
        return True


def _step_of(place: Place, name: str, tag: str, redactor: Redactor) -> Step:
    """The sanity stage of a job that is in no queue."""
    app = place.config.find_app(name)
    if app is None:
        raise refusals.unknown_app(name)
    color = find_color(tag)
    if color is None:
        raise refusals.tag_does_not_match(name, tag)
    if refusal := find_refusal(tag):
        raise refusals.tag_refused(name, tag, refusal)
    nowhere = _Nowhere(place.tell)
    around = Surroundings(
        settings=place.settings,
        config=place.config,
        store=cast("Store", nowhere),
        queue=cast("Queue", nowhere),
        outbox=cast("Outbox", nowhere),
        repositories=place.repositories,
        connect=place.connect,
        clock=place.clock,
    )
    job, release = _job_of(place, name, tag, color)
    turn = StageTurn(around.queue, job, fence=0, stage=Stage.SANITY, redactor=redactor)
    return Step(
        app=app,
        job=job,
        release=release,
        turn=turn,
        cluster=place.connect(app),
        clock=place.clock,
        around=around,
        attempt=1,
    )


def _job_of(place: Place, name: str, tag: str, color: Color) -> tuple[Job, Release]:
    now = place.clock()
    stages = tuple(StageRun(stage, StageState.PENDING) for stage in PLAN[JobKind.DEPLOY])
    release = Release(
        id=PLANNED,
        app=name,
        tag=tag,
        color=color,
        commit="",
        state=State.QUEUED,
        actor=PLANNER,
        created_at=now,
        updated_at=now,
    )
    job = Job(
        id=f"plan-{ULID()}",
        app=name,
        kind=JobKind.DEPLOY,
        queue=name,
        state=JobState.RUNNING,
        color=color,
        release_id=PLANNED,
        tag=tag,
        stages=stages,
        stage_index=0,
        fence=0,
        attempt=1,
        actor=PLANNER,
        reason="",
        created_at=now,
    )
    return job, release
