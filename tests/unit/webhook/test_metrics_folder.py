"""Where gunicorn's processes keep their numbers: one folder a start, and none left behind."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from webhook.metrics_folder import PREFIX, VARIABLE, child_exit, make_folder, on_exit, on_starting

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Worker:
    pid = 4711


def test_a_folder_of_our_own_is_for_our_eyes_only(tmp_path: Path) -> None:
    folder = make_folder("", where=tmp_path)

    assert folder.parent == tmp_path
    assert folder.name.startswith(PREFIX)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_killed_processes_left_goes_with_the_next_start(tmp_path: Path) -> None:
    # Given a folder of processes that have ended, one of a living process, one that is just made, and another
    dead, young, strange = (tmp_path / f"{PREFIX}dead", tmp_path / f"{PREFIX}young", tmp_path / "notes")
    for folder in (dead, young, strange):
        folder.mkdir()
        (folder / "counter_1.db").write_bytes(b"")
    (dead / "lock").write_bytes(b"")
    living = make_folder("", where=tmp_path)
    # When one is made
    made = make_folder("", where=tmp_path)
    # Then only what may be needed is left
    assert set(tmp_path.iterdir()) == {living, young, strange, made}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious", encoding="utf-8")
    trap = tmp_path / f"{PREFIX}trap"
    trap.mkdir()
    (trap / "lock").symlink_to(tmp_path / "mine")

    make_folder("", where=tmp_path)

    assert trap.is_dir()


def test_a_folder_that_somebody_named_is_used_and_emptied_of_numbers(tmp_path: Path) -> None:
    named = tmp_path / "a" / "b"
    named.mkdir(parents=True)
    (named / "counter_1.db").write_bytes(b"old")
    (named / "notes.txt").write_text("mine", encoding="utf-8")

    assert make_folder(str(named)) == named
    assert [file.name for file in named.iterdir()] == ["notes.txt"]


def test_a_folder_that_we_made_for_the_program_before_is_not_taken_over(tmp_path: Path) -> None:
    before = make_folder("", where=tmp_path)

    assert make_folder(str(before), where=tmp_path) != before


def test_the_hooks_make_it_known_and_remove_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given gunicorn's first process, whose environment the hooks change
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "")
    # When it starts
    on_starting(None)
    # Then there is a folder, which goes with it
    (made,) = tmp_path.iterdir()
    assert os.environ[VARIABLE] == str(made)
    (made / f"gauge_livesum_{Worker.pid}.db").write_bytes(b"")
    (made / f"counter_{Worker.pid}.db").write_bytes(b"")
    child_exit(None, Worker())
    assert [file.name for file in made.glob("*.db")] == [f"counter_{Worker.pid}.db"]
    on_exit(None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_somebody_named_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))

    on_starting(None)
    on_exit(None)

    assert (tmp_path / "named").is_dir()
