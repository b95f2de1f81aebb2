"""Label and field selectors: read once, asked many times.

Both are what `kubectl -l` and `--field-selector` send; selectors inside objects (`matchLabels`) are read here
too.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from sandbox.api.errors import bad_request
from sandbox.api.resources import Resource
from sandbox.store import Json, Object

Predicate = Callable[[Object], bool]
LabelTest = Callable[[Mapping[str, str]], bool]

# What a field selector may name besides metadata.name and metadata.namespace, kind by kind.
FIELDS: dict[str, tuple[str, ...]] = {
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Namespace": ("status.phase",),
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.phase",
        "status.podIP",
    ),
    "ReplicaSet": ("status.replicas",),
    "Secret": ("type",),
}

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<operator>in|notin)\s+\((?P<values>[^()]*)\)$")
_KEY = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")


def parse_selection(resource: Resource, labels: str, fields: str) -> Predicate:
    """The objects that both selectors choose; an empty selector chooses all.

    Raises:
        ApiError: 400, a selector that cannot be read, or a field that the kind cannot be selected by.
    """
    wanted = parse_labels(labels)
    tests = [_parse_field(resource, part) for part in fields.split(",") if part]

    def chooses(obj: Object) -> bool:
        return wanted(obj["metadata"].get("labels") or {}) and all(test(obj) for test in tests)

    return chooses


def parse_labels(text: str) -> LabelTest:
    """The labels that a selector such as `app=shop,color in (blue,green),!legacy` asks for.

    Raises:
        ApiError: 400, unreadable.
    """
    tests = [_parse_requirement(part.strip()) for part in _split(text)]
    return lambda labels: all(test(labels) for test in tests)


def match_selector(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether an object's own selector (matchLabels, matchExpressions) chooses these labels."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_match_expression(expression, labels) for expression in selector.get("matchExpressions") or [])


def format_selector(selector: Object) -> str:
    """An object's own selector in the form of `kubectl -l`, as a Scale's status shows it."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    parts += [_format_expression(expression) for expression in selector.get("matchExpressions") or []]
    return ",".join(parts)


def _split(text: str) -> list[str]:
    """The requirements of a selector: commas within parentheses do not part them."""
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _parse_requirement(text: str) -> LabelTest:
    found = _SET.match(text)
    if found:
        values = {value.strip() for value in found["values"].split(",")}
        return _test_set(_check_key(found["key"]), values, negated=found["operator"] == "notin")
    for operator in ("!=", "==", "="):
        key, sign, value = text.partition(operator)
        if sign:
            return _test_set(_check_key(key.strip()), {value.strip()}, negated=operator == "!=")
    if text.startswith("!"):
        absent = _check_key(text[1:].strip())
        return lambda labels: absent not in labels
    present = _check_key(text)
    return lambda labels: present in labels


def _check_key(key: str) -> str:
    if not _KEY.match(key):
        raise bad_request(f'unable to parse requirement: found "{key}", expected: identifier')
    return key


def _test_set(key: str, values: set[str], *, negated: bool) -> LabelTest:
    if negated:
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values


def _match_expression(expression: Object, labels: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    values: Sequence[str] = expression.get("values") or ()
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    return bool((labels.get(key) in values) == (operator == "In"))


def _format_expression(expression: Object) -> str:
    key, operator = expression["key"], expression["operator"]
    if operator in {"Exists", "DoesNotExist"}:
        return key if operator == "Exists" else f"!{key}"
    return f"{key} {operator.lower()} ({','.join(sorted(expression.get('values') or ()))})"


def _parse_field(resource: Resource, text: str) -> Predicate:
    negated = "!=" in text
    name, sign, value = text.partition("!=" if negated else "=")
    name, value = name.strip(), value.removeprefix("=").strip()
    if not sign:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{text}'")
    allowed = ("metadata.name", "metadata.namespace", *FIELDS.get(resource.kind, ()))
    if name not in allowed:
        raise bad_request(f"field label not supported: {name}")
    path = ("source", "component") if name == "source" else tuple(name.split("."))
    return lambda obj: (_look_up(obj, path) == value) != negated


def _look_up(obj: Json, path: Sequence[str]) -> str:
    for step in path:
        obj = obj.get(step) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)
