"""The doctor says whether the files of allowed keys can be used."""

from __future__ import annotations

import base64
import shutil
from typing import TYPE_CHECKING

from release.origins import TagSignatures
from worker.checkup.lines import Grade
from worker.checkup.signatures import look_at_signatures

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()


def test_a_file_of_signers_is_told_with_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "allowed_signers"
    file.write_text(f"anna@example.com ssh-ed25519 {KEY}\n")

    (line,) = look_at_signatures("shop", TagSignatures(ssh=file))

    assert line.grade is Grade.OK
    assert line.about == "signed tags of shop"
    assert f"{file}: keys: 1 (anna@example.com SHA256:" in line.found


def test_each_file_has_a_line_and_a_bad_one_its_setting(tmp_path: Path) -> None:
    signers, keys = tmp_path / "allowed_signers", tmp_path / "keys.asc"
    signers.write_text("anna@example.com\n")
    keys.write_text("nothing\n")

    lines = look_at_signatures("shop", TagSignatures(ssh=signers, gpg=keys))

    assert [line.grade for line in lines] == [Grade.FAILED, Grade.FAILED]
    assert f"{signers}:1" in lines[0].found
    assert "apps.shop.require_signed_tags.ssh" in lines[0].fix
    assert str(keys) in lines[1].found
    assert "apps.shop.require_signed_tags.gpg" in lines[1].fix


def test_a_program_that_is_missing_is_told_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "allowed_signers"
    file.write_text(f"anna@example.com ssh-ed25519 {KEY}\n")
    assert shutil.which("ssh-keygen")
    monkeypatch.setenv("PATH", str(tmp_path))

    (line,) = look_at_signatures("shop", TagSignatures(ssh=file))

    assert line.grade is Grade.FAILED
    assert "package openssh" in line.found
    assert line.fix
