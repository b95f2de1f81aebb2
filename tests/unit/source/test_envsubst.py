from __future__ import annotations

import pytest
import yaml

from release.secret import Secret
from source.documents import Unusable
from source.envsubst import substitute
from source.placeholders import Placeholders


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("myapp-$COLOR_TEST", "myapp-green"),
        ("myapp-${COLOR_TEST}-x", "myapp-green-x"),
        ("[$COLOR_TEST, ${COLOR_TEST}]", "[green, green]"),
        ("$COLOR_TESTING", "$COLOR_TESTING"),
        ("$HOME ${PATH} $$ $1 ${", "$HOME ${PATH} $$ $1 ${"),
        ("${COLOR_TEST:-blue}", "${COLOR_TEST:-blue}"),
        ("$COLOR_TEST$COLOR_TEST", "greengreen"),
        ("$color_test", "$color_test"),
    ],
)
def test_only_names_that_were_declared_are_replaced(text: str, expected: str) -> None:
    assert substitute(text, {"COLOR_TEST": "green"}, Placeholders(), file="f") == expected


@pytest.mark.parametrize(
    "value",
    ["a: b", "a\nkind: Secret", "a #b", "x, y", "- a", "{a: b}", "'", '"', "*a", "&a", "a:", "", "ü"],
)
@pytest.mark.parametrize("form", ["$V", '"$V"', "'$V'", "[$V]", "{k: ${V}}"])
def test_no_value_becomes_structure(value: str, form: str) -> None:
    placeholders = Placeholders()

    text = substitute(f"a: {form}", {"V": value}, placeholders, file="f")

    found = placeholders.fill(yaml.safe_load(text))["a"]
    assert found in (value, [value], {"k": value})


def test_a_plain_word_keeps_its_type() -> None:
    text = substitute("replicas: $N", {"N": "3"}, Placeholders(), file="f")

    assert yaml.safe_load(text) == {"replicas": 3}


def test_a_secret_is_always_text_and_never_in_the_rendered_file() -> None:
    placeholders = Placeholders()

    text = substitute("a: $V", {"V": Secret("12345678901234567890")}, placeholders, file="f")

    assert "123" not in text
    assert placeholders.fill(yaml.safe_load(text)) == {"a": "12345678901234567890"}


def test_a_name_of_the_article_without_a_value_is_told_with_its_line() -> None:
    with pytest.raises(Unusable, match=r"\$DOCKER_USERNAME has no value") as caught:
        substitute("a\nb: $DOCKER_USERNAME", {}, Placeholders(), file="deployment.yml")

    assert (caught.value.file, caught.value.line) == ("deployment.yml", 2)


def test_a_name_that_only_another_color_has_is_told_with_its_line() -> None:
    with pytest.raises(Unusable, match=r"\$DB_HOST has no value: .*values_by_color, for this") as caught:
        substitute("a\nb: $HOME $DB_HOST", {}, Placeholders(), file="f", declared={"DB_HOST"})

    assert (caught.value.file, caught.value.line) == ("f", 2)
