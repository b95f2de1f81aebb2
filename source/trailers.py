"""What the message of an annotated tag declares, as ``git interpret-trailers`` has it."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from source.commands import Commands

_LOCAL_SECONDS: Final = 60


def read_trailers(commands: Commands, name: str, *, tag: str, key: str) -> list[str]:
    """The trailers of the message without its signature, which stands behind it and would hide them.

    To Git the first paragraph is a title and never a trailer. A title is put before it: whoever writes
    nothing but the trailer into a tag means it.

    Raises:
        GitFailed: the tag object of the reference ``name`` can't be read.
    """
    if commands.run(["cat-file", "-t", name], seconds=_LOCAL_SECONDS).strip() != "tag":
        return []
    message, signature = (
        commands.run(["for-each-ref", f"--format=%({part})", name], seconds=_LOCAL_SECONDS).rstrip("\n")
        for part in ("contents", "contents:signature")
    )
    with tempfile.NamedTemporaryFile("w", suffix=".message", errors="surrogateescape") as file:
        file.write(f"{tag}\n\n{message.removesuffix(signature)}")
        file.flush()
        command = ["interpret-trailers", "--parse", "--no-divider", file.name]
        lines = commands.run(command, seconds=_LOCAL_SECONDS).splitlines()
    trailers = [line.partition(":") for line in lines]
    return [value.strip() for name, _, value in trailers if name.strip().lower() == key.lower()]
