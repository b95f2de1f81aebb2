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

LIVE_RELEASE: Final = "verdigris.dev/live-release"
PREVIOUS_RELEASE: Final = "verdigris.dev/previous-release"

ORIGINAL_MINIMUM: Final = "verdigris.dev/original-minimum"
"""On an autoscaler: its ``minReplicas`` before a promote raised it."""

WORKFLOW_LABEL: Final = "workflow"
COLOR_LABEL: Final = "color"
TEMPLATE_HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"


def name_of_test_entry(app: str) -> str:
    """The route entry that leads requests with the test cookie to the test color."""
    return f"{app}-test"
