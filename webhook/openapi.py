"""The OpenAPI 3.1 document of the API, made of its routes and of what ``@describe`` says of each.

pydantic makes the schemas, this module only puts them in their places. Looked at instead: apispec, whose
plugin for Flask reads YAML from docstrings and knows no pydantic, so that little would be left to it;
spectree, flask-openapi3 and APIFlask, which read and check requests themselves: a body sent in chunks is cut
at Flask's limit there, a parameter given twice counts once, refusals are in words of theirs.
"""

from __future__ import annotations

import inspect
import re
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from webhook.api_answers import Accepted, Problem
from webhook.api_description import LINES, REFUSALS, find_description
from webhook.api_parameters import IN_PATH
from webhook.bodies import API_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flask import Flask
    from werkzeug.routing import Rule

    from webhook.api_description import Description

Object = dict[str, Any]

PREFIX: Final = "/api/v1"
REFERENCE: Final = "#/components/schemas/{model}"
PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

ABOUT: Final = f"""Continuous blue-green deployments on Kubernetes, driven by Git tags.

Accepted is durable: a call that changes something is answered with 202 and its job, which a worker carries
out later; 200 and `is_new: false` say that the same had been asked before. Ask for the job until its `state`
is `done`, `failed` or `cancelled`.

Every refusal is a problem document (RFC 9457). The end of its `type` is the problem's name. An address that
does not exist is answered with 404 `not-found`, another method with 405 `method-not-allowed` and `Allow`.

Bodies are one JSON object of at most {API_LIMIT // 1024} KiB; no body is an empty one. Unknown fields and
parameters are refused. Reads need no token where the configuration says `public_read: true`."""

TAGS: Final = {
    "apps": "What runs where, and what moves users",
    "releases": "Tags on their way, and what can be asked of them",
    "jobs": "What was asked for, and how far it is",
    "tags": "Tags in Git that were never delivered",
    "tokens": "API tokens that are made at run time",
    "audit": "Who asked for what",
    "channels": "Where signals go, and how that fares",
    "document": "What you read",
}

HAS_JOB: Final = "accepted, durably: a worker carries the job out"
LOCATION: Final[Object] = {
    "Location": {"description": "where to ask for the job", "schema": {"type": "string"}}
}
HEADERS: Final[dict[int, Object]] = {
    401: {"WWW-Authenticate": {"description": "the scheme, `Bearer`", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "seconds to wait", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "seconds to wait", "schema": {"type": "string"}}},
}


class Schemas:
    """The JSON schemas of every type that the document names, each once."""

    def __init__(self, descriptions: Sequence[Description]) -> None:
        answers = [one for each in descriptions for one in each.answers.values()]
        bodies = [each.body for each in descriptions if each.body]
        inputs = [(repr(one), "validation", TypeAdapter[Any](one)) for one in {*answers, *bodies, Problem}]
        inputs.sort(key=lambda one: one[0])
        found, shared = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)  # type: ignore[arg-type]
        self._found = {name: schema for (name, _), schema in found.items()}
        defined = shared.get("$defs", {})
        for each in descriptions:
            defined |= each.query.model_json_schema(ref_template=REFERENCE).get("$defs", {})
        self.shared: Object = {name: _tidy(one) for name, one in sorted(defined.items())}

    def find(self, kind: object) -> Object:
        """Where a type's schema stands."""
        return _tidy(self._found[repr(kind)])


def build_document(app: Flask, *, server: str) -> Object:
    """The document of ``app`` as it answers at ``server``."""
    operations = list(find_operations(app))
    schemas = Schemas([description for _, _, description in operations])
    paths: Object = {}
    for rule, method, description in operations:
        handler = app.view_functions[rule.endpoint]
        paths.setdefault(path_of(rule), {})[method.lower()] = {
            "operationId": handler.__name__,
            "tags": [description.tag],
            **_tell_of(handler),
            "parameters": [*_path_parameters(rule), *_query_parameters(description)],
            **_body(description, schemas),
            "responses": _responses(description, schemas),
            "security": [] if description.is_public else [{"token": []}],
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Verdigris",
            "version": version("verdigris"),
            "description": ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.shared,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "an API token; no cookie counts"}
            },
        },
    }


