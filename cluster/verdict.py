"""Whether a rollout is done, goes on or has failed: a pure function over what the cluster shows.

What fails at once, what is waited out and for how long is the table in the documentation's "deploy" stage.
Fetching, waiting and logs are in ``rollout``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster.podstate import (
    PULL_REASONS,
    ContainerState,
    condition,
    containers_of,
    find_scheduling_problem,
    is_image_missing,
    is_ready,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cluster.kinds import Object
    from cluster.picture import Picture


@dataclass(frozen=True, slots=True)
class Done:
    """Every replica runs the newest template and is available; nothing else serves."""

    template_hash: str
    ready_pods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet. ``for_image``: only for an image that is still to be pushed."""

    shown: str
    for_image: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Never. ``pod`` and ``container``: whose log tells more, if any; ``previous``: of its last run."""

    slug: str
    title: str
    reason: str
    next_step: str
    pod: str = ""
    container: str = ""
    previous: bool = False


Verdict = Done | Waiting | Failed


@dataclass(frozen=True, slots=True)
class Limits:
    """The app's patience. Seconds; ``max_restarts``: how often a container may be started again."""

    rollout: float
    image_wait: float
    max_restarts: int


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Seconds since the rollout began, and of these since no image was waited for."""

    total: float
    rolling: float


def judge(picture: Picture, *, elapsed: Elapsed, limits: Limits) -> Verdict:
    """Decide from one picture and the time alone."""
    if picture.deployment is None:
        return _GONE
    verdict = _judge_state(picture, picture.deployment, limits)
    if not isinstance(verdict, Waiting):
        return verdict
    if verdict.for_image:
        return _image_missing(verdict, limits) if elapsed.total >= limits.image_wait else verdict
    return _too_late(verdict, picture, limits) if elapsed.rolling >= limits.rollout else verdict


def _judge_state(picture: Picture, deployment: Object, limits: Limits) -> Verdict:
    """Decide regardless of time. What was there before the change says nothing about it."""
    if not picture.is_observed:
        return Waiting("the Deployment's controller has not seen the change yet")
    failure = _find_refusal(picture, deployment) or next(_failures(picture, limits), None)
    return failure or _progress(picture, deployment)


_GONE: Final = Failed(
    "rollout-deleted",
    "The Deployment was deleted during its rollout",
    "the Deployment no longer exists",
    "Find out who deleted it, then deploy again.",
)

_REFUSALS: Final = ("is forbidden", "denied the request", "is invalid", "exceeded quota")
"""What admission says when it means no. A webhook that could not be asked is worded otherwise: waited for."""


def _find_refusal(picture: Picture, deployment: Object) -> Failed | None:
    """A pod that may not even be created: a quota, an admission rule.

    The ReplicaSet's own condition where it is known: the Deployment's may repeat an older ReplicaSet's.
    """
    found = condition(picture.replica_set or deployment, "ReplicaFailure")
    message = found.get("message", "")
    if found.get("status") != "True" or not any(words in message for words in _REFUSALS):
        return None
    if "exceeded quota" in message:
        title, advice = "The namespace's quota does not allow the pods", "Raise the quota or free some of it"
        return Failed("rollout-quota", title, message, f"{advice}, then retry.")
    title = "The cluster does not admit the pods"
    return Failed("rollout-refused", title, message, "Change what the message names, push a new tag.")


def _failures(picture: Picture, limits: Limits) -> Iterator[Failed]:
    for pod in picture.new_pods:
        for state in containers_of(pod):
            failure = _find_failure(state, limits)
            if failure:
                yield failure


def _find_failure(state: ContainerState, limits: Limits) -> Failed | None:
    said = f"pod {state.pod}, container {state.name}: {state.reason}: {state.message}"
    if state.waiting and state.reason == "InvalidImageName":
        title, advice = "The image's name is no valid name", "Correct the app's image in the configuration"
        return Failed("rollout-invalid-image", title, said, f"{advice}, then retry.")
    if state.waiting and state.reason == "CreateContainerConfigError":
        title = "A container needs something that does not exist"
        return Failed(
            "rollout-config-error", title, said, "Create the Secret, ConfigMap or key it names, then retry."
        )
    if state.has_crashed and state.restarts >= limits.max_restarts:
        return _crash(state)
    return None


def _crash(state: ContainerState) -> Failed:
    code = state.exit_code if state.exit_code is not None else state.last_exit_code
    times = f"after {state.restarts} restart{'' if state.restarts == 1 else 's'}"
    where = f"pod {state.pod}, container {state.name}"
    previous = state.waiting
    if state.ran_out_of_memory:
        return Failed(
            "rollout-out-of-memory",
            "A container uses more memory than it may",
            f"{where}: killed for its memory {times} (exit code {code})",
            "Raise its memory limit or make it need less, push a new tag.",
            state.pod,
            state.name,
            previous,
        )
    return Failed(
        "rollout-crash-loop",
        "A container ends again and again",
        f"{where}: ended with exit code {code} {times}",
        "Read its last lines, correct the program or its settings, push a new tag.",
        state.pod,
        state.name,
        previous,
    )


def _progress(picture: Picture, deployment: Object) -> Done | Waiting:
    """How far it is, given that nothing has failed for good."""
    if picture.replica_set is None:
        return Waiting("no ReplicaSet for the new template yet")
    wanted = deployment["spec"].get("replicas", 1)
    ready = tuple(sorted(pod["metadata"]["name"] for pod in picture.new_pods if is_ready(pod)))
    complete = _is_complete(deployment.get("status") or {}, wanted)
    if complete and len(ready) >= wanted and not picture.old_pods:
        return Done(picture.template_hash, ready)
    return next(_obstacles(picture), None) or Waiting(_count(picture, wanted, len(ready)))


def _is_complete(status: Mapping[str, object], wanted: int) -> bool:
    """The Deployment's own count: updated, ready, available and no replica beside these."""
    counts = ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")
    return all(status.get(count, 0) == wanted for count in counts)


