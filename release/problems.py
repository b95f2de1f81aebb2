"""What goes wrong, said so that the person on call knows what happened and what to do next.

A ``Problem`` is a refusal or a failure with a name of its own. The HTTP API answers it as problem+json
(RFC 9457), a job keeps it as what ended it, the command line prints it: one wording everywhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """The same in every channel. ``slug`` is stable and names the troubleshooting entry.

    ``detail`` says what happened, to which app, release and object; ``next_step`` what to do about it.
    ``status`` is the HTTP status where the problem is an answer.
    """

    slug: str
    title: str
    detail: str
    next_step: str
    status: int = 409

    def as_json(self) -> dict[str, str | int]:
        """The members of RFC 9457, ``next_step`` as an extension."""
        members = asdict(self)
        return {"type": f"https://verdigris.dev/problems/{members.pop('slug')}", **members}


class Problem(Exception):
    """A refusal or failure that is told to a person."""

    def __init__(self, slug: str, title: str, *, detail: str, next_step: str, status: int = 409) -> None:
        super().__init__(f"{title}: {detail}")
        self.document = ProblemDocument(slug, title, detail, next_step, status)


class NotDurable(Exception):
    """Redis did not confirm in time. Ask again later.

    ``is_in_doubt``: the question may have reached it, and a frozen Redis carries out what it has received
    once it goes on. Otherwise nothing of it was done, and nothing will be.
    """

    def __init__(self, message: str, *, is_in_doubt: bool = True) -> None:
        super().__init__(message)
        self.is_in_doubt = is_in_doubt
