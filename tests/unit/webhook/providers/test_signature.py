from __future__ import annotations

import pytest

from release.secret import Secret
from webhook.providers.events import BadSignature
from webhook.providers.signature import check_hmac_sha256

SECRET = Secret("It's a Secret to Everybody")
PUBLISHED = {
    b"Hello, World!": "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    b"Hello World!": "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
}
GOOD = PUBLISHED[b"Hello, World!"]


@pytest.mark.parametrize(("body", "signature"), PUBLISHED.items())
def test_the_published_vectors_hold(body: bytes, signature: str) -> None:
    check_hmac_sha256(signature, body, [SECRET])
    with pytest.raises(BadSignature):
        check_hmac_sha256(signature, body + b" ", [SECRET])


def test_while_secrets_are_exchanged_each_of_them_counts() -> None:
    check_hmac_sha256(GOOD, b"Hello, World!", [Secret("the new secret, not used yet"), SECRET])


def test_without_secrets_nothing_is_valid() -> None:
    with pytest.raises(BadSignature):
        check_hmac_sha256(GOOD, b"Hello, World!", [])


@pytest.mark.parametrize(
    "signature",
    ["", GOOD.upper(), GOOD[:-1], GOOD + "0", f" {GOOD}", f"{GOOD}\n", f"{GOOD},{GOOD}", "é" * 64, "g" * 64],
)
def test_a_signature_in_another_form_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature):
        check_hmac_sha256(signature, b"Hello, World!", [SECRET])
