"""The documents as they are sent: made when they are first asked for, then kept.

A document's hash stands for what it is made from, not for its bytes, so that the index costs next to nothing:
the libraries' versions and the sandbox's own code and types.
"""

import hashlib
import json
import threading
from functools import cache
from pathlib import Path
from typing import Final

from sandbox.api.discovery import VERSION
from sandbox.api.openapi.catalog import list_types, load_catalog, reach, split_document
from sandbox.api.openapi.customs import make_custom_schemas, make_operations
from sandbox.api.openapi.istio import list_customs, load_customs
from sandbox.api.openapi.models import load_models
from sandbox.api.openapi.operations import Operation
from sandbox.api.openapi.paths import add_watches, make_paths
from sandbox.api.openapi.plain import make_plain
from sandbox.api.openapi.schemas import find_common, make_schemas
from sandbox.api.openapi.source import ISTIO, KUBERNETES, find_version
from sandbox.api.resources import list_group_versions
from sandbox.store import Object

_MADE_FROM: Final = (Path(__file__).parent, Path(__file__).parents[1] / "schema")
_OTHERS: Final = (Path(__file__).parents[1] / "resources.py", Path(__file__).parents[1] / "types.py")
ONE_AT_A_TIME: Final = threading.RLock()
TOKEN: Final = {
    "type": "apiKey",
    "in": "header",
    "name": "authorization",
    "description": "Bearer Token authentication",
}


def list_documents() -> list[str]:
    """The documents there are, such as `apis/apps/v1`; the served versions are always among them."""
    served = {
        f"apis/{group}/{version}" if group else f"api/{version}" for group, version in list_group_versions()
    }
    return sorted(served | load_catalog().operations.keys() | list_customs().keys())


@cache
def find_hash(document: str) -> str:
    """What tells this document from another one of that name; upper-case hexadecimal, as a real server's."""
    return hashlib.sha512(f"{_find_origin()} {document}".encode()).hexdigest().upper()


def find_index() -> bytes:
    """`GET /openapi/v3`: where each document is."""
    with ONE_AT_A_TIME:
        return _encode_index()


def find_document(name: str) -> bytes | None:
    """The bytes of a document of version 3, None when there is no such."""
    with ONE_AT_A_TIME:
        return _encode_document(name) if name in list_documents() else None


def make_document(name: str) -> Object:
    """A document of version 3."""
    customs = load_customs(name)
    known = load_catalog().operations.get(name, ())
    operations = [*make_operations(customs)] if customs else add_watches(known)
    if not operations:
        return make_plain(*(split_document(name) or ("", "")))
    names = load_catalog().names
    schemas = make_schemas(_list_needed(operations)) | make_custom_schemas(customs)
    made: Object = {
        "components": {"schemas": schemas, "securitySchemes": {"BearerToken": TOKEN}},
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "openapi": "3.0.0",
        "paths": make_paths(operations, names),
        "security": [{"BearerToken": []}],
    }
    schemas |= find_common(json.dumps(made))
    return made


def encode(body: Object) -> bytes:
    """JSON as a real server writes these documents: sorted, on one line."""
    return json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


@cache
def _encode_document(name: str) -> bytes:
    return encode(make_document(name))


@cache
def _encode_index() -> bytes:
    urls = {name: f"/openapi/v3/{name}?hash={find_hash(name)}" for name in list_documents()}
    return encode({"paths": {name: {"serverRelativeURL": url} for name, url in urls.items()}})


def _list_needed(operations: list[Operation]) -> set[str]:
    """The client's types; a watch's events may carry anything, and every custom kind has metadata."""
    extra = {"V1WatchEvent", "V1ObjectMeta", "V1ListMeta"} if operations[0].path.count("/") > 2 else set()  # noqa: PLR2004 -- of a version
    return reach(list_types(operations) | extra, load_models())


@cache
def _find_origin() -> str:
    digest = hashlib.sha512(f"{find_version(KUBERNETES)} {find_version(ISTIO)}".encode())
    files = [path for folder in _MADE_FROM for path in folder.iterdir() if path.is_file()]
    for path in sorted([*files, *_OTHERS]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
