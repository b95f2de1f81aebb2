"""From a claimed message to what came of it: its channel, its secret, the request. Celery is elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from release.channels import resolve_secret
from release.references import ConfigError
from release.signal_texts import Occasion, write
from worker.signal_sending import Outcome, send

if TYPE_CHECKING:
    from release.clock import Clock
    from release.config import Config
    from release.signals import Message


def try_to_tell(message: Message, config: Config, *, public_url: str, clock: Clock) -> Outcome:
    """Send a message, if its channel is still there and can be used.

    A secret that can't be read may be there again soon; a message that can't be written never can.
    """
    channel = config.channels.get(message.channel)
    if channel is None:
        return Outcome("the channel is not in the configuration any more", is_final=True)
    try:
        secret = resolve_secret(message.channel, channel)
        request = write(
            message, channel, secret, Occasion(clock(), public_url, find_repository(message, config))
        )
    except ConfigError as error:
        return Outcome(str(error))
    except ValueError as error:
        return Outcome(str(error), is_final=True)
    return send(request, secret, now=clock())


def find_repository(message: Message, config: Config) -> str:
    """Of the message's app, or for a test of the first that the channel is for; empty for none."""
    channel = config.channels[message.channel]
    covered = {app: one.webhook for app, one in config.apps.items() if channel.covers(app, one.webhook)}
    webhook = covered.get(message.signal.app or next(iter(covered), ""))
    return webhook.repository if webhook else ""
