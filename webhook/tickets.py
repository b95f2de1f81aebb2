"""One-time tickets: a signed-in page from a link, for those who started Verdigris on this very machine.

A ticket is signed, holds for a minute and opens once. It is no token: nothing else takes it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from itsdangerous import BadSignature, URLSafeSerializer

if TYPE_CHECKING:
    from release.clock import Clock
    from release.secret import Secret
    from webhook.services import Store

SECONDS: Final = 60


class BadTicket(Exception):
    """Forged, too old, or used before."""


def issue_ticket(name: str, *, key: Secret, clock: Clock) -> str:
    """A ticket for a person called ``name``; goes behind ``/enter/``."""
    until = clock().timestamp() + SECONDS
    return _serializer(key).dumps({"name": name, "until": until, "nonce": secrets.token_urlsafe(16)})


def redeem_ticket(ticket: str, *, key: Secret, clock: Clock, store: Store) -> str:
    """The name of the person whom the ticket lets in. Spends it.

    Raises:
        BadTicket: it opens nothing.
        NotDurable: Redis can't tell whether it was used before.
    """
    try:
        content = _serializer(key).loads(ticket)
    except BadSignature as error:
        raise BadTicket from error
    if content["until"] < clock().timestamp() or not store.spend(content["nonce"], seconds=2 * SECONDS):
        raise BadTicket
    return str(content["name"])


def _serializer(key: Secret) -> URLSafeSerializer:
    return URLSafeSerializer(
        key.reveal(), salt="verdigris.enter", signer_kwargs={"digest_method": hashlib.sha256}
    )
