"""The smallest WSGI application, for gunicorn to look at."""

from __future__ import annotations


def app(_: object, __: object) -> list[bytes]:
    return []
