"""Forgejo: deliveries as Gitea's, under headers of its own."""

from __future__ import annotations

from typing import ClassVar

from webhook.providers.gitea import Gitea


class Forgejo(Gitea):
    """``events.Provider`` for Forgejo: ``X-Forgejo-…`` counts, Gitea's headers beside it don't."""

    name: ClassVar[str] = "Forgejo"
