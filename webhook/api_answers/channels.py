"""Channels, and how they fare."""

from typing import Literal

from typing_extensions import TypedDict

from release.channels import Topic
from webhook.api_answers.basics import Count, Time, documented


@documented
class Channel(TypedDict):
    """Where signals go. Each was sent or dropped, or waits."""

    name: str
    kind: Literal["slack", "webhook", "commit-status"]
    apps: list[str]
    """Empty: all."""
    events: list[Topic]
    pending: Count
    sent: Count
    sent_at: Time | None
    """When one was taken last."""
    sent_id: str | None
    failing_since: Time | None
    """Null where the last try went well, or none was made."""
    error: str | None
    """What went wrong last, mended since or not."""
    error_at: Time | None
    error_id: str | None
    next_try: Time | None
    dropped: Count
    dropped_at: Time | None
    dropped_why: str | None


@documented
class Channels(TypedDict):
    """Every channel of the configuration."""

    channels: list[Channel]


@documented
class ChannelTest(TypedDict):
    """A test that is on its way."""

    message: str
    """The `sent_id` or `error_id` of the channel, once it was tried."""
