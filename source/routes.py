"""The parts of a VirtualService that blue-green moves: the default entry and the test entry.

Which entry is which is decided here alone: the default entry is the last of ``spec.http``, the test entry the
one before it that is named for the app, or else the only one that looks at a cookie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from source.documents import Object, Unusable, mappings_at

if TYPE_CHECKING:
    from collections.abc import Sequence


def cookie_pattern(cookie: str) -> str:
    """Matches the cookie wherever it stands among others: browsers send ``a=1; test=true``."""
    return rf"^(.*?;\s*)?({cookie})(;.*)?$"


def http_entries(virtual_service: Object, *, file: str) -> list[Object]:
    """All entries of ``spec.http``; the last one is the default.

    Raises:
        Unusable: there is none.
    """
    entries = mappings_at(virtual_service, "spec", "http", file=file)
    if not entries:
        raise Unusable("the VirtualService has no spec.http entry", file=file)
    return entries


def find_test_entry(entries: Sequence[Object], *, name: str, file: str) -> Object | None:
    """The entry that leads the test cookie; None where there is none.

    Raises:
        Unusable: several look at a cookie and none is named ``name``.
    """
    candidates = entries[:-1]
    named = [entry for entry in candidates if entry.get("name") == name]
    found = named or [entry for entry in candidates if any(cookie_matches(entry, file=file))]
    if len(found) > 1:
        raise Unusable(f"{len(found)} entries could be the test entry: name one {name}", file=file)
    return found[0] if found else None


def cookie_matches(entry: Object, *, file: str) -> list[Object | None]:
    """For each alternative of an entry's ``match``, its header conditions if they look at the cookie."""
    found: list[Object | None] = []
    for alternative in mappings_at(entry, "match", file=file):
        headers = alternative.get("headers")
        found.append(headers if isinstance(headers, dict) and "cookie" in headers else None)
    return found


def destinations(entry: Object, *, file: str) -> list[Object]:
    """Where an entry sends requests; empty for a redirect, a delegate, a direct response."""
    found = [route.get("destination") for route in mappings_at(entry, "route", file=file)]
    return [destination for destination in found if isinstance(destination, dict)]
