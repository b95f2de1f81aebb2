"""Pods as places to look into: which one is ready, and what it printed. Commands in them are in ``exec``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluster import objects
from cluster.errors import ClusterError
from cluster.kinds import Ref, object_path
from cluster.podstate import is_ready
from release.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.connection import Cluster

LOG_LINES: Final = 20
LOG_BYTES: Final = 16 * 1024


def ready_pod(cluster: Cluster, namespace: str, labels: Mapping[str, str]) -> str:
    """The name of a pod that is ready: the first by name, so that a repeated stage asks the same one.

    ``labels`` include ``workflow``, the release's id: a pod of another release of the color won't do.

    Raises:
        Problem: none is ready.
    """
    selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    pods, _ = objects.list_objects(cluster, "Pod", namespace, labels=selector)
    ready = sorted(pod["metadata"]["name"] for pod in pods if is_ready(pod))
    if not ready:
        raise Problem(
            "no-ready-pod",
            "No pod of the release is ready",
            detail=f"namespace {namespace}, labels {selector}: {len(pods)} pods, none of them ready",
            next_step="See why the pods stopped being ready (`kubectl describe pod`), then retry.",
        )
    return str(ready[0])


def logs(
    cluster: Cluster,
    pod: str,
    namespace: str,
    container: str,
    *,
    previous: bool = False,
    tail: int = LOG_LINES,
) -> str:
    """The last lines that a container printed; ``previous``: the run before its last restart.

    Raises:
        NotFound: there is no such pod.
        Invalid: there is no such container, or no previous run.
    """
    query = {"container": container, "tailLines": str(tail), "limitBytes": str(LOG_BYTES)}
    if previous:
        query["previous"] = "true"
    path = f"{object_path(Ref('Pod', namespace, pod))}/log"
    return cluster.request("GET", path, query=query).decode("utf-8", "replace")


def last_words(cluster: Cluster, pod: str, namespace: str, container: str, *, previous: bool) -> str:
    """The last lines for a failure's report: of the run asked for, else of the other one, else why not.

    A container that ended may be restarted between the look at it and this: then its words are the previous
    run's. A report must not fail for want of a log.
    """
    trouble = "(it printed nothing)"
    for run in (previous, not previous):
        try:
            said = logs(cluster, pod, namespace, container, previous=run)
        except ClusterError as error:
            trouble = f"(the log can't be read: {error.message})" if run is previous else trouble
            continue
        if said.strip():
            return said
    return trouble
