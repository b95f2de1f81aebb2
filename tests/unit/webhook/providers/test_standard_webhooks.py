from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from release.secret import Secret
from tests.unit.webhook.fakes import NOW
from tests.unit.webhook.hosts import GENERIC, OTHER_SIGNING_KEY, SIGNING_KEY, dump, standard_signature
from webhook.providers.events import BadSecret, BadSignature, Delivery
from webhook.providers.standard_webhooks import check_keys, check_standard_signature

KEY, OTHER = Secret(SIGNING_KEY), Secret(OTHER_SIGNING_KEY)
BODY = dump(GENERIC.push())
STAMP = str(int(NOW.timestamp()))
GOOD = standard_signature(BODY, SIGNING_KEY, "id-1", STAMP)


def make(**changed: str) -> Delivery:
    """A signed delivery with headers changed after it was signed."""
    delivery = GENERIC.delivery(BODY)
    named = {f"webhook-{name}": value for name, value in changed.items()}
    return replace(delivery, headers={**delivery.headers, **named})


def test_the_published_vector_holds() -> None:
    given = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret, body = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), b'{"test": 2432232314}'
    at = datetime.fromtimestamp(1614265330, UTC)
    check_keys([secret])
    check_standard_signature(Delivery(given, body, at), [secret])
    with pytest.raises(BadSignature):
        check_standard_signature(Delivery(given, body + b" ", at), [secret])


@pytest.mark.parametrize("seconds", [-300, -1, 0, 300])
def test_up_to_five_minutes_off_is_now(seconds: int) -> None:
    check_standard_signature(GENERIC.delivery(BODY, at=NOW + timedelta(seconds=seconds)), [KEY])


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_more_than_five_minutes_off_is_refused(seconds: int) -> None:
    with pytest.raises(BadSignature):
        check_standard_signature(GENERIC.delivery(BODY, at=NOW + timedelta(seconds=seconds)), [KEY])


@pytest.mark.parametrize(
    "signature",
    [
        f"{GOOD} v2,AAAA",
        f"v2,AAAA {GOOD}",
        f"v1,{'A' * 43}= {GOOD}",
        f"junk {GOOD} v1 v1, ,",
    ],
)
def test_one_valid_entry_among_others_is_enough(signature: str) -> None:
    check_standard_signature(make(signature=signature), [KEY])


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1",
        "v1,",
        "v1,,",
        f"{GOOD},",
        f"{GOOD}=",
        GOOD[:-1],
        GOOD.replace("v1,", "v1a,"),
        GOOD.replace("v1,", "v2,"),
        GOOD.replace("v1,", "V1,"),
        GOOD.replace("v1,", ""),
        GOOD.replace("v1,", "v1,!"),
        f"{GOOD}\u00e9",
        "v1,\u00e9",
        f"{GOOD}\t{GOOD}",
        " ".join(["v1,AAAA"] * 16 + [GOOD]),
    ],
)
def test_without_a_valid_entry_it_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature):
        check_standard_signature(make(signature=signature), [KEY])


@pytest.mark.parametrize(
    "timestamp", ["", "now", "-1", f"{STAMP}.0", f" {STAMP}", "1e9", "9" * 400, "\u0661"]
)
def test_a_time_that_is_no_number_of_seconds_is_refused(timestamp: str) -> None:
    body_signed_so = standard_signature(BODY, SIGNING_KEY, "id-1", timestamp)
    with pytest.raises(BadSignature):
        check_standard_signature(make(timestamp=timestamp, signature=body_signed_so), [KEY])


@pytest.mark.parametrize("identity", ["", "a.b", "a b", "\u00e9", "x" * 257])
def test_an_id_that_could_be_read_as_something_else_is_refused(identity: str) -> None:
    signature = standard_signature(BODY, SIGNING_KEY, identity, STAMP)
    with pytest.raises(BadSignature):
        check_standard_signature(make(id=identity, signature=signature), [KEY])


def test_id_time_and_body_can_not_be_moved_into_each_other() -> None:
    with pytest.raises(BadSignature):
        check_standard_signature(make(id=f"id-1.{STAMP}", timestamp=STAMP), [KEY])
    with pytest.raises(BadSignature):
        check_standard_signature(make(id="id-2"), [KEY])
    with pytest.raises(BadSignature):
        check_standard_signature(make(timestamp=str(int(STAMP) + 1)), [KEY])


def test_a_body_that_is_no_text_is_signed_like_any_other() -> None:
    delivery = GENERIC.delivery(b"\xff\xfe")
    check_standard_signature(delivery, [OTHER, KEY])
    with pytest.raises(BadSignature):
        check_standard_signature(delivery, [OTHER])


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("plain text of some length", "begin with whsec_"),
        ("whsec_" + "A" * 20, "24 bytes"),
        ("whsec_", "24 bytes"),
        ("whsec_" + "A" * 41, "no base64"),
        ("whsec_ä" + "A" * 43, "no base64"),
        ("whsec_" + "-_" * 22, "no base64"),
    ],
)
def test_what_is_no_key_is_refused_at_start_without_showing_it(secret: str, why: str) -> None:
    with pytest.raises(BadSecret, match=why) as refusal:
        check_keys([KEY, Secret(secret)])
    assert "AAAA" not in str(refusal.value)


def test_base64_without_its_padding_is_a_key() -> None:
    unpadded = Secret(SIGNING_KEY.rstrip("="))
    check_keys([unpadded])
    check_standard_signature(make(), [unpadded])
