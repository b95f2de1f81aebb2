"""Tags in Git that were never delivered."""

from typing_extensions import TypedDict

from webhook.api_answers.basics import Actor, Problem, Time, documented


@documented
class Tag(TypedDict):
    """A tag in Git."""

    tag: str
    commit: str
    was: str | None
    """The commit at which it was heard of, if it was moved."""
    since: Time | None
    by: Actor | None
    """Who dismissed it."""
    reason: str | None


@documented
class Tags(TypedDict):
    """An app's tags that are in Git and were never delivered."""

    app: str
    compared_at: Time | None
    tried_at: Time | None
    error: Problem | None
    """Why the last comparison failed."""
    is_asked: bool
    """A worker is about to compare."""
    missed: list[Tag]
    moved: list[Tag]
    dismissed: list[Tag]
