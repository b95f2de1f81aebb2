"""Where a campaign lives: its folder, ports, secrets, and what Verdigris' processes are started with."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.faults.cluster import JOURNAL, KUBECONFIG
from tests.faults.manifests import own_manifests, write_manifests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.storm import Fault

OWNER: Final = "faults"
MIGRATION: Final = ["migrate"]
IDENTITY: Final = {
    "GIT_AUTHOR_NAME": "Faults",
    "GIT_AUTHOR_EMAIL": "faults@example.invalid",
    "GIT_COMMITTER_NAME": "Faults",
    "GIT_COMMITTER_EMAIL": "faults@example.invalid",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class Place:
    """One campaign's folder, ports and secrets."""

    folder: Path
    apps: tuple[str, ...]
    seed: int
    ports: tuple[int, int, int, int]
    webhook_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def web(self) -> str:
        """The web process."""
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def gateway(self) -> str:
        """The cluster's ingress gateway."""
        return f"http://127.0.0.1:{self.ports[3]}"

    @property
    def repository(self) -> Path:
        """The bare repository that every app comes out of."""
        return self.folder / "apps.git"

    @property
    def journal(self) -> Path:
        """The cluster's own record."""
        return self.folder / JOURNAL

    @property
    def logs(self) -> Path:
        """What each process says."""
        return self.folder / "logs"

    def environment(self) -> dict[str, str]:
        """What Verdigris' processes are started with.

        They may keep what they compile, whatever this one was told: workers start a hundred times.
        """
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {
            **inherited,
            "VERDIGRIS_CONFIG": str(self.folder / "verdigris.yml"),
            "VERDIGRIS_REDIS_URL": f"redis://127.0.0.1:{self.ports[1]}/0",
            "VERDIGRIS_PUBLIC_URL": self.web,
            "VERDIGRIS_DATA": str(self.folder / "data"),
            "VERDIGRIS_SECRET_KEY": self.secret_key,
            "VERDIGRIS_LOG_FORMAT": "json",
            "FAULTS_SECRET": self.webhook_secret,
            "FAULTS_TOKEN": self.token,
            "KUBECONFIG": str(self.folder / KUBECONFIG),
            "PYTHONUNBUFFERED": "1",
        }

    def write(self, tags: Sequence[str]) -> None:
        """Write the files that the processes read, and push every tag."""
        for name in ("data", "logs", "redis"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "verdigris.yml").write_text(yaml.safe_dump(self._configuration(), sort_keys=False))
        self._push(tags)

    def write_faults(self, faults: Sequence[Fault]) -> None:
        """Beside the logs, for whoever reads them: what was done to whom, and when."""
        lines = [json.dumps(asdict(fault)) + "\n" for fault in faults]
        (self.folder / "faults.jsonl").write_text("".join(lines))

    @cached_property
    def commit(self) -> str:
        """The commit that every tag points at, once the tags are pushed."""
        return self._git("-C", str(self.repository), "rev-parse", "main").strip()

    def is_repeatable(self, app: str) -> bool:
        """Whether the app's migration may run again after its worker was lost: every third one's."""
        return self.apps.index(app) % 3 == 2

    def has_own_manifests(self, app: str) -> bool:
        """Whether the app's repository holds its manifests: every second one's."""
        return self.apps.index(app) % 2 == 1

    def _configuration(self) -> dict[str, Any]:
        apps = {app: self._app(app) for app in self.apps}
        return {"tokens": [{"name": OWNER, "value": {"env": "FAULTS_TOKEN"}}], "apps": apps}

    def _app(self, name: str) -> dict[str, Any]:
        return {
            "repository": str(self.repository),
            "webhook": {"repository": f"{OWNER}/{name}", "secrets": [{"env": "FAULTS_SECRET"}]},
            "namespace": name,
            "image": f"registry.invalid/{name}:{{tag}}",
            "gateway": {"address": self.gateway, "host": f"{name}.example.com"},
            "values": {"hosts": [f"{name}.example.com"], "replicas": 1, "drain_seconds": 0},
            "manifests": own_manifests(name) if self.has_own_manifests(name) else {},
            "migrate": [MIGRATION],
            "migrate_repeatable": self.is_repeatable(name),
            "smoke": {"requests": [{"path": "/"}], "deadline": 30, "interval": 0.5},
        }

    def _push(self, tags: Sequence[str]) -> None:
        clone = self.folder / "clone"
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.repository))
        self._git("clone", "--quiet", str(self.repository), str(clone))
        write_manifests(clone)
        self._git("-C", str(clone), "add", "--all")
        self._git("-C", str(clone), "commit", "--quiet", "--message", "first")
        for tag in tags:
            self._git("-C", str(clone), "tag", tag)
        self._git("-C", str(clone), "push", "--quiet", "--tags", "origin", "HEAD:main")

    @staticmethod
    def _git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], check=True, capture_output=True, text=True, env={**os.environ, **IDENTITY}
        )
        return done.stdout


def free_ports() -> tuple[int, int, int, int]:
    """For web, Redis, API and gateway: held open together, so that all differ."""
    probes = [socket.socket() for _ in range(4)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        web, redis, api, gateway = (int(probe.getsockname()[1]) for probe in probes)
        return web, redis, api, gateway
    finally:
        for probe in probes:
            probe.close()
