"""Styles and scripts go out compressed: on a slow line they are most of a first view.

Pages do not: they hold what a stranger can put into an address beside a secret of the session, and the length
of a compressed answer would tell something of it (BREACH). What is here is the same for everybody.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from flask import request

from webhook.current import current_request

if TYPE_CHECKING:
    from flask import Flask, Response

LEAST: Final = 1024
"""Bytes that are worth it."""


def compress_files(app: Flask) -> None:
    """Compress what ``app`` sends of its static folder, once, to those that take it."""

    @app.after_request
    def compress(answer: Response) -> Response:
        if current_request().endpoint != "static":
            return answer
        answer.vary.add("Accept-Encoding")
        if request.method == "HEAD" or answer.status_code == HTTPStatus.NOT_MODIFIED:
            answer.close()  # nothing of the file is sent; who hangs up now would leave it open
            return answer
        if answer.status_code != HTTPStatus.OK:
            return answer
        answer.direct_passthrough = False
        content = answer.get_data()
        answer.close()  # the file itself: all of it is read
        if request.accept_encodings["gzip"] and len(content) >= LEAST:
            answer.set_data(_compress(content))
            answer.content_encoding = "gzip"
            _weaken(answer)
        return answer


def _weaken(answer: Response) -> None:
    """Its name stands for the same file in another form, then: only weakly the same."""
    name, _ = answer.get_etag()
    if name:
        answer.set_etag(name, weak=True)


@lru_cache(maxsize=64)
def _compress(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
