"""Any other sender, by Standard Webhooks: a Git host's own script, or a relay that knows nothing of hosts.

The body: ``{"type": "tag.pushed", "data": {"repository": "owner/name", "ref": "refs/tags/v1.0-blue",
"commit": "…", "pusher": "…", "moved": false}}``; commit, pusher and moved may be left out. What CI says:
``{"type": "check.reported", "data": {"repository": "owner/name", "commit": "…", "name": "build", "state":
"passed", "at": "2026-01-01T12:00:00Z"}}``; the state is pending, passed or failed, at may be left out. Other
types are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from release.ci import CheckState
from webhook.providers.checks import Moment, report
from webhook.providers.events import Event, Ignored, NewTag, Provider, TagPush
from webhook.providers.payload import (
    BRANCH,
    TAG_PREFIX,
    Commit,
    Part,
    identify,
    name_of,
    other_event,
    read_shape,
)
from webhook.providers.standard_webhooks import ID, check_keys, check_standard_signature
from webhook.providers.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from release.secret import Secret
    from webhook.providers.events import Delivery

TAG_PUSHED: Final = "tag.pushed"
CHECK_REPORTED: Final = "check.reported"


class _Typed(Part):
    type: str


class _Data(Part):
    repository: str
    ref: str
    commit: Commit | None = None
    pusher: str | None = None
    moved: bool | None = None


class _TagPushed(Part):
    data: _Data


class _Check(Part):
    repository: str
    commit: Commit
    name: str
    state: Literal["pending", "passed", "failed"]
    at: Moment = None


class _CheckReported(Part):
    data: _Check


class Generic(Provider):
    """``events.Provider`` for whoever signs as Standard Webhooks has it."""

    def verify(self, delivery: Delivery, secrets: Sequence[Secret]) -> None:
        """``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``."""
        check_standard_signature(delivery, secrets)

    def check_secrets(self, secrets: Sequence[Secret]) -> None:
        """Keys of the standard's form alone."""
        check_keys(secrets)

    def parse(self, delivery: Delivery) -> Event:
        """A tag, words of CI, or why there is nothing to do."""
        data = parse_object(delivery.body)
        kind, identity = read_shape(_Typed, data, what="event of Standard Webhooks"), identify(delivery, ID)
        if kind.type == CHECK_REPORTED:
            return _read_check(
                read_shape(_CheckReported, data, what=f"{CHECK_REPORTED} event").data, identity
            )
        if kind.type != TAG_PUSHED:
            return other_event(kind.type, identity)
        return _read_push(read_shape(_TagPushed, data, what=f"{TAG_PUSHED} event").data, identity)


def _read_push(push: _Data, delivery: str) -> Event:
    if not push.ref.startswith(TAG_PREFIX):
        return Ignored(BRANCH, delivery)
    return TagPush(
        repository=push.repository,
        tags=(NewTag(push.ref.removeprefix(TAG_PREFIX), push.commit or "", is_move=bool(push.moved)),),
        delivery=delivery,
        pusher=name_of(push.pusher),
        is_move_told=push.moved is not None,
    )


def _read_check(check: _Check, delivery: str) -> Event:
    """A state that is none of the three is the sender's mistake, and told: it writes the body itself."""
    said = (check.name, CheckState(check.state), check.at)
    return report(check.repository, check.commit, [said], delivery)
