"""Colors of commands become classes; nothing else of what they write has a meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.terminal import colored_html, without_sequences

ESC = "\x1b"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        (f"{ESC}[31mred{ESC}[0m on", '<span class="ink-red">red</span> on'),
        (f"{ESC}[1;32mok{ESC}[m.", '<span class="ink-green bold">ok</span>.'),
        (
            f"{ESC}[91;44mboth{ESC}[39mback{ESC}[49mnone",
            '<span class="ink-red paper-blue">both</span><span class="paper-blue">back</span>none',
        ),
        (f"{ESC}[103mx", '<span class="paper-yellow">x</span>'),
        (f"{ESC}[2;3;4mx{ESC}[22;23;24my", '<span class="faint italic underlined">x</span>y'),
        (f"{ESC}[38;5;9mx", '<span class="ink-red">x</span>'),
        (f"{ESC}[38;5;196mx", '<span class="ink-red">x</span>'),
        (f"{ESC}[48;5;255mx", '<span class="paper-white">x</span>'),
        (f"{ESC}[38;2;0;200;0mx", '<span class="ink-green">x</span>'),
        (f"{ESC}[38:2:0:0:230mx", '<span class="ink-blue">x</span>'),
        (f"{ESC}[38mx", "x"),
        (f"{ESC}[5;7;99;48mx", "x"),
        (f"{ESC}[31m{ESC}[32mx", '<span class="ink-green">x</span>'),
        ("\x9b31mx", '<span class="ink-red">x</span>'),
    ],
)
def test_colors_become_classes(text: str, html: str) -> None:
    assert colored_html(text) == html


@pytest.mark.parametrize(
    "sequence",
    [
        f"{ESC}[2J", f"{ESC}[10;10H", f"{ESC}[?25l", f"{ESC}[6n", f"{ESC}[>4;1m", f"{ESC}[1 q", f"{ESC}[31",
        f"{ESC}]0;a title\x07", f"{ESC}]8;;http://evil.example{ESC}\\", f"{ESC}]52;c;ZXZpbA==",
        f"{ESC}P1$r0m{ESC}\\", f"{ESC}_a{ESC}\\", f"{ESC}^b\x9c", f"{ESC}c", f"{ESC}(B", f"{ESC}7", ESC,
        "\x9b2J", "\x9d0;title\x07", f"{ESC}[" + "1;" * 200 + "31m", f"{ESC}[99999999999m",
    ],
)  # fmt: skip
def test_all_other_sequences_are_left_out(sequence: str) -> None:
    assert colored_html(f"before{sequence}") == "before"
    assert without_sequences(f"before{sequence}") == "before"


def test_what_else_is_not_printable_is_written_out_and_html_is_text() -> None:
    text = f"{ESC}[31m<b>&\"'\x07\x00\u202e{ESC}[0m</span>"
    assert colored_html(text) == (
        '<span class="ink-red">&lt;b&gt;&amp;&#34;&#39;\\u0007\\u0000\\u202e</span>&lt;/span&gt;'
    )
    assert without_sequences(text) == "<b>&\"'\\u0007\\u0000\\u202e</span>"


@given(st.text(alphabet=st.sampled_from("\x1b\x9b[]()?;:0123m<>&\"'x \x07\\P"), max_size=40))
def test_whatever_comes_no_tag_is_made_but_ours(text: str) -> None:
    html = str(colored_html(text))
    bare = html.replace("</span>", "")
    for kind in ("ink", "paper", "bold", "faint", "italic", "underlined"):
        bare = bare.replace(f'<span class="{kind}', "(")
    assert "<" not in bare
    assert html.count("<span") == html.count("</span>")
    assert "\x1b" not in html
