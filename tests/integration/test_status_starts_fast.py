"""How long `verdigris status` takes from its start to its end, in units of `import requests`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[2]
ROUNDS: Final = 7
MOST: Final = 3.0
STATUS: Final = "from cli.main import main; main(['status'])"
ANSWERS: Final = {"/api/v1/apps": b'{"apps": []}', "/api/v1/releases": b'{"releases": []}'}


class Handler(BaseHTTPRequestHandler):
    """A server without apps."""

    def do_GET(self) -> None:
        content = ANSWERS[self.path.partition("?")[0]]
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def seconds_of(program: str, environment: Mapping[str, str]) -> float:
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return time.monotonic() - begun


def test_status_takes_at_most_three_times_as_long_as_the_import_of_requests(tmp_path: Path) -> None:
    with serving(Handler) as address:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "NO_PROXY": "*",
            "VERDIGRIS_SERVER": address,
        }
        rounds = [
            (seconds_of("import requests", environment), seconds_of(STATUS, environment))
            for _ in range(ROUNDS)
        ]

    bare, ours = (min(times) for times in zip(*rounds, strict=True))
    assert ours <= MOST * bare, f"{ours:.3f} s, and the import of requests {bare:.3f} s"
