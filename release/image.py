"""Image names as container runtimes read them: registry, repository there, tag, and which bytes are meant.

Pure: whether there is such an image, ``source.registry`` asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

DOCKER_HUB: Final = "docker.io"
LONGEST: Final = 512
"""Characters of a name without its digest: a repository may have 255, a tag 128, a host 63 and its domain."""

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST: Final = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?"
_COMPONENT: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(
    rf"(?P<host>{_HOST})/(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?"
)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class NotAnImage(ValueError):
    """A text that no runtime takes for an image's name."""


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image's name. ``written``: as it was given, without the digest; the rest with Docker's defaults."""

    written: str
    host: str
    repository: str
    tag: str
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name: ``shop`` is ``docker.io/library/shop:latest``.

        Raises:
            NotAnImage: it is none, or names bytes by something else than SHA-256.
        """
        written, has_digest, digest = text.partition("@")
        host, path = _split_host(written)
        found = _NAME.fullmatch(f"{host}/{path}") if len(written) <= LONGEST else None
        if found is None or (has_digest and not is_digest(digest)):
            raise NotAnImage(f"{text[:200]!r} is no image's name")
        return cls(written, host, found["repository"], found["tag"] or "latest", digest or None)

    def is_tag_of(self, other: Self) -> bool:
        """Whether both mean the same tag of the same repository, however they are written."""
        mine, theirs = (self.host, self.repository, self.tag), (other.host, other.repository, other.tag)
        return mine == theirs

    def pinned(self, digest: str) -> str:
        """The name with the bytes that it means; Kubernetes takes both together, and goes by the digest.

        Raises:
            NotAnImage: ``digest`` is none.
        """
        if not is_digest(digest):
            raise NotAnImage(f"{digest[:200]!r} is no digest")
        return f"{self.written}@{digest}"


def is_digest(text: str) -> bool:
    """Whether the text is the SHA-256 of a manifest as registries write it."""
    return _DIGEST.fullmatch(text) is not None


def is_pinned(image: str | None) -> bool:
    """Whether a release's image is named with the digest of its bytes, as one is that was waited for."""
    try:
        return image is not None and ImageReference.parse(image).digest is not None
    except NotAnImage:
        return False


def _split_host(name: str) -> tuple[str, str]:
    """A first part with a dot or a port is a host; everything else is at Docker Hub."""
    host, slash, path = name.partition("/")
    if not slash:
        return DOCKER_HUB, f"library/{name}"
    if host == "localhost" or "." in host or ":" in host:
        return (
            (DOCKER_HUB, path if "/" in path else f"library/{path}") if host == DOCKER_HUB else (host, path)
        )
    return DOCKER_HUB, name
