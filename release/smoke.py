"""What a release has to pass before it is ready, as parts of the configuration. It is run in ``tasks``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from release.duration import PositiveSeconds
from release.references import STRICT

Command = Annotated[list[str], Field(min_length=1)]


class HttpCheck(BaseModel):
    """One request of the smoke stage, sent through the gateway with the test cookie."""

    model_config = STRICT

    path: Annotated[str, Field(pattern=r"^/")] = "/"
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE"] = "GET"
    headers: dict[str, str] = {}
    status: int = 200
    expect_headers: dict[str, str] = {}
    body_contains: str | None = None
    json_equals: Annotated[
        dict[str, str | int | float | bool | None], Field(description="dotted path → value")
    ] = {}


class Smoke(BaseModel):
    """What must hold before a release is ready: commands in the pod, then requests.

    Each check is tried every ``interval`` seconds until it passes or ``deadline`` (for all of them) is over.
    """

    model_config = STRICT

    commands: list[Command] = []
    requests: list[HttpCheck] = [HttpCheck()]
    deadline: PositiveSeconds = 30
    interval: PositiveSeconds = 1
