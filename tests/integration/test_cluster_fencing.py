"""Two workers, one of them frozen between its read and its write: whatever it prepared must not land."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import objects
from cluster.apply import annotate, put, stamp_fence
from cluster.connection import Cluster
from cluster.deployments import delete_deployment
from cluster.errors import AlreadyExists, Conflict
from cluster.fence import fence_of
from cluster.istio import change_route
from cluster.kinds import Ref
from cluster.route import set_default
from cluster.waiting import Deadline
from release.model import Color
from release.turn import LostTurn
from tests.integration.standin import NAMESPACE, Turn, default, deployment, standin, virtual_service

DEPLOYMENT = Ref("Deployment", NAMESPACE, "shop-green")
ROUTE = Ref("VirtualService", NAMESPACE, "shop-blue-green")
ABSENT = Ref("Service", NAMESPACE, "absent")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with standin(tmp_path) as made:
        yield made.connect()


class Frozen:
    """A turn that freezes at its first check while another takes over, and thaws believing in itself."""

    def __init__(self, cluster: Cluster, *refs: Ref) -> None:
        self.turn = Turn(fence=7, before_write=self._freeze)
        self._cluster, self._refs = cluster, refs
        self.checks = 0

    def _freeze(self) -> None:
        self.checks += 1
        if self.checks == 1:
            stamp_fence(self._cluster, self._refs, turn=Turn(fence=8))
        else:
            raise LostTurn


def test_an_apply_prepared_before_a_takeover_is_refused_and_the_turn_asked_again(cluster: Cluster) -> None:
    # given a Deployment, and a worker that froze between reading and applying it
    put(cluster, deployment(tag="v1"), turn=Turn(fence=6))
    frozen = Frozen(cluster, DEPLOYMENT)
    # when it thaws and writes
    with pytest.raises(LostTurn):
        put(cluster, deployment(tag="v2"), turn=frozen.turn)
    # then nothing of it has landed
    standing = objects.get(cluster, DEPLOYMENT)
    assert standing["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v1")
    assert fence_of(standing) == 8


def test_a_switch_prepared_before_a_takeover_is_refused(cluster: Cluster) -> None:
    put(cluster, virtual_service(default("blue")), turn=Turn(fence=6))
    frozen = Frozen(cluster, ROUTE)
    with pytest.raises(LostTurn):
        change_route(cluster, ROUTE, lambda obj: set_default(obj, Color.GREEN, {}), turn=frozen.turn)
    assert objects.get(cluster, ROUTE)["spec"]["http"][-1]["route"][0]["destination"]["subset"] == "blue"


def test_an_annotation_prepared_before_a_takeover_is_refused(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn(fence=6))
    frozen = Frozen(cluster, DEPLOYMENT)
    with pytest.raises(LostTurn):
        annotate(cluster, DEPLOYMENT, {"verdigris.dev/passed-template": "abc"}, turn=frozen.turn)
    assert "verdigris.dev/passed-template" not in objects.annotations_of(objects.get(cluster, DEPLOYMENT))


def test_a_deletion_prepared_before_a_takeover_is_refused(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn(fence=6))
    frozen = Frozen(cluster, DEPLOYMENT)
    with pytest.raises(LostTurn):
        delete_deployment(cluster, DEPLOYMENT.name, NAMESPACE, turn=frozen.turn, deadline=Deadline.after(10))
    assert "deletionTimestamp" not in objects.get(cluster, DEPLOYMENT)["metadata"]


def test_a_creation_that_somebody_else_was_faster_with_is_refused(cluster: Cluster) -> None:
    # given a worker that found no Deployment and froze before creating it
    checks: list[int] = []

    def overtaken() -> None:
        checks.append(1)
        if len(checks) > 1:
            raise LostTurn
        put(cluster, deployment(tag="v2"), turn=Turn(fence=8))

    # when it thaws after another one created it
    with pytest.raises(LostTurn):
        put(cluster, deployment(tag="v1"), turn=Turn(fence=7, before_write=overtaken))
    # then the other's stands
    standing = objects.get(cluster, DEPLOYMENT)
    assert standing["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":v2")


def test_the_raw_writes_answer_409_to_what_was_read_before_a_stamp(cluster: Cluster) -> None:
    # given what a frozen worker has in its memory
    put(cluster, deployment(), turn=Turn(fence=6))
    read = objects.get(cluster, DEPLOYMENT)
    version = objects.version_of(read)
    # when another one stamps its fence
    stamp_fence(cluster, [DEPLOYMENT, ABSENT], turn=Turn(fence=8))
    # then each kind of write is refused
    stale = deployment(tag="v2")
    stale["metadata"]["resourceVersion"] = version
    with pytest.raises(Conflict):
        objects.apply(cluster, stale, force=True)
    changes = {"metadata": {"resourceVersion": version, "labels": {"a": "b"}}}
    with pytest.raises(Conflict):
        objects.patch_merge(cluster, DEPLOYMENT, changes)
    with pytest.raises(Conflict):
        objects.delete(cluster, DEPLOYMENT, resource_version=version)
    with pytest.raises(AlreadyExists):
        objects.create(cluster, deployment(tag="v2"))
    assert fence_of(objects.get(cluster, DEPLOYMENT)) == 8


def test_a_higher_fence_is_never_overwritten_by_a_lower_one(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn(fence=6))
    stamp_fence(cluster, [DEPLOYMENT], turn=Turn(fence=9))
    with pytest.raises(LostTurn, match="carries fence 9, ours is 8"):
        stamp_fence(cluster, [DEPLOYMENT], turn=Turn(fence=8))
    assert fence_of(objects.get(cluster, DEPLOYMENT)) == 9


def test_stamping_twice_writes_once(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn(fence=6))
    stamp_fence(cluster, [DEPLOYMENT], turn=Turn(fence=8))
    first = objects.version_of(objects.get(cluster, DEPLOYMENT))
    stamp_fence(cluster, [DEPLOYMENT], turn=Turn(fence=8))
    assert objects.version_of(objects.get(cluster, DEPLOYMENT)) == first


def test_a_stamp_is_refused_to_who_has_lost_the_turn(cluster: Cluster) -> None:
    put(cluster, deployment(), turn=Turn(fence=6))

    def lose() -> None:
        raise LostTurn

    with pytest.raises(LostTurn):
        stamp_fence(cluster, [DEPLOYMENT], turn=Turn(fence=8, before_write=lose))
    assert fence_of(objects.get(cluster, DEPLOYMENT)) == 6
