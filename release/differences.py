"""What is known of differences between releases and what was live, kept with each release in Redis."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import redis

from release.configured_values import dump_fingerprints, parse_fingerprints
from release.difference import dump_difference, parse_difference
from release.redis_access import key, load_script, told_as_not_durable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release.configured_values import Fingerprints
    from release.difference import Difference
    from release.redis_access import Client

LEASE_SECONDS: Final = 180
"""How long whoever compares an app's releases keeps other workers from it: longer than Git may take."""


class Differences:
    """Each method raises ``NotDurable`` while Redis can't be asked."""

    def __init__(self, client: Client) -> None:
        self._redis: Any = client
        self._keep = load_script(client, "keep_difference")

    def find(self, release_id: str) -> Difference | None:
        """What a promote of the release changes, as it was looked at last."""
        with told_as_not_durable():
            text = self._redis.hget(key("difference", release_id), "difference")
        return parse_difference(text) if text else None

    def find_values(self, release_id: str) -> Fingerprints | None:
        """Of the configured values that the release was made with."""
        with told_as_not_durable():
            text = self._redis.hget(key("difference", release_id), "values")
        return parse_fingerprints(text) if text else None

    def keep(self, release_id: str, app: str, difference: Difference, values: Fingerprints) -> bool:
        """Keep both with the release, and tell pages of it; not of a release that was forgotten meanwhile.

        The values that a release was first seen with stay: it is not made again.
        """
        told = [release_id, app, dump_difference(difference), dump_fingerprints(values)]
        return bool(self._keep([*told]))

    @contextmanager
    def leased(self, app: str) -> Iterator[bool]:
        """Whether an app is ours alone to be looked at, until the block ends or the process dies.

        Two at once would do no harm: it only spares the Git host.
        """
        lock = self._redis.lock(key("app", app, "differing"), timeout=LEASE_SECONDS, blocking=False)
        with told_as_not_durable():
            is_ours = bool(lock.acquire())
        try:
            yield is_ours
        finally:
            # It may have run out meanwhile, and be another's by now.
            with told_as_not_durable(), suppress(redis.exceptions.LockError):
                if is_ours:
                    lock.release()
