"""``python -m tests.faults``: the fault campaign. Exits 1 when anything was lost."""

from __future__ import annotations

import sys
from argparse import ArgumentParser

from tests.faults.campaign import Options, run
from tests.faults.house import NotStarted
from tests.faults.report import say


def main() -> int:
    """Read the options and run."""
    default = Options()
    parser = ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--releases", type=int, default=default.releases)
    parser.add_argument("--apps", type=int, default=default.apps)
    parser.add_argument(
        "--workers", type=int, default=default.workers, help="at least 2; half of them for switches"
    )
    parser.add_argument("--seconds", type=float, default=default.seconds, help="it is over by then")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--keep", action="store_true", help="keep every process's log")
    given = parser.parse_args()
    try:
        return 0 if run(Options(**vars(given))).stood else 1
    except NotStarted as error:
        say(f"{error}\nINCOMPLETE: nothing was played")
        return 1


if __name__ == "__main__":
    sys.exit(main())
