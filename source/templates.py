"""Finds an app's templates, in its repository or among our own, and has them rendered.

Only files of the manifests folder itself are read; all of them may be included, five of them are rendered.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from source.address import anonymous
from source.documents import MAX_CHARACTERS, Unusable
from source.envsubst import substitute

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from release.config import App
    from release.secret import Secret
    from source.placeholders import Placeholders

ROLES: Final = ("service", "deployment", "gateway", "route", "route-test")
"""What the five files are called, without ``.yml`` or ``.yaml``."""

CPU_SECONDS: Final = 5
RENDER_SECONDS: Final = 30
"""Processor time, a multiple of what any manifest takes; and time by the clock, on a busy machine."""

MAX_FILES: Final = 200

_SUFFIXES: Final = (".yml", ".yaml", ".j2", ".jinja2")


@dataclass(frozen=True, slots=True)
class Templates:
    """The texts of a manifests folder by file name. ``origin`` says whose they are, for messages."""

    texts: Mapping[str, str]
    syntax: str
    origin: str

    def find(self, role: str) -> str | None:
        """The file of that role.

        Raises:
            Unusable: there are two.
        """
        found = [name for name in (f"{role}.yml", f"{role}.yaml") if name in self.texts]
        if len(found) > 1:
            raise Unusable(f"{' and '.join(found)} are both there: keep one", file=found[0])
        return found[0] if found else None

    def name_of(self, role: str) -> str:
        """What that role's file is called, or would be."""
        return self.find(role) or f"{role}.yml"


def read_templates(app: App, tree: Path) -> Templates:
    """The app's own templates, or ours where its manifests folder does not exist.

    Raises:
        Unusable: the folder is none, leads out of the tree, or has a file that can't be read.
    """
    folder = tree / app.manifests.path
    if not os.path.lexists(folder):
        return _read_ours()
    _check_inside(folder, tree, app.manifests.path)
    if not folder.is_dir():
        raise Unusable("must be a folder", file=app.manifests.path)
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(_SUFFIXES))
    if len(names) > MAX_FILES:
        raise Unusable(f"has more than {MAX_FILES} templates", file=app.manifests.path)
    texts = {name: _read(folder / name, tree) for name in names}
    return Templates(texts, app.manifests.syntax, f"{app.manifests.path}/ of {anonymous(app.repository)}")


def render_jinja(
    templates: Templates,
    files: Iterable[str],
    values: Mapping[str, object],
    *,
    cpu_seconds: int = CPU_SECONDS,
) -> dict[str, str]:
    """The rendered text of each file; ``values`` are plain, with placeholders for secrets.

    Raises:
        Unusable: a template is wrong, or takes more time, memory or text than a manifest needs.
    """
    request = {
        "templates": dict(templates.texts),
        "render": list(files),
        "variables": dict(values),
        "limit": MAX_CHARACTERS,
    }
    answer = _ask_renderer(json.dumps(request, default=str), cpu_seconds)
    if error := answer.get("error"):
        raise Unusable(error["what"], file=error["file"], line=error["line"] or 0)
    return {str(file): str(text) for file, text in answer["rendered"].items()}


def render_envsubst(
    templates: Templates,
    files: Iterable[str],
    variables: Mapping[str, str | Secret],
    placeholders: Placeholders,
    *,
    declared: Collection[str] = (),
) -> dict[str, str]:
    """The text of each file with known names replaced.

    Raises:
        Unusable: see ``envsubst.substitute``.
    """
    return {
        file: substitute(templates.texts[file], variables, placeholders, file=file, declared=declared)
        for file in files
    }


def _read_ours() -> Templates:
    folder = resources.files("manifests")
    texts = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(_SUFFIXES)
    }
    return Templates(texts, "jinja2", "Verdigris' own templates")


def _read(path: Path, tree: Path) -> str:
    """Links inside the tree are followed, so what counts is where the file really is."""
    _check_inside(path, tree, path.name)
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"can't be read as text ({type(error).__name__})", file=path.name) from None
    if len(text) > MAX_CHARACTERS:
        raise Unusable(f"longer than {MAX_CHARACTERS} characters", file=path.name)
    return text


def _check_inside(path: Path, tree: Path, name: str) -> None:
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(tree)):
        raise Unusable("leads out of the repository", file=name)


def _ask_renderer(request: str, cpu_seconds: int) -> dict[str, Any]:
    """Start ``renderer.py`` by its path, so that it finds Jinja2 and nothing of ours."""
    program = str(Path(__file__).with_name("renderer.py"))
    environment = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SYSTEMROOT") if name in os.environ
    }
    try:
        done = subprocess.run(  # noqa: S603 -- our own renderer
            [sys.executable, "-P", "-X", "utf8", program, str(cpu_seconds)],
            input=request.encode(),
            capture_output=True,
            env=environment,
            timeout=RENDER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _endless() from None
    if done.returncode:
        raise _endless()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _endless() -> Unusable:
    return Unusable(
        "a template takes more time or memory than a manifest needs: look for a loop", file="(any)"
    )
