"""Where a demo lives: a folder of its own, free ports, fresh secrets, and the configuration made of them."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from cli.demo.account import read_account
from sandbox.main import USAGE_FILE, kubeconfig_of

if TYPE_CHECKING:
    from pathlib import Path

    from cli.demo.account import Account
    from sandbox.api.usage import Use

APP: Final = "shop"
NAMESPACE: Final = "demo"
REPOSITORY: Final = "demo/shop"
FIRST_PORT: Final = 8000
LAST_PORT: Final = 8099


@dataclass(frozen=True)
class Place:
    """One demo's folder, ports and secrets."""

    directory: Path
    web_port: int
    redis_port: int
    gateway_port: int
    api_port: int
    flower_port: int
    webhook_secret: str
    secret_key: str
    token: str
    flower_password: str

    @property
    def repository(self) -> Path:
        """The bare repository that pushes go to."""
        return self.directory / "shop.git"

    @property
    def clone(self) -> Path:
        """Where the demo, and later the visitor, commits."""
        return self.directory / "shop"

    @property
    def web(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def gateway(self) -> str:
        """Where users, and those with the cookie, reach the shop."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def flower(self) -> str:
        """Flower's address."""
        return f"http://127.0.0.1:{self.flower_port}"

    @property
    def sandbox(self) -> Path:
        """The stand-in cluster's folder."""
        return self.directory / "sandbox"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, for the visitor; written by the sandbox when it is ready."""
        return self.sandbox / "kubeconfig"

    @property
    def account(self) -> Account:
        """Who the workers are for the cluster."""
        return read_account(NAMESPACE)

    @property
    def objects(self) -> Path:
        """What the cluster holds from the start: the Role of the workers."""
        return self.directory / "objects.yml"

    def permissions(self) -> list[Use]:
        """What the workers did and wanted to do in the cluster."""
        return self.account.uses(self.sandbox / USAGE_FILE)

    @property
    def images(self) -> Path:
        """The sandbox's image registry."""
        return self.directory / "images.yml"

    @property
    def token_file(self) -> Path:
        """The API token, for the command line."""
        return self.directory / "token"

    def environment(self) -> dict[str, str]:
        """What Verdigris' processes are started with."""
        return {
            **os.environ,
            "VERDIGRIS_CONFIG": str(self.directory / "verdigris.yml"),
            "VERDIGRIS_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "VERDIGRIS_PUBLIC_URL": self.web,
            "VERDIGRIS_DATA": str(self.directory / "data"),
            "VERDIGRIS_SECRET_KEY": self.secret_key,
            "VERDIGRIS_LOG_FORMAT": "json",
            "DEMO_WEBHOOK_SECRET": self.webhook_secret,
            "DEMO_TOKEN": self.token,
            "KUBECONFIG": str(kubeconfig_of(self.sandbox, self.account.path)),
            "FLOWER_BASIC_AUTH": f"demo:{self.flower_password}",
            "PYTHONUNBUFFERED": "1",
        }

    def write(self) -> None:
        """Write the files that the processes read."""
        self.directory.mkdir(parents=True)
        self.directory.chmod(0o700)
        (self.directory / "data").mkdir()
        _write(self.directory / "verdigris.yml", yaml.safe_dump(self._configuration(), sort_keys=False))
        _write(self.objects, self.account.as_yaml())
        _write(self.images, yaml.safe_dump(self._images()))
        _write(self.token_file, self.token)

    def _images(self) -> dict[str, object]:
        image = {
            "name": f"registry.sandbox/{APP}",
            "repository": str(self.repository),
            "command": [sys.executable, "app.py"],
        }
        return {"images": [image]}

    def _configuration(self) -> dict[str, object]:
        """One app with the default manifests; deadlines and drain times are a laptop's."""
        return {
            "public_read": False,
            "tokens": [{"name": "demo", "value": {"env": "DEMO_TOKEN"}}],
            "apps": {
                APP: {
                    "repository": str(self.repository),
                    "webhook": {
                        "provider": "github",
                        "repository": REPOSITORY,
                        "secrets": [{"env": "DEMO_WEBHOOK_SECRET"}],
                    },
                    "namespace": NAMESPACE,
                    "image": f"registry.sandbox/{APP}:{{tag}}",
                    "public_url": self.gateway,
                    "gateway": {"address": self.gateway},
                    "values": {
                        "hosts": ["127.0.0.1", "localhost"],
                        "replicas": 2,
                        "readiness_path": "/ready",
                        "drain_seconds": 1,
                        "grace_seconds": 10,
                    },
                    "migrate": [[sys.executable, "migrate.py"]],
                    "smoke": {
                        "requests": [{"path": "/", "json_equals": {"shop": "open"}}],
                        "deadline": 3,
                        "interval": 0.5,
                    },
                    "deadlines": {"rollout": 60, "image_wait": 20},
                }
            },
        }


def choose_place(root: Path, *, web_port: int) -> Place:
    """A new place below ``root``; two demos never get the same one."""
    number = secrets.token_hex(3)
    ports = _free_ports(4)
    return Place(
        directory=root.absolute() / f"demo-{number}",
        web_port=web_port,
        redis_port=ports[0],
        gateway_port=ports[1],
        api_port=ports[2],
        flower_port=ports[3],
        webhook_secret=secrets.token_urlsafe(24),
        secret_key=secrets.token_urlsafe(32),
        token=secrets.token_urlsafe(24),
        flower_password=secrets.token_urlsafe(9),
    )


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def listen_for_web() -> socket.socket:
    """A listening socket on the first free port, for the web process to inherit.

    Held by the demo itself: no second demo can take the port in between, and while the web process is
    started again nobody is refused.
    """
    for port in range(FIRST_PORT, LAST_PORT + 1):
        listener = socket.socket()
        # As servers do: a port that a demo has just left is not taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
        except OSError:
            listener.close()
            continue
        return listener
    listener = socket.create_server(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def _free_ports(count: int) -> list[int]:
    """Held open together, so that all differ."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
