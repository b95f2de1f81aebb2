"""What ``git verify-tag --raw`` says of a signature, read strictly: who made it, or why it does not count.

Pure. Git's own verdict is not enough: it passes OpenPGP signatures of keys that have expired since.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from release.tag import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from source.allowed_keys import AllowedKey
    from source.commands import Answer

WEAK_HASHES: Final = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160"}
"""OpenPGP's numbers of hashes for which a second text with the same one can be found."""

_SSH_GOOD: Final = re.compile(r'Good "git" signature for (.+) with (\S+) key (SHA256:\S+)')
_SSH_STRANGER: Final = re.compile(r'Good "git" signature with (\S+) key (SHA256:\S+)')
_SSH_TIME: Final = re.compile(r"key (?:has expired|is not yet valid): .*")
_SSH_USE: Final = re.compile(r"not permitted for use in signature namespace")
_STATUS: Final = re.compile(r"^\[GNUPG:\] (\w+) ?(.*)$", re.MULTILINE)
_SPOILED: Final = "the signature is not of this text: the tag was changed after it was signed"

_GPG_TROUBLES: Final = {
    "BADSIG": _SPOILED,
    "NO_PUBKEY": "it is signed with the key {key}, which is none of the allowed ones",
    "REVKEYSIG": "it is signed by {who}, and the key {key} is revoked",
    "EXPKEYSIG": "it is signed by {who}, and the key {key} has expired",
    "EXPSIG": "it is signed by {who} with the key {key}, and the signature has expired",
    "ERRSIG": "gpg can't check its signature by the key {key}",
}
"""gpg's words for what is no good signature, the more telling ones first; each begins with the key's id."""


class Form(StrEnum):
    """The two ways of signing, as people call them."""

    SSH = "SSH"
    GPG = "OpenPGP"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, as the file of allowed keys calls them, and with which key."""

    signer: str
    form: Form
    fingerprint: str

    def __str__(self) -> str:
        """``anna@example.com, SSH key SHA256:…``."""
        return f"{self.signer}, {self.form} key {self.fingerprint}"


class NotGood(Exception):
    """The signature does not count; the message says why, and who signed as far as that is known."""


def judge_ssh(answer: Answer) -> Signature:
    """By ssh-keygen's words: only a signature of an allowed key names a principal, and then Git agrees.

    Raises:
        NotGood: anything else.
    """
    lines = answer.errors.splitlines()
    good = [found for line in lines if (found := _SSH_GOOD.fullmatch(line))]
    if answer.code == 0 and len(good) == 1:
        return Signature(shown(good[0][1]), Form.SSH, good[0][3])
    if _SSH_USE.search(answer.errors):
        raise NotGood("it is signed with a key that is allowed for other namespaces than git")
    stranger = next((found for line in lines if (found := _SSH_STRANGER.fullmatch(line))), None)
    if stranger is None:
        raise NotGood(f"{_SPOILED}, or it was signed for something else than Git")
    outside = next((found[0] for line in lines if (found := _SSH_TIME.search(line))), "")
    why = f"was not allowed when the tag was made ({outside})" if outside else "is none of the allowed ones"
    raise NotGood(f"it is signed with the {stranger[1]} key {stranger[2]}, which {why}")


def judge_gpg(answer: Answer, keys: Sequence[AllowedKey]) -> Signature:
    """By gpg's status lines: one good signature, valid by a key that we gave it, and no trouble.

    GOODSIG alone tells no full fingerprint, VALIDSIG comes with expired keys and signatures too.

    Raises:
        NotGood: anything else.
    """
    said = [(found[1], found[2].split(" ")) for found in _STATUS.finditer(answer.errors)]
    told, words = dict(said), [word for word, _ in said]
    for word, why in _GPG_TROUBLES.items():
        if word in told:
            key, *who = told[word]
            raise NotGood(why.format(key=key, who=shown(" ".join(who))))
    if answer.code or words.count("GOODSIG") != 1 or words.count("VALIDSIG") != 1:
        raise NotGood("gpg finds no good signature in it")
    return _judge_valid(told["VALIDSIG"], keys)


def _judge_valid(fields: Sequence[str], keys: Sequence[AllowedKey]) -> Signature:
    """The fields of VALIDSIG: the eighth is the hash, the last the primary key, whichever subkey signed."""
    algorithm, primary = fields[7], fields[-1]
    signer = next((shown(key.owner) for key in keys if key.fingerprint == primary), None)
    if signer is None:
        raise NotGood(f"it is signed with the key {primary}, which is none of the allowed ones")
    if algorithm in WEAK_HASHES:
        raise NotGood(f"the signature of {signer} is made with {WEAK_HASHES[algorithm]}, which is too weak")
    return Signature(signer, Form.GPG, primary)
