"""Channels over the API: how they fare, and trying one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from flask import g

from release.roles import Action
from webhook import api_answers as answer
from webhook.answers import json_answer
from webhook.api_admin import api
from webhook.api_description import describe
from webhook.channels import look_at_channels, try_channel
from webhook.guard import needs
from webhook.presentation import time_json
from webhook.services import services
from webhook.trail import carry_out

if TYPE_CHECKING:
    from flask import Response

    from release.model import Actor
    from webhook.channels import ChannelView

__all__ = ["api"]


@api.get("/channels")
@needs(Action.READ)
@describe("channels", answers=answer.Channels)
def list_channels() -> Response:
    """Where signals go, and how each channel fares. For who may see all apps."""
    found: answer.Channels = {"channels": [_channel_json(view) for view in look_at_channels(services())]}
    return json_answer(found)


@api.post("/channels/<channel_name>/test")
@needs(Action.TEST_CHANNEL)
@describe("channels", answers={HTTPStatus.ACCEPTED: answer.ChannelTest}, refuses=("unknown-channel",))
def try_out(channel_name: str) -> Response:
    """Send a test. A worker does so: the list of channels has its id as ``sent_id`` or ``error_id`` then.

    For the status of commits it looks whether the repository of the first app can be read with the token.
    """
    actor = cast("Actor", g.actor)
    message = carry_out(
        lambda: try_channel(channel_name, services(), actor=actor), about={"channel": channel_name}
    )
    found: answer.ChannelTest = {"message": message.id}
    return json_answer(found, HTTPStatus.ACCEPTED)


def _channel_json(view: ChannelView) -> answer.Channel:
    state = view.state
    return {
        "name": state.name,
        "kind": view.channel.kind,
        "apps": view.channel.apps,
        "events": view.events,
        "pending": state.pending,
        "sent": state.sent,
        "sent_at": time_json(state.sent_at),
        "sent_id": state.sent_id or None,
        "failing_since": time_json(state.failing_since),
        "error": state.error or None,
        "error_at": time_json(state.error_at),
        "error_id": state.error_id or None,
        "next_try": time_json(state.next_try),
        "dropped": state.dropped,
        "dropped_at": time_json(state.dropped_at),
        "dropped_why": state.dropped_why or None,
    }
