"""The sandbox's last will: whatever it started dies with it, even after a kill -9.

Run as a program, with nothing but the standard library (it starts with `python -I -S`).

`reaper.py watch` reads lines `+PGID` and `-PGID` from standard input. When the input ends, because the
sandbox has ended in whatever way, it kills the process groups that are still on the list. A pipe works on
macOS as well, and unlike Linux's PR_SET_PDEATHSIG it reaches the children of children (`npm start`).

`reaper.py run FD PROGRAM ARGUMENT…` puts its own group on the list through FD, then becomes the program:
there is no moment at which the program runs and nobody would end it.
"""

import os
import signal
import sys
from collections.abc import Iterable


def survivors(lines: Iterable[bytes]) -> set[int]:
    """The process groups that were announced and not taken back. A line cut off by a kill is no line."""
    groups: set[int] = set()
    for line in lines:
        if not line.endswith(b"\n"):
            break
        group = int(line[1:])
        if line.startswith(b"+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def watch() -> None:
    """Wait for the end of standard input, then kill what is left."""
    os.setsid()  # a Ctrl-C in the terminal is for the sandbox, not for its reaper
    for group in survivors(sys.stdin.buffer):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it ended by itself in the meantime


def run(will: int, program: str, arguments: list[str]) -> None:
    """Become the program, in this process and group, once the reaper knows of it."""
    try:
        os.write(will, b"+%d\n" % os.getpid())
    except BrokenPipeError:
        sys.exit("the sandbox's reaper is gone: nothing would end this process, so it is not started")
    os.set_inheritable(will, False)  # noqa: FBT003 -- the signature of os.set_inheritable
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, and the program would inherit it
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execve(program, arguments, os.environ)  # noqa: S606 -- that is what it is for
    except OSError as error:
        print(f"{program}: {error.strerror}", file=sys.stderr)  # noqa: T201 -- standard error is all it has
        sys.exit(126)  # the shells' word for: found, but can't be run


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch()
    else:
        run(int(sys.argv[2]), sys.argv[3], sys.argv[4:])
