"""The installed libraries that the documents are made from, as text: they are read and never imported.

Importing them would take seconds and a hundred megabytes; their generated code is regular enough to be read.
"""

import ast
import json
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

KUBERNETES: Final = "kubernetes"
ISTIO: Final = "cloudcoil-models-istio"

STRING: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"'


def find_version(name: str) -> str | None:
    """The version of an installed library, None where it is not installed."""
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def read_sources(name: str, folder: str) -> Iterator[tuple[str, str]]:
    """Name (without `.py`) and text of each module below a library's folder; nothing without the library."""
    if find_version(name) is None:
        return
    root = Path(str(distribution(name).locate_file(folder)))
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).with_suffix("").as_posix(), path.read_text(encoding="utf-8")


def read_string(literal: str) -> str:
    """What a string of Python source says."""
    try:
        return str(json.loads(literal))
    except ValueError:
        return str(ast.literal_eval(literal))


def read_table(text: str, name: str) -> dict[str, str]:
    """A dictionary of strings that a class of the `kubernetes` client carries under a name."""
    found = re.search(rf"^    {name}: ClassVar\[.*?\] = \{{(.*?)^    \}}", text, re.DOTALL | re.MULTILINE)
    return dict(re.findall(r'"([^"]+)": "([^"]+)"', found.group(1))) if found else {}
