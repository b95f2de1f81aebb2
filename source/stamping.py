"""What Verdigris itself sets in rendered manifests, whoever wrote them: it finds its way by these later.

The functions change the objects that rendering has just made. A namespace that a manifest names is left for
vetting to refuse: correcting it would hide that the team meant another place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.model import Color
from release.names import COLOR_LABEL, COMMIT, RELEASE, TAG, WORKFLOW_LABEL, name_of_test_entry
from source.documents import Object, Unusable, find_mapping, mapping_at, mappings_at
from source.routes import cookie_matches, cookie_pattern, destinations, find_test_entry, http_entries

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_JOB_NAME: Final = 32
"""Characters: a Job's name is a label of its pods, 63 at most, and gets the release's id and a number."""

SHORTEST_LIFE: Final = 300
"""Seconds for which a Job that is over stays, where its manifest wants less: so that its end is seen."""


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


def stamp_pull_secrets(workload: Object, names: Iterable[str], *, file: str) -> None:
    """The app's credentials for its registry, beside those that the manifest names itself."""
    spec = mapping_at(workload, "spec", "template", "spec", file=file)
    present = mappings_at(spec, "imagePullSecrets", file=file)
    known = {item.get("name") for item in present}
    if wanted := [{"name": name} for name in names if name not in known]:
        spec["imagePullSecrets"] = [*present, *wanted]


def stamp_migration(job: Object, *, color: Color, release: str, tag: str, commit: str, file: str) -> None:
    """The Job is this release's own: by its name, and by what the Deployment is recognized by as well.

    Its pods are not labeled: by these labels commands find a pod of the release, and rollouts their pods.
    """
    metadata = mapping_at(job, "metadata", file=file)
    if len(metadata["name"]) > LONGEST_JOB_NAME:
        what = f"the Job's name may have {LONGEST_JOB_NAME} characters: the release's id is put behind it"
        raise Unusable(what, file=file)
    metadata["name"] = f"{metadata['name']}-{release.lower()}"
    mapping_at(metadata, "labels", file=file).update({COLOR_LABEL: color.value, WORKFLOW_LABEL: release})
    mapping_at(metadata, "annotations", file=file).update({RELEASE: release, TAG: tag, COMMIT: commit})
    spec = mapping_at(job, "spec", file=file)
    life = spec.get("ttlSecondsAfterFinished")
    if isinstance(life, int) and life < SHORTEST_LIFE:
        spec["ttlSecondsAfterFinished"] = SHORTEST_LIFE


def check_no_user_comes(job: Object, service: Object, *, file: str) -> None:
    """Refuse a Job whose pods the app's Service would choose: users would be sent to a migration.

    Raises:
        Unusable: naming the labels.
    """
    selector = find_mapping(service, "spec", "selector", file=file)
    labels = find_mapping(job, "spec", "template", "metadata", "labels", file=file)
    if selector and selector.items() <= labels.items():
        shared = ", ".join(f"{name}={value}" for name, value in selector.items())
        what = f"the app's Service would send users to the Job's pods: take {shared} out of their labels"
        raise Unusable(what, file=file)


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
