"""The names that Verdigris leaves in a cluster: a change of one would make what runs unreadable."""

from __future__ import annotations

from release import names


def test_the_names_are_those_that_stand_in_clusters_already() -> None:
    marks = {name: value for name, value in vars(names).items() if name.isupper()}

    assert marks == {
        "FIELD_MANAGER": "verdigris",
        "RELEASE": "verdigris.dev/release",
        "TAG": "verdigris.dev/tag",
        "COMMIT": "verdigris.dev/commit",
        "PASSED_TEMPLATE": "verdigris.dev/passed-template",
        "PASSED_ROUTE": "verdigris.dev/passed-route",
        "PASSED_ENTRIES": "verdigris.dev/passed-entries",
        "PASSED_INPUTS": "verdigris.dev/passed-inputs",
        "OBJECTS": "verdigris.dev/objects",
        "LEFT_OBJECTS": "verdigris.dev/left-objects",
        "FENCE": "verdigris.dev/fence",
        "DIRECT": "verdigris.dev/direct",
        "LIVE_RELEASE": "verdigris.dev/live-release",
        "PREVIOUS_RELEASE": "verdigris.dev/previous-release",
        "SWITCH": "verdigris.dev/switch",
        "SWITCHED_BY": "verdigris.dev/switched-by",
        "SWITCHED_AT": "verdigris.dev/switched-at",
        "SWITCH_REASON": "verdigris.dev/switch-reason",
        "ORIGINAL_MINIMUM": "verdigris.dev/original-minimum",
        "WORKFLOW_LABEL": "workflow",
        "COLOR_LABEL": "color",
        "TEMPLATE_HASH_LABEL": "pod-template-hash",
        "REVISION": "deployment.kubernetes.io/revision",
    }
    assert names.name_of_test_entry("shop") == "shop-test"
