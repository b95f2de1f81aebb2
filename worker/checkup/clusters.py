"""Clusters: each context's API server, our credentials for it, and Istio."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cluster.errors import ClusterError, Forbidden, Unauthorized, Untrusted
from cluster.kinds import KINDS
from cluster.survey import (
    ROUTING,
    PluginFailed,
    find_control_plane,
    find_expiry,
    find_istio,
    reach,
    read_version,
)
from release.problems import Problem
from worker.checkup.lines import failed, ok, unseen, warning
from worker.checkup.running import REQUEST_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.connection import Cluster
    from cluster.survey import Offer
    from worker.checkup.clocks import Clocks
    from worker.checkup.lines import Line

INSTALL_ISTIO: Final = (
    "`istioctl install`, or `helm install istio-base istio/base -n istio-system --create-namespace`"
)


@dataclass(frozen=True, slots=True)
class Context:
    """One context of the kubeconfig, and the namespaces that apps have in it."""

    kubeconfig: Path | None
    name: str | None
    namespaces: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it is told: the current context has no name."""
        return f"cluster {self.name}" if self.name else "cluster"

    @property
    def kubectl(self) -> str:
        """How to ask the same server by hand."""
        return f"kubectl --context {self.name}" if self.name else "kubectl"

    def place(self, what: str) -> str:
        """Something of this cluster, told apart from the same of another."""
        return f"{what} ({self.name})" if self.name else what


@dataclass(slots=True)
class Clusters:
    """The clusters that answered; filled by checks in their threads, one key each."""

    reached: dict[str | None, Cluster] = field(default_factory=dict)


def look_at_cluster(context: Context, clusters: Clusters, clocks: Clocks) -> list[Line]:
    """The API server, then Istio; only a cluster that answers is looked at further."""
    try:
        reached = reach(context.kubeconfig, context.name, seconds=REQUEST_SECONDS)
    except PluginFailed as failure:
        return [_tell_plugin(context, failure)]
    except Problem as problem:
        fix = "correct the kubeconfig, or name another one in KUBECONFIG: `kubectl config get-contexts`"
        return [failed(str(context), f"{problem.document.detail}{_left_out(context)}", fix=fix)]
    try:
        version = read_version(reached.cluster)
        lines = _look_at_istio(context, reached.cluster)
    except ClusterError as error:
        return [tell_error(context, error, reached.cluster)]
    finally:
        if reached.pool.ahead is not None:
            clocks.add(str(context), reached.pool.ahead)
    clusters.reached[context.name] = reached.cluster
    return [ok(str(context), f"{reached.cluster.host}, Kubernetes {version}"), *lines]


def _tell_plugin(context: Context, trouble: PluginFailed) -> Line:
    fix = (
        "install where the workers run the program that the kubeconfig names under users[].user.exec, or "
        "give them one with a token"
    )
    return failed(str(context), f"the credential plugin failed: {trouble}{_left_out(context)}", fix=fix)


def tell_error(context: Context, error: ClusterError, cluster: Cluster) -> Line:
    """Why an API server can't be asked, and what to do about it."""
    found = f"{error.message}{_left_out(context)}"
    if isinstance(error, Unauthorized):
        return _tell_unauthorized(context, cluster)
    if isinstance(error, Untrusted):
        fix = "put the cluster's CA into certificate-authority-data of the kubeconfig, and its right name or "
        return failed(str(context), found, fix=f"{fix}address into server")
    if isinstance(error, Forbidden):
        fix = (
            "bind our account to the ClusterRole system:discovery, as every cluster does for all who sign in"
        )
        return failed(str(context), found, fix=fix)
    if "SSL" in found or "certificate" in found:
        fix = "correct server (https or http?) and certificate-authority in the kubeconfig"
        return failed(str(context), found, fix=fix)
    fix = (
        f"see that `{context.kubectl} get --raw /version` answers from here: address, firewall, NetworkPolicy"
    )
    return failed(str(context), found, fix=fix)


def _tell_unauthorized(context: Context, cluster: Cluster) -> Line:
    expiry = find_expiry(cluster)
    is_over = expiry is not None and expiry < datetime.now(UTC)
    why = f": the token expired at {expiry:%Y-%m-%d %H:%M} UTC" if is_over else ""
    fix = (
        "put a valid token into the kubeconfig (`kubectl -n verdigris create token verdigris-worker "
        "--duration 8760h`), or let the workers run in the cluster with a service account"
    )
    found = f"{cluster.host} does not accept our credentials{why}{_left_out(context)}"
    return failed(str(context), found, fix=fix)


def _left_out(context: Context) -> str:
    if not context.namespaces:
        return ""
    return f" (so not looked at: {', '.join(context.namespaces)})"


def _look_at_istio(context: Context, cluster: Cluster) -> list[Line]:
    about = context.place("istio")
    try:
        offer = find_istio(cluster)
    except Forbidden as refusal:
        fix = f"`{context.kubectl} api-resources --api-group networking.istio.io`"
        return [unseen(about, refusal.message, fix=fix)]
    line = judge_offer(about, offer)
    return [line, *_look_at_control_plane(context, cluster)] if offer else [line]


def judge_offer(about: str, offer: Offer | None) -> Line:
    """Whether the API that routes are written in is served. Pure."""
    wanted = KINDS[ROUTING[0]].api_version.rpartition("/")[2]
    if offer is None:
        found = "its custom resources are not installed: no VirtualService can be created"
        return failed(about, found, fix=INSTALL_ISTIO)
    served = ", ".join(offer.versions)
    if wanted not in offer.versions:
        fix = f"update Istio to 1.22 or newer, which serves {wanted}"
        return failed(about, f"networking.istio.io is served in {served}, not in {wanted}", fix=fix)
    if offer.missing:
        return failed(about, f"not served in {wanted}: {', '.join(offer.missing)}", fix=INSTALL_ISTIO)
    return ok(about, f"{', '.join(ROUTING)} in {wanted} (served: {served})")


def _look_at_control_plane(context: Context, cluster: Cluster) -> list[Line]:
    """Told only where we may look: the Role of the workers says nothing about istio-system."""
    about, available = context.place("istio control plane"), find_control_plane(cluster)
    see = f"`{context.kubectl} get deployments --all-namespaces --selector app=istiod`"
    if available is None:
        return []
    if available < 0:
        return [
            warning(about, "no istiod in istio-system: without one nothing is routed", fix=f"{see} finds it")
        ]
    if available == 0:
        logs = f"`{context.kubectl} -n istio-system describe pods --selector app=istiod`"
        return [failed(about, "no pod of istiod is available", fix=logs)]
    return [ok(about, f"istiod, pods available: {available}")]
