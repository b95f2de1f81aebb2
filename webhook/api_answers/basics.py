"""What the answers have in common: times, numbers, who asked, and what went wrong."""

from typing import Annotated

from pydantic import Field, WithJsonSchema, with_config
from typing_extensions import TypedDict

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""ISO 8601 in UTC, to milliseconds."""


Count = Annotated[int, Field(ge=0)]


Seconds = Annotated[float, Field(ge=0)]


documented = with_config(use_attribute_docstrings=True)


@documented
class Problem(TypedDict):
    """A refusal or failure, as RFC 9457 has it."""

    type: Annotated[str, Field(pattern=r"^https://verdigris\.dev/problems/[a-z0-9-]+$")]
    """Its end is the problem's name, which stays the same from version to version."""
    title: str
    detail: str
    """What happened, to which app, release and object."""
    next_step: str
    """What to do about it."""
    status: Annotated[int, Field(ge=400, le=599)]


@documented
class Actor(TypedDict):
    """Who asked."""

    kind: Annotated[str, Field(examples=["token"])]
    """`git`, `token`, `person`, `verdigris`; `direct` and `cluster` for those who went past the service."""
    name: str
