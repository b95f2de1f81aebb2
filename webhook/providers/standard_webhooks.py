"""Signatures as Standard Webhooks 1.0 has them: for ``generic``, and for GitLab from 19 on.

``webhook-signature`` holds ``v1,<base64>`` entries, separated by spaces, each an HMAC-SHA256 over
``id.timestamp.body`` with the key behind ``whsec_``. The time is signed: an old delivery can't be replayed.

The library ``standardwebhooks`` (1.1.0, maintained) is not used. It reads the system's clock and can't be
given one. It takes one secret. It signs text: a body that is no UTF-8 raises ``UnicodeDecodeError``, and an
entry without a comma, with two or with broken base64 ``ValueError`` or ``binascii.Error``, none of which is
its own exception. It accepts an id with a dot, a fractional timestamp and stray characters in base64, and
stops at the first entry that matches. Guarded against all of that, eight of its lines would be left.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

from webhook.providers.events import BadSecret, BadSignature

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from release.secret import Secret
    from webhook.providers.events import Delivery

KEY_PREFIX: Final = "whsec_"
KEY_BYTES: Final = 24
TOLERANCE_SECONDS: Final = 300
MOST_SIGNATURES: Final = 16
ID: Final = "webhook-id"

_ID: Final = re.compile(r"[!-\-/-~]{1,256}")
"""Visible ASCII without the dot, which separates what is signed."""
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_ENTRY: Final = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")


def is_signing_key(secret: Secret) -> bool:
    """Whether a secret is of this kind rather than a plain token."""
    return secret.reveal().startswith(KEY_PREFIX)


def check_keys(secrets: Sequence[Secret]) -> None:
    """Refuse what is no key, when the process starts rather than when a delivery comes.

    Raises:
        BadSecret: one has another form, or is shorter than the standard allows.
    """
    for secret in secrets:
        if not is_signing_key(secret):
            raise BadSecret(f"it has to begin with {KEY_PREFIX}, followed by base64")
        if len(_key(secret)) < KEY_BYTES:
            raise BadSecret(f"it needs {KEY_BYTES} bytes or more, in base64, after {KEY_PREFIX}")


def check_standard_signature(delivery: Delivery, secrets: Sequence[Secret]) -> None:
    """Check that one entry was made with one of the secrets, and lately.

    Every secret is compared with every entry: how long it takes says nothing about which matched.

    Raises:
        BadSignature: a header is missing or malformed, the time is off by more than five minutes, or none
            of the secrets made any of the ``v1`` entries.
    """
    identity, timestamp = delivery.header(ID), delivery.header("webhook-timestamp")
    if not _ID.fullmatch(identity) or not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature
    if not _is_now(timestamp, delivery.at):
        raise BadSignature
    signed = b".".join((identity.encode(), timestamp.encode(), delivery.body))
    made = [hmac.new(_key(secret), signed, hashlib.sha256).digest() for secret in secrets]
    given = _read_entries(delivery.header("webhook-signature"))
    matches = [hmac.compare_digest(one, other) for one in made for other in given]
    if not any(matches):
        raise BadSignature


def _is_now(timestamp: str, at: datetime) -> bool:
    """Exactly five minutes off still holds."""
    return abs(int(timestamp) - int(at.timestamp())) <= TOLERANCE_SECONDS


def _read_entries(header: str) -> list[bytes]:
    """The signatures of version 1. Others may stand beside them, and are another reader's business."""
    entries = (_ENTRY.fullmatch(entry) for entry in header.split(" ")[:MOST_SIGNATURES])
    return [base64.b64decode(found[1]) for found in entries if found]


def _key(secret: Secret) -> bytes:
    """The bytes to sign with.

    Raises:
        BadSecret: no base64, or nothing.
    """
    text = secret.reveal().removeprefix(KEY_PREFIX)
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSecret(f"what follows {KEY_PREFIX} is no base64") from error
