"""Git hosts: one module each, from headers and body to an event. Nothing here knows Flask.

A module offers ``verify(headers, body, secrets)``, ``parse(headers, body)`` and ``receive``, which is both in
that order (``events.Provider``). ``PROVIDERS`` names them as the configuration and the addresses do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webhook.providers.github import GitHub

if TYPE_CHECKING:
    from webhook.providers.events import Provider

PROVIDERS: Final[dict[str, Provider]] = {"github": GitHub()}
