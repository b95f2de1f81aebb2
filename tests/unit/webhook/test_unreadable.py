"""What gunicorn refuses by itself is problem+json as well."""

from __future__ import annotations

import json

import pytest

from webhook.unreadable import told_as_problem


@pytest.mark.parametrize(
    ("line", "slug"),
    [
        (b"HTTP/1.1 400 Bad Request", "unreadable-request"),
        (b"HTTP/1.1 414 URI Too Long", "unreadable-request"),
        (b"HTTP/1.1 431 Request Header Fields Too Large", "unreadable-request"),
        (b"HTTP/1.1 501 Bad Request", "unreadable-request"),
        (b"HTTP/1.1 500 Internal Server Error", "internal-error"),
    ],
)
def test_gunicorns_own_refusal_becomes_a_problem_of_the_same_status(line: bytes, slug: str) -> None:
    answer = told_as_problem(line + b"\r\nContent-Type: text/html\r\n\r\n<html>hostile</html>")

    head, _, body = answer.partition(b"\r\n\r\n")
    told = json.loads(body)
    assert head.split()[1] == line.split()[1]
    assert b"\r\nContent-Type: application/problem+json\r\n" in head
    assert f"Content-Length: {len(body)}".encode() in head.splitlines()
    assert told["type"].rpartition("/")[2] == slug
    assert told["status"] == int(line.split()[1])
    assert b"hostile" not in answer
