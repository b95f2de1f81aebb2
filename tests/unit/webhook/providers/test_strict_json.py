from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.providers.events import BadBody
from webhook.providers.strict_json import DEPTH_LIMIT, parse_object

HOSTILE = {
    "empty": b"",
    "truncated": b'{"ref": "refs/ta',
    "top-level array": b"[]",
    "top-level string": b'"ref"',
    "top-level null": b"null",
    "nan": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "a float that overflows": b'{"a": 1e999}',
    "an integer of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "duplicate keys": b'{"ref": "a", "ref": "b"}',
    "duplicate keys far down": b'{"a": [{"b": {"c": 1, "c": 1}}]}',
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "utf-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "utf-32": '{"a": 1}'.encode("utf-32"),
    "invalid utf-8": b'{"a": "\xff"}',
    "an overlong encoding": b'{"a": "\xc0\xaf"}',
    "half of a surrogate pair": b'{"a": "\\ud800"}',
    "half of a surrogate pair as key": b'{"\\uDC00": 1}',
    "nested 20,000 deep": b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "nested 20,000 deep and unclosed": b"[" * 20_000,
    "something behind it": b'{"a": 1} x',
    "single quotes": b"{'a': 1}",
    "a comment": b'{"a": 1 /* one */}',
    "a control character in a string": b'{"a": "\x01"}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_readers_could_understand_differently_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        parse_object(body)


def test_the_refusal_does_not_repeat_the_input() -> None:
    with pytest.raises(BadBody) as refusal:
        parse_object(b'{"password": hunter2}')
    assert "hunter2" not in str(refusal.value)


def test_brackets_in_strings_are_no_nesting() -> None:
    text = "[{" * 500 + '\\" ]' + '"'
    body = json.dumps({"message": text}).encode()
    assert parse_object(body) == {"message": text}


def test_nesting_up_to_the_limit_is_read() -> None:
    inside = DEPTH_LIMIT - 1
    assert "a" in parse_object(b'{"a":' + b"[" * inside + b"]" * inside + b"}")


def test_an_unclosed_string_full_of_escapes_costs_no_time() -> None:
    body = b'{"a": "' + b'\\"' * 400_000
    with pytest.raises(BadBody):
        parse_object(body)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse_object(b'{"a": "\\ud83d\\ude80"}') == {"a": "\N{ROCKET}"}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**18), max_value=10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=6))
def test_everything_that_json_writes_is_read_back(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_an_object_or_refused(body: bytes) -> None:
    try:
        value = parse_object(body)
    except BadBody:
        return
    assert isinstance(value, dict)
    json.dumps(value, ensure_ascii=False).encode()
