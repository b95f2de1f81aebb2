"""Deliveries that GitHub was seen to send, against the hook: each is answered as its index says.

They are not part of this project; ``VERDIGRIS_PAYLOADS`` names the folder that holds them.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from release.tag import find_color
from tests.unit.webhook.fakes import REPOSITORY, Web, make_config, make_web

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = os.environ.get("VERDIGRIS_PAYLOADS", "")
HOST = "github"
OUR_POLICY = {
    "d_push_tag_match_moved": {"status": 200, "releases": 0},
    "d_tagname_no_version": {"status": 202, "releases": 1},
    "d_tagname_plus_build_metadata": {"status": 200, "releases": 0},
    "d_tagname_slash": {"status": 200, "releases": 0},
}
"""Where the index leaves the answer to us: a moved tag starts nothing, nor what no image tag can hold."""


def deliveries() -> Iterator[Any]:
    if not FOLDER:
        reason = "set VERDIGRIS_PAYLOADS to a folder with recorded deliveries and their INDEX.json"
        yield pytest.param("", {}, marks=pytest.mark.skip(reason=reason))
        return
    index = json.loads((Path(FOLDER) / "INDEX.json").read_text(encoding="utf-8"))
    for name, entry in index["files"].items():
        host, _, short = name.partition("/")
        if host == HOST:
            yield pytest.param(name, OUR_POLICY.get(short, entry["suggested_expect"]), id=short)


def body_of(delivery: dict[str, Any]) -> bytes:
    if "raw_body_b64" in delivery:
        return base64.b64decode(delivery["raw_body_b64"])
    return json.dumps(delivery["body"], ensure_ascii=False, separators=(",", ":")).encode()


@pytest.fixture
def web(tmp_path: Path) -> Web:
    return make_web(make_config(tmp_path))


@pytest.mark.parametrize(("name", "expected"), list(deliveries()))
def test_a_recorded_delivery_is_answered_as_expected(web: Web, name: str, expected: dict[str, Any]) -> None:
    # Given a delivery as it was sent, to an app of the repository that most of them are about
    delivery = json.loads((Path(FOLDER) / f"{name}.json").read_text(encoding="utf-8"))
    # When it arrives twice
    answers = [
        web.client.post("/webhooks/github", data=body_of(delivery), headers=delivery["headers"])
        for _ in range(2)
    ]
    # Then the first is answered as expected, the second starts nothing more
    assert answers[0].status_code == expected["status"], answers[0].text
    assert answers[1].status_code in {200, expected["status"]} - {202}
    started = 1 if expected["status"] == 202 else 0
    assert len(web.requests.asked) == started == expected.get("releases", started)
    if started:
        check_release(web, expected)


def check_release(web: Web, expected: dict[str, Any]) -> None:
    given = web.requests.asked[0].given
    assert given["tag"] == expected.get("tag", given["tag"])
    assert given["commit"] == (expected.get("commit", given["commit"]) or "")
    assert find_color(given["tag"]) == expected.get("color", find_color(given["tag"]))
    assert expected.get("repo", REPOSITORY) == REPOSITORY
