from __future__ import annotations

import pytest

from webhook.arrivals import BODY_LIMIT, HEAD_LIMIT, Arrival, Stage

HEAD = b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\n"


def arrive(*parts: bytes) -> Stage:
    arrival, stage = Arrival(0), Stage.PARTIAL
    for part in parts:
        assert stage is Stage.PARTIAL
        stage = arrival.add(part)
    return stage


def with_length(length: object) -> bytes:
    return HEAD + f"content-LENGTH: {length}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("received", "stage"),
    [
        (b"", Stage.PARTIAL),
        (b"\r\n", Stage.PARTIAL),
        (HEAD, Stage.PARTIAL),
        (HEAD + b"\r", Stage.PARTIAL),
        (HEAD + b"\r\n", Stage.WHOLE),
        (b"GET / HTTP/1.0\r\n\r\n", Stage.WHOLE),
        (with_length(3) + b"ab", Stage.PARTIAL),
        (with_length(3) + b"abc", Stage.WHOLE),
        (with_length(3) + b"abcGET / HTTP/1.1", Stage.WHOLE),
        (with_length(BODY_LIMIT), Stage.PARTIAL),
        (with_length(BODY_LIMIT + 1), Stage.LONG),
        (with_length(9_999_999_999), Stage.LONG),
        # what makes no sense is for gunicorn to refuse, at once
        (with_length(-1), Stage.WHOLE),
        (with_length("9" * 11), Stage.WHOLE),
        (with_length("0x10"), Stage.WHOLE),
        # what has no length, and what waits for an answer before it sends its body
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", Stage.LONG),
        (HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", Stage.LONG),
        (b"x" * HEAD_LIMIT, Stage.PARTIAL),
        (b"x" * (HEAD_LIMIT + 1), Stage.TOO_LONG),
    ],
)
def test_what_is_there_tells_what_to_do(received: bytes, stage: Stage) -> None:
    assert arrive(received) is stage


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_size_of_the_pieces_does_not_matter(size: int) -> None:
    whole = with_length(5) + b"hello"
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert arrive(*pieces) is Stage.WHOLE
    assert arrive(*pieces[:-1]) is Stage.PARTIAL


def test_the_end_of_a_head_is_not_looked_for_in_a_body() -> None:
    assert arrive(with_length(8) + b"\r\n\r\n", b"\r\n\r") is Stage.PARTIAL
