"""Repository addresses: which transport one uses, whether it may be used, and how to print it.

Pure: nothing is asked of Git. An address comes from our configuration, never from a payload, but a typing
error there must not start ``ext::`` (which runs a program) or be read as an option.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from release.problems import Problem

FILE: Final = "file"
TRANSPORTS: Final = frozenset({"https", "http", "ssh", "git", FILE})
"""As Git names them in ``GIT_ALLOW_PROTOCOL``."""

_UNPRINTABLE: Final = re.compile(r"[\s\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"([A-Za-z0-9+.-]+)://")
_HELPER: Final = re.compile(r"[A-Za-z0-9+.-]+::")
_SCP_FORM: Final = re.compile(r"(?:[^@/:]+@)?([^/:]+|\[[^\]/]+\]):")
_USER_INFORMATION: Final = re.compile(r"(?<=://)[^/@\s]+@")


def get_transport(address: str, *, allow_file_transport: bool = True) -> str:
    """The one transport that this address may use; Git is allowed no other, not even by redirect.

    Raises:
        Problem: ``repository-refused``: an option, a transport helper, a relative path or another scheme.
    """
    transport = _find_transport(address)
    if transport is None:
        raise _refusal(address, "it is none of https, http, ssh, git, or a local path that starts with /")
    if transport == FILE and not allow_file_transport:
        raise _refusal(address, "local repositories are switched off here")
    return transport


def anonymous(text: str) -> str:
    """The text with user and password left out of every URL in it, for messages and logs."""
    return _USER_INFORMATION.sub("", text)


def without_credentials(text: str, address: str) -> str:
    """What Git said about ``address``, without the user and password that the address holds."""
    password = _find_password(address)
    return anonymous(text.replace(password, "***") if password else text)


def _find_transport(address: str) -> str | None:
    if address.startswith("-") or _UNPRINTABLE.search(address) or _HELPER.match(address):
        return None
    if address.startswith("/"):
        return FILE
    if scheme := _SCHEME.match(address):
        return scheme[1] if scheme[1] in TRANSPORTS and _is_host_safe(address[scheme.end() :]) else None
    host = _SCP_FORM.match(address)
    return "ssh" if host and not host[1].startswith("-") else None


def _is_host_safe(rest: str) -> bool:
    """A host that starts with a dash would be read as an option by ssh."""
    authority = rest.partition("/")[0]
    return not authority.startswith("-") and not authority.rpartition("@")[2].startswith("-")


def _find_password(address: str) -> str | None:
    """The secret part of an address: its password, or for https a token in the user's place."""
    if not _SCHEME.match(address):
        return None
    parts = urlsplit(address)
    return parts.password or (parts.username if parts.scheme in {"https", "http"} else None)


def _refusal(address: str, why: str) -> Problem:
    return Problem(
        "repository-refused",
        "the repository's address can't be used",
        detail=f"{anonymous(address)[:200]!r}: {why}",
        next_step="correct the app's repository in the configuration",
        status=422,
    )
