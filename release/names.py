"""The names that Verdigris leaves in a cluster: annotations, labels, its field manager.

All in one place, because manifests are stamped with them in one package, and they are read back in another,
after Redis was lost, and by people with ``kubectl``.
"""

from __future__ import annotations

from typing import Final

FIELD_MANAGER: Final = "verdigris"

RELEASE: Final = "verdigris.dev/release"
TAG: Final = "verdigris.dev/tag"
COMMIT: Final = "verdigris.dev/commit"

PASSED_TEMPLATE: Final = "verdigris.dev/passed-template"
"""On a Deployment: the ``pod-template-hash`` that passed its tests."""

PASSED_ROUTE: Final = "verdigris.dev/passed-route"
"""On a Deployment: the fingerprint of the route's entries that the tests saw."""

FENCE: Final = "verdigris.dev/fence"
"""On every object: the number of the turn that wrote it last."""

PASSED_ENTRIES: Final = "verdigris.dev/passed-entries"
"""On a Deployment: those entries themselves, as JSON, so that what changed since can be named."""

PASSED_INPUTS: Final = "verdigris.dev/passed-inputs"
"""On a Deployment: the Secrets and ConfigMaps that its pods' environment is taken from, and when each was
written. Nothing of what they hold."""

OBJECTS: Final = "verdigris.dev/objects"
"""On a Deployment: the further objects that its release brought along, as JSON: ``["ConfigMap/shop"]``."""

LEFT_OBJECTS: Final = "verdigris.dev/left-objects"
"""On a Deployment: those that earlier releases brought along, its own does not name, and that still stood."""

LIVE_RELEASE: Final = "verdigris.dev/live-release"
PREVIOUS_RELEASE: Final = "verdigris.dev/previous-release"

SWITCH: Final = "verdigris.dev/switch"
"""On a VirtualService: what moved users last, ``promote`` or ``rollback``; below who, when and why."""

SWITCHED_BY: Final = "verdigris.dev/switched-by"
SWITCHED_AT: Final = "verdigris.dev/switched-at"
SWITCH_REASON: Final = "verdigris.dev/switch-reason"

DIRECT: Final = "verdigris.dev/direct"
"""How many direct rollbacks there were: on the VirtualService those that were made, elsewhere also the one
that is being made. See ADR 8."""

ORIGINAL_MINIMUM: Final = "verdigris.dev/original-minimum"
"""On an autoscaler: its ``minReplicas`` before a promote raised it."""

WORKFLOW_LABEL: Final = "workflow"
COLOR_LABEL: Final = "color"
TEMPLATE_HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"


def name_of_test_entry(app: str) -> str:
    """The route entry that leads requests with the test cookie to the test color."""
    return f"{app}-test"
