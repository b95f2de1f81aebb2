"""What is kept of others, against its list."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

FOLDER = Path("webhook/static/vendor")


def test_the_list_of_what_is_kept_of_others_is_that_of_the_files() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| [\w.-]+ \| \d[\d.]+ \| 0BSD \| [^|]+ \| `([0-9a-f]{64})` \|$",
        (FOLDER / "VENDORED.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert dict(rows) == {
        file.name: sha256(file.read_bytes()).hexdigest() for file in FOLDER.iterdir() if file.suffix == ".js"
    }
    assert len(rows) == 3


def test_none_of_them_is_let_make_code_of_a_text() -> None:
    layout = Path("webhook/templates/layout.html").read_text(encoding="utf-8")
    assert '"allowEval": false' in layout
    assert '"includeIndicatorStyles": false' in layout
