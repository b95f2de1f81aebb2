"""How the OpenAPI document stands on its page: tables of words, made of nothing but the document."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from webhook.api_description import OF_ALL, OF_BODIES, OF_CALLERS, REFUSALS

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

OF_EVERY_CALL: Final = (*OF_ALL, *OF_CALLERS, *OF_BODIES)
NAME_ALONE: Final = re.compile(r"#/components/schemas/(\w+)")
LIMITS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} of them",
    "pattern": "looks like {}",
    "const": "always {}",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type in words; ``schema`` names the one that has a table of its own, or is empty."""

    words: str
    schema: str = ""


REFUSED: Final = Kind("Problem", "Problem")


@dataclass(frozen=True, slots=True)
class Field:
    """A row: a parameter, or a field of a body or an answer."""

    name: str
    kind: Kind
    text: str
    limits: str
    is_needed: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A row: a status, and what comes with it. ``problems``: each refusal's name and when."""

    status: str
    text: str
    kind: Kind
    problems: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One route."""

    name: str
    method: str
    path: str
    summary: str
    text: str
    is_public: bool
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]
    curl: str


@dataclass(frozen=True, slots=True)
class Group:
    """The routes of one tag."""

    name: str
    text: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """What one type of answer holds. Of an enumeration only the values."""

    name: str
    text: str
    values: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole page. ``refusals``: those of every call, which its own table does not repeat."""

    refusals: tuple[Answer, ...]
    about: tuple[str, ...]
    version: str
    groups: tuple[Group, ...]
    schemas: tuple[Schema, ...]


def look_at_document(document: Object) -> Reference:
    """The document as its page shows it."""
    schemas = document["components"]["schemas"]
    operations = [
        _operation(method.upper(), path, content, document)
        for path, methods in document["paths"].items()
        for method, content in methods.items()
    ]
    groups = [
        Group(tag["name"], tag["description"], tuple(one for name, one in operations if name == tag["name"]))
        for tag in document["tags"]
    ]
    return Reference(
        refusals=tuple(_tell_of_all()),
        about=tuple(document["info"]["description"].split("\n\n")),
        version=document["info"]["version"],
        groups=tuple(group for group in groups if group.operations),
        schemas=tuple(_schema(name, one) for name, one in schemas.items()),
    )


def _operation(method: str, path: str, content: Object, document: Object) -> tuple[str, Operation]:
    """With the tag that it stands under."""
    body = content.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = document["components"]["schemas"].get(_kind(body).schema, {})
    answers = [_answer(status, one) for status, one in content["responses"].items()]
    return content["tags"][0], Operation(
        name=content["operationId"],
        method=method,
        path=path,
        summary=content["summary"],
        text=content["description"],
        is_public=not content["security"],
        parameters=tuple(
            _field(
                one["name"], one["schema"] | {"description": one["description"]}, is_needed=one["required"]
            )
            for one in content["parameters"]
        ),
        body=_fields(fields),
        answers=tuple(one for one in answers if one.text or one.problems),
        curl=_curl(method, path, content, fields),
    )


def _answer(status: str, content: Object) -> Answer:
    """With its own problems alone. One that has no words left is left out."""
    problems = re.findall(r"^- `([^`]+)`: (.*)$", content["description"], re.MULTILINE)
    if not problems:
        [media_type] = content["content"].values()
        return Answer(status, content["description"], _kind(media_type["schema"]), ())
    own = tuple((slug, when) for slug, when in problems if slug not in OF_EVERY_CALL)
    return Answer(status, "", REFUSED, own)


def _tell_of_all() -> Iterator[Answer]:
    statuses = sorted({REFUSALS[slug].status for slug in OF_EVERY_CALL})
    for status in statuses:
        slugs = [slug for slug in OF_EVERY_CALL if REFUSALS[slug].status == status]
        yield Answer(str(status), "", REFUSED, tuple((slug, REFUSALS[slug].when) for slug in slugs))


def _schema(name: str, content: Object) -> Schema:
    values = tuple(str(one) for one in content.get("enum", ()))
    return Schema(name, content.get("description", ""), values, _fields(content))


def _fields(schema: Object) -> tuple[Field, ...]:
    needed = schema.get("required", ())
    return tuple(
        _field(name, one, is_needed=name in needed) for name, one in schema.get("properties", {}).items()
    )


def _field(name: str, schema: Object, *, is_needed: bool) -> Field:
    parts = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    limits = [text.format(part[key]) for part in parts for key, text in LIMITS.items() if key in part]
    if schema.get("default"):
        limits.append(f"{schema['default']} where it is left out")
    return Field(name, _kind(schema), schema.get("description", ""), "; ".join(limits), is_needed)


def _kind(schema: Object) -> Kind:
    if "anyOf" in schema:
        kinds = [_kind(one) for one in schema["anyOf"]]
        named = next((one.schema for one in kinds if one.schema), "")
        return Kind(" or ".join(one.words for one in kinds), named)
    if found := NAME_ALONE.fullmatch(schema.get("$ref", "")):
        return Kind(found[1], found[1])
    if schema.get("type") == "array":
        inner = _kind(schema["items"])
        return Kind(f"list of {inner.words}", inner.schema)
    return Kind("time" if schema.get("format") == "date-time" else str(schema.get("type", "anything")))


def _curl(method: str, path: str, content: Object, body: Object) -> str:
    for one in content["parameters"]:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", one["example"])
    words = ["curl"]
    if method != "GET":
        words += ["-X", method]
    if content["security"]:
        words += ["-H", '"Authorization: Bearer $(cat token)"']
    examples = {
        name: one["examples"][0] for name, one in body.get("properties", {}).items() if "examples" in one
    }
    if body and examples:
        words += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(json.dumps(examples))]
    return " ".join([*words, f'"$VERDIGRIS_SERVER{path}"'])
