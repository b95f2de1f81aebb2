"""The campaign's own instruments: what they read out of logs and requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.faults.chronicle import Subject, read_chronicle
from tests.faults.journal import Command, Entry, Journal, Refusal, Write, read_journal
from tests.faults.judge import Evidence
from tests.faults.report import take_overs
from tests.faults.storm import GROUP, Fault
from tests.faults.witness import fence_sent

if TYPE_CHECKING:
    from pathlib import Path

RELEASE = "01M834TSK043WM66XMH5G8YC9S"


def line(second: int, event: str, **more: object) -> str:
    return json.dumps({"event": event, "timestamp": f"2026-11-23T02:47:{second:02}.500000Z", **more}) + "\n"


def begins(second: int, attempt: int) -> str:
    about = {"job": "job-1", "release": RELEASE, "app": "shop", "stage": "smoke", "attempt": attempt}
    return line(second, "stage begins", **about)


def test_a_fence_is_known_by_the_task_that_a_worker_received(tmp_path: Path) -> None:
    # given: a log with a banner, and a last line that a kill cut off
    log = tmp_path / "releases-1.log"
    received = line(1, f"Task release.activate[{RELEASE}.0-activate.f17.e6df98ad] received")
    log.write_text("celery@vm v5.7.0\n" + received + received[:40])
    # then
    assert read_chronicle([("releases-1", log)]).fences == {17: Subject("promote", RELEASE)}


def test_a_take_over_is_timed_from_the_fault_that_caused_it(tmp_path: Path) -> None:
    # given: a stage whose worker was killed 2 s after it began, noticed 5 s later, begun again in 1 s more
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text(begins(10, 1))
    second.write_text(
        line(17, "stage lost", job="job-1", owner=f"{RELEASE}.3-smoke.f17.e6df98ad") + begins(18, 2)
    )
    chronicle = read_chronicle([("releases-1", first), ("releases-2", second)])
    killed = chronicle.begun[0].at + 2
    faults = [Fault(killed - 9, GROUP, "releases-1"), Fault(killed, GROUP, "releases-1")]
    # when
    evidence = Evidence(entries=[], chronicle=chronicle, asked={}, switches={}, finals=[])
    [found] = take_overs(evidence, faults)
    # then
    assert found.fault is faults[1]
    assert (found.noticed, found.begun) == pytest.approx((5, 6))
    assert chronicle.noticed[0].fence == 17


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"name": "shop", "annotations": {"verdigris.dev/fence": "7"}}},
        [{"op": "add", "path": "/metadata/annotations/verdigris.dev~1fence", "value": "7"}],
        [{"op": "add", "path": "/metadata/annotations", "value": {"verdigris.dev/fence": "7"}}],
    ],
)
def test_the_fence_is_found_in_objects_and_in_patches(body: object) -> None:
    assert fence_sent(json.dumps(body)) == 7


@pytest.mark.parametrize(
    "body", ["", "{}", '{"preconditions": {}}', '[{"op": "remove", "path": "/spec/http/0"}]']
)
def test_a_request_without_a_fence_sends_none(body: str) -> None:
    assert fence_sent(body) == 0


def test_a_journal_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written: list[Entry] = [
        Write(1.5, 7, "shop", "services/shop", "uid", "ADDED", 3, 0, 3),
        Refusal(2.5, "shop", "/api/v1/namespaces/shop/services", 409, 3, 4),
        Command(3.5, 4.5, "shop", "pod", RELEASE, "migrate", ended=True),
    ]
    with (tmp_path / "journal").open("w", encoding="utf-8") as file:
        for entry in written:
            Journal(file).add(entry)
    assert read_journal(tmp_path / "journal") == written
