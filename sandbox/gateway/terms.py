"""The words that Istio and Envoy share: hosts, durations, string matches; and the list of what was left out.

Small pure functions under the translation. Which object they are applied to is not known here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.store import Object

DOMAIN = "svc.cluster.local"

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NOT_IN_RE2 = re.compile(r"\(\?<?[=!]|\(\?P=|(?<!\\)(?:\\\\)*\\[1-9]")
_ONLY_IN_RE2 = re.compile(r"\\[pPzQC]|\[\[:|\(\?")


@dataclass
class Report:
    """What of the objects has no counterpart here, as sentences for the log: object, field, reason."""

    subject: str = ""
    lines: list[str] = field(default_factory=list)

    def about(self, kind: str, obj: Object) -> "Report":
        """The same list, for one object."""
        name = obj["metadata"]["name"]
        namespace = obj["metadata"].get("namespace") or "default"
        return Report(f"{kind} {namespace}/{name}", self.lines)

    def ignore(self, place: str, reason: str = "not played by the sandbox's gateway") -> None:
        """Note a field that has no effect here."""
        line = f"{self.subject}: {place} is ignored: {reason}"
        if line not in self.lines:
            self.lines.append(line)

    def ignore_unknown(self, place: str, obj: Mapping[str, object], known: Iterable[str]) -> None:
        """Note every field that the translation does not read."""
        for name in sorted(set(obj) - set(known)):
            self.ignore(f"{place}.{name}" if place else name)


class TranslationError(Exception):
    """A part without which the http entry would mean something else: the entry is left out as a whole."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"{place}: {reason}")


def full_host(host: str, namespace: str) -> str:
    """A host as Istio reads it: a name without a dot is a Service in the namespace of the object."""
    if "." in host or host.startswith("*"):
        return host
    return f"{host}.{namespace}.{DOMAIN}"


def cluster_name(host: str, port: int, subset: str = "") -> str:
    """Istio's own name for the endpoints of a Service's port, or of a subset of them."""
    return f"outbound|{port}|{subset}|{host}"


def narrow(one: str, other: str) -> str | None:
    """The more special of two host patterns, or None when no host fits both."""
    if _covers(one, other):
        return other
    return one if _covers(other, one) else None


def duration(text: str, *, place: str) -> str:
    """A duration in Go's notation, as Istio takes it ("1m30s"), in protobuf's, as Envoy takes it ("90s")."""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise TranslationError(place, f'"{text}" is no duration such as 500ms or 1m30s')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def regex(pattern: str, *, place: str) -> Object:
    """A pattern that has to match the whole value, by RE2, in Istio as in Envoy.

    A pattern that RE2 refuses would make Envoy refuse the routes of every app with it, so what RE2 is known
    not to have is caught here.
    """
    if _NOT_IN_RE2.search(pattern):
        raise TranslationError(place, f"RE2 has neither lookaround nor backreferences: {pattern}")
    if not _ONLY_IN_RE2.search(pattern):
        try:
            re.compile(pattern)
        except re.error as error:
            raise TranslationError(place, f"{pattern} is no regular expression: {error}") from None
    return {"safe_regex": {"regex": pattern}}


def string_match(match: Mapping[str, str], *, place: str) -> Object:
    """Istio's StringMatch as Envoy's StringMatcher."""
    kind, value = next(iter(match.items()))
    if kind == "regex":
        return regex(value, place=place)
    if kind in {"exact", "prefix"}:
        return {kind: value}
    raise TranslationError(place, f'"{kind}" is none of exact, prefix, regex')


def percentage(fraction: Mapping[str, float] | None) -> Object:
    """Istio's Percent as Envoy's FractionalPercent; absent means always."""
    value = 100.0 if fraction is None else fraction.get("value", 0.0)
    return {"numerator": round(value * 10_000), "denominator": "MILLION"}


def _covers(general: str, special: str) -> bool:
    if general == "*":
        return True
    if general.startswith("*"):
        return special != "*" and special.removeprefix("*").endswith(general[1:])
    return general == special
