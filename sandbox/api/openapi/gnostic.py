"""The protobuf form of the version 2 document, which is the only one that kubectl asks for.

The messages are those of gnostic's OpenAPIv2.proto. They are written out by hand, since nothing but bytes,
truths and numbers occurs in them and no library that is kept up carries their description: the table of a
message is field, number and form. Extensions are carried as YAML.
"""

import json
import re
import struct
from collections.abc import Callable, Iterable
from typing import Final

from sandbox.store import Json, Object

Form = Callable[[int, Json], bytes]
Message = dict[str, tuple[int, Form]]
_VARINT: Final = 0
_DOUBLE: Final = 1
_BYTES: Final = 2
_MORE: Final = 0x80
_PLAIN: Final = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-zA-Z][\w./-]*", re.IGNORECASE)


def encode_swagger(document: Object) -> bytes:
    """The document's bytes."""
    return _encode(_DOCUMENT, document)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= _MORE:
        encoded.append(number & (_MORE - 1) | _MORE)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _chunk(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _text(number: int, value: Json) -> bytes:
    return _chunk(number, str(value).encode())


def _texts(number: int, value: Json) -> bytes:
    return b"".join(_text(number, one) for one in value)


def _truth(number: int, value: Json) -> bytes:
    return _varint(number << 3 | _VARINT) + b"\x01" if value else b""


def _whole(number: int, value: Json) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value) if value else b""


def _real(number: int, value: Json) -> bytes:
    return _varint(number << 3 | _DOUBLE) + struct.pack("<d", value) if value else b""


def _anything(value: Json) -> bytes:
    return _text(2, _yaml(value))


def _enum(number: int, value: Json) -> bytes:
    return b"".join(_chunk(number, _anything(one)) for one in value)


def _one(message: Message) -> Form:
    return lambda number, value: _chunk(number, _encode(message, value))


def _within(form: Form, *numbers: int) -> Form:
    """A value that is wrapped in messages of a single field each, the outermost first."""

    def encode(number: int, value: Json) -> bytes:
        content = form(numbers[-1], value)
        for inner in reversed(numbers[:-1]):
            content = _chunk(inner, content)
        return _chunk(number, content)

    return encode


def _each(form: Form) -> Form:
    return lambda number, value: b"".join(form(number, one) for one in value)


def _named(form: Form) -> Form:
    """A map: pairs of name and value."""
    return lambda number, value: b"".join(_chunk(number, _text(1, k) + form(2, v)) for k, v in value.items())


def _encode(message: Message, value: Object) -> bytes:
    known = ((message[key], key) for key in value if key in message)
    parts = [form(number, value[key]) for (number, form), key in sorted(known, key=lambda entry: entry[0][0])]
    if "x-" in message:
        number = message["x-"][0]
        extensions = ((key, value[key]) for key in value if key.startswith("x-"))
        parts += [_chunk(number, _text(1, key) + _chunk(2, _anything(of))) for key, of in sorted(extensions)]
    return b"".join(parts)


def _yaml(value: Json) -> str:
    """Block YAML of what extensions hold: words, lists of words, flat maps and lists of these."""
    if isinstance(value, dict):
        return "".join(f"{key}: {_word(of)}\n" for key, of in sorted(value.items()))
    if isinstance(value, list):
        return "".join(_indent(_yaml(one)) for one in value)
    return f"{_word(value)}\n"


def _indent(text: str) -> str:
    return "- " + "\n  ".join(text.splitlines()) + "\n"


def _word(value: Json) -> str:
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else json.dumps(value)


def _schema(number: int, value: Json) -> bytes:
    return _chunk(number, _encode(_SCHEMA, value))


def _parameter(number: int, value: Json) -> bytes:
    match value.get("in"):
        case "body":
            return _chunk(number, _chunk(1, _encode(_BODY, value)))
        case "path":
            return _chunk(number, _chunk(2, _chunk(4, _encode(_PATH, value))))
    return _chunk(number, _chunk(2, _chunk(3, _encode(_QUERY, value))))


def _parameter_or_reference(number: int, value: Json) -> bytes:
    if "$ref" in value:
        return _chunk(number, _chunk(2, _text(1, value["$ref"])))
    return _chunk(number, _parameter(1, value))


def _security(number: int, value: Json) -> bytes:
    return b"".join(_chunk(number, _named(_texts_within)(1, one)) for one in value)


def _texts_within(number: int, value: Iterable[str]) -> bytes:
    return _chunk(number, _texts(1, value))


_types: Final = _within(_text, 1)
_SCHEMA: Final[Message] = {
    "$ref": (1, _text),
    "format": (2, _text),
    "title": (3, _text),
    "description": (4, _text),
    "maximum": (7, _real),
    "minimum": (9, _real),
    "maxLength": (11, _whole),
    "minLength": (12, _whole),
    "pattern": (13, _text),
    "maxItems": (14, _whole),
    "minItems": (15, _whole),
    "required": (19, _texts),
    "enum": (20, _enum),
    "additionalProperties": (21, _within(_schema, 1)),
    "type": (22, _types),
    "items": (23, _within(_schema, 1)),
    "properties": (25, lambda number, value: _chunk(number, _named(_schema)(1, value))),
    "x-": (31, _text),
}
_BODY: Final[Message] = {
    "description": (1, _text),
    "name": (2, _text),
    "in": (3, _text),
    "required": (4, _truth),
    "schema": (5, _schema),
}
_HEAD: Final[Message] = {
    "required": (1, _truth),
    "in": (2, _text),
    "description": (3, _text),
    "name": (4, _text),
}
_PATH: Final[Message] = {**_HEAD, "type": (5, _text), "uniqueItems": (19, _truth)}
_QUERY: Final[Message] = {**_HEAD, "type": (6, _text), "uniqueItems": (20, _truth)}
_ANSWER: Final[Message] = {"description": (1, _text), "schema": (2, _within(_schema, 1))}
_OPERATION: Final[Message] = {
    "tags": (1, _texts),
    "description": (3, _text),
    "operationId": (5, _text),
    "produces": (6, _texts),
    "consumes": (7, _texts),
    "parameters": (8, _each(_parameter_or_reference)),
    "responses": (9, lambda number, value: _chunk(number, _named(_within(_one(_ANSWER), 1))(1, value))),
    "schemes": (10, _texts),
    "x-": (13, _text),
}
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch")
_ITEM: Final[Message] = {
    **{method: (number, _one(_OPERATION)) for number, method in enumerate(_METHODS, 2)},
    "parameters": (9, _each(_parameter_or_reference)),
}
_KEY: Final[Message] = {"type": (1, _text), "name": (2, _text), "in": (3, _text), "description": (4, _text)}
_DOCUMENT: Final[Message] = {
    "swagger": (1, _text),
    "info": (2, _one({"title": (1, _text), "version": (2, _text)})),
    "paths": (8, lambda number, value: _chunk(number, _named(_one(_ITEM))(2, value))),
    "definitions": (9, lambda number, value: _chunk(number, _named(_schema)(1, value))),
    "parameters": (10, lambda number, value: _chunk(number, _named(_parameter)(1, value))),
    "security": (12, _security),
    "securityDefinitions": (
        13,
        lambda number, value: _chunk(number, _named(_within(_one(_KEY), 2))(1, value)),
    ),
}
