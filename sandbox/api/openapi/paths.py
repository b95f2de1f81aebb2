"""The paths of a version 3 document: operations with their parameters, bodies and answers.

The client leaves out the paths below `watch/` that a server still has; they are added here.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from sandbox.api.openapi.catalog import META, locate, split_class, split_document
from sandbox.api.openapi.operations import Operation, Parameter
from sandbox.api.openapi.plain import GVK
from sandbox.api.openapi.schemas import PATCH, REFERENCE
from sandbox.store import Object

_STATUS: Final = {"200": "OK", "201": "Created", "202": "Accepted", "401": "Unauthorized"}
_ACTIONS: Final = {"create": "post", "replace": "put", "read": "get"}
_FOREIGN: Final = {
    "Scale": ("autoscaling", "v1"),
    "Eviction": ("policy", "v1"),
    "TokenRequest": ("authentication.k8s.io", "v1"),
}
_UNWATCHED: Final = "componentstatuses"
_DEPRECATED: Final = "deprecated: use the 'watch' parameter with a list operation instead"


def add_watches(operations: Iterable[Operation]) -> list[Operation]:
    """The operations, and the deprecated ones that watch the same lists and objects."""
    found = [*operations]
    lists = {o.path: o for o in found if any(p.name == "watch" for p in o.parameters) and o.method == "get"}
    lists = {path: o for path, o in lists.items() if not path.endswith(_UNWATCHED)}
    found += [_watch_list(o) for o in lists.values()]
    for operation in [*found]:
        collection = operation.path.removesuffix("/{name}")
        if operation.method == "patch" and collection != operation.path and collection in lists:
            found.append(_watch_object(operation, lists[collection]))
    return found


def make_paths(operations: Iterable[Operation], names: Mapping[str, str]) -> dict[str, Object]:
    """The path items; `names` are the definitions' names of the operations' types."""
    by_path: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_path[operation.path].append(operation)
    kinds = {path: _find_kind(found) for path, found in by_path.items()}
    return {path: _make_item(found, kinds[path], names) for path, found in by_path.items()}


def _make_item(operations: list[Operation], kind: str, names: Mapping[str, str]) -> Object:
    """What all operations of a path take stands once, beside them."""
    shared = set.intersection(*({p.name for p in o.parameters} for o in operations))
    item: Object = {o.method: _make_operation(o, kind, shared, names) for o in operations}
    common = [p for p in operations[0].parameters if p.name in shared]
    if common:
        item["parameters"] = [_make_parameter(p) for p in sorted(common, key=lambda p: p.name)]
    return item


def _make_operation(operation: Operation, kind: str, shared: set[str], names: Mapping[str, str]) -> Object:
    made: Object = {
        "description": operation.summary,
        "operationId": name_operation(operation),
        "responses": {code: _make_answer(operation, code, of, names) for code, of in operation.answers},
        "tags": [operation.tag],
    }
    own = sorted((p for p in operation.parameters if p.name not in shared), key=lambda p: p.name)
    if own:
        made["parameters"] = [_make_parameter(p) for p in own]
    if operation.body:
        schema = {"schema": _refer(operation.body, names)}
        made["requestBody"] = {"content": dict.fromkeys(operation.consumes or ("*/*",), schema)}
        if operation.body_required:
            made["requestBody"]["required"] = True
    version = split_document(locate(operation.path))
    if version is not None and kind:
        group, of = _FOREIGN.get(kind, version)
        made["x-kubernetes-action"] = _find_action(operation)
        made[GVK] = {"group": group, "kind": kind, "version": of}
    return made


def name_operation(operation: Operation) -> str:
    """The operation's id: `patchAppsV1NamespacedDeployment`."""
    verb, _, rest = operation.name.partition("_")
    return verb + _camel(operation.tag) + _camel(rest)


def _camel(text: str) -> str:
    return re.sub(r"(?:^|_)([a-zA-Z0-9])", lambda found: found.group(1).upper(), text)


def _make_parameter(parameter: Parameter) -> Object:
    made: Object = {
        "description": parameter.description,
        "in": parameter.place,
        "name": parameter.name,
        "schema": {"type": parameter.of, "uniqueItems": True},
    }
    return made | ({"required": True} if parameter.place == "path" else {})


def _make_answer(operation: Operation, code: str, of: str | None, names: Mapping[str, str]) -> Object:
    answer: Object = {"description": _STATUS.get(code, "")}
    if of:
        schema = {"schema": _refer(of, names)}
        answer["content"] = dict.fromkeys(operation.produces, schema)
    return answer


def _refer(of: str, names: Mapping[str, str]) -> Object:
    if of in {"str", "object"}:
        return {"type": {"str": "string"}.get(of, of)}
    return {"$ref": REFERENCE + (PATCH if of == "Patch" else names.get(of, of))}


def _find_action(operation: Operation) -> str:
    verb = operation.name.partition("_")[0]
    if verb == "watch":
        return "watchlist" if "list" in operation.name else "watch"
    if operation.name.startswith("delete_collection_"):
        return "deletecollection"
    return _ACTIONS.get(verb, verb)


def _find_kind(operations: list[Operation]) -> str:
    """What a path is about: the parameter `name` says it, else what is listed or created there."""
    for parameter in operations[0].parameters:
        if parameter.name == "name":
            return parameter.description.removeprefix("name of the ")
    for operation in operations:
        plain = split_class(operation.answer.rpartition(".")[2])[2]
        if operation.name.startswith("list_"):
            return plain.removesuffix("List")
        if operation.name.startswith("watch_"):
            return operation.summary.partition(" list of ")[2].partition(".")[0]
        if operation.name.startswith("create_"):
            return plain
    return ""


def _watch_list(listed: Operation) -> Operation:
    kind = split_class(listed.answer)[2].removesuffix("List")
    name = listed.name.removeprefix("list_")
    name = (
        name.replace("_for_all_namespaces", "_list_for_all_namespaces") if "_for_" in name else f"{name}_list"
    )
    summary = f"watch individual changes to a list of {kind}. {_DEPRECATED}."
    return _watch(listed, listed.path, name, summary)


def _watch_object(patched: Operation, listed: Operation) -> Operation:
    kind = split_class(patched.answer)[2]
    summary = (
        f"watch changes to an object of kind {kind}. {_DEPRECATED}, filtered to a single item with the "
        "'fieldSelector' parameter."
    )
    name = next(p for p in patched.parameters if p.name == "name")
    parameters = (name, *listed.parameters)
    return replace(
        _watch(listed, patched.path, patched.name.removeprefix("patch_"), summary), parameters=parameters
    )


def _watch(listed: Operation, path: str, name: str, summary: str) -> Operation:
    root = f"/{locate(path)}"
    return replace(
        listed,
        path=f"{root}/watch{path.removeprefix(root)}",
        name=f"watch_{name}",
        summary=summary,
        answers=(("200", f"{META}.WatchEvent"), ("401", None)),
    )
