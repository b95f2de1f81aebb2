"""Which permissions were really used, and which were refused: what a Role is held against.

Each kind of request is noted once for each user and namespace, not each time, so that a long life stays a
short list. With a file, each first time is written down at once, a line of JSON.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.api.rules import Wish
from sandbox.api.users import User


@dataclass(frozen=True)
class Use:
    """Something that a user did, or wanted to do. `resource` with its subresource, as in rules."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str
    allowed: bool


class Usage:
    """Remembers decisions of the authorizer."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: dict[Use, None] = {}

    def note(self, user: User, wish: Wish, *, allowed: bool) -> None:
        """Remember a decision, unless the same was made before."""
        use = Use(user.name, wish.verb, wish.group, wish.resource, wish.namespace, allowed)
        if use in self._known:
            return
        self._known[use] = None
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(use)) + "\n")

    def uses(self) -> list[Use]:
        """All of them, in the order of their first time."""
        return list(self._known)


def read_usage(file: Path) -> list[Use]:
    """What was written into a file; nothing where nobody has asked for anything yet."""
    if not file.exists():
        return []
    return [Use(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
