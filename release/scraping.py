"""Who may read the numbers for monitoring without a token."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, IPvAnyNetwork

from release.references import STRICT


class Metrics(BaseModel):
    """``/metrics`` asks for a token of a viewer of all apps, but for whom this names."""

    model_config = STRICT

    public: Annotated[bool, Field(description="whether everybody may read /metrics")] = False
    networks: Annotated[
        list[IPvAnyNetwork], Field(description="networks from which /metrics needs no token")
    ] = []
