"""YAML with line numbers."""

from __future__ import annotations

import pytest

from release.document import NoDocument, read_document

TEXT = """\
a:
  b:
    - one
    - c: two
"""


@pytest.mark.parametrize(
    ("location", "line"),
    [
        ((), 1),
        (("a",), 1),
        (("a", "b"), 2),
        (("a", "b", 0), 3),
        (("a", "b", 1), 4),
        (("a", "b", 1, "c"), 4),
        (("a", "b", 1, "c", "deeper"), 4),
        (("a", "b", 7), 2),
        (("a", "b", "x"), 2),
        (("a", "x"), 1),
    ],
)
def test_a_field_is_found_as_deep_as_the_text_goes(location: tuple[int | str, ...], line: int) -> None:
    assert read_document(TEXT).line_of(location) == line


def test_an_empty_text_is_a_document_without_data() -> None:
    document = read_document("")

    assert document.data is None
    assert document.line_of(("a",)) == 1
    assert document.repeated() == []


def test_keys_that_stand_twice_are_found_at_any_depth() -> None:
    document = read_document("a: 1\nb:\n  - c: 1\n    c: 2\na: 2\n")

    assert sorted(document.repeated()) == [(4, "b.0.c"), (5, "a")]


def test_the_same_key_in_two_mappings_is_no_repetition() -> None:
    assert read_document("a: {c: 1}\nb: {c: 1}\n").repeated() == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: b: c", 1),
        ("a: 1\n\tb", 2),
        ("a: 1\n---\n", 2),
        ("a: *unknown", 1),
        ("\x00", 1),
        ("2001-99-99", 1),
    ],
)
def test_what_is_no_document_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(NoDocument) as caught:
        read_document(text)

    assert caught.value.line == line
    assert str(caught.value)


def test_a_text_that_would_make_python_objects_is_no_document() -> None:
    with pytest.raises(NoDocument, match="could not determine a constructor"):
        read_document("!!python/object/apply:os.getcwd []")


def test_a_key_that_is_written_over_a_merged_one_is_not_repeated() -> None:
    document = read_document("base: &base\n  a: 1\nshop:\n  <<: *base\n  a: 2\n")

    assert document.data["shop"] == {"a": 2}
    assert document.repeated() == []
