from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.webhook.fakes import Web

GZIP = {"Accept-Encoding": "br, gzip"}
STYLE = "/static/style.css"


def test_a_style_goes_out_compressed_to_who_takes_it(web: Web) -> None:
    plain, small = web.client.get(STYLE, buffered=True), web.client.get(STYLE, headers=GZIP, buffered=True)

    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.data) == plain.data
    assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 3
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"


def test_what_a_browser_has_is_not_sent_again(web: Web) -> None:
    first = web.client.get(STYLE, headers=GZIP, buffered=True)

    again = web.client.get(STYLE, headers={**GZIP, "If-None-Match": first.headers["ETag"]}, buffered=True)

    assert first.headers["ETag"].startswith("W/")
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("accepts", ["identity", "gzip;q=0", ""])
def test_who_does_not_take_it_gets_it_as_it_is(web: Web, accepts: str) -> None:
    answer = web.client.get(STYLE, headers={"Accept-Encoding": accepts}, buffered=True)
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/login", "/api/v1/apps"])
def test_what_may_hold_a_secret_is_never_compressed(open_web: Web, path: str) -> None:
    answer = open_web.client.get(path, headers=GZIP, buffered=True)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers


def test_a_part_of_a_file_and_a_tiny_one_stay_as_they_are(web: Web) -> None:
    part = web.client.get(STYLE, headers={**GZIP, "Range": "bytes=0-2000"}, buffered=True)
    tiny = web.client.get("/static/icon.svg", headers=GZIP, buffered=True)
    assert part.status_code == 206
    assert "Content-Encoding" not in part.headers
    assert "Content-Encoding" not in tiny.headers


@pytest.mark.parametrize("file", [STYLE, "/static/icon.svg"])
@pytest.mark.parametrize("accepts", ["identity", "gzip"])
@pytest.mark.parametrize("case", ["GET", "HEAD", "known"])
def test_no_file_stays_open_where_the_browser_hangs_up(web: Web, file: str, accepts: str, case: str) -> None:
    known = {"If-None-Match": web.client.get(file, headers=GZIP, buffered=True).headers["ETag"]}
    headers = {"Accept-Encoding": accepts, **(known if case == "known" else {})}
    before = _open_files()

    answer = web.client.open(file, method="HEAD" if case == "HEAD" else "GET", headers=headers)

    assert answer.status_code == (304 if case == "known" else 200)
    assert _open_files() == before
    answer.close()


def _open_files() -> set[str]:
    """The static files that this process holds open."""
    links = (entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
    return {str(file) for file in links if file.parent.name == "static"}
