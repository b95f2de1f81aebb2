from __future__ import annotations

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import HOOK_SECRET
from tests.unit.webhook.hosts import FORGEJO, GITEA
from webhook.providers.events import BadShape, BadSignature, TagPush
from webhook.providers.forgejo import Forgejo


def test_headers_of_gitea_alone_are_not_its_own() -> None:
    with pytest.raises(BadSignature):
        Forgejo().verify(GITEA.delivery(), [Secret(HOOK_SECRET)])
    with pytest.raises(BadShape, match="X-Forgejo-Event"):
        Forgejo().parse(GITEA.delivery())


def test_it_is_read_as_giteas() -> None:
    event = Forgejo().parse(FORGEJO.delivery(**{"X-Gitea-Event": "ping", "X-Gitea-Delivery": "other"}))
    assert isinstance(event, TagPush)
    assert event.delivery == "id-1"
    assert not event.is_move_told
