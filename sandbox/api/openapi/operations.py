"""What the `kubernetes` client knows of each operation of the API: path, parameters, bodies, answers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from sandbox.api.openapi.source import KUBERNETES, STRING, read_sources, read_string

_START: Final = "_with_http_info(\n"
_SIGNATURE_END: Final = "\n        async_req: "
_TEXTS_END: Final = "        :param "
_CODE: Final = "        _param = self."
_ROUTE: Final = re.compile(r"method='(\w+)',\n\s+resource_path='([^']+)'")
_PARAMETER: Final = re.compile(
    rf"^        (\w+): Annotated\[(?:Optional\[)?Strict(\w+)\]?, Field\(description=({STRING})\)\]",
    re.MULTILINE,
)
_IN_PATH: Final = re.compile(r"_path_params\['(\w+)'\] = (\w+)")
_IN_QUERY: Final = re.compile(r"_query_params\.append\(\('(\w+)', (\w+)\)\)")
_BODY: Final = re.compile(r"^        body: (?:Optional\[)?(\w+)\]?.*?(= None)?,$", re.MULTILINE)
_ANSWER: Final = re.compile(r"^            '(\d+)': (?:\"([^\"]+)\"|None),$", re.MULTILINE)
_TYPES: Final = re.compile(r"select_header_(accept|content_type)\(\s*\[(.*?)\]", re.DOTALL)
_SUMMARY: Final = re.compile(r'^        """\w+\n\n        (.*)$', re.MULTILINE)
_STABLE: Final = re.compile(r"_v\d+_api$|^[a-z_]+(?<!\d)_api$")
_LEFT_OUT: Final = frozenset({"custom_objects_api", "logs_api"})
_DELETED: Final = {("DELETE", "object"): "V1Status"}  # the client lets a deletion answer with anything
_KINDS: Final = {"Str": "string", "Int": "integer", "Bool": "boolean"}


@dataclass(frozen=True)
class Parameter:
    """One parameter. `place`: `path` or `query`; `of`: string, integer or boolean."""

    name: str
    place: str
    of: str
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one path. `body` and `answers` name types in the client's words; `tag` is `apps_v1`."""

    path: str
    method: str
    name: str
    tag: str
    summary: str
    parameters: tuple[Parameter, ...]
    body: str | None
    body_required: bool
    answers: tuple[tuple[str, str | None], ...]
    produces: tuple[str, ...]
    consumes: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The type that a good answer has."""
        return self.answers[0][1] or ""


@cache
def load_operations() -> tuple[Operation, ...]:
    """The operations of all versions that a server has switched on unasked; none if nothing is understood."""
    found: list[Operation] = []
    for module, text in read_sources(KUBERNETES, "kubernetes/client/api"):
        if _STABLE.search(module) and module not in _LEFT_OUT:
            found += _read_module(module.removesuffix("_api"), text)
    return tuple(found)


def _read_module(tag: str, text: str) -> Iterator[Operation]:
    head, *parts = text.split(_START)
    for part in parts:
        route = _ROUTE.search(part, part.find(_CODE))
        if route is not None:
            yield _read_operation(head.rpartition(" ")[2], tag, route, part[: route.end()])
        head = part


def _read_operation(name: str, tag: str, route: re.Match[str], text: str) -> Operation:
    """Read one method; what stands between its signature and its code is only looked at for its summary."""
    signature, _, rest = text.partition(_SIGNATURE_END)
    code = rest[rest.index(_CODE) :]
    body, summary = _BODY.search(f"{signature}\n"), _SUMMARY.search(rest.partition(_TEXTS_END)[0])
    types = {which: tuple(re.findall(r"'([^']+)'", listed)) for which, listed in _TYPES.findall(code)}
    is_any = body is not None and body.group(1) in {"Union", "object"}
    return Operation(
        path=route.group(2),
        method=route.group(1).lower(),
        name=name,
        tag=tag,
        summary=summary.group(1) if summary else "",
        parameters=tuple(_read_parameters(signature, code)),
        body=None if body is None else "Patch" if is_any else body.group(1),
        body_required=body is not None and body.group(2) is None,
        answers=tuple(
            (code, _DELETED.get((route.group(1), of), of) or None) for code, of in _ANSWER.findall(code)
        ),
        produces=types.get("accept", ()),
        consumes=types.get("content_type", ()),
    )


def _read_parameters(signature: str, code: str) -> Iterator[Parameter]:
    places = {key: ("path", name) for name, key in _IN_PATH.findall(code)}
    places |= {key: ("query", name) for name, key in _IN_QUERY.findall(code)}
    for key, of, description in _PARAMETER.findall(f"{signature}\n"):
        if key in places:
            place, name = places[key]
            yield Parameter(name, place, _KINDS.get(of, "string"), read_string(description))
