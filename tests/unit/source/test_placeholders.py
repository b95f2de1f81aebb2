from __future__ import annotations

import json

import pytest

from release.secret import Secret
from source.placeholders import MisplacedValue, Placeholders

PASSWORD = Secret("p4ss: #word'\"\nwith everything")


def test_a_secret_takes_no_part_in_rendering_and_goes_in_afterwards() -> None:
    placeholders = Placeholders()

    plain = placeholders.without_secrets({"db": {"password": PASSWORD, "hosts": ["a", PASSWORD]}, "n": 1})

    assert "p4ss" not in json.dumps(plain)
    assert placeholders.fill(plain) == {
        "db": {"password": PASSWORD.reveal(), "hosts": ["a", PASSWORD.reveal()]},
        "n": 1,
    }


def test_a_mark_inside_a_longer_text_is_filled_too() -> None:
    placeholders = Placeholders()
    mark = placeholders.put(PASSWORD)

    assert placeholders.fill([f"postgres://app:{mark}@db"]) == [f"postgres://app:{PASSWORD.reveal()}@db"]


def test_a_value_that_contains_a_mark_is_not_filled_again() -> None:
    placeholders = Placeholders()
    first = placeholders.put(PASSWORD)
    second = placeholders.put(f"just {first}")

    assert placeholders.fill(second) == f"just {first}"


def test_a_secret_as_a_key_is_refused() -> None:
    placeholders = Placeholders()
    mark = placeholders.put(PASSWORD)

    with pytest.raises(MisplacedValue, match="below a: a secret can't be a key"):
        placeholders.fill({"a": {mark: 1}})


def test_a_mark_that_nobody_put_is_refused() -> None:
    with pytest.raises(MisplacedValue, match=r"a\.b\[0\]"):
        Placeholders().fill({"a": {"b": ["\ue0007\ue001"]}})
