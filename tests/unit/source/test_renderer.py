"""The program's inside, called directly: it has no limits of time here. ``test_templates.py`` starts it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from source.renderer import render_all


def render(templates: dict[str, str], **variables: object) -> dict[str, Any]:
    return render_all({"templates": templates, "render": ["f.yml"], "variables": variables, "limit": 1000})


def test_a_template_is_rendered_with_its_variables() -> None:
    answer = render({"f.yml": "a: {{ app }}\n{% if true %}\nb: {{ values.x | tojson }}\n{% endif %}\n"},
                    app="myapp", values={"x": "it's: <x>"})  # fmt: skip

    assert answer == {"rendered": {"f.yml": 'a: myapp\nb: "it\\u0027s: \\u003cx\\u003e"\n'}}


def test_files_of_the_folder_may_be_included() -> None:
    answer = render({"f.yml": '{% include "labels.yml" %}', "labels.yml": "a: {{ app }}"}, app="myapp")

    assert answer == {"rendered": {"f.yml": "a: myapp"}}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("\n{{ ''.__class__ }}", "unsafe"),
        ("\n{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("\n{{ fail.__globals__ }}", "unsafe"),
        ("\n{{ values.__init__ }}", "unsafe"),
        ("\n{{ '{0.__class__}'.format(1) }}", "unsafe"),
        ("\n{{ values.update({'x': 1}) }}", "unsafe|not safely callable"),
        ("\n{% include '/etc/passwd' %}", "there is no file /etc/passwd"),
        ("\n{% include '../secret.yml' %}", "there is no file"),
        ("\n{% import 'os' as os %}", "there is no file os"),
        ("\n{{ nothing }}", "'nothing' is undefined"),
        ("\n{{ values.nothing }}", "no attribute 'nothing'"),
        ("\n{{ 1 / 0 }}", "ZeroDivisionError"),
        ("\n{% for x in range(10 ** 9) %}{% endfor %}", "Range too big"),
        ("\n{{ fail('set values.hosts') }}", "^set values.hosts$"),
        ("\n{% if %}", "Expected"),
        ("\n{% for x in y %}", "Unexpected end of template"),
    ],
)
def test_what_a_template_may_not_do_is_told_with_file_and_line(text: str, what: str) -> None:
    error = render({"f.yml": text}, values={})["error"]

    assert pytest.approx(2, abs=1) == error["line"]
    assert error["file"] == "f.yml"
    assert re.search(what, error["what"])


def test_more_text_than_a_manifest_needs_is_refused() -> None:
    error = render({"f.yml": "{% for x in range(99999) %}x{% endfor %}"})["error"]

    assert error == {"file": "f.yml", "line": 0, "what": "renders to more than 1000 characters"}


def test_a_mistake_in_an_included_file_names_that_file() -> None:
    error = render({"f.yml": '{% include "g.yml" %}', "g.yml": "\n\n{{ nothing }}"})["error"]

    assert (error["file"], error["line"]) == ("g.yml", 3)
