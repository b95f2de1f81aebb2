"""The schemas of Istio's kinds as their definitions have them: everything in one, with all texts.

They are read from `cloudcoil-models-istio`, which is made from Istio's own definitions. A definition's
choices (one of several fields) are there as unions of classes; they become one schema with `oneOf` again.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from sandbox.api.openapi.source import ISTIO, read_sources
from sandbox.store import Json, Object

_CLASS: Final = re.compile(r"^class (\w+)\((\w+)", re.MULTILINE)
_FIELDS: Final = "    def list_builder(cls)"
_API_VERSION: Final = re.compile(r'Literal\["([a-z0-9.]+/v\w+)"\]')
_SIMPLE: Final[dict[str, Object]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
}
_LIMITS: Final = {"ge": "minimum", "le": "maximum", "pattern": "pattern"}
_LENGTHS: Final = {
    "string": {"min_length": "minLength", "max_length": "maxLength"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
}


@dataclass(frozen=True)
class Custom:
    """One custom kind. `schemas` are those of its `spec` and `status`."""

    group: str
    version: str
    kind: str
    schemas: dict[str, Object]


@cache
def list_customs() -> dict[str, str]:
    """Each document's module as text, by names like `apis/networking.istio.io/v1`; none if not installed."""
    texts = (text for _, text in read_sources(ISTIO, "cloudcoil/models/istio"))
    return {f"apis/{named.group(1)}": text for text in texts if (named := _API_VERSION.search(text))}


@cache
def load_customs(document: str) -> tuple[Custom, ...]:
    """The kinds of a document; none of one that the library doesn't have."""
    text = list_customs().get(document)
    if text is None:
        return ()
    _, group, version = document.split("/")
    return _Module(text).read_kinds(group, version)


class _Module:
    """One module of the library: the classes of one version of one group."""

    def __init__(self, text: str) -> None:
        starts = [*_CLASS.finditer(text)]
        ends = [start.start() for start in starts[1:]] + [len(text)]
        self._texts = {s.group(1): text[s.end() : end] for s, end in zip(starts, ends, strict=True)}
        self._kinds = [start.group(1) for start in starts if start.group(2) == "Resource"]
        self._made: dict[str, Object] = {}

    def read_kinds(self, group: str, version: str) -> tuple[Custom, ...]:
        """All kinds of the module."""
        return tuple(
            Custom(group, version, kind, {
                name: schema
                for name, schema in self._make(kind)["properties"].items()
                if name in {"spec", "status"}
            })
            for kind in self._kinds
        )  # fmt: skip

    def _make(self, name: str) -> Object:
        """The schema of a class; the same class is read once."""
        if name not in self._made:
            self._made[name] = self._read(self._texts[name])
        return self._made[name]

    def _read(self, text: str) -> Object:
        body = text[text.index(_FIELDS) :].partition("\n\n")[2] if _FIELDS in text else "    pass"
        tree = ast.parse(f"class Read:\n{body or '    pass'}\n    pass").body[0]
        statements = tree.body if isinstance(tree, ast.ClassDef) else []
        properties: Object = {}
        required: list[str] = []
        for at, statement in enumerate(statements):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name, schema, needed = self._read_field(statement.target.id, statement)
                properties[name] = schema | _describe(statements[at + 1 :])
                required += [name] if needed else []
        if properties.keys() == {"root"}:
            return dict(properties["root"])
        schema = {"type": "object", "properties": properties} if properties else {"type": "object"}
        return schema | ({"required": required} if required else {})

    def _read_field(self, name: str, statement: ast.AnnAssign) -> tuple[str, Object, bool]:
        of, words = _split_annotation(statement.annotation)
        schema = dict(self._read_type(of))
        lengths = _LENGTHS.get(schema.get("type", ""), {})
        schema |= {
            (_LIMITS | lengths)[key]: value for key, value in words.items() if key in _LIMITS | lengths
        }
        return str(words.get("alias", name)), schema, statement.value is None

    def _read_type(self, of: ast.expr) -> Object:
        if isinstance(of, ast.Name):
            return self._make(of.id) if of.id in self._texts else _SIMPLE.get(of.id, {})
        if not isinstance(of, ast.Subscript) or not isinstance(of.value, ast.Name):
            return {}
        inner = of.slice.elts if isinstance(of.slice, ast.Tuple) else [of.slice]
        if of.value.id == "Literal":
            return {"type": "string", "enum": [ast.literal_eval(value) for value in inner]}
        return self._read_outer(of.value.id, inner)

    def _read_outer(self, outer: str, inner: list[ast.expr]) -> Object:
        match outer:
            case "List":
                return {"type": "array", "items": self._read_type(inner[0])}
            case "Dict":
                return {"type": "object", "additionalProperties": self._read_type(inner[1])}
            case "Union":
                return _merge([self._read_type(one) for one in inner])
        return self._read_type(inner[0])


def _split_annotation(annotation: ast.expr) -> tuple[ast.expr, dict[str, Json]]:
    """The type of a field, and what its `Field(...)` says besides."""
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return annotation, {}
    of, field = annotation.slice.elts[0], annotation.slice.elts[-1]
    if not isinstance(field, ast.Call):
        return annotation, {}
    return of, {word.arg: ast.literal_eval(word.value) for word in field.keywords if word.arg}


def _describe(following: list[ast.stmt]) -> Object:
    """The text of a field is the string that follows it."""
    match following[:1]:
        case [ast.Expr(value=ast.Constant(value=str(text)))]:
            return {"description": "\n".join(line.strip() for line in text.strip().splitlines())}
    return {}


def _merge(choices: list[Object]) -> Object:
    """One schema for a choice: all fields, and at most one of those that tell the choices apart."""
    if any("properties" not in choice for choice in choices):
        return {"x-kubernetes-int-or-string": True}
    merged: Object = {"type": "object", "properties": {}}
    for choice in choices:
        for name, schema in choice["properties"].items():
            merged["properties"].setdefault(name, schema)
    always = set.intersection(*(set(choice.get("required", ())) for choice in choices))
    alone = [
        {"required": [*names]} for c in choices if (names := sorted(set(c.get("required", ())) - always))
    ]
    if alone:
        merged["oneOf"] = [{"not": {"anyOf": alone}}, *alone]
    return merged | ({"required": sorted(always)} if always else {})
