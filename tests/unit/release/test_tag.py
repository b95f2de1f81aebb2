"""Which tags start a release."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.model import Color
from release.tag import find_color, find_refusal, shown, with_color


@pytest.mark.parametrize(
    ("tag", "color"),
    [
        ("v2.0-blue", Color.BLUE),
        ("v2.0-green", Color.GREEN),
        ("v-blue", Color.BLUE),
        ("v1-blue-green", Color.GREEN),
        ("v1-green-blue", Color.BLUE),
        ("very-blue", Color.BLUE),
        ("v1 -blue", Color.BLUE),
    ],
)
def test_a_tag_names_the_color_it_ends_in(tag: str, color: Color) -> None:
    assert find_color(tag) is color


@pytest.mark.parametrize(
    "tag",
    ["", "v1", "1.0-blue", "v1-red", "v1-Blue", "v1blue", "v1-blue ", "v1-blue\n", "V1-blue", "v1\n-blue"],
)
def test_a_tag_that_does_not_match_with_its_whole_name_names_none(tag: str) -> None:
    assert find_color(tag) is None


@pytest.mark.parametrize("tag", ["v2.0-blue", "v-green", "v1_2.3-rc.4-green", f"v{'1' * 57}-blue"])
def test_a_tag_that_fits_an_image_tag_and_a_label_can_be_released(tag: str) -> None:
    assert find_refusal(tag) is None


def test_a_tag_that_no_label_holds_is_refused_with_its_length() -> None:
    tag = f"v{'1' * 58}-blue"

    assert find_refusal(tag) == "the tag has 64 characters; a Kubernetes label holds 63"


@pytest.mark.parametrize(
    "tag", ["v1/2-blue", "v1 -blue", "v$(id)-blue", "v1+meta-blue", "vé-blue", "v1;x-blue"]
)
def test_a_tag_with_characters_beyond_an_image_tag_is_refused(tag: str) -> None:
    assert "characters that an image tag can't hold" in (find_refusal(tag) or "")


@given(st.text(max_size=70).map(lambda version: f"v{version}-blue"))
def test_what_can_be_released_fits_wherever_it_lands(tag: str) -> None:
    if find_refusal(tag) is None:
        assert tag.isascii()
        assert 0 < len(tag) <= 63
        assert set(tag) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
        assert tag[0].isalnum()
        assert tag[-1].isalnum()


def test_a_harmless_tag_is_shown_as_it_is() -> None:
    assert shown("v2.0-blue") == "v2.0-blue"


def test_control_and_direction_marks_are_shown_escaped() -> None:
    assert shown("v\x1b[31m\u202e\n-blue") == r"v\u001b[31m\u202e\u000a-blue"


def test_a_long_tag_is_cut_where_it_is_shown() -> None:
    assert shown("v" * 80) == "v" * 80
    assert shown("v" * 81) == "v" * 80 + "…"


@given(st.text())
def test_nothing_unprintable_is_ever_shown(tag: str) -> None:
    assert shown(tag).isprintable()


@pytest.mark.parametrize(
    ("tag", "color", "expected"),
    [
        ("v2.1-blue", Color.GREEN, "v2.1-green"),
        ("v2.1-rc-1-green", Color.BLUE, "v2.1-rc-1-blue"),
        ("v2-blue", Color.BLUE, "v2-blue"),
    ],
)
def test_the_same_version_can_be_named_for_the_other_color(tag: str, color: Color, expected: str) -> None:
    assert with_color(tag, color) == expected