def find_operations(app: Flask) -> Iterator[tuple[Rule, str, Description]]:
    """Every described route under the prefix, by method, in the order in which they were made."""
    for rule in app.url_map.iter_rules():
        description = find_description(app.view_functions[rule.endpoint])
        if description and rule.rule.startswith(f"{PREFIX}/"):
            yield from ((rule, method, description) for method in METHODS if method in (rule.methods or ()))


def path_of(rule: Rule) -> str:
    """A route as OpenAPI writes it: ``/apps/{name}``."""
    return re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule)


def _tell_of(handler: object) -> Object:
    """Summary and description from a docstring, in Markdown."""
    text = inspect.cleandoc(handler.__doc__ or "").partition("\n\nRaises:")[0].replace("``", "`")
    return {"summary": _first_sentence(text), "description": text}


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.:;])\s", text, maxsplit=1)[0].rstrip(".:;")


def _path_parameters(rule: Rule) -> list[Object]:
    names = re.findall(r"<(?:[^<>]*:)?(\w+)>", rule.rule)
    return [{"name": name, "in": "path", "required": True, **IN_PATH[name]} for name in names]


def _query_parameters(description: Description) -> list[Object]:
    schema = description.query.model_json_schema(ref_template=REFERENCE)
    return [
        _query_parameter(name, _tidy(field), is_needed=name in schema.get("required", ()))
        for name, field in schema["properties"].items()
    ]


def _query_parameter(name: str, schema: Object, *, is_needed: bool) -> Object:
    told = {"description": schema.pop("description")} if "description" in schema else {}
    if not schema.get("default", True):
        del schema["default"]
    return {"name": name, "in": "query", "required": is_needed, **told, "schema": schema}


def _body(description: Description, schemas: Schemas) -> Object:
    if description.body is None:
        return {}
    is_needed = any(field.is_required() for field in description.body.model_fields.values())
    content = {JSON: {"schema": schemas.find(description.body)}}
    return {"requestBody": {"required": is_needed, "content": content}}


def _responses(description: Description, schemas: Schemas) -> Object:
    answers = {
        str(int(status)): _answer(
            int(status), kind, schemas.find(kind), media_type=LINES if description.is_in_lines else JSON
        )
        for status, kind in description.answers.items()
    }
    refusals = {
        str(status): _refusal(status, slugs, schemas.find(Problem))
        for status, slugs in description.refuses.items()
    }
    return answers | refusals


def _answer(status: int, kind: object, schema: Object, *, media_type: str) -> Object:
    told = "this had been asked before: the job is the first one's" if status == HTTPStatus.OK else HAS_JOB
    answer: Object = (
        {"description": told, "headers": LOCATION} if kind is Accepted else {"description": "done"}
    )
    return answer | {"content": {media_type: {"schema": schema}}}


def _refusal(status: int, slugs: Sequence[str], problem: Object) -> Object:
    types = [f"https://verdigris.dev/problems/{slug}" for slug in slugs]
    schema = {"allOf": [problem, {"properties": {"type": {"enum": types}, "status": {"const": status}}}]}
    told = "\n".join(f"- `{slug}`: {REFUSALS[slug].when}" for slug in slugs)
    headers = {"headers": HEADERS[status]} if status in HEADERS else {}
    return {"description": told, **headers, "content": {PROBLEM: {"schema": schema}}}


def _tidy(schema: Object) -> Object:
    """A schema without the titles that only repeat names, and with docstrings as Markdown."""
    tidied = {
        name: _tidy_value(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }
    if "enum" in tidied and "description" in tidied:
        tidied["description"] = f"{_first_sentence(tidied['description'])}."
    if isinstance(tidied.get("description"), str):
        tidied["description"] = tidied["description"].replace("``", "`")
    return tidied


def _tidy_value(value: Any) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(value, dict):
        return _tidy(value)
    return [_tidy_value(one) for one in value] if isinstance(value, list) else value
