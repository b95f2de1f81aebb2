"""The wheel holds everything that runs, and nothing of the tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("release", "cluster", "source", "webhook", "tasks", "worker", "manifests", "cli", "sandbox")

DATA = ("deploy",)


def build(target: Path) -> Path:
    """From a copy: old files in a build folder of the checkout would end up in the wheel."""
    copy = target / "source"
    for name in FOLDERS + DATA:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(copy)],
        check=True,
        capture_output=True,
    )
    (wheel,) = target.glob("verdigris-*.whl")
    return wheel


def test_the_wheel_holds_code_and_data_of_every_package_and_no_tests(tmp_path: Path) -> None:
    names = set(zipfile.ZipFile(build(tmp_path)).namelist())

    expected = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS + DATA
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected - names == set()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {*FOLDERS, *DATA}
