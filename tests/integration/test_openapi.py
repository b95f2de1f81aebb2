"""Schemathesis against the web process as it is run: whatever it asks, the answer is as the document says.

``VERDIGRIS_SCHEMATHESIS=500`` asks up to 500 times for each route and phase, in place of a few.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import requests

from tests.integration.test_web_process import CONFIGURATION, ROOT, redis, wait_until
from tests.unit.webhook.fakes import HOOK_SECRET, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.datastore import RunningRedis

__all__ = ["redis"]

pytestmark = pytest.mark.needs_redis

EXAMPLES: Final = int(os.environ.get("VERDIGRIS_SCHEMATHESIS", "8"))
SECONDS: Final = 100 if EXAMPLES < 100 else 3600
CREATE: Final = "webhook.wsgi:create(redis_timeout=20)"
"""A busy machine is no finding: Redis may take its time."""

STRANGERS: Final = Path(__file__).with_name("strangers.py")

SETTINGS: Final = f"""
hooks = "{STRANGERS}"

[auth.openapi.token]
bearer = "{TOKEN}"

[generation]
deterministic = true
database = "none"
max-examples = {EXAMPLES}

# That the end of a token lies in the future can't be said in a schema.
[[operations]]
include-operation-id = "make_token"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429, "5xx"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@contextmanager
def running(folder: Path, redis: RunningRedis) -> Iterator[str]:
    """Gunicorn as the Procfile runs it, behind a proxy that tells whom it asks for. Yields its address."""
    (folder / "verdigris.yml").write_text(CONFIGURATION, encoding="utf-8")
    environment = {
        **os.environ,
        "VERDIGRIS_CONFIG": str(folder / "verdigris.yml"),
        "VERDIGRIS_REDIS_URL": redis.url,
        "VERDIGRIS_SECRET_KEY": "a secret key that only tests know, 32+",
        "VERDIGRIS_TRUSTED_PROXIES": "127.0.0.1",
        "CI_TOKEN": TOKEN,
        "HOOK_SECRET": HOOK_SECRET,
    }
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "web.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "gunicorn",
                    CREATE,
                    "--workers",
                    "1",
                    "--threads",
                    "8",
                ),
                *("--bind", f"fd://{listener.fileno()}", "--no-control-socket"),
            ],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        wait_until(lambda: answers(url), f"the web process to answer, see {folder / 'web.log'}")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.mark.timeout(SECONDS + 20)
def test_every_answer_is_as_the_document_says(folder: Path, redis: RunningRedis) -> None:
    # Given the web process, with a release on its way
    with running(folder, redis) as url:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        deploy = f"{url}/api/v1/apps/shop/deploy"
        assert requests.post(deploy, json={"tag": "v1.0-blue"}, headers=bearer, timeout=30).status_code == 202
        # When each route is asked, with what is allowed and with what is not
        (folder / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
        ended = subprocess.run(
            [
                *(Path(sys.executable).with_name("st"), "--config-file", folder / "schemathesis.toml"),
                *("run", f"{url}/api/v1/openapi.json", "--url", url, "--no-color", "--rate-limit", "55/s"),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    # Then no answer differs, and none is a mistake of ours
    assert ended.returncode == 0, ended.stdout
    assert "request failed" not in (folder / "web.log").read_text(encoding="utf-8")
