import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox.node.command import ExecOutcome, Surroundings, exit_code, find_obstacle, run_command


def run(tree: Path, *command: str) -> tuple[ExecOutcome, dict[int, bytes]]:
    written = {1: b"", 2: b""}

    async def write(stream: int, part: bytes) -> None:
        written[stream] += part

    surroundings = Surroundings(tree, {"PATH": os.defpath, "COLOR": "blue"})
    return asyncio.run(run_command(command, surroundings, write)), written


def test_a_command_runs_in_the_tree_with_the_containers_variables(tmp_path: Path) -> None:
    outcome, written = run(tmp_path, "sh", "-c", 'echo "$COLOR $PWD"; echo no >&2; exit 4')
    assert outcome == ExecOutcome(4)
    assert written == {1: f"blue {tmp_path}\n".encode(), 2: b"no\n"}


def test_output_larger_than_a_pipe_is_handed_on_whole(tmp_path: Path) -> None:
    outcome, written = run(tmp_path, "sh", "-c", "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2")
    assert outcome == ExecOutcome(0)
    assert (len(written[1]), len(written[2])) == (300000, 200000)


def test_a_command_does_not_wait_for_what_it_leaves_behind(tmp_path: Path) -> None:
    outcome, written = run(tmp_path, "sh", "-c", "sleep 60 & echo started")
    assert (outcome, written[1]) == (ExecOutcome(0), b"started\n")


def test_death_by_signal_counts_128_and_its_number(tmp_path: Path) -> None:
    assert run(tmp_path, "sh", "-c", "kill -KILL $$")[0] == ExecOutcome(137)
    assert exit_code(3) == 3


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["nope"], 'exec: "nope": executable file not found in $PATH'),
        ([], 'exec: "": executable file not found in $PATH'),
        (["./nope"], 'exec: "./nope": stat ./nope: no such file or directory'),
        (["./plain"], 'exec: "./plain": permission denied'),
        (["./program"], None),
        (["sh"], None),
    ],
)
def test_obstacles_are_named_as_by_a_container_runtime(
    command: Sequence[str], message: str | None, tmp_path: Path
) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "program").touch(mode=0o755)
    assert find_obstacle(command, Surroundings(tmp_path, {"PATH": os.defpath})) == message
