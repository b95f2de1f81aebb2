from __future__ import annotations

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import HOOK_SECRET
from tests.unit.webhook.hosts import GITEA, GOGS
from webhook.providers.events import BadSignature, TagPush
from webhook.providers.gogs import Gogs


def test_a_tag_is_told_by_create_and_what_its_ref_points_at_is_no_commit() -> None:
    payload = GOGS.push()
    assert payload["sha"]
    event = Gogs().parse(GOGS.delivery(payload))
    assert isinstance(event, TagPush)
    assert event.tags[0].commit == ""
    assert not event.is_move_told


def test_without_a_sender_the_pusher_is_unknown() -> None:
    event = Gogs().parse(GOGS.delivery({**GOGS.push(), "sender": None}))
    assert isinstance(event, TagPush)
    assert event.pusher == "unknown"


def test_a_signature_of_giteas_is_not_its_own() -> None:
    with pytest.raises(BadSignature):
        Gogs().verify(GITEA.delivery(), [Secret(HOOK_SECRET)])
