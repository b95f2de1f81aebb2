"""What API calls may carry: every field known and bounded, everything else refused."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from release.problems import Problem

if TYPE_CHECKING:
    from typing import Any

Reason = Annotated[str, Field(max_length=500)]
Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,64}$")]


class Body(BaseModel):
    """A body: unknown fields are mistakes, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ReasonBody(Body):
    """Of rollback, decommission, cancel, retry, redeploy."""

    reason: Reason = ""


class DeployBody(ReasonBody):
    """Of deploy. The tag itself is judged by the core, which knows what to say about it."""

    tag: Annotated[str, Field(min_length=1, max_length=4096)]
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$")] = ""


class ReleaseBody(ReasonBody):
    """Of promote and rollback: of which release, where it isn't the obvious one."""

    release: Id | None = None


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
