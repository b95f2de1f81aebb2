"""People who sign tags, with real ssh-keygen and gpg, and tag objects as anybody could put them together."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MADE_AT = 1_700_000_000
"""2023-11-14: when every tag here is made, as its tagger says."""

IN_2023 = "20231114T220000"
IN_2020 = "20200101T000000"


def run(*command: str, given: str = "", cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What a program printed; none of the caller's own Git settings count."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**outside, **alone, **(env or {})},
        input=given.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def payload(tag: str, commit: str, *, message: str = "a note\n", at: int = MADE_AT) -> str:
    """A tag object without a signature, as ``git tag`` writes it."""
    head = f"object {commit}\ntype commit\ntag {tag}\ntagger Ada <ada@example.com> {at} +0000\n"
    return f"{head}\n{message}"


@dataclass(frozen=True)
class SshKey:
    """A key of somebody's, in a file."""

    file: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> SshKey:
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name))
        return cls(folder / name)

    @property
    def public(self) -> str:
        """``ssh-ed25519 AAAA…``."""
        return " ".join(self.file.with_suffix(".pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        return run("ssh-keygen", "-l", "-f", str(self.file)).split()[1]

    def sign(self, text: str, *, namespace: str = "git") -> str:
        """The text with its signature behind it."""
        return text + run("ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self.file), given=text)


@dataclass(frozen=True)
class GpgHome:
    """A keyring with secret keys; its agent runs until ``close``."""

    path: Path
    fingerprints: dict[str, str] = field(default_factory=dict)

    def gpg(self, *arguments: str, given: str = "", at: str = IN_2023) -> str:
        """What gpg says at a time."""
        options = ["--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--faked-system-time", at]
        return run("gpg", *options, *arguments, given=given, env={"GNUPGHOME": str(self.path)})

    def make(self, name: str, *, at: str = "20230101T000000", expires: str = "never") -> None:
        """A key that signs; known by ``name`` from here on."""
        address = f"{name} <{name}@example.com>"
        self.gpg("--quick-generate-key", address, "ed25519", "sign", expires, at=at)
        listed = self.gpg("--with-colons", "--list-keys", name).splitlines()
        self.fingerprints[name] = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def sign(self, name: str, text: str, *options: str, at: str = IN_2023) -> str:
        """The text with its signature behind it."""
        who = f"{self.fingerprints[name]}!" if not options else self.fingerprints[name]
        return text + self.gpg("--local-user", who, *options, "--armor", "--detach-sign", given=text, at=at)

    def revoke(self, name: str) -> None:
        """Publish the certificate that gpg made beside the key."""
        certificate = self.path / "openpgp-revocs.d" / f"{self.fingerprints[name]}.rev"
        self.gpg("--import", given=certificate.read_text().replace(":-----BEGIN", "-----BEGIN"))

    def export(self, file: Path, *names: str) -> Path:
        """The public keys of these, in a file."""
        file.write_text(self.gpg("--armor", "--export", *(self.fingerprints[name] for name in names)))
        return file

    def close(self) -> None:
        """End the agent."""
        run("gpgconf", "--kill", "all", env={"GNUPGHOME": str(self.path)})


class Origin:
    """A bare repository with two commits, as a Git host keeps it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "origin.git"
        self.path.mkdir()
        self.git("init", "--quiet", "--bare", "--initial-branch=main")
        tree = self.git("mktree")
        self.commit, self.other = (self.git("commit-tree", "-m", text, tree) for text in ("one", "two"))

    def git(self, *arguments: str, given: str = "") -> str:
        env = {
            f"GIT_{role}_{name}": value
            for role in ("AUTHOR", "COMMITTER")
            for name, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
        }
        return run("git", *arguments, given=given, cwd=self.path, env=env).strip()

    def put(self, tag: str, text: str) -> str:
        """A tag that names this tag object, whatever stands in it; the object's id."""
        found = self.git("hash-object", "-t", "tag", "-w", "--literally", "--stdin", given=text)
        self.git("update-ref", f"refs/tags/{tag}", found)
        return found
