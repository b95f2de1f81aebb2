"""How channels fare, and trying one: what the page, the API and the layout of pages share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

import structlog
from ulid import ULID

from release.problems import NotDurable, Problem
from release.signals import make_test
from release.tag import shown

if TYPE_CHECKING:
    from datetime import datetime

    from release.channels import CommitStatusChannel, SlackChannel, Topic, WebhookChannel
    from release.model import Actor
    from release.signal_lines import ChannelState
    from release.signals import Message
    from webhook.services import Services

log = structlog.get_logger(__name__)

REMEMBERED: Final = 5.0
"""Seconds for which every page of this process tells the same of channels that fail."""


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as it is configured, and as it fares."""

    channel: SlackChannel | WebhookChannel | CommitStatusChannel
    state: ChannelState

    @property
    def events(self) -> list[Topic]:
        """What it is told of."""
        return sorted(self.channel.topics)


class FailingChannels:
    """Which channels fail, remembered for a moment: each page asks. Without Redis: none is known to."""

    def __init__(self) -> None:
        self._known: dict[str, datetime] = {}
        self._until = 0.0
        self._asking = Lock()

    def find(self, services: Services) -> dict[str, datetime]:
        """Those that fail, with since when."""
        if not services.config.channels:
            return {}
        with self._asking:
            if time.monotonic() >= self._until:
                self._until = time.monotonic() + REMEMBERED
                try:
                    self._known = services.store.signals.failing(services.config.channels)
                except NotDurable as error:
                    log.info("channels could not be looked at", error=str(error))
                    self._known = {}
            return self._known


def look_at_channels(services: Services) -> list[ChannelView]:
    """Every configured channel, in one round trip."""
    channels = services.config.channels
    states = services.store.signals.states(list(channels))
    return [ChannelView(channels[state.name], state) for state in states]


def try_channel(name: str, services: Services, *, actor: Actor) -> Message:
    """Put a test behind what waits for the channel; a worker sends it.

    Raises:
        Problem: no such channel is configured.
    """
    if name not in services.config.channels:
        raise Problem(
            "unknown-channel",
            "No such channel",
            detail=f"no channel {shown(name)!r} is configured",
            next_step="see `verdigris channels`; channels stand in verdigris.yml",
            status=404,
        )
    message = make_test(name, id=str(ULID()), actor=str(actor), at=services.settings.clock())
    services.store.signals.add(message)
    return message
