"""Reads the YAML that rendering made: plain values, bounded, with one meaning to every reader.

Refused beside broken YAML: the same key twice (one of them would be lost), merge keys and aliases that unfold
without end, tags, keys that are no text.
"""

from __future__ import annotations

import math
from typing import Any, Final

import yaml

MAX_CHARACTERS: Final = 256 * 1024
MAX_VALUES: Final = 20_000
MAX_DEPTH: Final = 64

Object = dict[str, Any]
"""A Kubernetes object as the API takes it."""

_MERGE: Final = "tag:yaml.org,2002:merge"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_TEXT: Final = "tag:yaml.org,2002:str"


class Unusable(Exception):
    """A manifest can't be used; ``file`` and ``line`` (0: unknown) tell where, the message what."""

    def __init__(self, what: str, *, file: str, line: int = 0) -> None:
        super().__init__(what)
        self.file = file
        self.line = line


class _Loader(yaml.SafeLoader):
    """The safe loader, stricter, and with dates left as the text that Kubernetes takes them for."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            self._check_key(key, seen)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def _check_key(self, key: yaml.Node, seen: set[str]) -> None:
        what = None
        if key.tag == _MERGE:
            what = "merge keys (<<) are not accepted: write the keys out, or use a macro"
        elif key.tag != _TEXT:
            what = "a key must be text: put it in quotes"
        elif key.value in seen:
            what = f"the key {key.value[:60]!r} stands twice in one mapping"
        if what:
            raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)


def parse_documents(text: str, *, file: str) -> list[Object]:
    """The objects of a rendered file, each with ``apiVersion``, ``kind`` and a name; empty ones left out.

    Raises:
        Unusable: with the line in the *rendered* text.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unusable(f"longer than {MAX_CHARACTERS} characters", file=file)
    documents = [_plain(document, _Budget(file)) for document in _load(text, file) if document is not None]
    for document in documents:
        _check_object(document, file)
    return documents


def mapping_at(value: Object, *path: str, file: str) -> Object:
    """The mapping at a path of keys, made where it is missing.

    Raises:
        Unusable: something else stands there.
    """
    for depth, key in enumerate(path, start=1):
        if value.get(key) is None:
            value[key] = {}
        value = value[key]
        if not isinstance(value, dict):
            raise Unusable(f"{'.'.join(path[:depth])} must be a mapping", file=file)
    return value


def find_mapping(value: Object, *path: str, file: str) -> Object:
    """The mapping at a path of keys; an empty one where it is missing, and nothing is made.

    Raises:
        Unusable: something else stands there.
    """
    for depth, key in enumerate(path, start=1):
        found = value.get(key)
        if found is not None and not isinstance(found, dict):
            raise Unusable(f"{'.'.join(path[:depth])} must be a mapping", file=file)
        value = found or {}
    return value


def mappings_at(value: Object, *path: str, file: str) -> list[Object]:
    """The list of mappings at a path of keys; an empty one where it is missing, and nothing is made.

    Raises:
        Unusable: something else stands there.
    """
    found: Any = value
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Unusable(f"{'.'.join(path)} must be a list of mappings", file=file)
    return found


def _load(text: str, file: str) -> list[Any]:
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise Unusable(f"no valid YAML: {error.problem}", file=file, line=line) from None
    except yaml.reader.ReaderError:
        raise Unusable("no valid YAML: it has control characters", file=file) from None
    except ValueError as error:
        raise Unusable(f"no valid YAML: a number can't be read ({type(error).__name__})", file=file) from None
    except RecursionError:
        raise Unusable("nested too deeply", file=file) from None


class _Budget:
    """How many values a document may still unfold to."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._left = MAX_VALUES

    def spend(self, depth: int) -> None:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            what = f"aliases and all, more than {MAX_VALUES} values or {MAX_DEPTH} levels"
            raise Unusable(what, file=self.file)


def _plain(value: Any, budget: _Budget, depth: int = 0) -> Any:  # noqa: ANN401 -- any YAML value
    """A copy without shared parts: an alias would let two objects change together."""
    budget.spend(depth)
    if isinstance(value, dict):
        return {key: _plain(item, budget, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, budget, depth + 1) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise Unusable(f"a value of type {type(value).__name__} is not accepted", file=budget.file)


def _check_object(document: Any, file: str) -> None:  # noqa: ANN401 -- any YAML value
    if not isinstance(document, dict):
        raise Unusable("every document must be one Kubernetes object", file=file)
    name = mapping_at(document, "metadata", file=file).get("name")
    for field, value in (
        ("apiVersion", document.get("apiVersion")),
        ("kind", document.get("kind")),
        ("metadata.name", name),
    ):
        if not isinstance(value, str) or not value:
            raise Unusable(f"{field} must be given, as text", file=file)
