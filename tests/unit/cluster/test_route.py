import copy
from datetime import UTC, datetime

import pytest

from cluster.drift import find_drift
from cluster.kinds import Object
from cluster.route import (
    Known,
    NoRoute,
    Unadoptable,
    notes_of,
    read_route,
    remove_test_entry,
    set_default,
    set_test_entry,
    take_spec,
)
from cluster.subsets import add_subsets, remove_subset, with_both_colors
from release.model import Actor, Color, JobKind
from release.names import LIVE_RELEASE, PREVIOUS_RELEASE, SWITCH, SWITCHED_AT, SWITCHED_BY
from release.observation import Switch
from tests.unit.cluster.fakes import answer_of

TEST = "myapp-test"
BOTH = {Color.BLUE, Color.GREEN}


def entry(subset: str | None, name: str = "myapp-default", **more: object) -> Object:
    destination = {"host": "myapp"} if subset is None else {"host": "myapp", "subset": subset}
    return {"name": name, "route": [{"destination": destination}], **more}


def route(*entries: Object, annotations: dict[str, str] | None = None) -> Object:
    metadata: Object = {"name": "myapp-blue-green", "resourceVersion": "10"}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": {"hosts": ["*"], "http": list(entries)}}


def weighted(*weights: tuple[str, int]) -> Object:
    return {
        "name": "split",
        "route": [
            {"destination": {"host": "m", "subset": name}, "weight": weight} for name, weight in weights
        ],
    }


def test_no_virtual_service_is_no_route() -> None:
    assert read_route(None, BOTH, test_name=TEST) == NoRoute()


def test_the_default_is_the_last_entry_and_live_where_its_deployment_exists() -> None:
    known = read_route(route(entry("green", "first"), entry("blue")), BOTH, test_name=TEST)
    assert isinstance(known, Known)
    assert (known.default_color, known.live, known.default_index) == (Color.BLUE, Color.BLUE, 1)
    assert (known.test_color, known.test_index, known.resource_version) == (None, None, "10")


def test_a_default_whose_deployment_is_gone_is_live_for_nobody() -> None:
    known = read_route(route(entry("blue")), {Color.GREEN}, test_name=TEST)
    assert isinstance(known, Known)
    assert (known.default_color, known.live) == (Color.BLUE, None)


def test_the_recorded_route_with_a_test_entry_is_understood() -> None:
    known = read_route(answer_of("virtualservice-apply-create"), BOTH, test_name=TEST)
    assert isinstance(known, Known)
    assert (known.live, known.test_color, known.test_index) == (Color.BLUE, Color.GREEN, 0)


def test_live_and_previous_release_are_read_from_annotations() -> None:
    annotations = {LIVE_RELEASE: "two", PREVIOUS_RELEASE: "one"}
    known = read_route(route(entry("blue"), annotations=annotations), BOTH, test_name=TEST)
    assert isinstance(known, Known)
    assert (known.live_release, known.previous_release) == ("two", "one")


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "made",
    [
        Switch(JobKind.ROLLBACK, Actor("direct", "anna@desk"), "errors", NOON),
        Switch(JobKind.PROMOTE, Actor("direct", "kubectl")),
    ],
)
def test_what_moved_users_last_is_read_as_it_was_written(made: Switch) -> None:
    written = notes_of(live="two", previous="one", switch=made)
    known = read_route(route(entry("blue"), annotations=written), BOTH, test_name=TEST)
    assert isinstance(known, Known)
    assert (known.live_release, known.previous_release, known.switch) == ("two", "one", made)


@pytest.mark.parametrize(
    ("spoiled", "expected"),
    [
        ({}, None),
        ({SWITCH: "deploy", SWITCHED_BY: "person:anna"}, None),
        ({SWITCH: "promote", SWITCHED_BY: "anna"}, None),
        (
            {SWITCH: "promote", SWITCHED_BY: "person:anna", SWITCHED_AT: "yesterday"},
            Switch(JobKind.PROMOTE, Actor("person", "anna")),
        ),
        (
            {SWITCH: "promote", SWITCHED_BY: "person:anna", SWITCHED_AT: "2026-01-01T12:00:00"},
            Switch(JobKind.PROMOTE, Actor("person", "anna")),
        ),
    ],
)
def test_notes_that_somebody_spoiled_tell_no_more_than_they_can(
    spoiled: dict[str, str], expected: Switch | None
) -> None:
    known = read_route(route(entry("blue"), annotations=spoiled), BOTH, test_name=TEST)
    assert isinstance(known, Known)
    assert known.switch == expected


@pytest.mark.parametrize(
    ("virtual_service", "found"),
    [
        ({"metadata": {}, "spec": {"tcp": []}}, "has no http entries"),
        (route(), "has no http entries"),
        (route(entry("green", TEST)), "its last http entry is the test entry myapp-test"),
        (route(weighted(("blue", 90), ("green", 10))), "2 weighted destinations (blue 90, green 10)"),
        (route({"name": "r", "redirect": {"uri": "/x"}}), "entry (r) is a redirect"),
        (route({"name": "d", "delegate": {"name": "x"}}), "entry (d) is a delegate"),
        (route({"directResponse": {"status": 503}}), "entry (unnamed) is a directResponse"),
        (route({"name": "n"}), "has no destination"),
        (route(entry(None)), "names no subset"),
        (route(entry("v1")), "names subset v1"),
    ],
)
def test_a_route_that_one_subset_cannot_switch_is_told_with_what_was_found(
    virtual_service: Object, found: str
) -> None:
    answer = read_route(virtual_service, BOTH, test_name=TEST)
    assert isinstance(answer, Unadoptable)
    assert found in answer.found
    assert "last http entry" in answer.advice


