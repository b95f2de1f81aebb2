from __future__ import annotations

import hashlib
import hmac

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import HOOK_SECRET
from tests.unit.webhook.hosts import BITBUCKET, digest, dump
from webhook.providers.bitbucket import Bitbucket
from webhook.providers.events import BadShape, BadSignature, TagPush

SECRETS = [Secret(HOOK_SECRET)]
BODY = dump(BITBUCKET.push())


def test_the_id_of_the_hook_is_no_secret() -> None:
    with pytest.raises(BadSignature):
        Bitbucket().verify(
            BITBUCKET.delivery(BODY, **{"X-Hub-Signature": "", "X-Hook-UUID": HOOK_SECRET}), SECRETS
        )


def test_sha1_and_the_header_of_github_are_not_its_own() -> None:
    sha1 = hmac.new(HOOK_SECRET.encode(), BODY, hashlib.sha1).hexdigest()
    github = f"sha256={digest(BODY, HOOK_SECRET)}"
    for headers in (
        {"X-Hub-Signature": f"sha1={sha1}"},
        {"X-Hub-Signature": "", "X-Hub-Signature-256": github},
    ):
        with pytest.raises(BadSignature):
            Bitbucket().verify(BITBUCKET.delivery(BODY, **headers), SECRETS)


@pytest.mark.parametrize("changes", [None, {}, [None], [{"new": None}], [[]], "x"])
def test_changes_of_another_shape_are_refused(changes: object) -> None:
    payload = BITBUCKET.push()
    payload["push"]["changes"] = changes
    with pytest.raises(BadShape, match="changes"):
        Bitbucket().parse(BITBUCKET.delivery(payload))


@pytest.mark.parametrize(
    ("actor", "pusher"),
    [
        ({"username": "bob"}, "bob"),
        ({"display_name": "Bob B."}, "Bob B."),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_who_pushed_has_many_names(actor: object, pusher: str) -> None:
    event = Bitbucket().parse(BITBUCKET.delivery({**BITBUCKET.push(), "actor": actor}))
    assert isinstance(event, TagPush)
    assert event.pusher == pusher
