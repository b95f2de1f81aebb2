"""Values that must never be printed."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.secret import Redactor, Secret

VALUE = "correct-horse-battery"


@pytest.mark.parametrize("printed", [str, repr, "{}".format, "{!r:>30}".format, "%s".__mod__])
def test_a_secret_prints_as_redacted(printed: object) -> None:
    assert callable(printed)
    text = printed(Secret(VALUE))

    assert "[redacted]" in text
    assert VALUE not in text


def test_a_secret_inside_other_values_prints_as_redacted() -> None:
    assert VALUE not in repr({"token": [Secret(VALUE)]})


def test_a_format_applies_to_the_redacted_text() -> None:
    assert f"{Secret(VALUE):>12}" == "  [redacted]"


def test_a_traceback_does_not_show_the_value() -> None:
    shown = traceback.format_exception(RuntimeError(Secret(VALUE)))

    assert VALUE not in "".join(shown)


def test_only_reveal_leads_to_the_value() -> None:
    secret = Secret(VALUE)

    assert secret.reveal() == VALUE
    assert not hasattr(secret, "__dict__")


def test_a_secret_matches_its_value_and_nothing_else() -> None:
    assert Secret(VALUE).matches(VALUE)
    assert not Secret(VALUE).matches(VALUE + " ")


@given(st.text(alphabet=st.characters(), max_size=20))
def test_any_candidate_can_be_compared(candidate: str) -> None:
    assert Secret(VALUE).matches(candidate) is False


def test_bytes_that_were_no_text_can_be_compared() -> None:
    assert not Secret(VALUE).matches(b"\xff".decode("utf-8", "surrogateescape"))


def test_secrets_with_the_same_value_are_equal() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE)}) == 1


def test_a_secret_is_neither_pickled_nor_copied_nor_dumped() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(VALUE))
    with pytest.raises(TypeError, match="not pickled"):
        copy.copy(Secret(VALUE))
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(Secret(VALUE))


def test_known_secrets_are_taken_out_of_text_from_elsewhere() -> None:
    redactor = Redactor([Secret(VALUE), Secret("other")])

    assert redactor.redact(f"a {VALUE} b other c {VALUE}") == "a [redacted] b [redacted] c [redacted]"


def test_a_secret_that_is_part_of_another_leaves_nothing_of_it() -> None:
    redactor = Redactor([Secret("horse"), Secret(VALUE), Secret("")])

    assert redactor.redact(f"<{VALUE}> <horse>") == "<[redacted]> <[redacted]>"


def test_a_value_too_short_to_be_told_from_words_stays() -> None:
    redactor = Redactor([Secret("abc"), Secret("1")])

    assert redactor.redact("abc: 1 of 10 pods") == "abc: 1 of 10 pods"


@pytest.mark.parametrize(
    "text",
    [
        '{"key": "line \\"one\\"\\nline two &"}',
        "k=line%20%22one%22%0Aline%20two%20%26",
        "bGluZSAib25lIgpsaW5lIHR3byAm",
    ],
)
def test_a_secret_is_taken_out_however_it_is_written(text: str) -> None:
    redactor = Redactor([Secret('line "one"\nline two &')])

    assert "[redacted]" in redactor.redact(text)
    assert "one" not in redactor.redact(text)


def test_each_line_of_a_key_is_taken_out_for_output_comes_line_by_line() -> None:
    redactor = Redactor([Secret("-----BEGIN KEY-----\nMIIEvQ\n-----END KEY-----")])

    assert redactor.redact("cat key\nMIIEvQ\n") == "cat key\n[redacted]\n"


def test_a_redactor_learns_of_further_secrets() -> None:
    redactor = Redactor([Secret("first-value")])

    redactor.add([Secret("first-value-and-more"), Secret("abc")])

    assert redactor.redact("first-value first-value-and-more abc") == "[redacted] [redacted] abc"
