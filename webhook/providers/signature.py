"""HMAC-SHA256 over the raw body, compared so that time tells nothing."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Final

from webhook.providers.events import BadSignature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.secret import Secret

PREFIX: Final = "sha256="

_LOWER_HEX: Final = re.compile(r"[0-9a-f]{64}")


def check_prefixed(signature: str, body: bytes, secrets: Sequence[Secret]) -> None:
    """Check ``sha256=`` and the digits.

    Raises:
        BadSignature: the form is wrong, or no secret made it.
    """
    if not signature.startswith(PREFIX):
        raise BadSignature
    check_hmac_sha256(signature.removeprefix(PREFIX), body, secrets)


def check_hmac_sha256(signature: str, body: bytes, secrets: Sequence[Secret]) -> None:
    """Check a signature of exactly 64 lower-case hexadecimal digits.

    Every secret is tried, also after one has matched: how long it takes says nothing about which.

    Raises:
        BadSignature: the form is wrong, or no secret made it.
    """
    if not _LOWER_HEX.fullmatch(signature):
        raise BadSignature
    given = bytes.fromhex(signature)
    made = [hmac.digest(secret.reveal().encode(), body, "sha256") for secret in secrets]
    matches = [hmac.compare_digest(one, given) for one in made]
    if not any(matches):
        raise BadSignature
