"""What became of a request."""

from typing_extensions import TypedDict

from webhook.api_answers.basics import documented
from webhook.api_answers.releases import Job, Release
from webhook.api_answers.rules import Approvals, Stop


@documented
class Voted(TypedDict):
    """A release, and what its votes come to with the one that was just given."""

    release: Release
    approvals: Approvals


@documented
class Stopped(TypedDict):
    """A release that is not promoted by itself, and the stop that stands."""

    release: Release
    stopped: Stop


@documented
class OnlyId(TypedDict):
    """What was accepted but could not be read back: it is durable, ask for it later."""

    id: str


@documented
class Accepted(TypedDict):
    """What a request became. It is durable; a worker carries it out."""

    job: Job | OnlyId
    release: Release | OnlyId | None
    is_new: bool
    """False: this had been asked before, and the job is the first one's."""
    changes: str | None
    """Of a promote, what it changes, in a few words; null where that is not known, and for all else."""
