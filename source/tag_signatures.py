"""Whether a tag is an annotated one, made under this very name for this commit, and signed by an allowed key.

Git finds the signature and asks ``gpg`` or ``ssh-keygen``; what they say is read strictly here. Which objects
are looked at, and how they came here, is ``checkout``'s.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from release.problems import Problem
from release.tag import shown
from source.address import anonymous
from source.allowed_keys import KeysUnusable, unpacked_gpg, unpacked_ssh
from source.commands import GitFailed
from source.programs import NoProgram
from source.signature_answers import Form, NotGood, judge_gpg, judge_ssh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from release.origins import TagSignatures
    from source.allowed_keys import AllowedKey
    from source.commands import Commands
    from source.signature_answers import Signature

LARGEST: Final = 1_048_576
"""Bytes of a tag object."""

LISTED: Final = 10
SECONDS: Final = 30
_ARMORS: Final = {
    "-----BEGIN SSH SIGNATURE-----": Form.SSH,
    "-----BEGIN PGP SIGNATURE-----": Form.GPG,
    "-----BEGIN PGP MESSAGE-----": Form.GPG,
    "-----BEGIN SIGNED MESSAGE-----": None,
}
"""How Git tells signatures apart; the last line that starts one counts. X.509 is of no use here."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a tag has to be: one for ``commit``, signed by one of ``keys``."""

    address: str
    tag: str
    commit: str
    keys: TagSignatures


def check_tag_object(commands: Commands, name: str, demand: Demand) -> Signature:
    """Who signed the tag object that ``name`` stands for.

    Raises:
        Problem: ``tag-not-signed``, ``tag-signature-refused``, ``signature-check-impossible``.
    """
    with _telling(demand):
        read = ["rev-parse", "--verify", name]
        found = commands.run(read, seconds=SECONDS).strip()
        form = _read_form(_read_text(commands, found, demand), demand)
        file = demand.keys.ssh if form is Form.SSH else demand.keys.gpg
        if file is None:
            raise _refused(demand, f"it is signed with {form}, and no such keys are allowed", [])
        return _verify(commands, found, demand, form, file)


@contextmanager
def _telling(demand: Demand) -> Iterator[None]:
    """Turn what keeps us from looking into a problem."""
    try:
        yield
    except (NoProgram, KeysUnusable, GitFailed) as error:
        raise _impossible(demand, str(error)) from error


def _read_text(commands: Commands, found: str, demand: Demand) -> str:
    if commands.run(["cat-file", "-t", found], seconds=SECONDS).strip() != "tag":
        raise _not_signed(demand, "it is a lightweight tag, which holds no signature")
    size = int(commands.run(["cat-file", "-s", found], seconds=SECONDS))
    if size > LARGEST:
        raise _refused(demand, f"its tag object has {size:,} bytes", [])
    return commands.run(["cat-file", "tag", found], seconds=SECONDS)


def _read_form(text: str, demand: Demand) -> Form:
    """How it is signed; its head must be what was asked for, and nothing else.

    What a signature covers holds for any name that the object is put under: an older tag, signed once, must
    not serve as a newer one.
    """
    head = text.partition("\n\n")[0].split("\n")
    signed_as = next((line[4:] for line in head if line.startswith("tag ")), "")
    if signed_as != demand.tag:
        raise _refused(
            demand, f"it was made as the tag {shown(signed_as)!r} and put here under this name", []
        )
    expected = [f"object {demand.commit}", "type commit", f"tag {demand.tag}"]
    if head[:3] != expected or len(head) != 4 or not head[3].startswith("tagger "):  # noqa: PLR2004 -- one more
        raise _refused(demand, f"its object is none that `git tag` makes for {demand.commit}", [])
    armor = [line for line in text.split("\n") if line.startswith(tuple(_ARMORS))]
    if not armor:
        raise _not_signed(demand, "it is annotated, and not signed")
    form = next(form for start, form in _ARMORS.items() if armor[-1].startswith(start))
    if form is None:
        raise _refused(demand, "it is signed with X.509, which can't be allowed", [])
    return form


def _verify(commands: Commands, found: str, demand: Demand, form: Form, file: Path) -> Signature:
    with unpacked_ssh(file) if form is Form.SSH else unpacked_gpg(file) as unpacked:
        answer = commands.ask(
            ["verify-tag", "--raw", found],
            seconds=SECONDS,
            options=unpacked.options,
            environment=unpacked.environment,
        )
        if "no signature found" in answer.errors:
            raise _impossible(demand, f"git knows no {form} signatures here: it has to be 2.34 or newer")
        try:
            return judge_ssh(answer) if form is Form.SSH else judge_gpg(answer, unpacked.keys)
        except NotGood as error:
            raise _refused(demand, str(error), unpacked.keys) from None


def _not_signed(demand: Demand, why: str) -> Problem:
    return Problem(
        "tag-not-signed",
        "The tag is not signed",
        detail=f"{_subject(demand)}: {why}; {_allowed(demand, [])}",
        next_step=_sign_again(demand),
        status=422,
    )


def _refused(demand: Demand, why: str, keys: Sequence[AllowedKey]) -> Problem:
    return Problem(
        "tag-signature-refused",
        "The tag's signature does not count",
        detail=f"{_subject(demand)}: {why}; {_allowed(demand, keys)}",
        next_step=f"{_sign_again(demand)}; if that key should count, add it to the app's file of keys",
        status=422,
    )


def _impossible(demand: Demand, why: str) -> Problem:
    """Nobody knows whether the signature is good, so nothing is released."""
    return Problem(
        "signature-check-impossible",
        "The tag's signature can't be checked",
        detail=f"{_subject(demand)}: {why}",
        next_step="mend what is named (`verdigris doctor` looks at it, too), then retry the release",
        status=503,
    )


def _subject(demand: Demand) -> str:
    return f"tag {shown(demand.tag)} of {anonymous(demand.address)}"


def _allowed(demand: Demand, keys: Sequence[AllowedKey]) -> str:
    files = " and ".join(str(file) for file in (demand.keys.ssh, demand.keys.gpg) if file)
    listed = ", ".join(shown(str(key)) for key in keys[:LISTED])
    more = f" and {len(keys) - LISTED} more" if len(keys) > LISTED else ""
    return f"allowed are the keys in {files}{f': {listed}{more}' if keys else ''}"


def _sign_again(demand: Demand) -> str:
    """The same commit under the same name, so that the release can be retried."""
    tag = shown(demand.tag)
    return (
        f"look what the tag is (git show {tag}); if it is meant, sign it with an allowed key "
        f"(git tag -s -f {tag} {demand.commit}), push it (git push -f origin {tag}) and retry the release"
    )
