"""Renders Jinja2 templates of a hostile repository: a program of its own, started for each rendering.

The sandbox of Jinja2 keeps a template from Python's objects, not from work without end: ``{{ 9**9**9 }}``
can't be interrupted inside a process that has something to lose. So this one has limits on time and memory,
no environment and no secrets (placeholders stand for them). It imports nothing of ours, to start fast.

Called with the seconds of processor time that it may take.
Standard input: ``{"templates": {file: text}, "render": [files], "variables": {…}, "limit": characters}``.
Standard output: ``{"rendered": {file: text}}`` or ``{"error": {"file", "line", "what"}}``.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterable

MEMORY_BYTES: Final = 512 * 1024**2
MESSAGE_LENGTH: Final = 300


class Refused(Exception):
    """What ``{{ fail("…") }}`` raises."""


def fail(message: str) -> NoReturn:
    """End the rendering with a message for the person who deploys, as Helm's function does."""
    raise Refused(str(message))


def render_all(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request; see the module."""
    templates: dict[str, str] = request["templates"]
    rendered: dict[str, str] = {}
    try:
        environment = _environment(templates)
        for file in request["render"]:
            pieces = environment.get_template(file).generate(request["variables"])
            rendered[file] = _join(pieces, limit=request["limit"])
    except Exception as error:  # noqa: BLE001 -- a hostile template may raise anything; it is reported
        return {"error": {"what": _describe(error), **_place(error, templates, default=file)}}
    return {"rendered": rendered}


def _environment(templates: dict[str, str]) -> ImmutableSandboxedEnvironment:
    """``include`` and ``import`` see the manifests folder only. YAML is no HTML, so nothing is escaped."""
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(lambda name: _find(templates, name)),
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["fail"] = fail
    return environment


def _find(templates: dict[str, str], name: str) -> tuple[str, str, None] | None:
    """The second part is the file name in a traceback: that is where the line comes from."""
    return (templates[name], name, None) if name in templates else None


def _join(pieces: Iterable[str], *, limit: int) -> str:
    text: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > limit:
            raise Refused(f"renders to more than {limit} characters")
        text.append(piece)
    return "".join(text)


def _describe(error: Exception) -> str:
    """Names and kinds of mistakes; a message of Jinja2 quotes names, never a value of ours."""
    if isinstance(error, Refused | jinja2.TemplateError):
        what = f"there is no file {error}" if isinstance(error, jinja2.TemplateNotFound) else str(error)
    else:
        what = f"{type(error).__name__}: {error}"
    return what[:MESSAGE_LENGTH]


def _place(error: Exception, templates: dict[str, str], *, default: str) -> dict[str, Any]:
    """The deepest line of a template that the error passed through."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return {"file": error.filename or default, "line": error.lineno}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in templates]
    return (
        {"file": frames[-1].filename, "line": frames[-1].lineno} if frames else {"file": default, "line": 0}
    )


def _limit(cpu_seconds: int) -> None:
    """Limits that a system does not know are left to the caller's deadline."""
    for kind, value in ((resource.RLIMIT_CPU, cpu_seconds), (resource.RLIMIT_AS, MEMORY_BYTES)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def main() -> None:
    """Read a request, write its answer."""
    _limit(int(sys.argv[1]))
    request = json.load(sys.stdin)
    json.dump(render_all(request), sys.stdout)


if __name__ == "__main__":
    main()
