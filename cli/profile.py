"""Which server to ask, and with which token: from options, the environment, or a file of profiles.

The token never comes from the command line, where every user of the machine could read it, and is never
printed. A profile's token goes to that profile's server only.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from cli.failures import Exit, Failure
from release.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT: Final = "default"
FIELDS: Final = frozenset({"server", "token_file", "token_env"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options say."""

    server: str | None = None
    token_file: Path | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to ask, as whom; no token is fine for reads that the server has opened."""

    server: str
    token: Secret | None


def profiles_path() -> Path:
    """The file of profiles."""
    return Path(click.get_app_dir("verdigris")) / "config.toml"


def home_relative(path: Path) -> str:
    """The path for help texts: the same for everybody on such a machine."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def find_connection(choice: Choice, *, environment: Mapping[str, str], path: Path) -> Connection:
    """Decide on server and token; the first of option, environment and profile counts.

    Raises:
        Failure: no server is named anywhere, or something named can't be used.
    """
    profile = _find_profile(choice.profile, path)
    server = choice.server or profile.get("server")
    if not server:
        raise Failure(
            "no server is named",
            next_step=f"set VERDIGRIS_SERVER, give --server, or write `server = …` into {path}",
            code=Exit.USAGE,
        )
    address = check_address(server)
    owns_token = not choice.server or address == check_address(profile.get("server") or address)
    return Connection(address, _find_token(choice, environment, profile if owns_token else {}))


def check_address(server: str) -> str:
    """The address without a slash at its end.

    Raises:
        Failure: it is no http address, or carries a password, which messages would repeat.
    """
    if "@" in server:
        raise _unusable("the server's address carries a user name", "leave it out; the token says who asks")
    if not _is_address(server):
        raise _unusable(f"{server!r} is no address of a server", "give it as https://verdigris.example.com")
    return server.rstrip("/")


def _is_address(server: str) -> bool:
    try:
        parts = urlsplit(server)
        is_reachable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none
        return False
    return is_reachable and parts.scheme in {"http", "https"} and not (parts.query or parts.fragment)


def _find_profile(name: str | None, path: Path) -> dict[str, str]:
    try:
        profiles = tomllib.loads(path.read_text(encoding="utf-8")).get("profiles", {})
    except FileNotFoundError:
        profiles = {}
    except (OSError, ValueError) as error:  # TOML and UTF-8 mistakes are ValueErrors
        raise _unusable(f"{path} can't be read: {error}", "correct it, or move it away") from error
    found = profiles.get(name or DEFAULT) if isinstance(profiles, dict) else None
    if found is None and name:
        raise _unusable(f"{path} has no profile {name!r}", f"add [profiles.{name}] with server = …")
    return _check_profile(found or {}, name or DEFAULT, path)


def _check_profile(profile: Any, name: str, path: Path) -> dict[str, str]:  # noqa: ANN401 -- whatever TOML held
    is_text = isinstance(profile, dict) and all(isinstance(value, str) for value in profile.values())
    if not is_text or not FIELDS.issuperset(profile):
        raise _unusable(
            f"{path}: profile {name!r} is wrong",
            f"it may have {', '.join(sorted(FIELDS))}, each with a text; the token itself stands elsewhere",
        )
    return dict(profile)


def _find_token(choice: Choice, environment: Mapping[str, str], profile: Mapping[str, str]) -> Secret | None:
    if choice.token_file:
        return _read_token(choice.token_file)
    if environment.get("VERDIGRIS_TOKEN"):
        return _check_token(environment["VERDIGRIS_TOKEN"], "VERDIGRIS_TOKEN")
    if name := profile.get("token_env"):
        return _check_token(environment.get(name, ""), f"the profile's variable {name}")
    if file := profile.get("token_file"):
        return _read_token(Path(file).expanduser())
    return None


def _read_token(path: Path) -> Secret:
    try:
        return _check_token(path.read_text(encoding="utf-8"), f"token file {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(f"token file {path} can't be read", "check the path and its permissions") from error


def _check_token(text: str, place: str) -> Secret:
    token = text.strip()
    if not token:
        raise _unusable(f"{place} holds no token", "put the token there, or remove it")
    if not (token.isascii() and token.isprintable()):
        raise _unusable(f"{place} holds characters that no token has", "check what was written there")
    return Secret(token)


def _unusable(title: str, next_step: str) -> Failure:
    return Failure(title, next_step=next_step, code=Exit.USAGE)
