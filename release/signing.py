"""Signatures of what we send, as Standard Webhooks 1.0 has them.

The library ``standardwebhooks`` is not used here, as it is not where we read them
(``webhook.providers.standard_webhooks``): of it four lines would be left, with keys unchecked.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from release.secret import Secret

KEY_PREFIX: Final = "whsec_"
KEY_BYTES: Final = 24


def signing_key(secret: Secret) -> bytes:
    """The bytes to sign with.

    Raises:
        ValueError: the secret is none of this kind, or shorter than the standard allows.
    """
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(KEY_PREFIX) or len(key) < KEY_BYTES:
        raise ValueError(f"has to be {KEY_PREFIX} and {KEY_BYTES} bytes or more in base64")
    return key


def sign(secret: Secret, *, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that let a receiver see who sent this, when, and that it is whole.

    Raises:
        ValueError: as ``signing_key``.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(signing_key(secret), signed, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
