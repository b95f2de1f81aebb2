"""Schemathesis' hook: each call has a sender of its own, as one that is refused too often gets a 429."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import count
from typing import TYPE_CHECKING, Any

import schemathesis

if TYPE_CHECKING:
    from schemathesis import Case, HookContext

numbers = count(int(IPv4Address("10.0.0.1")))


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    case.headers["X-Forwarded-For"] = str(IPv4Address(next(numbers)))
