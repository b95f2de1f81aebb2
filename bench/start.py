"""How long `verdigris status` takes as a whole program, beside `python -c "import requests"`.

    python -m bench.start [--samples N] [--markdown | --json]

Both are programs that begin, do it and end; ours asks a running web process about two apps meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.house import Plan, house
from bench.measure import FEWEST_SAMPLES, Result, Row, by_turns, run, timed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GOAL: Final = 3.0


def measure(samples: int = FEWEST_SAMPLES) -> Result:
    """Both, by turns."""
    with house(Plan(apps=1, workers=(), needs_cluster=False)) as place:
        environment = {**os.environ, "VERDIGRIS_SERVER": place.web, "VERDIGRIS_TOKEN": place.token}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # both may keep what they compile
        program = str(Path(sys.executable).with_name("verdigris"))
        ours = [program, "status"]
        theirs = [sys.executable, "-c", "import requests"]
        steps = [partial(_run, command, environment) for command in (ours, theirs)]
        for step in steps:
            step()
        status, requests = by_turns(*steps, samples=samples)
    words = "`verdigris status`, beside `python -c 'import requests'`"
    return Result((Row(words, status, requests, "ms", GOAL),))


def _run(command: Sequence[str], environment: Mapping[str, str]) -> float:
    return 1000 * timed(
        lambda: subprocess.run(command, env=dict(environment), check=True, capture_output=True)
    )


if __name__ == "__main__":
    run(__doc__, measure)
