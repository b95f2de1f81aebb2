"""What a process needs from its environment: where Redis, the configuration and the cluster are.

One place for every ``VERDIGRIS_…`` variable; the apps' own settings are in ``release.config``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final

from release.references import ConfigError
from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES: Final = {
    "VERDIGRIS_CONFIG": "the configuration of apps (default verdigris.yml)",
    "VERDIGRIS_REDIS_URL": "Redis with append-only file (default redis://127.0.0.1:6379/0)",
    "VERDIGRIS_SECRET_KEY": "signs sessions of the page; at least 32 characters; needed by the web process",
    "VERDIGRIS_PUBLIC_URL": "the web process as people and Git hosts reach it (default http://127.0.0.1:8000)",
    "VERDIGRIS_TRUSTED_PROXIES": "proxies whose X-Forwarded-For counts, with commas (default none)",
    "VERDIGRIS_DATA": "a folder for clones and checkouts (default .verdigris/data)",
    "VERDIGRIS_LOG_FORMAT": "json (default) or console",
    "KUBECONFIG": "as kubectl reads it; inside a cluster the service account is used",
}

SECRET_KEY_LENGTH: Final = 32
LOG_FORMATS: Final = frozenset({"json", "console"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment, read once at start. ``redis_url`` may hold a password and is not printed."""

    config: Path
    redis_url: str = field(repr=False)
    public_url: str
    data: Path
    log_format: str
    kubeconfig: Path | None
    secret_key: Secret | None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read ``os.environ`` or, in tests, any mapping. An empty variable counts as one that is not set.

        Raises:
            ConfigError: a variable has a value that means nothing.
        """
        given = {name: value for name, value in environment.items() if value}
        kubeconfig, key = given.get("KUBECONFIG"), given.get("VERDIGRIS_SECRET_KEY")
        log_format = given.get("VERDIGRIS_LOG_FORMAT", "json")
        if log_format not in LOG_FORMATS:
            raise ConfigError(f"VERDIGRIS_LOG_FORMAT is {log_format!r}: set it to json or console")
        return cls(
            config=Path(given.get("VERDIGRIS_CONFIG", "verdigris.yml")),
            redis_url=given.get("VERDIGRIS_REDIS_URL", "redis://127.0.0.1:6379/0"),
            public_url=given.get("VERDIGRIS_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
            trusted_proxies=_read_networks(given.get("VERDIGRIS_TRUSTED_PROXIES", "")),
            data=Path(given.get("VERDIGRIS_DATA", ".verdigris/data")),
            log_format=log_format,
            kubeconfig=Path(kubeconfig) if kubeconfig else None,
            secret_key=Secret(key) if key else None,
        )

    def get_secret_key(self) -> Secret:
        """The key that signs sessions.

        Raises:
            ConfigError: it is missing or short; there is no default on purpose.
        """
        if self.secret_key is None or len(self.secret_key.reveal().strip()) < SECRET_KEY_LENGTH:
            raise ConfigError(
                f"VERDIGRIS_SECRET_KEY is missing or shorter than {SECRET_KEY_LENGTH} characters: "
                "set it to a long random value, the same for every web process"
            )
        return self.secret_key


def _read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """A single address means that address alone."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(
            f"VERDIGRIS_TRUSTED_PROXIES: {error}: set it to addresses or networks, with commas"
        ) from error
