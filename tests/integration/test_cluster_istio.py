"""The route of a team with habits of its own: Verdigris moves a subset and one entry, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import objects
from cluster.apply import put
from cluster.connection import Cluster
from cluster.errors import NotFound
from cluster.fence import fence_of
from cluster.istio import change_route, create_route, set_subsets, steady_subsets
from cluster.kinds import Object, Ref
from cluster.route import Known, read_route, remove_test_entry, set_default, set_test_entry
from release.model import Color
from release.names import LIVE_RELEASE, PREVIOUS_RELEASE
from release.turn import LostTurn
from tests.integration.standin import NAMESPACE, Turn, default, destination_rule, standin, virtual_service

ROUTE = Ref("VirtualService", NAMESPACE, "shop-blue-green")
RULE = Ref("DestinationRule", NAMESPACE, "shop-blue-green")
TEST = "shop-test"
BOTH = {Color.BLUE, Color.GREEN}

ENTRY: Object = {
    "match": [{"headers": {"cookie": {"regex": r"^(.*?;\s*)?(test=true)(;.*)?$"}}}],
    "route": [{"destination": {"host": "shop", "subset": "green"}}],
}
BUSY: list[Object] = [
    {
        "name": "admin",
        "match": [{"uri": {"prefix": "/admin"}}],
        "route": [{"destination": {"host": "admin"}}],
        "timeout": "3s",
    },
    {"match": [{"uri": {"exact": "/old"}}], "redirect": {"uri": "/new"}},
    {
        **default("blue"),
        "retries": {"attempts": 3, "perTryTimeout": "2s"},
        "timeout": "10s",
        "headers": {"response": {"add": {"x-team": "shop"}}},
    },
]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with standin(tmp_path) as made:
        yield made.connect()


def http(cluster: Cluster) -> list[Object]:
    entries: list[Object] = objects.get(cluster, ROUTE)["spec"]["http"]
    return entries


def test_a_whole_release_leaves_the_teams_entries_as_they_were(cluster: Cluster) -> None:
    # given a route full of the team's own entries
    turn = Turn(fence=31)
    create_route(cluster, virtual_service(*BUSY), turn=turn)
    # when a test entry comes, the default moves, and the test entry goes
    tested = change_route(cluster, ROUTE, lambda obj: set_test_entry(obj, ENTRY, TEST), turn=turn)
    assert http(cluster) == [{**ENTRY, "name": TEST}, *BUSY]
    releases = {LIVE_RELEASE: "two", PREVIOUS_RELEASE: "one"}
    change_route(cluster, ROUTE, lambda obj: set_default(obj, Color.GREEN, releases), turn=turn)
    switched = change_route(cluster, ROUTE, lambda obj: remove_test_entry(obj, TEST), turn=turn)
    # then only the default's subset differs
    expected = [*BUSY[:2], {**BUSY[2], "route": default("green")["route"]}]
    assert http(cluster) == expected
    route = read_route(switched, BOTH, test_name=TEST)
    assert isinstance(route, Known)
    assert (route.live, route.live_release, route.previous_release) == (Color.GREEN, "two", "one")
    assert fence_of(switched) == 31
    assert objects.version_of(tested) != objects.version_of(switched)


def test_the_same_change_again_writes_nothing(cluster: Cluster) -> None:
    turn = Turn()
    create_route(cluster, virtual_service(*BUSY), turn=turn)
    for build in (
        lambda obj: set_test_entry(obj, ENTRY, TEST),
        lambda obj: set_default(obj, Color.GREEN, {LIVE_RELEASE: "two"}),
    ):
        first = change_route(cluster, ROUTE, build, turn=turn)
        assert objects.version_of(change_route(cluster, ROUTE, build, turn=turn)) == objects.version_of(first)


def test_a_test_entry_that_stands_is_replaced_where_it_is(cluster: Cluster) -> None:
    turn = Turn()
    create_route(cluster, virtual_service(BUSY[0], {**ENTRY, "name": TEST}, BUSY[2]), turn=turn)
    other = {**ENTRY, "retries": {"attempts": 0}}
    change_route(cluster, ROUTE, lambda obj: set_test_entry(obj, other, TEST), turn=turn)
    assert http(cluster) == [BUSY[0], {**other, "name": TEST}, BUSY[2]]


def test_a_team_that_writes_at_the_same_time_loses_nothing(cluster: Cluster) -> None:
    # given somebody who adds an entry between our read and our write
    create_route(cluster, virtual_service(*BUSY), turn=Turn())
    extra = {**BUSY[0], "name": "late"}
    once = iter([1])

    def disturb() -> None:
        for _ in once:
            objects.patch_merge(cluster, ROUTE, {"spec": {"http": [extra, *BUSY]}})

    # when we switch
    turn = Turn(before_write=disturb)
    change_route(cluster, ROUTE, lambda obj: set_default(obj, Color.GREEN, {}), turn=turn)
    # then both have happened
    assert http(cluster)[0] == extra
    assert http(cluster)[-1]["route"][0]["destination"]["subset"] == "green"


def test_a_route_that_is_missing_is_told(cluster: Cluster) -> None:
    with pytest.raises(NotFound):
        change_route(cluster, ROUTE, lambda obj: remove_test_entry(obj, TEST), turn=Turn())


def test_a_route_that_somebody_created_first_is_returned_as_it_is(cluster: Cluster) -> None:
    theirs = virtual_service(default("green"))

    def faster() -> None:
        if objects.find(cluster, ROUTE) is None:
            objects.create(cluster, theirs)

    found = create_route(cluster, virtual_service(*BUSY), turn=Turn(before_write=faster))
    assert found["spec"]["http"] == theirs["spec"]["http"]
    assert create_route(cluster, virtual_service(*BUSY), turn=Turn())["spec"] == found["spec"]


def test_a_route_is_not_created_without_the_turn(cluster: Cluster) -> None:
    def lose() -> None:
        raise LostTurn

    with pytest.raises(LostTurn):
        create_route(cluster, virtual_service(), turn=Turn(before_write=lose))
    assert objects.find(cluster, ROUTE) is None


def test_both_subsets_are_created_where_there_are_none(cluster: Cluster) -> None:
    outcome = set_subsets(cluster, destination_rule("green"), turn=Turn())
    assert outcome.changed
    subsets = objects.get(cluster, RULE)["spec"]["subsets"]
    assert {item["name"]: item["labels"] for item in subsets} == {
        "green": {"color": "green"},
        "blue": {"color": "blue"},
    }


def test_a_teams_destination_rule_keeps_its_policies_and_gets_the_missing_subset(cluster: Cluster) -> None:
    # given an article-like rule with one subset, and a team's policies, owned by somebody else
    theirs = destination_rule("blue")
    theirs["spec"]["trafficPolicy"] = {"connectionPool": {"tcp": {"maxConnections": 9}}}
    theirs["spec"]["subsets"][0]["trafficPolicy"] = {"loadBalancer": {"simple": "RANDOM"}}
    objects.apply(cluster, theirs)
    # when both subsets are wanted
    outcome = set_subsets(cluster, destination_rule("blue", "green"), turn=Turn())
    # then one is added, and nothing else is touched
    spec = objects.get(cluster, RULE)["spec"]
    assert outcome.changed
    assert spec["trafficPolicy"] == theirs["spec"]["trafficPolicy"]
    assert spec["subsets"] == [*theirs["spec"]["subsets"], {"name": "green", "labels": {"color": "green"}}]
    assert not set_subsets(cluster, destination_rule("blue", "green"), turn=Turn()).changed


def test_a_subset_that_chooses_other_pods_is_left_and_told(cluster: Cluster) -> None:
    theirs = destination_rule("blue", "green")
    theirs["spec"]["subsets"][1]["labels"] = {"version": "2"}
    put(cluster, theirs, turn=Turn())
    outcome = set_subsets(cluster, destination_rule("blue", "green"), turn=Turn())
    assert outcome.notes == [
        "subset green chooses {'version': '2'}, the manifest says {'color': 'green'}",
    ]
    assert objects.get(cluster, RULE)["spec"]["subsets"] == theirs["spec"]["subsets"]


def test_the_steady_form_names_the_live_color_alone(cluster: Cluster) -> None:
    put(cluster, destination_rule("blue", "canary", "green"), turn=Turn())
    steady_subsets(cluster, RULE, Color.BLUE, turn=Turn())
    assert [item["name"] for item in objects.get(cluster, RULE)["spec"]["subsets"]] == ["blue", "canary"]
    again = steady_subsets(cluster, RULE, Color.BLUE, turn=Turn())
    assert again == objects.get(cluster, RULE)


def test_a_missing_destination_rule_is_steady(cluster: Cluster) -> None:
    assert steady_subsets(cluster, RULE, Color.BLUE, turn=Turn()) is None
