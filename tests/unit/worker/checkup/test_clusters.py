"""Why a cluster can't be asked, and what is wrong with its Istio."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from cluster.errors import ClusterError, Forbidden, Unauthorized, Unavailable, Untrusted
from cluster.survey import Offer
from tests.unit.cluster.fakes import Answer, fake_cluster
from worker.checkup.clocks import Clocks
from worker.checkup.clusters import (
    Clusters,
    Context,
    _look_at_control_plane,
    judge_offer,
    look_at_cluster,
    tell_error,
)
from worker.checkup.lines import Grade

if TYPE_CHECKING:
    from pathlib import Path

PROD = Context(None, "prod", ("shop", "blog"))


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (Unavailable("k8s:6443: no connection in time"), "`kubectl --context prod get --raw /version`"),
        (Untrusted("k8s:6443: self-signed certificate"), "certificate-authority-data"),
        (Unavailable("k8s:6443: [SSL: WRONG_VERSION_NUMBER]"), "https or http?"),
        (Forbidden('forbidden: User "system:anonymous"'), "system:discovery"),
        (Unauthorized("Unauthorized"), "create token verdigris-worker"),
    ],
)
def test_each_way_to_be_refused_has_its_fix_and_says_what_was_left_out(error: ClusterError, fix: str) -> None:
    cluster, _ = fake_cluster([], token="opaque")

    line = tell_error(PROD, error, cluster)

    assert line.grade is Grade.FAILED
    assert line.about == "cluster prod"
    assert "(so not looked at: shop, blog)" in line.found
    assert fix in line.fix
    assert "opaque" not in line.found + line.fix


def test_a_token_that_expired_is_told_with_its_time() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_600_000_000}).encode()).decode().rstrip("=")
    cluster, _ = fake_cluster([], token=f"e30.{claims}.c2ln")

    line = tell_error(PROD, Unauthorized("Unauthorized"), cluster)

    assert "the token expired at 2020-09-13 12:26 UTC" in line.found


def test_a_kubeconfig_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    clusters, clocks = Clusters(), Clocks()

    (line,) = look_at_cluster(Context(tmp_path / "absent", None, ("shop",)), clusters, clocks)

    assert line.grade is Grade.FAILED
    assert str(tmp_path / "absent") in line.found
    assert "KUBECONFIG" in line.fix
    assert clusters.reached == {}


@pytest.mark.parametrize(
    ("offer", "grade", "found", "fix"),
    [
        (Offer(("v1", "v1beta1"), ()), Grade.OK, "in v1 (served: v1, v1beta1)", ""),
        (None, Grade.FAILED, "not installed", "istioctl install"),
        (Offer(("v1beta1",), ("VirtualService",)), Grade.FAILED, "in v1beta1, not in v1", "1.22 or newer"),
        (Offer(("v1",), ("Gateway",)), Grade.FAILED, "not served in v1: Gateway", "istioctl install"),
    ],
)
def test_istio_is_judged_by_what_is_served(offer: Offer | None, grade: Grade, found: str, fix: str) -> None:
    line = judge_offer("istio", offer)

    assert line.grade is grade
    assert found in line.found
    assert fix in line.fix


@pytest.mark.parametrize(
    ("items", "grade"),
    [
        ([], Grade.WARNING),
        ([{"status": {}}], Grade.FAILED),
        ([{"status": {"availableReplicas": 1}}], Grade.OK),
    ],
)
def test_a_control_plane_is_there_and_available(items: list[object], grade: Grade) -> None:
    cluster, _ = fake_cluster([Answer(200, {"items": items})])

    (line,) = _look_at_control_plane(PROD, cluster)

    assert line.grade is grade
    assert ("kubectl --context prod" in line.fix) is (grade is not Grade.OK)


def test_a_control_plane_that_we_may_not_see_is_not_spoken_of() -> None:
    cluster, _ = fake_cluster([Answer(403, {"message": "forbidden"})])

    assert _look_at_control_plane(PROD, cluster) == []
