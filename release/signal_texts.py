"""How a signal is written for each kind of channel: the request that a worker sends. Nothing is sent here.

Tags, names, reasons and what commands said come from elsewhere: in a chat they stay text, whatever they hold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from release.channels import SlackChannel, Topic, WebhookChannel
from release.model import StageState
from release.signing import sign

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from release.channels import CommitStatusChannel
    from release.secret import Secret
    from release.signals import Message, Signal

DESCRIPTION: Final = 140
"""Characters that GitHub takes for the description of a status."""

GITHUB: Final = {
    StageState.RUNNING: "pending",
    StageState.PASSED: "success",
    StageState.FAILED: "failure",
    StageState.CANCELLED: "error",
}
GITLAB: Final = {
    StageState.RUNNING: "running",
    StageState.PASSED: "success",
    StageState.FAILED: "failed",
    StageState.CANCELLED: "canceled",
}

SAME_STATE: Final = b"Cannot transition status"
"""What GitLab says, with 400, of a status that the commit has already."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send, where. The address and the headers may hold the channel's secret: neither is printed.

    ``told_already``: a refusal with this in it means that the receiver knows.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""
    method: str = "POST"
    told_already: bytes | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and on whose behalf: ``public_url`` is where people find our pages, ``repository`` the app's."""

    at: datetime
    public_url: str
    repository: str = ""


def write(
    message: Message,
    channel: SlackChannel | WebhookChannel | CommitStatusChannel,
    secret: Secret,
    occasion: Occasion,
) -> Request:
    """The request that tells a message to its channel.

    Raises:
        ValueError: it can't be told there: the status of a commit that is not known.
    """
    if isinstance(channel, SlackChannel):
        return _for_slack(message.signal, secret, occasion)
    if isinstance(channel, WebhookChannel):
        return _for_webhook(message, channel, secret, occasion)
    return _for_commit(message.signal, channel, secret, occasion)


def find_link(signal: Signal, public_url: str) -> str:
    """The page where there is more about it."""
    if signal.release_id:
        return f"{public_url}/releases/{quote(signal.release_id, safe='')}"
    return f"{public_url}/apps/{quote(signal.app, safe='')}" if signal.app else f"{public_url}/channels"


def escape(text: str) -> str:
    """Text for Slack's mrkdwn: no ``<!channel>``, no link that says another address than it leads to.

    Behind an ``@`` stands a space of no width: Mattermost would call everybody for a plain ``@all``.
    """
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("@", "@\u200b")


def _for_slack(signal: Signal, secret: Secret, occasion: Occasion) -> Request:
    link = find_link(signal, occasion.public_url)
    lines = [
        f"*{escape(signal.what)}*",
        f"By {escape(signal.actor)}" if signal.actor else "",
        escape(signal.reason),
        f"Next: {escape(signal.next_step)}" if signal.next_step else "",
        f"<{link}|Open in Verdigris>",
    ]
    # Nothing is looked at because a tag or a reason names an address.
    told = {"text": "\n".join(filter(None, lines)), "unfurl_links": False, "unfurl_media": False}
    return Request(secret.reveal(), {"Content-Type": "application/json"}, _dump(told))


def _for_webhook(message: Message, channel: WebhookChannel, secret: Secret, occasion: Occasion) -> Request:
    signal = message.signal
    told = {
        "type": str(signal.topic),
        "timestamp": signal.at.isoformat(),
        "data": {
            "app": signal.app,
            "release": signal.release_id,
            "tag": signal.tag,
            "color": signal.color,
            "commit": signal.commit,
            "stage": signal.stage,
            "state": signal.state,
            "actor": signal.actor,
            "what": signal.what,
            "reason": signal.reason,
            "next_step": signal.next_step,
            "link": find_link(signal, occasion.public_url),
        },
    }
    body = _dump(told)
    signed = sign(secret, message_id=message.id, at=occasion.at, body=body)
    return Request(channel.url, {"Content-Type": "application/json", **signed}, body)


def _for_commit(signal: Signal, channel: CommitStatusChannel, secret: Secret, occasion: Occasion) -> Request:
    if not occasion.repository:
        raise ValueError("no app of this channel has a repository on its host")
    if signal.topic is not Topic.TEST and not signal.commit:
        raise ValueError("the commit is not known")
    if channel.host == "gitlab":
        return _for_gitlab(signal, channel, secret, occasion)
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {secret.reveal()}",
        "Content-Type": "application/json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    repository = f"{channel.address}/repos/{quote(occasion.repository)}"
    if signal.topic is Topic.TEST:
        return Request(repository, headers, method="GET")
    told = {
        "state": GITHUB[StageState(signal.state)],
        "target_url": find_link(signal, occasion.public_url),
        "description": signal.what[:DESCRIPTION],
        "context": _context(signal),
    }
    return Request(f"{repository}/statuses/{quote(signal.commit, safe='')}", headers, _dump(told))


def _for_gitlab(signal: Signal, channel: CommitStatusChannel, secret: Secret, occasion: Occasion) -> Request:
    """With ``ref``: a commit that no branch holds is found by its tag alone."""
    headers = {"PRIVATE-TOKEN": secret.reveal(), "Content-Type": "application/json"}
    project = f"{channel.address}/projects/{quote(occasion.repository, safe='')}"
    if signal.topic is Topic.TEST:
        return Request(project, headers, method="GET")
    told = {
        "state": GITLAB[StageState(signal.state)],
        "name": _context(signal),
        "ref": signal.tag,
        "target_url": find_link(signal, occasion.public_url),
        "description": signal.what[:DESCRIPTION],
    }
    url = f"{project}/statuses/{quote(signal.commit, safe='')}"
    return Request(url, headers, _dump(told), told_already=SAME_STATE)


def _context(signal: Signal) -> str:
    return f"verdigris/{signal.app}/{signal.stage}"


def _dump(told: Mapping[str, object]) -> bytes:
    """In UTF-8; half a surrogate pair becomes a question mark, as it does in Redis."""
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
