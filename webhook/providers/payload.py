"""Reading signed payloads: only what is used is checked, strictly, and nothing is converted.

What every host has in common is here: how a shape is refused, what a commit looks like, which refs are tags.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from release.tag import shown
from webhook.providers.events import BadShape, Ignored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webhook.providers.events import Delivery

TAG_PREFIX: Final = "refs/tags/"
BRANCH: Final = "a branch was pushed; only a new tag starts a release"
DELETED: Final = "a tag was deleted; what was released stays"

Commit = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]


class Part(BaseModel):
    """A part of a payload: hosts add fields as they like."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Repository(Part):
    """``full_name`` is ``owner/name``."""

    full_name: str


Shape = TypeVar("Shape", bound=Part)


def read_shape(shape: type[Shape], data: Mapping[str, object], *, what: str) -> Shape:
    """The payload as ``shape``.

    Raises:
        BadShape: naming the fields, not their values.
    """
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in finding["loc"]) for finding in error.errors()})
        raise BadShape(f"not the {what}; wrong or missing: {', '.join(fields[:10])}") from None


def read_event(delivery: Delivery, header: str) -> str:
    """The event that a header names.

    Raises:
        BadShape: it is missing.
    """
    event = delivery.header(header)
    if not event:
        raise BadShape(f"without the {header} header that this host sends")
    return event


def identify(delivery: Delivery, *headers: str) -> str:
    """The host's id of the delivery, from the first header that is there.

    Where it was dropped on the way, the same body is the same delivery.
    """
    named = next((value for name in headers if (value := delivery.header(name))), "")
    return shown(named) if named else f"sha256:{hashlib.sha256(delivery.body).hexdigest()[:32]}"


def other_event(event: str, delivery: str) -> Ignored:
    """An event that is not read: a ping, a comment, a word of CI that says nothing of a commit."""
    return Ignored(f"the event is {shown(event)}, which starts nothing", delivery)


def name_of(*candidates: str | None) -> str:
    """The first name that is there, safe to print."""
    return shown(next((one for one in candidates if one), "unknown"))


def is_nothing(commit: str) -> bool:
    """Whether it is Git's id for "no object": all zeros."""
    return not commit.strip("0")
