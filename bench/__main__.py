"""All benches, one after the other, and one table.

    python -m bench [NAME…] [--samples N] [--markdown | --json]

Ends with 1 where a goal is not reached, after all of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Final

from bench.measure import Report, add_options

if TYPE_CHECKING:
    from bench.measure import Result

NAMES: Final = ("switches", "releases", "deliveries", "chain", "queue", "crowd", "pages", "start", "memory")
"""The longest last."""


def main() -> int:
    """0 when every goal is reached."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all without any")
    add_options(parser)
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown or options.samples < 1:
        parser.error(f"no bench: {', '.join(sorted(unknown))}" if unknown else "at least one sample")
    results = [_run(name, options.samples) for name in options.names or NAMES]
    report = Report(tuple(results))
    print(report.shown(options))
    return 0 if report.is_reached else 1


def _run(name: str, samples: int) -> Result:
    began = time.monotonic()
    print(f"{name}…", file=sys.stderr, flush=True)
    module = import_module(f"bench.{name}")
    result: Result = module.measure(samples)
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
