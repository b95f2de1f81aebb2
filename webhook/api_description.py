"""What is said of a route beside its code: ``@describe`` under the route, and each refusal's words.

The docstring of a handler is its description, its name its operationId. A new route needs the one decorator,
a new refusal of the API a line in ``REFUSALS``. Tests tell what is missing, and where an answer differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import unwrap
from typing import TYPE_CHECKING, Any, Final, TypeVar

from webhook.api_parameters import NoQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from webhook.api_bodies import Body
    from webhook.api_parameters import Query


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem that the API answers: its status, and when."""

    status: int
    when: str


REFUSALS: Final[dict[str, Refusal]] = {
    "not-readable": Refusal(400, "the body is no JSON object in UTF-8, or broke off"),
    "bad-parameter": Refusal(400, "a parameter of the query is wrong, unknown or there more than once"),
    "not-authorized": Refusal(401, "no valid token; or one in the address, where it would end in logs"),
    "not-allowed": Refusal(403, "the caller's role is too little; the detail says which one may"),
    "unknown-app": Refusal(404, "no app of that name is configured"),
    "unknown-release": Refusal(404, "no release of that id is known"),
    "unknown-job": Refusal(404, "no job of that id is known"),
    "unknown-channel": Refusal(404, "no channel of that name is configured"),
    "unknown-token": Refusal(404, "no token of that name was made at run time"),
    "already-queued": Refusal(409, "one of its kind waits or runs for this app"),
    "nothing-ready": Refusal(409, "no release has passed its stages and waits to be promoted"),
    "not-ready": Refusal(409, "the release named can't be promoted"),
    "color-being-deployed": Refusal(409, "what would be promoted is being replaced"),
    "app-frozen": Refusal(409, "a freeze is on, and nobody overrides it"),
    "approvals-missing": Refusal(409, "the release needs more approvals"),
    "release-rejected": Refusal(409, "somebody rejected the release, which is final"),
    "own-release": Refusal(409, "the caller pushed the tag, or asked for the release"),
    "already-approved": Refusal(409, "the caller has approved it; nobody counts twice"),
    "past-approval": Refusal(409, "nothing can come of a vote any more"),
    "being-promoted": Refusal(409, "its promote has been asked for"),
    "no-countdown": Refusal(409, "the release is not on its way to be promoted by itself"),
    "nothing-on-standby": Refusal(409, "there is nothing to roll back to"),
    "nothing-live": Refusal(409, "it can't be told which color is idle"),
    "no-commit": Refusal(409, "the release was taken over without its commit"),
    "not-failed": Refusal(409, "only a failed release is retried"),
    "nothing-to-cancel": Refusal(409, "no job of the release waits or runs"),
    "already-begun": Refusal(409, "a promote, rollback or decommission that runs is not cut in the middle"),
    "not-waiting": Refusal(409, "only a release that waits for CI or its image is started"),
    "token-name-taken": Refusal(409, "the name is another token's, or one of the configuration's"),
    "too-many-tokens": Refusal(409, "there are as many tokens as are kept"),
    "tag-not-missed": Refusal(409, "the tag is none that was never delivered, or is no more"),
    "too-large": Refusal(413, "the body has more than 64 KiB"),
    "not-json": Refusal(415, "the body's Content-Type is not application/json in UTF-8"),
    "bad-fields": Refusal(422, "fields of the body are missing, wrong or unknown"),
    "reason-missing": Refusal(422, "an override of a freeze has to say why"),
    "token-refused": Refusal(422, "the token's name is none, or its end is past"),
    "tag-does-not-match": Refusal(422, "the tag names no color"),
    "tag-refused": Refusal(422, "the tag can't be a label or an image tag"),
    "too-many-calls": Refusal(429, "more calls came than are answered; nothing was done"),
    "too-many-refused": Refusal(429, "in place of a 401, after many of them"),
    "internal-error": Refusal(500, "a mistake of Verdigris; the log of the web process has it"),
    "not-durable": Refusal(503, "Redis is away; the words tell whether something may have been accepted"),
}
"""As docs/api.md has them."""

OF_ALL: Final = ("bad-parameter", "too-many-calls", "internal-error")
OF_CALLERS: Final = ("not-authorized", "not-allowed", "too-many-refused", "not-durable")
"""Of calls that need a token, all of which ask Redis."""

LINES: Final = "application/x-ndjson"
OF_BODIES: Final = ("not-readable", "too-large", "not-json", "bad-fields")


@dataclass(frozen=True, slots=True)
class Description:
    """A route as ``@describe`` has it.

    ``refuses`` has every refusal's slug, by status. ``is_in_lines``: the answer has a line of JSON for each.
    """

    tag: str
    answers: Mapping[int, Any]
    body: type[Body] | None
    query: type[Query]
    refuses: Mapping[int, tuple[str, ...]]
    is_public: bool
    is_in_lines: bool


View = TypeVar("View", bound="Callable[..., Any]")

_DESCRIBED: Final[dict[Any, Description]] = {}


def describe(
    tag: str,
    *,
    answers: Any,  # noqa: ANN401 -- a type, which Python has no type for that covers TypedDict
    refuses: tuple[str, ...] = (),
    body: type[Body] | None = None,
    query: type[Query] = NoQuery,
    is_public: bool = False,
    is_in_lines: bool = False,
) -> Callable[[View], View]:
    """Say what a handler takes, answers and refuses, below its ``@api.get`` or ``@api.post``.

    ``answers`` is the type of a 200, or a mapping of statuses to types. ``refuses`` names what not every call
    refuses. A slug that is not in ``REFUSALS`` is a KeyError.
    """
    by_status = answers if isinstance(answers, dict) else {200: answers}
    common = OF_ALL + (() if is_public else OF_CALLERS) + (OF_BODIES if body else ())
    description = Description(
        tag, by_status, body, query, _by_status({*common, *refuses}), is_public, is_in_lines
    )

    def keep(view: View) -> View:
        _DESCRIBED[view] = description
        return view

    return keep


def find_description(view: object) -> Description | None:
    """What was said of a handler; None where nothing was."""
    return _DESCRIBED.get(unwrap(view)) if callable(view) else None


def _by_status(slugs: set[str]) -> dict[int, tuple[str, ...]]:
    statuses = sorted({REFUSALS[slug].status for slug in slugs})
    return {
        status: tuple(slug for slug, one in REFUSALS.items() if one.status == status and slug in slugs)
        for status in statuses
    }