def _count(picture: Picture, wanted: int, ready: int) -> str:
    old = len(picture.old_pods)
    return f"{ready} of {wanted} pods ready" + (f", {old} of the old version still serve" if old else "")


def _obstacles(picture: Picture) -> Iterator[Waiting]:
    """What hinders a pod and may yet pass, the one that shows most first."""
    found = condition(picture.replica_set or {}, "ReplicaFailure")
    if found.get("status") == "True":
        yield Waiting(f"pods can't be created: {found.get('message', '')}")
    states = [state for pod in picture.new_pods for state in containers_of(pod)]
    yield from _pull_obstacles(states, picture.pull_errors)
    for pod in picture.new_pods:
        unschedulable = find_scheduling_problem(pod)
        if unschedulable is not None:
            yield Waiting(f"pod {pod['metadata']['name']}: no node takes it: {unschedulable}")
    yield from (_obstacle(state) for state in states if not (state.is_ready or state.has_ended_well))


def _pull_obstacles(states: Sequence[ContainerState], errors: Mapping[str, str]) -> Iterator[Waiting]:
    """Errors that the registry's next answer may not repeat go first: they wait less long."""
    pulling = [state for state in states if state.waiting and state.reason in PULL_REASONS]
    said = [(state, errors.get(state.key) or state.message) for state in pulling]
    for state, error in sorted(said, key=lambda item: is_image_missing(item[1])):
        text = f"pod {state.pod}, container {state.name}: {state.reason}: {error}"
        yield Waiting(text, for_image=is_image_missing(error))


def _obstacle(state: ContainerState) -> Waiting:
    where = f"pod {state.pod}, container {state.name}"
    if state.has_crashed:
        code = state.exit_code if state.exit_code is not None else state.last_exit_code
        return Waiting(f"{where}: ended with exit code {code}, restarts so far: {state.restarts}")
    if state.waiting:
        return Waiting(f"{where}: {state.reason}{': ' + state.message if state.message else ''}")
    return Waiting(f"{where}: runs, but its probes don't pass yet")


def _image_missing(verdict: Waiting, limits: Limits) -> Failed:
    return Failed(
        "rollout-image-not-found",
        "The image does not exist",
        f"{verdict.shown} (waited {limits.image_wait:g} s for it)",
        "See whether CI built and pushed the image, and whether its name is the one configured; then retry.",
    )


def _too_late(verdict: Waiting, picture: Picture, limits: Limits) -> Failed:
    """The deadline, with the pod that was in the way so that its log can be shown."""
    lagging = next((pod for pod in picture.new_pods if not is_ready(pod)), None)
    states = containers_of(lagging) if lagging else iter(())
    running = next((state for state in states if not state.is_ready and not state.waiting), None)
    return Failed(
        "rollout-deadline",
        "The rollout did not finish in time",
        f"after {limits.rollout:g} s: {verdict.shown}",
        "Remove the cause, or raise the app's deadlines.rollout; then retry.",
        running.pod if running else "",
        running.name if running else "",
    )