def test_a_fingerprint_moves_with_the_default_and_test_entries_alone() -> None:
    def fingerprint(*entries: Object) -> str:
        known = read_route(route(*entries), BOTH, test_name=TEST)
        assert isinstance(known, Known)
        return known.fingerprint

    tested = fingerprint(entry("green", TEST), entry("blue"))
    assert fingerprint(entry("green", TEST), entry("x", "other"), entry("blue")) == tested
    assert fingerprint(entry("green", TEST, timeout="1s"), entry("blue")) != tested
    assert fingerprint(entry("green", TEST), entry("blue", timeout="1s")) != tested
    assert fingerprint(entry("blue")) != tested


def test_a_switch_is_one_subset_and_its_annotations_bound_to_what_was_read() -> None:
    standing = route(entry("x", "other"), entry("blue"), annotations={LIVE_RELEASE: "one"})
    assert set_default(standing, Color.GREEN, {LIVE_RELEASE: "two", PREVIOUS_RELEASE: "one"}) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "10"},
        {"op": "replace", "path": "/spec/http/1/route/0/destination/subset", "value": "green"},
        {"op": "add", "path": "/metadata/annotations/verdigris.dev~1live-release", "value": "two"},
        {"op": "add", "path": "/metadata/annotations/verdigris.dev~1previous-release", "value": "one"},
    ]


def test_a_switch_that_has_happened_is_no_patch() -> None:
    standing = route(entry("green"), annotations={LIVE_RELEASE: "two"})
    assert set_default(standing, Color.GREEN, {LIVE_RELEASE: "two"}) is None


def test_the_test_entry_goes_first_is_replaced_in_its_place_and_removed() -> None:
    wanted = entry("green", "whatever")
    named = {**wanted, "name": TEST}
    bound = {"op": "replace", "path": "/metadata/resourceVersion", "value": "10"}
    assert set_test_entry(route(entry("blue")), wanted, TEST) == [
        bound,
        {"op": "add", "path": "/spec/http/0", "value": named},
    ]
    standing = route(entry("x", "other"), entry("blue", TEST), entry("blue"))
    assert set_test_entry(standing, wanted, TEST) == [
        bound,
        {"op": "replace", "path": "/spec/http/1", "value": named},
    ]
    assert set_test_entry(route(named, entry("blue")), wanted, TEST) is None
    assert remove_test_entry(standing, TEST) == [bound, {"op": "remove", "path": "/spec/http/1"}]
    assert remove_test_entry(route(entry("blue")), TEST) is None


def test_what_verdigris_moves_is_no_drift() -> None:
    in_repository = route(entry("green", TEST), entry("blue"))
    in_cluster = route(entry("green"))
    assert find_drift(in_cluster, in_repository, test_name=TEST) == []


def test_drift_is_told_in_words() -> None:
    in_cluster = route(
        entry("blue", "gone", match=[{"uri": {"exact": "/gone"}}]),
        entry("x", "admin", timeout="3s"),
        entry("green", retries={"attempts": 3}),
    )
    in_repository = route(
        entry("x", "admin", timeout="5s"),
        {"match": [{"uri": {"exact": "/new"}}], "redirect": {"uri": "/" + "x" * 200}},
        entry("blue", timeout="9s"),
    )
    in_repository["spec"]["hosts"] = ["shop.example"]
    found = find_drift(in_cluster, in_repository, test_name=TEST)
    assert found[:3] == [
        'spec.hosts: the repository says ["shop.example"], the cluster has ["*"]',
        'the default\'s retries: only in the cluster: {"attempts": 3}',
        'the default\'s timeout: only in the repository: "9s"',
    ]
    assert found[3].startswith("http entry admin: the repository says")
    assert found[4].startswith('http entry matching [{"uri": {"exact": "/new"}}]: only in the repository: ')
    assert found[4].endswith("…")
    assert found[5].startswith("http entry gone: only in the cluster: ")
    assert len(found) == 6


def test_a_side_without_routes_is_told_entry_by_entry() -> None:
    assert find_drift(route(), route(entry("blue")), test_name=TEST) == []
    assert find_drift({"metadata": {}}, route(), test_name=TEST) == [
        'spec.hosts: only in the repository: ["*"]'
    ]


def rule(*names: str) -> Object:
    return {
        "metadata": {"resourceVersion": "3"},
        "spec": {"host": "myapp", "subsets": [{"name": name, "labels": {"color": name}} for name in names]},
    }


def test_a_missing_color_gets_a_subset() -> None:
    assert with_both_colors(rule("green")) == rule("green", "blue")
    assert with_both_colors(rule("blue", "green")) == rule("blue", "green")
    nothing = {"metadata": {"resourceVersion": "3"}, "spec": {"host": "myapp"}}
    assert with_both_colors(nothing) == rule("blue", "green")
    patch = add_subsets(copy.deepcopy(nothing), rule("blue", "green"))
    assert patch is not None
    assert patch[1:] == [
        {"op": "add", "path": "/spec/subsets", "value": rule("blue", "green")["spec"]["subsets"]}
    ]
    assert add_subsets(rule("green", "blue"), rule("blue", "green")) is None


def test_a_subset_that_is_not_there_is_not_removed() -> None:
    assert remove_subset(rule("green"), Color.BLUE) is None


def test_a_route_taken_from_the_repository_keeps_the_color_that_users_are_on() -> None:
    wanted = route(entry("green", TEST), entry("green", timeout="5s"))
    standing = route(entry("x", "other"), entry("blue"))

    taken = {"hosts": ["*"], "http": [entry("green", TEST), entry("blue", timeout="5s")]}
    assert take_spec(standing, wanted) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "10"},
        {"op": "replace", "path": "/spec", "value": taken},
    ]
    assert take_spec({**standing, "spec": taken}, wanted) is None
