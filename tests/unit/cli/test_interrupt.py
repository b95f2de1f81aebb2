"""Ctrl-C in a real process: the exit code that shells expect, and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from release.model import JobState
from tests.unit.cli.canned import job, log, release

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer

ROOT = Path(__file__).parents[3]


def test_an_interrupted_wait_exits_with_130(server: CannedServer, tmp_path: Path) -> None:
    server.answer("POST /apps/shop/promote", {"job": job(JobState.WAITING), "release": release()})
    server.answer("GET /jobs/J1", job(JobState.WAITING, position=1))
    server.answer("GET /releases/R1/log", log())
    command = "from cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", command, "promote", "shop", "--wait", "--server", server.url],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("accepted: job J1")
        assert "waiting for its turn, 1 ahead" in process.stdout.readline()

        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert errors.startswith("Error: interrupted\nshop: deploy of v2.0-blue\nNext: the job goes on without")
    assert "Traceback" not in errors
