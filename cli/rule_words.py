"""What an app's rules and people say to promotes, in words, from the API's answers.

An older server answers without some of it: that is told as nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.text import shown_time, told_actor

if TYPE_CHECKING:
    from cli.client import Json


def told_approvals(approvals: Json | None) -> str:
    """``1 of 2, missing 1``; empty where none is needed and nobody rejected it."""
    if approvals and approvals["rejected_by"]:
        return f"rejected by {told_actor(approvals['rejected_by'])}, and that is final"
    if not approvals or not approvals["needed"]:
        return ""
    count = f"{len(approvals['approved_by'])} of {approvals['needed']}"
    return f"{count}, missing {approvals['missing']}" if approvals["missing"] else count


def vote_row(vote: Json) -> list[str]:
    """When, what, who and why, for a table."""
    return [shown_time(vote["at"]), vote["decision"], told_actor(vote["actor"]), vote["comment"]]


def told_stop(stop: Json) -> str:
    """Who stopped a countdown, and why."""
    return f"stopped by {told_actor(stop['actor'])}{': ' if stop['reason'] else ''}{stop['reason']}"


def told_countdown(answer: Json) -> str:
    """When the release is promoted by itself, or what is in the way."""
    if answer.get("stopped"):
        return told_stop(answer["stopped"])
    countdown = answer.get("countdown")
    if not countdown:
        return ""
    if "read-back" in countdown["blocked_by"]:
        return "no: Redis was emptied, and what people said to it is lost; a person decides"
    blocks = ", ".join(countdown["blocked_by"])
    return f"at {shown_time(countdown['due_at'])}{f', held by {blocks}' if blocks else ''}"


def told_freeze(freeze: Json | None) -> str:
    """Until when a freeze is on, and why; empty without one."""
    if not freeze:
        return ""
    at_least = "at least " if freeze["is_open_end"] else ""
    reason = f": {freeze['reason']}" if freeze["reason"] else ""
    return f"until {at_least}{shown_time(freeze['until'])}{reason}"


def told_next_freeze(freeze: Json | None) -> str:
    """From when to when the next one is on; empty where none is known."""
    return f"from {shown_time(freeze['at'])} {told_freeze(freeze)}" if freeze else ""


def told_rollback(app: Json) -> str:
    """Whether users can be moved back safely; where that is possible but not safe, since when and why."""
    safety = app.get("rollback_safe")
    if not safety:
        return ""
    if safety["safe"]:
        return f"safe: {safety['why']}"
    if not app.get("can_roll_back_to"):
        return str(safety["why"])
    since = f" since {shown_time(safety['since'])}" if safety["since"] else ""
    return f"not safe{since}: {safety['why']}"
