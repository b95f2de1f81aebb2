"""Gogs: what its deliveries mean.

Gogs tells of a tag by ``create`` and sends ``push`` for branches alone. ``sha`` is what the ref points at,
the tag object of an annotated tag, so the commit is left to the repository. It tells nothing of CI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from webhook.providers.events import Event, Ignored, NewTag, TagPush
from webhook.providers.gitea import Gitea, Person
from webhook.providers.payload import Part, Repository, name_of, read_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webhook.providers.checks import Reader


class _Create(Part):
    ref: str
    ref_type: str
    repository: Repository
    sender: Person | None = None


class Gogs(Gitea):
    """``events.Provider`` for Gogs."""

    name: ClassVar[str] = "Gogs"
    ci: ClassVar[Mapping[str, Reader]] = {}

    def read(self, event: str, data: Mapping[str, object], delivery: str) -> Event:
        """``create`` of a tag; a ``push`` of one is read as Gitea's."""
        if event != "create":
            return super().read(event, data, delivery)
        return _read_create(read_shape(_Create, data, what="creation that Gogs sends"), delivery)


def _read_create(create: _Create, delivery: str) -> Event:
    if create.ref_type != "tag":
        return Ignored("a branch was created; only a new tag starts a release", delivery)
    sender = create.sender or Person()
    return TagPush(
        repository=create.repository.full_name,
        tags=(NewTag(create.ref, ""),),
        delivery=delivery,
        pusher=name_of(sender.login, sender.username),
        is_move_told=False,
    )
