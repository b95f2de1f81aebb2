"""Compares what Git lists with what was heard of, app by app, when it is due or when somebody asks.

Nothing starts by it, unless the app says ``poll``: then tags that are new start, as if a delivery had come. A
delivery that comes all the same is known as a duplicate by then, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from release.model import Actor
from release.problems import Problem
from release.tag_watch import Comparison, Difference, Heard, compare, find_unsettled, fingerprint, is_due
from source.address import anonymous

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from release.clock import Clock
    from release.config import App
    from release.heard_tags import HeardTags
    from release.tag_watch import KnownTag

log = structlog.get_logger(__name__)

INTERVAL: Final = 1.0
"""Seconds between two looks whether a comparison is due, or was asked for."""

REST: Final = timedelta(seconds=10)
"""How long an app is left alone after a look that broke off, as it does while Redis is away."""

POLL: Final = Actor("git", "poll")

ListTags = Callable[[str], Mapping[str, str]]


class Releasing(Protocol):
    """The one way in: ``release.requests.Requests``."""

    def deploy(
        self,
        app: str,
        tag: str,
        *,
        actor: Actor,
        commit: str = "",
        delivery: str | None = None,
        reason: str = "",
    ) -> object:
        """A release of the tag, unless the same delivery, or tag and commit, came before."""


@dataclass(frozen=True, slots=True)
class Due:
    """A comparison to be made: the one before, and how many were asked for."""

    last: Comparison | None
    asked: int


class TagComparison:
    """Compares the tags of each app; ``list_tags`` asks a repository for its own."""

    def __init__(
        self,
        apps: Mapping[str, App],
        tags: HeardTags,
        requests: Releasing,
        *,
        list_tags: ListTags,
        clock: Clock,
    ) -> None:
        self._apps = apps
        self._tags = tags
        self._requests = requests
        self._list_tags = list_tags
        self._clock = clock
        self._resting: dict[str, datetime] = {}

    def choose(self, apps: Sequence[str]) -> list[str]:
        """Those of which a comparison is due, by one question for all of them: a look costs two each."""
        lasts = self._tags.find_lasts(apps) if apps else {}
        return [app for app in apps if self._is_due(app, *lasts[app])]

    def look(self, app: str) -> None:
        """Compare an app's tags, if it is time and no other worker does so."""
        now = self._clock()
        if now < self._resting.get(app, now):
            return
        self._resting[app] = now + REST
        if self._find_due(app):
            with self._tags.leased(app) as is_ours:
                due = self._find_due(app) if is_ours else None  # another worker may have just done it
                if due:
                    self._compare(app, due)
        del self._resting[app]

    def _find_due(self, app: str) -> Due | None:
        last, asked = self._tags.find_last(app)
        return Due(last, asked) if self._is_due(app, last, asked) else None

    def _is_due(self, app: str, last: Comparison | None, asked: int) -> bool:
        configured = self._apps[app]
        interval = configured.poll or configured.compare_tags
        return is_due(last, asked=asked, interval=interval, now=self._clock())

    def _compare(self, app: str, due: Due) -> None:
        """Git is read first: what is heard of while it answers counts as heard."""
        address = self._apps[app].repository
        repository = fingerprint(anonymous(address))
        last = due.last if due.last and due.last.repository == repository else None
        compared_at = last.compared_at if last else None
        tried = Comparison(repository, self._clock(), compared_at, answered=due.asked)
        try:
            listed = self._list_tags(address)
        except Problem as problem:
            _tell_trouble(app, last, problem)
            self._tags.keep(app, replace(tried, error=problem.document))
            return
        if last and last.error:
            log.info("the tags in Git can be compared again", app=app)
        is_first = compared_at is None
        difference = self._find_difference(app, listed, is_first=is_first)
        self._tags.keep(app, replace(tried, compared_at=tried.tried_at), difference, is_first=is_first)

    def _find_difference(self, app: str, listed: Mapping[str, str], *, is_first: bool) -> Difference:
        known = None if is_first else self._tags.known(app)
        told = self._tags.told(app, find_unsettled(known or {}, listed)) if known is not None else {}
        difference = compare(known, listed, told, now=self._clock())
        for tag in difference.found:
            log.info(
                "tag in Git that nobody told of", app=app, tag=tag.name, commit=tag.commit, heard=tag.heard
            )
        if not self._apps[app].poll:
            return difference
        started = {tag.name: tag for tag in self._start(app, difference.found)}
        changed = tuple(started.get(tag.name, tag) for tag in difference.changed)
        return replace(difference, changed=changed)

    def _start(self, app: str, found: Sequence[KnownTag]) -> list[KnownTag]:
        """Start what may start by itself. What is refused is left to people: it is not asked for again."""
        may_move = self._apps[app].moved_tags == "release"
        started = []
        for tag in found:
            if tag.heard is Heard.MOVED and not may_move:
                continue
            delivery = f"poll {tag.name} {tag.commit}"
            try:
                self._requests.deploy(app, tag.name, actor=POLL, commit=tag.commit, delivery=delivery)
            except Problem as refusal:
                log.warning("tag refused", app=app, tag=tag.name, why=refusal.document.slug)
                continue
            log.info("tag released by polling", app=app, tag=tag.name, commit=tag.commit)
            started.append(replace(tag, heard=Heard.DELIVERED, was=""))
        return started


def _tell_trouble(app: str, last: Comparison | None, problem: Problem) -> None:
    """Once, and not at every try: the page and the API show it as long as it lasts."""
    known = last.error if last else None
    if known is None or known.slug != problem.document.slug:
        log.warning("the tags in Git can't be compared", app=app, why=problem.document.detail)
