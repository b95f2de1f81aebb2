"""Whose signatures on tags count, as the app's files of keys say now.

The files are read afresh each time, so a key comes and goes without a restart. What is looked at is what
serves: SSH's lines are copied, OpenPGP's keys go into a keyring that holds nothing else and is soon gone.
"""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from release.tag import shown
from source.programs import ProgramTimedOut, get_program, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from source.programs import Done

LARGEST: Final = 4_194_304
"""Bytes of a file of keys."""

GPG_SETTINGS: Final = """\
batch
no-tty
no-autostart
disable-dirmngr
no-auto-key-retrieve
no-auto-check-trustdb
trust-model always
"""
"""No agent, no network. The keyring holds allowed keys alone, so each is trusted."""

_TIME: Final = r"(\d{8}|\d{12}|\d{14})Z?"
_OPTION: Final = rf'(cert-authority|namespaces="[^"]*"|valid-(after|before)="{_TIME}")'
_SIGNER: Final = re.compile(
    rf'\s*("(?P<quoted>[^"]+)"|(?P<plain>[^\s"#]+))\s+({_OPTION}(,{_OPTION})*\s+)?'
    r"(?P<type>(ssh|ecdsa|sk|rsa)-[^\s\"=,]+)\s+(?P<key>[A-Za-z0-9+/]+=*)(\s.*)?",
    re.IGNORECASE,
)
_PRINTED: Final = re.compile(r"\d+ (?P<fingerprint>SHA256:\S+) .*", re.DOTALL)
_TROUBLES: Final = {"r": "revoked", "e": "expired", "d": "disabled", "i": "invalid"}
"""The field *validity* of gpg's listing, as far as it says that a key can't be used."""

_SECRETS_READ: Final = 9
"""The place of that count in gpg's line IMPORT_RES."""


class KeysUnusable(Exception):
    """A file of keys can't be used; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class AllowedKey:
    """``owner``: SSH's principals, or OpenPGP's first user ID. ``trouble``: why it is of no use by now."""

    owner: str
    fingerprint: str
    trouble: str = ""

    def __str__(self) -> str:
        """``anna@example.com SHA256:…``, with its trouble."""
        return f"{shown(self.owner)} {self.fingerprint}{f' ({self.trouble})' if self.trouble else ''}"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Allowed keys ready for a check: configuration and environment for Git."""

    keys: tuple[AllowedKey, ...]
    options: tuple[str, ...]
    environment: Mapping[str, str]


@contextmanager
def unpacked_ssh(file: Path) -> Iterator[Unpacked]:
    """A file of allowed signers.

    Raises:
        KeysUnusable: it can't be read, a line of it is none of these, or it holds no key.
        NoProgram: ``ssh-keygen`` is not installed.
    """
    text = _read(file).decode(errors="replace")
    entries = enumerate((line.rstrip("\r") for line in text.split("\n")), start=1)
    lines = {number: line for number, line in entries if _is_entry(line)}
    with _folder() as folder:
        keys = tuple(_parse_signer(line, f"{file}:{number}", folder) for number, line in lines.items())
        if not keys:
            raise KeysUnusable(f"{file} holds no key")
        copy = folder / "allowed_signers"
        copy.write_text("\n".join(lines.values()) + "\n")
        options = (
            f"gpg.ssh.program={get_program('ssh-keygen')}",
            f"gpg.ssh.allowedSignersFile={copy}",
            "gpg.minTrustLevel=fully",
        )
        yield Unpacked(keys, options, {"LC_ALL": "C"})


@contextmanager
def unpacked_gpg(file: Path) -> Iterator[Unpacked]:
    """A file of exported public keys.

    Raises:
        KeysUnusable: it can't be read, or it holds something else.
        NoProgram: ``gpg`` is not installed.
    """
    content = _read(file)
    with _folder() as home:
        (home / "gpg.conf").write_text(GPG_SETTINGS)
        exported = home / "exported"
        exported.write_bytes(content)
        environment = {"GNUPGHOME": str(home), "HOME": str(home), "LC_ALL": "C"}
        keys = _import(file, exported, environment)
        options = (f"gpg.openpgp.program={get_program('gpg')}", "gpg.minTrustLevel=undefined")
        yield Unpacked(keys, options, environment)


@contextmanager
def _folder() -> Iterator[Path]:
    """Readable for us alone, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="verdigris-keys-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise KeysUnusable(f"{file} can't be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise KeysUnusable(f"{file} is larger than {LARGEST:,} bytes: it is no file of keys")
    return content


def _is_entry(line: str) -> bool:
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("#")


def _parse_signer(line: str, place: str, folder: Path) -> AllowedKey:
    """One line: principals, options, key. ssh-keygen itself would pass over a line it does not understand."""
    found = _SIGNER.fullmatch(line)
    if not found or not _is_key(found["type"], found["key"]):
        form = '`anna@example.com namespaces="git" ssh-ed25519 AAAA…`'
        raise KeysUnusable(f"{place} is no allowed signer; one looks like {form}")
    public = folder / "key.pub"
    public.write_text(f"{found['type']} {found['key']}\n")
    done = _run("ssh-keygen", ["-l", "-E", "sha256", "-f", str(public)], {"HOME": str(folder)})
    printed = _PRINTED.match(done.output)
    if done.code or not printed:
        raise KeysUnusable(f"{place}: ssh-keygen does not know this key")
    return AllowedKey(found["quoted"] or found["plain"], printed["fingerprint"])


def _is_key(kind: str, encoded: str) -> bool:
    """Whether the encoded key says that it is of that kind."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    name = kind.encode()
    return content.startswith(len(name).to_bytes(4, "big") + name)


def _import(file: Path, exported: Path, environment: Mapping[str, str]) -> tuple[AllowedKey, ...]:
    done = _run("gpg", ["--status-fd", "1", "--import", str(exported)], environment)
    exported.unlink()
    counts = re.search(r"^\[GNUPG:\] IMPORT_RES ([\d ]+)", done.output, re.MULTILINE)
    if counts and int(counts[1].split()[_SECRETS_READ]):
        raise KeysUnusable(f"{file} holds a secret key; only public ones belong there: `gpg --export`")
    if done.code or not counts:
        said = " ".join(done.errors.split())[:300].replace(str(exported), str(file))
        raise KeysUnusable(f"{file} is no file of OpenPGP public keys: {said}")
    listed = _run("gpg", ["--with-colons", "--fixed-list-mode", "--list-keys"], environment)
    keys = tuple(_parse_listing(listed.output))
    if listed.code or not keys:
        raise KeysUnusable(f"{file} holds no key that gpg can use")
    return keys


def _parse_listing(listing: str) -> Iterator[AllowedKey]:
    """The primary keys: ``pub`` begins one, the first ``fpr`` and ``uid`` behind it are its."""
    for block in re.split(r"^(?=pub:)", listing, flags=re.MULTILINE)[1:]:
        rows = [line.split(":") for line in block.splitlines()]
        first = {row[0]: row for row in reversed(rows)}
        owner = first["uid"][9] if "uid" in first else "a key without a name"
        yield AllowedKey(_unescaped(owner), first["fpr"][9], _TROUBLES.get(first["pub"][1], ""))


def _unescaped(text: str) -> str:
    r"""``\x3a`` stands for a colon in gpg's listing."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


def _run(name: str, arguments: list[str], environment: Mapping[str, str]) -> Done:
    try:
        return run_program(name, arguments, environment=environment)
    except ProgramTimedOut as error:
        raise KeysUnusable(f"the keys could not be looked at: {error}") from None
