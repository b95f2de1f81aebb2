"""Forgejo: deliveries as Gitea's, under headers of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from webhook.providers import gitea_ci
from webhook.providers.gitea import Gitea

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webhook.providers.checks import Reader


class Forgejo(Gitea):
    """``events.Provider`` for Forgejo: ``X-Forgejo-…`` counts, Gitea's headers beside it don't."""

    name: ClassVar[str] = "Forgejo"
    ci: ClassVar[Mapping[str, Reader]] = gitea_ci.FORGEJO
