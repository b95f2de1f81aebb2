"""The conditions of a VirtualService's http entry as Envoy's route matches. Pure."""

from collections.abc import Mapping
from typing import Any

from sandbox.gateway.terms import Report, TranslationError, regex, string_match
from sandbox.store import Object

CATCH_ALL: Object = {"prefix": "/"}

_READ = (
    "name",
    "uri",
    "headers",
    "withoutHeaders",
    "method",
    "scheme",
    "authority",
    "queryParams",
    "ignoreUriCase",
    "gateways",
    "statPrefix",
)
_PSEUDO_HEADERS = {"method": ":method", "authority": ":authority", "scheme": ":scheme"}


def translate_match(match: Object, place: str, report: Report) -> Object:
    """One item of `match`: all of its conditions hold.

    Raises:
        TranslationError: a condition that can't be played; without it the route would catch too much.
    """
    for unplayed in sorted(set(match) - set(_READ)):
        raise TranslationError(f"{place}.{unplayed}", "the sandbox's gateway has no such condition")
    translated = _path(match.get("uri"), place)
    if match.get("ignoreUriCase") and "safe_regex" not in translated:
        translated["case_sensitive"] = False
    headers = [*_pseudo_headers(match, place), *_headers(match, place)]
    if headers:
        translated["headers"] = headers
    parameters = [
        _parameter(name, value, f"{place}.queryParams.{name}")
        for name, value in match.get("queryParams", {}).items()
    ]
    if parameters:
        translated["query_parameters"] = parameters
    if "statPrefix" in match:
        report.ignore(f"{place}.statPrefix")
    return translated


def is_catch_all(match: Object) -> bool:
    """Whether an Envoy match takes every request, so that nothing behind it is ever reached."""
    return match == CATCH_ALL


def _path(uri: Mapping[str, str] | None, place: str) -> Object:
    if not uri:
        return {**CATCH_ALL}
    matcher = string_match(uri, place=f"{place}.uri")
    return {"path": matcher["exact"]} if "exact" in matcher else matcher


def _pseudo_headers(match: Object, place: str) -> list[Object]:
    return [
        {"name": header, "string_match": string_match(match[name], place=f"{place}.{name}")}
        for name, header in _PSEUDO_HEADERS.items()
        if match.get(name)
    ]


def _headers(match: Object, place: str) -> list[Object]:
    wanted = [
        _header(name, value, f"{place}.headers.{name}") for name, value in match.get("headers", {}).items()
    ]
    unwanted = [
        _inverted(_header(name, value, f"{place}.withoutHeaders.{name}"))
        for name, value in match.get("withoutHeaders", {}).items()
    ]
    return wanted + unwanted


def _header(name: str, match: Mapping[str, str] | None, place: str) -> Object:
    """A header's condition. An empty one, like Istio's regex `*`, asks for presence only."""
    lower = name.lower()
    if not match or match.get("regex") == "*":
        return {"name": lower, "present_match": True}
    return {"name": lower, "string_match": string_match(match, place=place)}


def _inverted(header: Object) -> Object:
    """The opposite. A missing header has not the unwanted value: Envoy has to be told to see it so."""
    if "present_match" in header:
        return {**header, "invert_match": True}
    return {**header, "invert_match": True, "treat_missing_header_as_empty": True}


def _parameter(name: str, match: Mapping[str, Any] | None, place: str) -> Object:
    if not match:
        return {"name": name, "present_match": True}
    if "regex" in match:
        return {"name": name, "string_match": regex(match["regex"], place=place)}
    return {"name": name, "string_match": string_match(match, place=place)}
