"""The sandbox's image registry: an image is a commit of a local Git repository and the command to run in it.

A tag of the image is a tag of the repository or a full commit id; its digest is that of the manifest that it
would have in a registry (`manifest_of`). What a pod makes of an image, and how often a pull is tried again,
is the node's business.
"""

import hashlib
import json
import os
import re
import signal
import tempfile
from asyncio import Lock
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.process import signal_group, spawn

_OCI = "application/vnd.oci.image"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<domain>[A-Za-z0-9.-]+(?::[0-9]+)?)/(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class InvalidImageName(Exception):
    """A name that no registry could know; asking again will not help."""


class PullError(Exception):
    """The image can't be had now. The message is a kubelet's."""


@dataclass(frozen=True)
class Reference:
    """An image name, with what Docker's conventions leave out filled in."""

    repository: str
    tag: str
    digest: str | None = None

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class Image:
    """A pulled image: its files and what to run in them when the pod names no command."""

    reference: Reference
    identifier: str
    tree: Path
    command: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """One entry of the images file."""

    repository: Path
    command: tuple[str, ...]


def parse_reference(name: str) -> Reference:
    """Read an image name as a container runtime does: `shop` is `docker.io/library/shop:latest`.

    Raises:
        InvalidImageName: it is none; the message is the kubelet's.
    """
    domain, path = _split_domain(name)
    found = _REFERENCE.fullmatch(f"{domain}/{path}")
    if found is None:
        why = "invalid reference format"
        if path != path.lower():
            why += f": repository name ({path}) must be lowercase"
        raise InvalidImageName(
            f'Failed to apply default image tag "{name}": couldn\'t parse image name "{name}": {why}'
        )
    return Reference(f"{found['domain']}/{found['path']}", found["tag"] or "latest", found["digest"])


def config_of(commit: str, command: Sequence[str]) -> bytes:
    """The image's configuration, as a registry would keep it."""
    run = {"Cmd": list(command), "Labels": {"org.opencontainers.image.revision": commit}}
    layers: dict[str, Any] = {"type": "layers", "diff_ids": []}
    return json.dumps({"architecture": "amd64", "os": "linux", "config": run, "rootfs": layers}).encode()


def manifest_of(commit: str, command: Sequence[str]) -> bytes:
    """The image's manifest: with `config_of` as its blob it can be pushed to a real registry."""
    config = config_of(commit, command)
    blob = {"mediaType": f"{_OCI}.config.v1+json", "digest": _digest(config), "size": len(config)}
    kind = f"{_OCI}.manifest.v1+json"
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "config": blob, "layers": []}).encode()


def digest_of(commit: str, command: Sequence[str]) -> str:
    """What the image is pinned by: the digest of its manifest."""
    return _digest(manifest_of(commit, command))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _split_domain(name: str) -> tuple[str, str]:
    domain, slash, path = name.partition("/")
    if slash and (domain == "localhost" or "." in domain or ":" in domain):
        return domain, path
    return "docker.io", name if slash else f"library/{name}"


