"""The demo, as a visitor starts it: everything real but the cluster, every act judged by the demo itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.needs_redis, pytest.mark.needs_envoy, pytest.mark.timeout(240)]

NAMES = [
    "the first release and its promote",
    "only the cookie sees it",
    "promote",
    "rollback",
    "promote again",
    "a release whose smoke test fails",
    "the live color is refused",
    "two tags in one go",
    "a tag that does not match",
    "kill -9 in mid-deploy",
    "decommission",
]
STATES = {
    "v1.0-green": "retired",
    "v2.0-blue": "live",
    "v3.0-green": "failed",
    "v2.1-blue": "failed",
    "v3.1-green": "superseded",
    "v3.2-green": "superseded",
    "v3.3-green": "superseded",
}


class Demo:
    """One `verdigris demo` in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "COLUMNS": "120"}
        self.process = subprocess.Popen(
            [str(Path(sys.executable).with_name("verdigris")), "demo", *options],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, *, deadline: float = 150) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=deadline)
        return self.process.returncode, out, err

    def close(self) -> None:
        """Whatever came of it, nothing of it goes on beside the next test."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=40)

    def left_behind(self) -> list[str]:
        """What is left on the disk."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.glob(".verdigris/*"))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    # A short path: Unix sockets and shebang lines have limits that tmp_path comes near to.
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def start_demo() -> Iterator[Callable[..., Demo]]:
    """Starts one in a folder, with options."""
    with ExitStack() as stack:

        def start(folder: Path, *options: str) -> Demo:
            demo = Demo(folder, *options)
            stack.callback(demo.close)
            return demo

        yield start


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder, or that were started there (their environment names it)."""
    listing = subprocess.run(
        ["ps", "axeww", "-o", "pid=,command="], check=True, capture_output=True, text=True
    )
    return [line for line in listing.stdout.splitlines() if str(folder) in line]


def wait_until(condition: Callable[[], object], *, deadline: float, what: str) -> None:
    until = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {deadline} s"
        time.sleep(0.05)


def test_two_plays_at_once_come_out_as_they_must(folder: Path, start_demo: Callable[..., Demo]) -> None:
    demos = [start_demo(folder / name, "--once", "--json") for name in ("one", "two")]

    for demo in demos:
        code, out, err = demo.end()
        assert out, (code, err)
        check_summary(json.loads(out), code, err)
        assert demo.left_behind() == []
    assert processes_of(folder) == []


def check_summary(summary: dict[str, Any], code: int, err: str) -> None:
    """Every act as it must be, and users met only what was promoted."""
    failed = [act for act in summary["acts"] if not act["ok"]]
    assert (code, failed, summary["failures"]) == (0, [], {}), err
    assert [act["name"] for act in summary["acts"]] == NAMES
    assert summary["failed"] == 0
    assert summary["requests"] / summary["seconds"] > 60, "users were there for most of the play"
    assert set(summary["versions"]) == {"v1.0-green", "v2.0-blue"}, "users met nothing else"
    assert {release["tag"]: release["state"] for release in summary["releases"]} == STATES


def test_ctrl_c_in_the_middle_leaves_nothing(folder: Path, start_demo: Callable[..., Demo]) -> None:
    demo = start_demo(folder, "--once")
    wait_until(lambda: list(folder.glob(".verdigris/*/shop/.git/refs/tags/*")), deadline=60, what="a push")

    os.kill(demo.process.pid, signal.SIGINT)
    code, _, err = demo.end(deadline=40)

    assert code == 130, err
    assert demo.left_behind() == []
    assert processes_of(folder) == []
