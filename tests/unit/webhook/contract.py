"""Every answer of the API in these tests is held against the OpenAPI document: what differs fails the test.

By ``pytest.fail``, which no handler of the application catches.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from flask import current_app, request
from jsonschema_rs import Draft202012Validator

from webhook.api_description import LINES
from webhook.openapi import PREFIX, build_document, find_operations, path_of

if TYPE_CHECKING:
    from flask import Flask, Response

Object = dict[str, Any]
FROM_THE_FRAMEWORK = {404: "not-found", 405: "method-not-allowed"}


def hold_to_document(app: Flask) -> None:
    """Check each answer under ``/api/v1`` on its way out."""
    app.after_request(_check)


def _check(answer: Response) -> Response:
    if request.path.startswith(f"{PREFIX}/") and request.method not in {"HEAD", "OPTIONS"}:
        for finding in find_differences(answer):
            pytest.fail(f"{request.method} {request.path} answered {answer.status_code}: {finding}")
    return answer


def find_differences(answer: Response) -> list[str]:
    """What the document does not say of an answer to the current request."""
    contents = read_contents(answer)
    content = contents[0] if contents else {}
    if request.url_rule is None:
        slug = FROM_THE_FRAMEWORK[answer.status_code]
        is_problem = answer.mimetype == "application/problem+json" and content["type"].endswith(f"/{slug}")
        return [] if is_problem else [f"not {slug}, as a problem"]
    known = _schemas(_Routes(current_app)).get((path_of(request.url_rule), request.method))
    if known is None:
        return ["the route is not in the document: it needs @describe"]
    if str(answer.status_code) not in known:
        return [f"only {sorted(known)} are documented"]
    media_type, validator = known[str(answer.status_code)]
    if answer.mimetype != media_type:
        return [f"{answer.mimetype} in place of {media_type}"]
    return [
        f"{list(one.instance_path)}: {one.message}"
        for each in contents
        for one in validator.iter_errors(each)
    ]


def read_contents(answer: Response) -> list[Any]:
    """The JSON of an answer, of one in lines that of each line."""
    if answer.mimetype == LINES:
        return [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
    return [answer.get_json(force=True)]


class _Routes:
    """An application by its routes: those of two tests are alike, and so are their documents."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._key = tuple((rule.rule, method) for rule, method, _ in find_operations(app))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Routes) and other._key == self._key


@cache
def _schemas(routes: _Routes) -> dict[tuple[str, str], dict[str, tuple[str, Draft202012Validator]]]:
    """By path and method: for each status its media type and what must stand there, nothing else."""
    document = build_document(routes.app, server="http://127.0.0.1")
    shared = {name: closed(schema) for name, schema in document["components"]["schemas"].items()}
    return {
        (path, method.upper()): {
            status: _validator(response, shared) for status, response in operation["responses"].items()
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _validator(response: Object, shared: Object) -> tuple[str, Draft202012Validator]:
    [(media_type, content)] = response["content"].items()
    whole = {**content["schema"], "components": {"schemas": shared}}
    return media_type, Draft202012Validator(whole, validate_formats=True)


def closed(schema: Object) -> Object:
    """With nothing allowed that it does not name: what is answered and not documented is a mistake."""
    if schema.get("type") == "object" and "properties" in schema:
        return {**schema, "additionalProperties": False}
    return schema
