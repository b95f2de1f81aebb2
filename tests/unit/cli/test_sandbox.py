"""`verdigris sandbox`, with a stand-in for the sandbox itself."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

pytest.importorskip("aiohttp")

from cli.commands.sandbox import sandbox, serve_until_ended
from sandbox.main import Endpoints, SandboxError, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_it_has_taken_itself_apart(
    number: signal.Signals, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    happened = []

    async def serve(settings: Settings, on_ready: Callable[[Endpoints], None]) -> None:
        on_ready(Endpoints(settings.directory / "kubeconfig", "http://127.0.0.1:1", "http://127.0.0.1:2"))
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            happened.append("taken apart")

    asyncio.run(serve_until_ended(Settings(directory=tmp_path), serve))

    output = capsys.readouterr().out
    assert happened == ["taken apart"]
    assert f"kubeconfig  {tmp_path}/kubeconfig\n" in output
    assert "gateway     http://127.0.0.1:2\n" in output
    assert f"Try: kubectl --kubeconfig {tmp_path}/kubeconfig get pods" in output


def test_what_keeps_it_from_starting_is_not_swallowed(tmp_path: Path) -> None:
    async def serve(_: Settings, __: Callable[[Endpoints], None]) -> None:
        raise SandboxError("another one runs there")

    with pytest.raises(SandboxError, match="another one"):
        asyncio.run(serve_until_ended(Settings(directory=tmp_path), serve))


def test_a_missing_file_of_images_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(sandbox, ["--images", str(tmp_path / "none.yml")])

    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_a_sandbox_that_can_not_run_here_says_why(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

        result = CliRunner().invoke(sandbox, ["--directory", str(tmp_path)])

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the sandbox can't run here\nAnother sandbox runs in ")
