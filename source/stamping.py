"""What Verdigris itself sets in rendered manifests, whoever wrote them: it finds its way by these later.

The functions change the objects that rendering has just made. A namespace that a manifest names is left for
vetting to refuse: correcting it would hide that the team meant another place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.model import Color
from release.names import COLOR_LABEL, COMMIT, RELEASE, TAG, WORKFLOW_LABEL, name_of_test_entry
from source.documents import Object, Unusable, mapping_at, mappings_at
from source.routes import cookie_matches, cookie_pattern, destinations, find_test_entry, http_entries

if TYPE_CHECKING:
    from collections.abc import Iterable


def stamp_namespace(document: Object, namespace: str, *, file: str) -> None:
    """The namespace, where the manifest names none."""
    mapping_at(document, "metadata", file=file).setdefault("namespace", namespace)


def stamp_deployment(
    deployment: Object, *, color: Color, release: str, tag: str, commit: str, file: str
) -> None:
    """The labels and annotations that a release is recognized by.

    The release is no part of the selector, which can't change on an existing Deployment.
    """
    labels = {COLOR_LABEL: color.value, WORKFLOW_LABEL: release}
    mapping_at(deployment, "metadata", "labels", file=file).update(labels)
    mapping_at(deployment, "spec", "template", "metadata", "labels", file=file).update(labels)
    selector = mapping_at(deployment, "spec", "selector", "matchLabels", file=file)
    selector[COLOR_LABEL] = color.value
    selector.pop(WORKFLOW_LABEL, None)
    mapping_at(deployment, "metadata", "annotations", file=file).update(
        {RELEASE: release, TAG: tag, COMMIT: commit}
    )


def stamp_default_entry(virtual_service: Object, *, app: str, live: Color, file: str) -> None:
    """The default entry has a name and leads to the live color."""
    entry = http_entries(virtual_service, file=file)[-1]
    if not entry.get("name"):
        entry["name"] = f"{app}-default"
    _lead(entry, live, file=file)


def stamp_test_entry(virtual_service: Object, *, app: str, color: Color, cookie: str, file: str) -> None:
    """The test entry has its name, the cookie's pattern, the test color, and no retries.

    Istio retries on its own otherwise, and a smoke test would not see the errors.

    Raises:
        Unusable: the file has no test entry.
    """
    name = name_of_test_entry(app)
    entry = find_test_entry(http_entries(virtual_service, file=file), name=name, file=file)
    if entry is None:
        what = (
            f"the VirtualService needs an entry {name} with a match on the cookie, before the default entry"
        )
        raise Unusable(what, file=file)
    entry["name"] = name
    for headers in filter(None, cookie_matches(entry, file=file)):
        headers["cookie"] = {"regex": cookie_pattern(cookie)}
    entry.setdefault("retries", {"attempts": 0})
    _lead(entry, color, file=file)


def stamp_subsets(destination_rule: Object, colors: Iterable[Color], *, file: str) -> None:
    """Exactly these of the two colors' subsets, chosen by label; what else a subset says stays."""
    wanted = set(colors)
    subsets = mappings_at(destination_rule, "spec", "subsets", file=file)
    kept = [subset for subset in subsets if subset.get("name") not in set(Color) - wanted]
    present = {subset.get("name") for subset in kept}
    kept += [{"name": color.value} for color in sorted(wanted - present)]
    for subset in kept:
        if subset.get("name") in wanted:
            mapping_at(subset, "labels", file=file)[COLOR_LABEL] = subset["name"]
    mapping_at(destination_rule, "spec", file=file)["subsets"] = kept


def _lead(entry: Object, color: Color, *, file: str) -> None:
    """Only a single destination can be led; vetting refuses the rest."""
    found = destinations(entry, file=file)
    if len(found) == 1:
        found[0]["subset"] = color.value
