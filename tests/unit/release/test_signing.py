"""Signatures as Standard Webhooks has them, against its own example."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from release.secret import Secret
from release.signing import sign, signing_key

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_the_example_of_the_standard_is_signed_as_it_says() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)

    headers = sign(SECRET, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=at, body=b'{"test": 2432232314}')

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("text", ["plain", "whsec_", "whsec_short", "whsec_" + "!" * 32, "a" * 40])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has to be whsec_") as told:
        signing_key(Secret(text))

    assert text not in str(told.value) or text == "whsec_"
