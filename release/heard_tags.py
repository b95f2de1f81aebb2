"""What is known of each app's tags in Git, kept in Redis: how they were heard of, and the last comparison.

``tag_watch`` decides; this only reads and keeps. It may be lost: then the next comparison is a first one.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import redis
from pydantic import TypeAdapter

from release.events import tell_seen
from release.redis_access import key, told_as_not_durable
from release.tag_watch import Comparison, Difference, KnownTag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from release.redis_access import Client
    from release.tag_watch import Told

LOOKED_BACK: Final = 200
"""Releases of an app, newest first, among which those of a tag are looked for; what is older is settled."""

LEASE_SECONDS: Final = 120
"""How long a comparison keeps other workers from the same app: longer than Git may take."""

_TAG: Final = TypeAdapter(KnownTag)
_COMPARISON: Final = TypeAdapter(Comparison)


class HeardTags:
    """What is known of tags. Each method raises ``NotDurable`` while Redis can't be asked."""

    def __init__(self, client: Client) -> None:
        self._redis: Any = client

    def find_last(self, app: str) -> tuple[Comparison | None, int]:
        """The last comparison of an app, and how many were asked for by people and programs so far."""
        return self.find_lasts([app])[app]

    def find_lasts(self, apps: Sequence[str]) -> dict[str, tuple[Comparison | None, int]]:
        """The same of many apps, in one round trip."""
        keys = [key("app", app, name) for app in apps for name in ("compared", "compare-asked")]
        with told_as_not_durable():
            found = self._redis.mget(keys)
        return {
            app: (_COMPARISON.validate_json(text) if text else None, int(asked or 0))
            for app, text, asked in zip(apps, found[::2], found[1::2], strict=True)
        }

    def ask(self, app: str) -> None:
        """Let a worker compare the app's tags; it looks every second."""
        with told_as_not_durable():
            self._redis.incr(key("app", app, "compare-asked"))

    def known(self, app: str) -> dict[str, KnownTag]:
        """Every tag that was ever compared and is not forgotten."""
        with told_as_not_durable():
            texts = self._redis.hgetall(key("app", app, "tags"))
        return {name: _TAG.validate_json(text) for name, text in texts.items()}

    def told(self, app: str, tags: Mapping[str, str]) -> dict[str, Told]:
        """At which commits tags (tag → commit) were heard of: by their releases, or by deliveries of them.

        A delivery that named no commit counts only where no release says which it was.
        """
        if not tags:
            return {}
        with told_as_not_durable():
            ids = self._redis.zrevrange(key("app", app, "releases"), 0, LOOKED_BACK - 1)
            with self._redis.pipeline(transaction=False) as pipeline:
                for one in ids:
                    pipeline.hmget(key("release", one), "tag", "commit")
                for name, commit in tags.items():
                    pipeline.exists(key("seen", f"tag:{app}:{name}:{commit}"))
                    pipeline.exists(key("seen", f"tag:{app}:{name}:"))
                answers = pipeline.execute()
        return _gather(tags, answers[: len(ids)], answers[len(ids) :])

    def keep(
        self,
        app: str,
        comparison: Comparison,
        difference: Difference | None = None,
        *,
        is_first: bool = False,
    ) -> None:
        """Keep a comparison and what it found, at once or not at all; a first one replaces all before."""
        found = difference or Difference()
        tags, listed = key("app", app, "tags"), key("app", app, "tags-listed")
        shown = [one.name for one in found.changed if one.is_listed]
        hidden = [one.name for one in found.changed if not one.is_listed]
        with told_as_not_durable(), self._redis.pipeline() as pipeline:
            if is_first:
                pipeline.delete(tags, listed)
            if found.changed:
                pipeline.hset(tags, mapping={one.name: _TAG.dump_json(one) for one in found.changed})
            if shown:
                pipeline.sadd(listed, *shown)
            if hidden:
                pipeline.srem(listed, *hidden)
            if found.forgotten:
                pipeline.hdel(tags, *found.forgotten)
            pipeline.set(key("app", app, "compared"), _COMPARISON.dump_json(comparison))
            tell_seen(pipeline, app, comparison.tried_at)
            pipeline.execute()

    def never_delivered(self, app: str) -> list[KnownTag]:
        """Tags that are in Git and were not heard of until this moment, those too that somebody dismissed."""
        with told_as_not_durable():
            names = sorted(self._redis.smembers(key("app", app, "tags-listed")))
            texts = self._redis.hmget(key("app", app, "tags"), names) if names else []
        tags = [_TAG.validate_json(text) for text in texts if text]
        told = self.told(app, {one.name: one.commit for one in tags})
        return [one for one in tags if not {one.commit, ""} & told[one.name]]

    def dismiss(self, app: str, tag: KnownTag) -> None:
        """Keep that somebody decided against a tag at its commit. Moved later, it is asked about again."""
        with told_as_not_durable():
            self._redis.hset(key("app", app, "tags"), tag.name, _TAG.dump_json(tag))

    @contextmanager
    def leased(self, app: str) -> Iterator[bool]:
        """Whether the app is ours alone to be compared, until the block ends or the process dies.

        Two at once would do no harm: a tag starts once. It only spares the Git host.
        """
        lock = self._redis.lock(key("app", app, "comparing"), timeout=LEASE_SECONDS, blocking=False)
        with told_as_not_durable():
            is_ours = bool(lock.acquire())
        try:
            yield is_ours
        finally:
            # It may have run out meanwhile, and be another's by now.
            with told_as_not_durable(), suppress(redis.exceptions.LockError):
                if is_ours:
                    lock.release()


def _gather(
    tags: Mapping[str, str], releases: Sequence[Sequence[str | None]], seen: Sequence[int]
) -> dict[str, Told]:
    told: dict[str, set[str]] = {name: set() for name in tags}
    for tag, commit in releases:
        if tag in told:
            told[tag].add(commit or "")
    for (name, commit), with_commit, without in zip(tags.items(), seen[::2], seen[1::2], strict=True):
        if with_commit:
            told[name].add(commit)
        elif without and not told[name]:
            told[name].add("")
    return {name: frozenset(commits) for name, commits in told.items()}
