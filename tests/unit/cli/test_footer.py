"""The last line while a job is followed: on a terminal only, within its width, and gone at the end."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.footer import fitting, tell_job
from release.model import JobKind, JobState, StageState
from tests.unit.cli.canned import details, job, line, log, release, stages
from tests.unit.cli.test_watch import read_until

if TYPE_CHECKING:
    from tests.unit.cli.canned import CannedServer

ROOT = Path(__file__).parents[3]
PASSED, RUNNING, PENDING = StageState.PASSED, StageState.RUNNING, StageState.PENDING


def test_a_job_that_runs_shows_its_stages_with_signs() -> None:
    told = tell_job(job(stages=stages(PASSED, RUNNING, PENDING, PENDING)), 65)

    assert told == "1 min 5 s  deploy of v2.0-blue: ✓ sanity  ▸ deploy  · migrate  · smoke"


@pytest.mark.parametrize(
    ("state", "position", "words"),
    [
        (JobState.WAITING, 2, "waiting for its turn, 2 ahead"),
        (JobState.OFFERED, 0, "waiting for a worker"),
    ],
)
def test_a_job_that_waits_says_for_what(state: JobState, position: int, words: str) -> None:
    assert tell_job(job(state, position=position), 3) == f"3 s  deploy of v2.0-blue: {words}"


def test_a_hostile_tag_does_not_steer_the_terminal() -> None:
    assert tell_job(job(tag="\x1b[2J\r\x07"), 0).isprintable()


def test_no_line_is_so_long_that_the_terminal_wraps_it() -> None:
    assert fitting("a" * 100, 40) == "a" * 39
    assert fitting("青" * 100, 40) == "青" * 19
    assert fitting("", 40) == ""


def test_on_a_terminal_the_line_makes_way_for_others_and_is_gone_at_the_end(
    server: CannedServer, tmp_path: Path
) -> None:
    # Given a promote that runs for a while
    kind = JobKind.PROMOTE
    server.answer("POST /apps/shop/promote", {"job": job(JobState.WAITING), "release": release()})
    server.answer("GET /jobs/J1", job(kind=kind))
    server.answer("GET /jobs/J1", job(JobState.DONE, kind=kind, stages=stages(PASSED, kind=kind)))
    server.answer("GET /releases/R1/log", log())
    server.answer("GET /releases/R1/log", log(line(1, "switched")))
    server.answer("GET /releases/R1/log", log(after="1-0"))
    server.answer("GET /releases/R1", details())
    ours, theirs = pty.openpty()
    # When it is waited for on a terminal
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", "promote", "shop", "--wait"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "NO_PROXY": "*",
            "TERM": "xterm",
            "VERDIGRIS_SERVER": server.url,
        },
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = read_until(ours, None).decode()
    os.close(ours)
    # Then the line was there, and what stays is whole
    assert process.wait(30) == 0
    assert "promote of v2.0-blue: ▸ activate" not in shown.split("\n")[-2]
    assert "s  promote of v2.0-blue: · activate" in shown
    kept = [text.rpartition("\x1b[2K")[2].strip() for text in shown.split("\n")]
    assert kept[:2] == ["accepted: job J1, release R1 (v2.0-blue)", "promote of v2.0-blue: running activate"]
    assert kept[2] == "12:00:01 deploy   switched"
    assert kept[-2].startswith("promote of v2.0-blue: done after ")
