"""A notebook in the cluster: created, written entry by entry, with our fence, by one writer at a time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import objects
from cluster.configmap import read_entries, set_entry
from cluster.connection import Cluster
from cluster.fence import fence_of
from cluster.kinds import Ref
from cluster.waiting import Deadline
from release.turn import LostTurn
from tests.integration.standin import NAMESPACE, Standin, Turn, standin

REF = Ref("ConfigMap", NAMESPACE, "notes")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Standin]:
    with standin(tmp_path) as running:
        yield running


@pytest.fixture
def cluster(made: Standin) -> Cluster:
    return made.connect()


def write(
    cluster: Cluster, name: str, text: str, *, turn: Turn | None = None, drop: tuple[str, ...] = ()
) -> None:
    set_entry(
        cluster,
        REF,
        name,
        text,
        outdated=lambda _: drop,
        turn=turn or Turn(fence=7),
        deadline=Deadline.after(5),
    )


def test_what_is_not_there_holds_nothing(cluster: Cluster) -> None:
    assert read_entries(cluster, REF) == {}


def test_it_is_created_with_its_first_entry_and_then_changed(cluster: Cluster) -> None:
    write(cluster, "one", "1")
    write(cluster, "two/~", "2")
    write(cluster, "one", "3", turn=Turn(fence=9))

    assert read_entries(cluster, REF) == {"one": "3", "two/~": "2"}
    assert fence_of(objects.get(cluster, REF)) == 9


def test_the_same_again_writes_nothing(cluster: Cluster) -> None:
    write(cluster, "one", "1")
    before = objects.get(cluster, REF)["metadata"]["resourceVersion"]

    write(cluster, "one", "1")

    assert objects.get(cluster, REF)["metadata"]["resourceVersion"] == before


def test_outdated_entries_go_with_a_new_one_but_never_itself(cluster: Cluster) -> None:
    write(cluster, "one", "1")
    write(cluster, "two", "2")

    write(cluster, "three", "3", drop=("one", "three", "unknown"))

    assert read_entries(cluster, REF) == {"two": "2", "three": "3"}


def test_one_that_somebody_emptied_is_filled_again(cluster: Cluster) -> None:
    objects.create(
        cluster,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes", "namespace": NAMESPACE}},
    )

    write(cluster, "one", "1")

    assert read_entries(cluster, REF) == {"one": "1"}


def test_who_has_lost_the_turn_writes_nothing(cluster: Cluster) -> None:
    class Lost(Turn):
        def check(self) -> None:
            raise LostTurn

    with pytest.raises(LostTurn):
        write(cluster, "one", "1", turn=Lost(fence=7))

    assert read_entries(cluster, REF) == {}
