"""The auto-promoter: asks for the promote of a release whose countdown is over, where its app says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from release.model import VERDIGRIS, State
from release.problems import Problem

if TYPE_CHECKING:
    from release.clock import Clock
    from release.config import Config
    from release.requests import Requests
    from release.store import Store

log = structlog.get_logger(__name__)

INTERVAL: Final = 2.0
"""Seconds between two looks at an app."""


class AutoPromoter:
    """Looks at releases that are ready. Several workers may: a second promote is refused."""

    def __init__(self, config: Config, store: Store, requests: Requests, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._requests = requests
        self._clock = clock

    def look(self, app: str) -> None:
        """Promote what is due. Raises ``NotDurable`` while Redis is away."""
        delay = self._config.apps[app].auto_promote
        if delay is None:
            return
        for release in self._store.releases_on_a_color(app):
            countdown = self._requests.gate.count_down(release) if release.state is State.READY else None
            if countdown and countdown.is_due(self._clock()):
                self._promote(app, release.id, delay)

    def _promote(self, app: str, release_id: str, delay: float) -> None:
        """Once: after a promote that did not succeed a person decides (``find_due``)."""
        reason = f"promoted by itself (auto_promote: {delay:g} s)"
        try:
            self._requests.promote(app, actor=VERDIGRIS, release_id=release_id, reason=reason)
        except Problem as problem:
            log.info("not promoted by itself", app=app, release=release_id, why=problem.document.slug)
