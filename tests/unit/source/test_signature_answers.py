"""What Git, gpg and ssh-keygen say, and what is made of it: nothing is good that does not say so in full."""

from __future__ import annotations

import pytest

from source.allowed_keys import AllowedKey
from source.commands import Answer
from source.signature_answers import NotGood, judge_gpg, judge_ssh

ANNA = "A15FAC1E40B7E73FCE2AC5C5EAACED4C274EFDB6"
SUBKEY = "B25FAC1E40B7E73FCE2AC5C5EAACED4C274EFDB6"
KEYS = (AllowedKey("Anna <anna@example.com>", ANNA),)
GOOD = f"[GNUPG:] GOODSIG {ANNA[-16:]} Anna <anna@example.com>"
VALID = f"[GNUPG:] VALIDSIG {SUBKEY} 2026-11-23 1795419902 0 4 0 22 8 00 {ANNA}"
SSH_GOOD = 'Good "git" signature for anna@example.com with ED25519 key SHA256:abc'


def said(*lines: str, code: int = 0) -> Answer:
    return Answer(code, b"", "\n".join(lines))


def test_a_good_and_valid_openpgp_signature_is_its_primary_keys() -> None:
    found = judge_gpg(said("[GNUPG:] NEWSIG", GOOD, VALID), KEYS)

    assert (found.signer, found.fingerprint) == ("Anna <anna@example.com>", ANNA)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said(GOOD, VALID, code=1), "no good signature"),
        (said(GOOD), "no good signature"),
        (said(VALID), "no good signature"),
        (said(GOOD, GOOD, VALID), "no good signature"),
        (said(GOOD, VALID, VALID), "no good signature"),
        (said(f"  {GOOD}", VALID), "no good signature"),
        (said(), "no good signature"),
        (said(GOOD, VALID.replace(ANNA, SUBKEY)), "none of the allowed ones"),
        (said(GOOD, VALID.replace(" 22 8 ", " 22 2 ")), "SHA-1"),
        (said(GOOD, VALID.replace(" 22 8 ", " 22 1 ")), "MD5"),
        (said(GOOD, VALID, "[GNUPG:] ERRSIG 0123 22 8 00 1 9"), "key 0123"),
        (said(GOOD, VALID, "[GNUPG:] BADSIG 0123 Anna"), "changed after it was signed"),
        (
            said("[GNUPG:] EXPKEYSIG 0123 Eva <e@x>", VALID),
            "signed by Eva <e@x>, and the key 0123 has expired",
        ),
        (said("[GNUPG:] REVKEYSIG 0123 Rita", VALID), "signed by Rita, and the key 0123 is revoked"),
        (said("[GNUPG:] EXPSIG 0123 Anna", VALID), "the signature has expired"),
        (said("[GNUPG:] ERRSIG 0123 22 8 00 1 9", "[GNUPG:] NO_PUBKEY 0123"), "key 0123, which is none of"),
    ],
)
def test_everything_else_that_gpg_says_is_refused(answer: Answer, words: str) -> None:
    with pytest.raises(NotGood, match=words.replace("(", r"\(")):
        judge_gpg(answer, KEYS)


def test_a_good_ssh_signature_is_its_principals() -> None:
    assert str(judge_ssh(said(SSH_GOOD))) == "anna@example.com, SSH key SHA256:abc"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said(SSH_GOOD, code=1), "changed after it was signed"),
        (said(SSH_GOOD, SSH_GOOD), "changed after it was signed"),
        (said(f"x {SSH_GOOD}"), "changed after it was signed"),
        (said(), "changed after it was signed"),
        (
            said('Good "git" signature with ED25519 key SHA256:abc'),
            "SHA256:abc, which is none of the allowed",
        ),
        (
            said('Good "git" signature with ED25519 key SHA256:abc', "f:1: key has expired: then", code=1),
            r"not allowed when the tag was made \(key has expired: then\)",
        ),
        (said('f:1: key is not permitted for use in signature namespace "git"', code=1), "other namespaces"),
    ],
)
def test_everything_else_that_ssh_keygen_says_is_refused(answer: Answer, words: str) -> None:
    with pytest.raises(NotGood, match=words):
        judge_ssh(answer)