class Images:
    """Pulls images: finds them in the images file, which is read again at every pull, and checks them out."""

    def __init__(self, file: Path | None, directory: Path) -> None:
        """`directory`: the sandbox's own; checkouts are cached under it in `images/<commit>/`."""
        self._file = file.absolute() if file else None
        self._cache = directory.absolute() / "images"
        self._checkout = Lock()

    async def pull(self, name: str) -> Image:
        """The image as it is now; a tag that has moved gives the new commit.

        Raises:
            InvalidImageName: the name is none.
            PullError: no such repository or tag (the message says "not found"), or Git failed.
        """
        reference = parse_reference(name)
        try:
            source = self._read_sources().get(reference.repository)
            commit = None if source is None else await _find_commit(source, reference)
            if source is None or commit is None:
                raise PullError(_not_found(reference))
            tree = await self._get_tree(source.repository, commit)
        except (_GitFailed, _BadFile, OSError) as error:
            raise PullError(f"{_failed_to_resolve(reference)}: {error}") from error
        return Image(reference, _digest(config_of(commit, source.command)), tree, source.command)

    def _read_sources(self) -> dict[str, _Source]:
        if self._file is None:
            return {}
        try:
            document = yaml.safe_load(self._file.read_text()) or {}
            return dict(_parse_source(entry, self._file.parent) for entry in document.get("images") or ())
        except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise _BadFile(
                f"{self._file}: each of its images needs name, repository, command: {error!r}"
            ) from error

    async def _get_tree(self, repository: Path, commit: str) -> Path:
        tree = self._cache / commit
        async with self._checkout:
            if not tree.exists():
                await self._check_out(repository, commit, tree)
        return tree

    async def _check_out(self, repository: Path, commit: str, tree: Path) -> None:
        """Write the commit's files. Through a rename: a checkout that was interrupted is never run."""
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._cache, prefix=".pull-") as scratch:
            files, index = Path(scratch) / "tree", Path(scratch) / "index"
            files.mkdir()
            place = (f"--git-dir={repository}", f"--work-tree={files}")
            await _git(*place, "read-tree", commit, index=index)
            await _git(*place, "checkout-index", "--all", "--force", index=index)
            files.rename(tree)


class _GitFailed(Exception):
    """Git said no; the message is its last line."""


class _BadFile(Exception):
    """The images file can't be understood."""


def _parse_source(entry: dict[str, Any], folder: Path) -> tuple[str, _Source]:
    command = entry.get("command") or ()
    if isinstance(command, str):
        raise TypeError(f"command of {entry['name']} must be a list, not {command!r}")
    source = _Source(folder / str(entry["repository"]), tuple(map(str, command)))
    return parse_reference(str(entry["name"])).repository, source


async def _find_commit(source: _Source, reference: Reference) -> str | None:
    """The commit of an image. Where there is a digest it counts alone, and the tag is not looked at."""
    if reference.digest is not None:
        commits = await _list_commits(source.repository)
        fitting = (one for one in commits if digest_of(one, source.command) == reference.digest)
        return next(fitting, None)
    names = [f"refs/tags/{reference.tag}"]
    if _COMMIT.fullmatch(reference.tag):
        names.append(reference.tag)
    for name in names:
        found = await _git(
            f"--git-dir={source.repository}", "cat-file", "--batch-check", stdin=f"{name}^{{commit}}\n"
        )
        commit, kind, *_ = found.split()
        if kind == "commit":
            return commit
    return None


async def _list_commits(repository: Path) -> list[str]:
    """Every commit that is there, also one that no tag leads to any more: so a registry keeps its bytes."""
    found = await _git(
        f"--git-dir={repository}", "cat-file", "--batch-check", "--batch-all-objects", "--unordered"
    )
    objects = (line.split() for line in found.splitlines())
    return [name for name, kind, *_ in objects if kind == "commit"]


async def _git(*arguments: str, index: Path | None = None, stdin: str = "") -> str:
    """Run Git and return its output. GIT_* of the caller stay out: the sandbox may be started from a hook."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    if index is not None:
        env["GIT_INDEX_FILE"] = str(index)
    process = await spawn(("git", *arguments), env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        out, err = await process.communicate(stdin.encode())
    finally:
        signal_group(process, signal.SIGKILL)  # a pull may be given up half-way
        await process.wait()
    if process.returncode:
        raise _GitFailed(_last_line(err.decode(errors="replace").splitlines()))
    return out.decode()


def _last_line(lines: Sequence[str]) -> str:
    return lines[-1] if lines else "git failed without a word"


def _failed_to_resolve(reference: Reference) -> str:
    return f'failed to pull and unpack image "{reference}": failed to resolve reference "{reference}"'


def _not_found(reference: Reference) -> str:
    """The kubelet strips gRPC's code only where it is Unknown; a missing image's is NotFound."""
    return f"rpc error: code = NotFound desc = {_failed_to_resolve(reference)}: {reference}: not found"
