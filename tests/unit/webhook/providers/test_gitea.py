from __future__ import annotations

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import HOOK_SECRET
from tests.unit.webhook.hosts import GITEA, digest, dump
from webhook.providers.events import BadSignature, Delivery, TagPush
from webhook.providers.gitea import Gitea

SECRETS = [Secret(HOOK_SECRET)]
BODY = dump(GITEA.push())
SIGNATURE = digest(BODY, HOOK_SECRET)


@pytest.mark.parametrize("header", ["X-Hub-Signature-256", "X-Gogs-Signature", "X-Forgejo-Signature"])
def test_headers_of_its_relatives_sign_nothing(header: str) -> None:
    delivery = GITEA.delivery(BODY)
    given = {"X-Gitea-Event": "push", header: SIGNATURE}
    with pytest.raises(BadSignature):
        Gitea().verify(Delivery(given, BODY, delivery.at), SECRETS)


@pytest.mark.parametrize("signature", ["", f"sha256={SIGNATURE}", SIGNATURE.upper(), f"{SIGNATURE}00", "é"])
def test_the_signature_is_the_digits_alone(signature: str) -> None:
    with pytest.raises(BadSignature):
        Gitea().verify(GITEA.delivery(BODY, **{"X-Gitea-Signature": signature}), SECRETS)


def test_that_a_tag_was_moved_is_not_told() -> None:
    event = Gitea().parse(GITEA.delivery(BODY))
    assert isinstance(event, TagPush)
    assert not event.is_move_told


def test_an_early_version_names_the_pusher_by_username() -> None:
    event = Gitea().parse(GITEA.delivery({**GITEA.push(), "pusher": {"username": "bob"}}))
    assert isinstance(event, TagPush)
    assert event.pusher == "bob"
