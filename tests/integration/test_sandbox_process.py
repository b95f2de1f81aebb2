import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.process import spawn, stop

DEADLINE = 20.0


def is_running(pid: int) -> bool:
    """A zombie is dead: nobody but its parent cares."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def moments() -> Iterator[None]:
    """Short pauses until the deadline; then the test fails."""
    deadline = time.monotonic() + DEADLINE
    pause = threading.Event()
    while time.monotonic() < deadline:
        yield
        pause.wait(0.02)
    pytest.fail(f"nothing happened in {DEADLINE:.0f} s")


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in moments():
        if condition():
            return


async def output(*argv: str, **options: object) -> tuple[int, str]:
    process = await spawn(list(argv), stdout=asyncio.subprocess.PIPE, **options)  # type: ignore[arg-type]
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


def test_a_program_gets_its_arguments_directory_and_environment(tmp_path: Path) -> None:
    argv = ["/bin/sh", "-c", 'echo "$0|$1|$PWD|$COLOR"', "a b", "$HOME"]
    code, out = asyncio.run(output(*argv, cwd=tmp_path, env={"COLOR": "blue"}))
    assert (code, out) == (0, f"a b|$HOME|{tmp_path}|blue\n")


def test_the_exit_code_is_the_programs() -> None:
    assert asyncio.run(output("sh", "-c", "exit 7"))[0] == 7


def test_a_program_that_does_not_exist_is_refused_before_anything_starts() -> None:
    with pytest.raises(FileNotFoundError, match='exec: "no-such-program": executable file not found'):
        asyncio.run(spawn(["no-such-program"]))


def test_a_relative_program_is_found_under_the_working_directory(tmp_path: Path) -> None:
    script = tmp_path / "bin" / "hello"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    assert asyncio.run(output("bin/hello", cwd=tmp_path)) == (0, "hello\n")


def test_a_file_that_cannot_be_executed_says_so(tmp_path: Path) -> None:
    script = tmp_path / "broken"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    code, out = asyncio.run(output(str(script), stderr=asyncio.subprocess.STDOUT))
    assert code == 126
    assert "No such file" in out


def test_the_signals_that_python_ignores_are_not_ignored_by_the_program() -> None:
    code, _ = asyncio.run(output("sh", "-c", "kill -PIPE $$; sleep 30"))
    assert code == -signal.SIGPIPE


def test_stopping_ends_the_whole_group() -> None:
    async def scenario() -> tuple[int, int]:
        process = await spawn(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        child = int(await process.stdout.readline())
        return await stop(process, grace=DEADLINE), child

    code, child = asyncio.run(scenario())
    assert code == -signal.SIGTERM
    wait_until(lambda: not is_running(child))


def test_a_program_deaf_to_term_is_killed_after_the_grace() -> None:
    async def scenario() -> int:
        process = await spawn(
            ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"],
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        return await stop(process, grace=0.2)

    assert asyncio.run(scenario()) == -signal.SIGKILL


def test_what_a_program_leaves_running_ends_with_it() -> None:
    async def scenario() -> int:
        process = await spawn(["sh", "-c", "sleep 60 >&- 2>&- & echo $!"], stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        await asyncio.sleep(0)  # lets the follower of the process have its turn
        return int(out)

    child = asyncio.run(scenario())
    wait_until(lambda: not is_running(child))


PARENT = """
import asyncio
from sandbox.process import spawn

async def main():
    await spawn(["sh", "-c", "sleep 60 & echo $!; echo $$; wait"])
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("last_signal", [signal.SIGKILL, signal.SIGTERM])
def test_the_whole_group_dies_with_its_parent(last_signal: signal.Signals) -> None:
    # given a parent with a child and a grandchild
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)
    with parent:
        assert parent.stdout is not None
        family = [int(parent.stdout.readline()), int(parent.stdout.readline())]
        assert all(is_running(pid) for pid in family)
        # when the parent is killed and can clean up nothing
        parent.send_signal(last_signal)
        parent.wait(DEADLINE)
        # then nothing of it is left
        wait_until(lambda: not any(is_running(pid) for pid in family))
