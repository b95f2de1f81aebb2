"""A release's output as pages have it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from release.records import LogLine
from webhook.output import (
    LINES_SHOWN,
    find_last_lines,
    find_last_seen,
    line_html,
    line_text,
    lines_html,
    order,
    parts_of,
)

AT = datetime(2026, 1, 5, 12, 3, 4, tzinfo=UTC)


def line(number: int, text: str = "", stage: str = "deploy") -> LogLine:
    return LogLine(f"{number}-0", AT, stage, text or f"line {number}", number)


def log_of(lines: list[LogLine], part: int = 1000):  # type: ignore[no-untyped-def]  # noqa: ANN201 -- a reader
    def read(after: str) -> list[LogLine]:
        return [one for one in lines if order(one.id) > order(after)][:part]

    return read


def test_a_line_is_one_line_of_html() -> None:
    html = line_html(line(7, "\x1b[31m<no>\x1b[0m\nnext", stage="<deploy>"))
    assert html == (
        '<p id="line-7-0"><time datetime="2026-01-05T12:03:04+00:00">12:03:04</time> <b>&lt;deploy&gt;</b> '
        '<span><span class="ink-red">&lt;no&gt;</span> next</span></p>'
    )
    assert lines_html([line(1), line(2)]).count("\n") == 1


def test_a_line_is_plain_text() -> None:
    assert line_text(line(7, "\x1b[31mno\x1b[0m\x1b[2J")) == "2026-01-05 12:03:04 deploy   no\n"


def test_the_end_of_a_long_log_is_shown_and_its_last_line_known() -> None:
    lines, last = find_last_lines(log_of([line(number) for number in range(1, 2501)]))
    assert (len(lines), lines[0].number, lines[-1].number, last) == (LINES_SHOWN, 1501, 2500, "2500-0")
    assert find_last_lines(log_of([])) == ([], "0")


def test_what_was_searched_for_is_found_in_all_of_it_by_what_it_reads_as() -> None:
    log = [line(number) for number in range(1, 2501)]
    log[3] = line(4, "con\x1b[31mNection\x1b[0m refused")
    lines, last = find_last_lines(log_of(log), "ConnectioN")
    assert ([one.number for one in lines], last) == ([4], "2500-0")
    assert len(find_last_lines(log_of(log), "deploy line 25")[0]) == 12


def test_no_log_is_read_without_end() -> None:
    endless = [line(1)]
    assert len(list(parts_of(lambda _: endless))) == 20


@pytest.mark.parametrize(
    ("told", "last"),
    [
        ((None, None), "0"),
        (("5-1", None), "5-1"),
        (("9-2", "10-1"), "10-1"),
        (("10-2", "10-10"), "10-10"),
        (("7", "6-9"), "7"),
        (("+", "$", "-", "1-", "٣-1", "1-1\n"), "0"),
        (("9" * 19, "3-0"), "3-0"),
    ],
)
def test_the_later_of_what_a_page_has_counts(told: tuple[str | None, ...], last: str) -> None:
    assert find_last_seen(*told) == last
