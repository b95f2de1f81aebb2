"""What API calls may carry: every field known and bounded, everything else refused."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from release.api_tokens import NAME_LENGTH
from release.config import NAME
from release.problems import Problem
from release.roles import Role
from release.tag import LABEL_LIMIT
from release.tokens import NAME as TOKEN_NAME
from webhook.api_parameters import EXAMPLE_ID, ID

if TYPE_CHECKING:
    from typing import Any

Reason = Annotated[str, Field(max_length=500, examples=["nightly"])]
Id = Annotated[str, Field(pattern=ID, examples=[EXAMPLE_ID])]

DAY: Final = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$"
MOST_APPS: Final = 1000

RELEASABLE: Final = {"pattern": r"^v[A-Za-z0-9_.-]*-(blue|green)$", "maxLength": LABEL_LIMIT}
"""How a tag looks that starts a release. Only documented: the core judges it, which knows what to say."""


class Body(BaseModel):
    """A body: unknown fields are mistakes, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class NoBody(Body):
    """Of a comparison of tags: nothing."""


class ReasonBody(Body):
    """Of decommission, cancel, retry, redeploy, stop-countdown."""

    reason: Reason = ""
    """why; stays in the history"""


class DeployBody(ReasonBody):
    """Of deploy, and of a tag's dismissal."""

    tag: Annotated[
        str, Field(min_length=1, max_length=4096, examples=["v2.0-blue"], json_schema_extra=RELEASABLE)
    ]
    """the tag, which names its color"""
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$")] = ""
    """the commit that it points at, whole; what it points at by itself, where it is left out"""


class StartBody(ReasonBody):
    """Of start."""

    override_freeze: bool = False
    """go past the freeze that is on; needs a `reason`"""


class ReleaseBody(ReasonBody):
    """Of rollback: of which release, where it isn't the obvious one."""

    release: Id | None = None
    """the release's id"""


class PromoteBody(ReleaseBody):
    """Of promote."""

    override_freeze: bool = False
    """go past the freeze that is on; needs a `reason`"""


class VoteBody(Body):
    """Of approve and reject."""

    comment: Annotated[str, Field(max_length=500, examples=["looked at the numbers"])] = ""
    """what there is to say about it; stays with the release"""


class TokenBody(Body):
    """Of a new token."""

    name: Annotated[str, Field(pattern=TOKEN_NAME, max_length=NAME_LENGTH, examples=["nightly"])]
    """who asks with it, in the history"""
    role: Annotated[Role, Field(strict=False)]
    """what it may, each with what the one before it may"""
    apps: Annotated[list[Annotated[str, Field(pattern=NAME)]], Field(max_length=MOST_APPS)] = []
    """the apps that the role is for; empty: all, also those to come"""
    expires: Annotated[str, Field(json_schema_extra={"format": "date", "pattern": DAY})] | None = None
    """from 0:00 UTC of that day on it counts no more; without one it has no end"""

    @field_validator("expires")
    @classmethod
    def _name_a_day(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(DAY, value, re.ASCII):
            message = "must be a day, such as 2027-01-31"
            raise ValueError(message)
        if value is not None:
            date.fromisoformat(value)
        return value

    @property
    def end(self) -> datetime | None:
        """When it counts no more."""
        return datetime.combine(date.fromisoformat(self.expires), time(), UTC) if self.expires else None


B = TypeVar("B", bound=Body)


def validate(model: type[B], data: dict[str, Any]) -> B:
    """``data`` as ``model``.

    Raises:
        Problem: 422, naming the fields without repeating their values.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        findings = [f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors()]
        raise Problem(
            "bad-fields",
            "Fields are missing or wrong",
            detail="; ".join(findings),
            next_step=f"known fields: {', '.join(model.model_fields)}",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
        ) from None
