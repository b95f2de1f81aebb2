"""A write as a diff for people: what changes, and no value that may be secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.difference import find_difference, masked
from release.secret import Redactor, Secret

Object = dict[str, Any]

PASSWORD = "todays-password"
REDACT = Redactor([Secret(PASSWORD)]).redact


def deployment(*env: Object, **metadata: object) -> Object:
    template = {"spec": {"containers": [{"name": "app", "env": list(env)}]}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "shop-blue", **metadata},
        "spec": {"template": template},
    }


def env(name: str, value: str) -> Object:
    return {"name": name, "value": value}


def changed(before: Object | None, after: Object) -> list[str]:
    """The lines that come or go."""
    lines = find_difference(before, after, redact=REDACT).splitlines()
    return [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


def test_an_object_that_stays_has_no_difference() -> None:
    before = deployment(resourceVersion="1", generation=1, uid="u", managedFields=[{"manager": "verdigris"}])
    before["status"] = {"replicas": 2}
    stamps = {
        "verdigris.dev/fence": "7",
        "deployment.kubernetes.io/revision": "3",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    before["metadata"]["annotations"] = stamps

    assert find_difference(before, deployment(resourceVersion="2"), redact=REDACT) == ""


def test_a_new_object_is_all_new() -> None:
    lines = find_difference(None, {"kind": "Service", "spec": {"port": 80}}, redact=REDACT).splitlines()

    assert lines == [
        "--- in the cluster",
        "+++ after the release",
        "@@ -0,0 +1,3 @@",
        "+kind: Service",
        "+spec:",
        "+  port: 80",
    ]


def test_only_changed_lines_and_a_few_around_them_are_shown() -> None:
    before = {"spec": {f"field{number}": number for number in range(10)}}
    after = {"spec": {**before["spec"], "field5": "other"}}

    lines = find_difference(before, after, redact=REDACT).splitlines()

    assert lines[3:] == [
        "   field2: 2",
        "   field3: 3",
        "   field4: 4",
        "-  field5: 5",
        "+  field5: other",
        "   field6: 6",
        "   field7: 7",
        "   field8: 8",
    ]


HIDDEN, OTHER = "[redacted]", "[redacted, another value]"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        # a known secret that changes, comes, or goes: its counterpart is hidden as well
        ("yesterdays", PASSWORD, (HIDDEN, OTHER)),
        (PASSWORD, "plain-now", (HIDDEN, OTHER)),
        (PASSWORD, PASSWORD, (HIDDEN, HIDDEN)),
        # within a longer value
        (f"db://{PASSWORD}@x", f"db://{PASSWORD}@y", (HIDDEN, OTHER)),
        # of other values, what stands and changes is not shown, what comes instead is
        ("info", "debug", (HIDDEN, "debug")),
        ("info", "info", ("info", "info")),
    ],
)
def test_environment_variables_show_no_secret(before: str, after: str, shown: tuple[str, str]) -> None:
    sides = masked(deployment(env("LEVEL", before)), deployment(env("LEVEL", after)), REDACT)

    assert tuple(values_of(side)["LEVEL"] for side in sides) == shown


def values_of(shown: Object) -> dict[str, str]:
    """The environment of the one container."""
    return {one["name"]: one["value"] for one in shown["spec"]["template"]["spec"]["containers"][0]["env"]}


def test_a_variable_that_goes_away_takes_its_value_with_it_unseen() -> None:
    lines = changed(deployment(env("OLD", "who-knows"), env("A", "a")), deployment(env("A", "a")))

    assert any("name: OLD" in line for line in lines)
    assert not any("who-knows" in line for line in lines)


def test_variables_are_compared_by_name_whatever_their_order() -> None:
    first, second = env("A", "a"), env("B", "b")

    sides = masked(deployment(first, second), deployment(second, first), REDACT)

    assert [values_of(side) for side in sides] == [{"A": "a", "B": "b"}] * 2


def test_of_a_secret_only_keys_are_told_and_which_of_them_change() -> None:
    before = {"kind": "Secret", "data": {"same": "c2FtZQ==", "other": "b2xk", "gone": "Z29uZQ=="}}
    after = {"kind": "Secret", "data": {"same": "c2FtZQ==", "other": "bmV3", "new": "bmV3"}}

    old, new = masked(before, after, REDACT)

    assert new["data"] == {"same": "[redacted]", "other": "[redacted, another value]", "new": "[redacted]"}
    assert set(old["data"]) == {"same", "other", "gone"}
    assert set(old["data"].values()) == {"[redacted]"}
    assert "Secret" in json.dumps(new)


def test_a_secret_in_a_config_map_is_hidden_on_both_sides() -> None:
    before = {"kind": "ConfigMap", "data": {"url": "db://yesterdays@db", "level": "info"}}
    after = {"kind": "ConfigMap", "data": {"url": f"db://{PASSWORD}@db", "level": "debug"}}

    assert changed(before, after) == [
        "-  level: info",
        "-  url: '[redacted]'",
        "+  level: debug",
        "+  url: '[redacted, another value]'",
    ]


def test_the_objects_themselves_are_left_alone() -> None:
    before, after = deployment(env("A", PASSWORD)), deployment(env("A", "b"))
    copies = json.loads(json.dumps([before, after]))

    find_difference(before, after, redact=REDACT)

    assert [before, after] == copies
