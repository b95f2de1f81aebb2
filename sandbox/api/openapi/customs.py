"""The documents' parts for custom kinds: their schemas as a server publishes them, and their operations.

A custom kind has the operations of every other kind, so those of a Deployment are taken and renamed. It has
no other encoding than JSON and YAML, no strategic merge and nothing below `watch/`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from sandbox.api.openapi.catalog import META, load_catalog
from sandbox.api.openapi.istio import Custom
from sandbox.api.openapi.models import load_models
from sandbox.api.openapi.operations import Operation
from sandbox.api.openapi.plain import GVK
from sandbox.api.openapi.schemas import REFERENCE
from sandbox.store import Object

_TEMPLATE: Final = ("apis/apps/v1", "deployment", "Deployment")
_ENCODINGS: Final = ("application/json", "application/yaml")
_PATCHES: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
)


def make_operations(customs: Iterable[Custom]) -> Iterator[Operation]:
    """The operations of custom kinds; none where the client's are not known."""
    for custom in customs:
        for operation in load_catalog().operations.get(_TEMPLATE[0], ()):
            if re.search(r"/deployments(?:/\{name\}(?:/status)?)?$", operation.path):
                yield _rename(operation, custom)


def make_custom_schemas(customs: Iterable[Custom]) -> dict[str, Object]:
    """Each kind's schema and that of its list, by definition."""
    made: dict[str, Object] = {}
    for custom in customs:
        made[name_custom(custom)] = _make_schema(custom)
        made[f"{name_custom(custom)}List"] = _make_list(custom)
    return made


def name_custom(custom: Custom) -> str:
    """The definition's name: the group reversed, version and kind."""
    return ".".join([*reversed(custom.group.split(".")), custom.version, custom.kind])


def _plural(kind: str) -> str:
    return re.sub(r"(?<![aeiou])y$", "ie", kind.lower()) + "s"


def _rename(operation: Operation, custom: Custom) -> Operation:
    document, snake, kind = _TEMPLATE
    label, _, rest = custom.group.partition(".")
    tag = label + "".join(part.title() for part in rest.split("."))
    answers = tuple((code, of and _rename_type(of, custom)) for code, of in operation.answers)
    path = operation.path.replace(f"{snake}s", _plural(custom.kind))
    return replace(
        operation,
        path=path.replace(document, f"apis/{custom.group}/{custom.version}"),
        name=operation.name.replace(snake, re.sub(r"(?<!^)([A-Z])", r"_\1", custom.kind).lower()),
        tag=f"{tag}_{custom.version}",
        summary=operation.summary.replace(kind, custom.kind),
        parameters=tuple(
            replace(p, description=p.description.replace(kind, custom.kind)) for p in operation.parameters
        ),
        body=operation.body and _rename_type(operation.body, custom),
        answers=answers,
        produces=_ENCODINGS,
        consumes=_PATCHES if operation.method == "patch" else _ENCODINGS,
    )


def _rename_type(of: str, custom: Custom) -> str:
    """The kind's own types are already named as their definitions are."""
    return of.replace(f"V1{_TEMPLATE[2]}", name_custom(custom)) if _TEMPLATE[2] in of else of


def _make_schema(custom: Custom) -> Object:
    properties = {**_describe_head(), "metadata": _refer("ObjectMeta"), **custom.schemas}
    properties["metadata"] |= {"description": "Standard object's metadata."}
    return {"type": "object", "properties": properties, GVK: [_kind(custom, custom.kind)]}


def _make_list(custom: Custom) -> Object:
    items: Object = {"allOf": [{"$ref": REFERENCE + name_custom(custom)}]}
    described = f"List of {_plural(custom.kind)}."
    properties = {
        **_describe_head(),
        "items": {"type": "array", "items": items, "description": described},
        "metadata": _refer("ListMeta") | {"description": "Standard list metadata."},
    }
    return {
        "type": "object",
        "description": f"{custom.kind}List is a list of {custom.kind}",
        "properties": properties,
        "required": ["items"],
        GVK: [_kind(custom, f"{custom.kind}List")],
    }


def _describe_head() -> Object:
    """What every object begins with, in the words that Kubernetes has for it."""
    known = load_models().get("V1Deployment")
    texts = {field.name: field.description for field in known.fields} if known else {}
    return {name: {"type": "string", "description": texts.get(name, "")} for name in ("apiVersion", "kind")}


def _refer(name: str) -> Object:
    return {"allOf": [{"$ref": f"{REFERENCE}{META}.{name}"}]}


def _kind(custom: Custom, kind: str) -> Object:
    return {"group": custom.group, "kind": kind, "version": custom.version}
