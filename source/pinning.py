"""A release that waited for its image runs these very bytes: manifests that name its tag get the digest.

Whoever moves the tag in the registry afterwards would else bring untested bytes to users at the next restart
of a pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from release.image import ImageReference, NotAnImage
from source.documents import Object, Unusable, find_mapping, mappings_at

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTAINERS: Final = ("containers", "initContainers")


def pin_image(workload: Object, image: str, *, file: str) -> bool:
    """Name the digest wherever the workload's pods run the image by its tag; whether any runs it at all."""
    wanted, is_there = ImageReference.parse(image), False
    for container in _containers_of(workload, file):
        named = _find_reference(container)
        if named is None or not named.is_tag_of(wanted) or named.digest not in {None, wanted.digest}:
            continue
        container["image"] = image if named.digest is None else container["image"]
        is_there = True
    return is_there


def check_pinned(deployment: Object, image: str, *, file: str) -> None:
    """As ``pin_image``, for the pods that users reach.

    Raises:
        Unusable: none of them runs the image, so it was waited for in vain.
    """
    if not pin_image(deployment, image, file=file):
        what = (
            f"no container of the Deployment runs {image}, which the release waited for: name it as "
            "{{ image }} (envsubst: with $SEMAPHORE_WORKFLOW_ID as its tag), or correct the app's image in "
            "the configuration"
        )
        raise Unusable(what, file=file)


def _containers_of(workload: Object, file: str) -> Iterator[Object]:
    spec = find_mapping(workload, "spec", "template", "spec", file=file)
    for kind in CONTAINERS:
        yield from mappings_at(spec, kind, file=file)


def _find_reference(container: Object) -> ImageReference | None:
    """What a container names; nonsense is left to the API server, which says it best."""
    try:
        return ImageReference.parse(str(container.get("image")))
    except NotAnImage:
        return None
