from typing import Any

import pytest

from cluster.channels import ENDED, LONGEST_LINE, STDERR, STDOUT, Lines, Target, exit_code
from release.problems import Problem
from tests.unit.cluster.fakes import RECORDINGS

TARGET = Target("shop-green-1", "shop", "app", ("npm", "run", "migrate"))


def play(name: str) -> tuple[int, dict[int, list[str]]]:
    """A recorded session: its exit code, and the lines of each output."""
    heard: dict[int, list[str]] = {STDOUT: [], STDERR: []}
    outputs = {channel: Lines(lines.append) for channel, lines in heard.items()}
    frames: list[Any] = RECORDINGS[name]["frames"]
    for frame in frames:
        data = frame.get("text", "").encode()
        if frame.get("channel") in outputs:
            outputs[frame["channel"]].feed(data)
        elif frame.get("channel") == ENDED:
            for lines in outputs.values():
                lines.close()
            return exit_code(data, TARGET), heard
    pytest.fail("the session never ended")


def test_a_command_that_succeeds_is_heard_to_its_end() -> None:
    assert play("exec-ok") == (0, {STDOUT: ["migrating  on ", "done"], STDERR: []})


def test_a_last_line_without_an_end_is_heard() -> None:
    assert play("exec-ok-v5")[1][STDOUT] == ['{"ready":true,"color":"green","version":"v1.0"}']


def test_an_exit_code_is_read_from_the_status() -> None:
    assert play("exec-nonzero-exit") == (1, {STDOUT: [], STDERR: ["missing script: nope"]})


def test_a_missing_executable_is_a_problem_and_no_exit_code() -> None:
    with pytest.raises(Problem, match="executable file not found") as caught:
        play("exec-command-not-found")
    assert caught.value.document.slug == "command-not-started"
    assert "`npm run migrate` in pod shop/shop-green-1, container app" in caught.value.document.detail


def test_a_status_without_a_word_is_still_a_problem() -> None:
    with pytest.raises(Problem, match="no reason given"):
        exit_code(b'{"status":"Failure"}', TARGET)


def test_characters_and_lines_come_in_pieces() -> None:
    heard: list[str] = []
    lines = Lines(heard.append)
    for byte in "grün\r\nzwei\n\ndrei".encode():
        lines.feed(bytes([byte]))
    assert heard == ["grün", "zwei", ""]
    lines.close()
    lines.close()
    assert heard == ["grün", "zwei", "", "drei"]


def test_bytes_that_are_no_text_do_not_end_the_listening() -> None:
    heard: list[str] = []
    lines = Lines(heard.append)
    lines.feed(b"\xff\n\xc3")
    lines.close()
    assert heard == ["�", "�"]


def test_a_line_without_an_end_is_cut() -> None:
    heard: list[str] = []
    Lines(heard.append).feed(b"." * (2 * LONGEST_LINE + 5))
    assert [len(line) for line in heard] == [LONGEST_LINE, LONGEST_LINE]
