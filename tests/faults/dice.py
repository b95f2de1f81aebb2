"""Chance that can be repeated, as far as the machine's own pace lets it."""

from __future__ import annotations

from random import Random


def dice(seed: int | str) -> Random:
    """A generator of its own for each who throws, so that threads don't disturb each other."""
    return Random(seed)  # noqa: S311 -- repeatable on purpose, no secret
