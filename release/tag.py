"""Which tags start a release, and what a hostile tag may not contain.

A tag names a version and the color it goes to: ``v2.0-blue``. It ends up in an image reference, in labels,
on pages and in logs, so it is checked against what the strictest of them allows before anything else sees it.
"""

from __future__ import annotations

import re
from typing import Final

from release.model import Color

MATCHING: Final = re.compile(r"v.*-(blue|green)")
SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
LABEL_LIMIT: Final = 63


def find_color(tag: str) -> Color | None:
    """The color that a tag names; None where the tag is none of ours.

    The whole name must match: ``re.match`` with ``$`` would accept a trailing newline.
    """
    found = MATCHING.fullmatch(tag)
    return Color(found[1]) if found else None


def find_refusal(tag: str) -> str | None:
    """Why a matching tag can't be released, in words; None where it can.

    An image tag holds 128 of ``[A-Za-z0-9_.-]``, a label 63 and must end in a letter or digit (which every
    matching tag does).
    """
    if len(tag) > LABEL_LIMIT:
        return f"the tag has {len(tag)} characters; a Kubernetes label holds {LABEL_LIMIT}"
    if not SAFE.fullmatch(tag):
        return "the tag has characters that an image tag can't hold (only letters, digits, '_', '.' and '-')"
    return None


def shown(tag: str) -> str:
    """A tag that is safe to print: control and direction marks escaped, cut at 80 characters."""
    if len(tag) <= 80 and tag.isprintable():  # noqa: PLR2004 -- the cut below
        return tag
    printable = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in tag[:80])
    return printable if len(tag) <= 80 else f"{printable}…"  # noqa: PLR2004 -- the cut above


def with_color(tag: str, color: Color) -> str:
    """The same version for the other place: ``v2.1-blue`` → ``v2.1-green``."""
    return f"{tag.rpartition('-')[0]}-{color}"
