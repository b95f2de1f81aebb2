"""The one document of version 2, with everything that is served, made from those of version 3.

Version 2 knows neither choices nor defaults here, and names once what many operations take.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from sandbox.api.openapi.documents import ONE_AT_A_TIME, TOKEN, list_documents, make_document
from sandbox.api.openapi.gnostic import encode_swagger
from sandbox.api.openapi.schemas import INT_OR_STRING, QUANTITY, REFERENCE
from sandbox.store import Object

_DEFINITION: Final = "#/definitions/"
_LEFT_OUT: Final = frozenset({"default", "oneOf", "anyOf", "not", "allOf", "nullable"})
_PLAIN: Final[dict[str, Object]] = {
    QUANTITY: {"type": "string"},
    INT_OR_STRING: {"type": "string", "format": "int-or-string"},
}


def find_protobuf() -> bytes:
    """The document as kubectl takes it."""
    with ONE_AT_A_TIME:
        return _encode_protobuf()


def find_compressed() -> bytes:
    """The same, compressed once: what a real server's compression takes each time is not known."""
    with ONE_AT_A_TIME:
        return _compress_protobuf()


def make_swagger() -> Object:
    """The document, as JSON has it."""
    definitions: Object = {}
    paths: Object = {}
    for name in list_documents():
        document = make_document(name)
        for key, schema in document["components"]["schemas"].items():
            definitions[key] = definitions.get(key) or _convert_definition(key, schema)
        paths |= {path: _convert_item(item) for path, item in document["paths"].items()}
    return {
        "swagger": "2.0",
        "info": make_document(list_documents()[0])["info"],
        "paths": dict(sorted(paths.items())),
        "definitions": dict(sorted(definitions.items())),
        "parameters": dict(sorted(_share(paths.values()).items())),
        "security": [{"BearerToken": []}],
        "securityDefinitions": {"BearerToken": TOKEN},
    }


@cache
def _encode_protobuf() -> bytes:
    return encode_swagger(make_swagger())


@cache
def _compress_protobuf() -> bytes:
    return gzip.compress(_encode_protobuf(), compresslevel=6, mtime=0)


def _convert_definition(name: str, schema: Object) -> Object:
    if name in _PLAIN:
        return {"description": schema["description"], **_PLAIN[name]}
    return _convert_schema(schema)


def _convert_schema(schema: Object) -> Object:
    """The same schema in the words of version 2."""
    made = {key: value for key, value in schema.items() if key not in _LEFT_OUT}
    for choice in schema.get("allOf", ()):
        made["$ref"] = choice["$ref"]
    if "$ref" in made:
        made["$ref"] = made["$ref"].replace(REFERENCE, _DEFINITION)
    if "properties" in made:
        made["properties"] = {name: _convert_schema(of) for name, of in sorted(made["properties"].items())}
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = _convert_schema(made[key])
    return made


def _convert_item(item: Object) -> Object:
    made: Object = {method: _convert_operation(of) for method, of in item.items() if method != "parameters"}
    if "parameters" in item:
        made["parameters"] = [_convert_parameter(parameter) for parameter in item["parameters"]]
    return made


def _convert_operation(operation: Object) -> Object:
    made = {
        key: value
        for key, value in operation.items()
        if key not in {"parameters", "requestBody", "responses"}
    }
    answers = operation["responses"]
    body = operation.get("requestBody")
    parameters = [_convert_parameter(parameter) for parameter in operation.get("parameters", ())]
    if body:
        parameters.insert(0, _convert_body(body))
    made["consumes"] = [*body["content"]] if body else ["*/*"]
    made["produces"] = [
        *dict.fromkeys(media for answer in answers.values() for media in answer.get("content", ()))
    ]
    made["responses"] = {code: _convert_answer(answer) for code, answer in answers.items()}
    return made | {"schemes": ["https"]} | ({"parameters": parameters} if parameters else {})


def _convert_parameter(parameter: Object) -> Object:
    return {**{key: value for key, value in parameter.items() if key != "schema"}, **parameter["schema"]}


def _convert_body(body: Object) -> Object:
    made: Object = {"in": "body", "name": "body", "schema": _find_schema(body["content"])}
    return made | ({"required": True} if body.get("required") else {})


def _convert_answer(answer: Object) -> Object:
    made = {"description": answer["description"]}
    return made | ({"schema": _find_schema(answer["content"])} if answer.get("content") else {})


def _find_schema(content: Object) -> Object:
    return _convert_schema(next(iter(content.values()))["schema"])


def _share(items: Iterable[Object]) -> Object:
    """Put references in the place of parameters that many operations take; those, by name."""
    shared: Object = {}
    for found in (found for item in items for found in _list_parameters(item)):
        for at, parameter in enumerate(found):
            if _is_shared(parameter):
                name = _name(json.dumps(parameter, sort_keys=True), parameter["name"])
                shared[name] = parameter
                found[at] = {"$ref": f"#/parameters/{name}"}
    return shared


def _is_shared(parameter: Object) -> bool:
    """A real server shares all but these: clients that are old look for two of them in each operation."""
    if parameter["in"] == "body":
        return str(parameter["schema"].get("$ref", "")).startswith(f"{_DEFINITION}io.k8s.apimachinery")
    return parameter["name"] not in {"name", "dryRun", "fieldValidation"}


def _list_parameters(item: Object) -> Iterator[list[Object]]:
    yield item.get("parameters", [])
    for method, operation in item.items():
        if method != "parameters":
            yield operation.get("parameters", [])


@cache
def _name(key: str, name: str) -> str:
    return f"{name}-{base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()[:6]).decode()}"
