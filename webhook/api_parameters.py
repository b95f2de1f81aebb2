"""What may stand in the address of an API call: names in the path, and the query behind it.

Nothing but what a call knows is taken, and each parameter once: ``POST …/promote?release=R9`` would promote
another release than its caller means if what is not understood were passed over.
"""

from __future__ import annotations

import re
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from release.api_tokens import NAME_LENGTH
from release.audit_entries import Filter, Outcome
from release.config import NAME
from release.model import Color, State
from release.problems import Problem
from release.roles import Action
from release.tag import shown
from release.tokens import NAME as TOKEN_NAME

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

MOST_RELEASES: Final = 200
MOST_LINES: Final = 1000
MOST_ENTRIES: Final = 200
MOST_EXPORTED: Final = 10_000
ID: Final = r"^[0-9A-Za-z]{1,64}$"
"""What our ids are made of."""

EXAMPLE_ID: Final = "01M833CBJE3KQEWA126AG0GN23"
PLACE: Final = r"^[0-9]{1,15}$"
LINE_ID: Final = r"^[0-9]{1,19}(-[0-9]{1,19})?$"
TIME: Final = (
    r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
)

IN_PATH: Final[dict[str, dict[str, Any]]] = {
    "name": {
        "description": "the app's name in the configuration",
        "schema": {"type": "string", "pattern": NAME},
        "example": "shop",
    },
    "release_id": {
        "description": "the release's id",
        "schema": {"type": "string", "pattern": ID},
        "example": EXAMPLE_ID,
    },
    "token_name": {
        "description": "the token's name",
        "schema": {"type": "string", "pattern": TOKEN_NAME, "maxLength": NAME_LENGTH},
        "example": "nightly",
    },
    "channel_name": {
        "description": "the channel's name in the configuration",
        "schema": {"type": "string", "pattern": NAME},
        "example": "chat",
    },
    "job_id": {
        "description": "the job's id",
        "schema": {"type": "string", "pattern": ID},
        "example": EXAMPLE_ID,
    },
}
"""What stands in angle brackets in a route. What does not look so is not found, with 404."""


class Query(BaseModel):
    """A query: unknown parameters are mistakes. A field's docstring describes it in the OpenAPI document."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class NoQuery(Query):
    """Of most calls: nothing."""


def digits(text: object) -> object:
    """Plain digits alone: ``int`` takes ``1_0``, blanks, and digits of other scripts, too."""
    if isinstance(text, str) and not re.fullmatch(r"[0-9]{1,9}", text):
        raise PydanticCustomError("digits", "Input should be a number, in plain digits")
    return text


class HistoryQuery(Query):
    """What releases are looked for: they have to fit everything that is named."""

    app: Annotated[str, Field(pattern=NAME, examples=["shop"])] = ""
    """only this app's"""
    state: State | None = None
    """only those in this state"""
    color: Color | None = None
    """only those of this color"""
    q: Annotated[str, Field(max_length=100, examples=["v2.0"])] = ""
    """only those with this in their tag or in the name of who asked, or at the beginning of their commit"""
    after: Annotated[str, Field(pattern=PLACE, examples=["4711"])] = ""
    """go on after this: the `next` of an earlier answer"""


class ReleasesQuery(HistoryQuery):
    """Of a list of releases."""

    limit: Annotated[int, Field(ge=1, le=MOST_RELEASES), BeforeValidator(digits)] = 50
    """at most so many"""


class LogQuery(Query):
    """Of a log."""

    after: Annotated[str, Field(pattern=LINE_ID, examples=["1795400543824-0"])] = "0"
    """only lines after this one: the `next` of an earlier answer"""
    limit: Annotated[int, Field(ge=1, le=MOST_LINES), BeforeValidator(digits)] = MOST_LINES
    """at most so many"""


def moment(text: object) -> object:
    """A time with its offset, to the second or finer: nothing else that pydantic takes for one."""
    try:
        if isinstance(text, str) and re.fullmatch(TIME, text, re.ASCII):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise PydanticCustomError("moment", "Input should be a time with an offset, such as 2026-01-31T12:00:00Z")


Moment = Annotated[
    datetime,
    BeforeValidator(moment),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIME}),
]


class TrailQuery(Query):
    """Of the audit trail: what is wanted has to fit everything that is named."""

    app: Annotated[str, Field(pattern=NAME, examples=["shop"])] = ""
    """only of this app"""
    actor: Annotated[str, Field(min_length=1, max_length=256, examples=["token:ci"])] = ""
    """only by this one: `token:ci`, or a name for whoever has it"""
    action: Action | Literal["change", "sign-in"] | None = None
    """only of this kind; `change` is a step in a release's life"""
    release: Annotated[str, Field(pattern=ID, examples=[EXAMPLE_ID])] = ""
    """only about this release"""
    outcome: Outcome | None = None
    """only what came out so"""
    since: Moment | None = None
    """only from this time on"""
    until: Moment | None = None
    """only before this time"""
    after: Annotated[str, Field(pattern=LINE_ID, examples=["1795400543824-0"])] = ""
    """go on after this entry, by its `id`: the `next` of a page, or that of an export's last line"""

    @property
    def wanted(self) -> Filter:
        """As the trail takes it."""
        return Filter(
            app=self.app or None,
            actor=self.actor or None,
            action=self.action,
            release=self.release or None,
            outcome=self.outcome,
            since=self.since,
            until=self.until,
        )


class ExportQuery(TrailQuery):
    """Of some lines of it. An answer is kept until its client has taken it, so it has a size."""

    limit: Annotated[int, Field(ge=1, le=MOST_EXPORTED), BeforeValidator(digits)] = MOST_EXPORTED
    """at most so many"""


class AuditQuery(TrailQuery):
    """Of a page of it."""

    limit: Annotated[int, Field(ge=1, le=MOST_ENTRIES), BeforeValidator(digits)] = 100
    """at most so many"""


Q = TypeVar("Q", bound=Query)


def read_query(model: type[Q], arguments: MultiDict[str, str]) -> Q:
    """What stands behind the ``?``, as ``model``.

    Raises:
        Problem: 400, naming the parameters without repeating their values.
    """
    twice = [f"{name} is there more than once" for name, texts in arguments.lists() if len(texts) > 1]
    try:
        found = model.model_validate(arguments.to_dict())
    except ValidationError as error:
        raise _bad_parameter(model, [*twice, *map(_tell, error.errors())]) from None
    if twice:
        raise _bad_parameter(model, twice)
    return found


def _tell(finding: Any) -> str:  # noqa: ANN401 -- pydantic's own type of it is not public
    name = shown(str(finding["loc"][0]))
    if finding["type"] == "extra_forbidden":
        return f"{name} is not known here"
    return f"{name}: {finding['msg']}"


def _bad_parameter(model: type[Query], findings: list[str]) -> Problem:
    known = ", ".join(model.model_fields)
    return Problem(
        "bad-parameter",
        "A parameter of the address is wrong",
        detail="; ".join(findings[:10]),
        next_step=f"correct it or leave it out; known parameters: {known}" if known else "leave it out",
        status=HTTPStatus.BAD_REQUEST,
    )
