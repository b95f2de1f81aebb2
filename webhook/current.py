"""The current request itself: Flask's proxies look for it anew at each attribute, often in a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask import g, request

if TYPE_CHECKING:
    from flask import Request


def current_request() -> Request:
    """What ``request`` stands for."""
    found = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 -- Werkzeug's documented way
    return cast("Request", found)


def current_notes() -> Any:  # noqa: ANN401 -- whatever is kept there
    """What is kept with the current request: what ``g`` stands for."""
    return g._get_current_object()  # noqa: SLF001 -- the same
