"""Texts that tools keep as HTML: what people formatted stays where the text does."""

from itertools import product

import pytest

from connectors.markup import plain, rewritten, to_markup


@pytest.mark.parametrize(
    ("markup", "text", "becomes"),
    [
        # Nothing changed.
        ("<p><b>One</b></p><p>Two</p>", "One\nTwo", "<p><b>One</b></p><p>Two</p>"),
        ("One<br>Two<br>", "One\nTwo", "One<br>Two<br>"),
        # A line more, within what is around the text.
        ("<div><p>One</p></div>", "One\nTwo", "<div><p>One</p>Two</div>"),
        ("<i>One</i>", "One\nTwo", "<i>One</i><br>Two"),
        (
            "<ul><li>One</li></ul>",
            "One\nTwo & three",
            "<ul><li>One</li></ul>Two &amp; three",
        ),
        # One less.
        ("<p><a href='x'>One</a></p><p>Two</p>", "One", "<p><a href='x'>One</a></p>"),
        ("<p>One<br>Two</p><p><b>Three</b></p>", "One\nThree", "<p>One</p><p><b>Three</b></p>"),
        # Another one in its place.
        ("<ul><li><b>A</b>: 1</li></ul>x", "A: 2\nx", "<ul><li><b>A</b>: 2</li></ul>x"),
        ("<b>One</b><br><b>Two</b>", "One\nTwo!", "<b>One</b><br><b>Two!</b>"),
        ("<p>See <a href='x'>the report</a></p>", "Call Bob", "<p>Call Bob</p>"),
        ("<p>a &lt; b &amp; c</p>", "a < b & d", "<p>a &lt; b &amp; d</p>"),
        # There was none.
        ("", "One\nTwo", "One<br>Two"),
        ("<p><br></p>", "One", "One"),
    ],
)
def test_what_people_formatted_stays_where_the_text_does(
    markup: str, text: str, becomes: str
) -> None:
    assert plain(rewritten(markup, text)).strip() == text
    assert rewritten(markup, text) == becomes


def test_whatever_there_was_the_text_is_the_one_that_was_asked_for() -> None:
    parts = ["<p>", "</p>", "<ul><li>", "</li></ul>", "<b>", "</b>", "<br>", "A", "B", " ", "\n"]
    texts = ["A", "B", "A\nB", "B\nA", "A\n\nC", "C\nA\nB", "AB"]
    for pieces in product(parts, repeat=4):
        markup = "".join(pieces)
        for text in texts:
            assert plain(rewritten(markup, text)).strip() == text


def test_a_text_that_is_there_is_left_as_it_is() -> None:
    markup = "<div style='x'><p>One <a href='y'>two</a></p><ul>\n<li>Three</li></ul></div>\n"
    assert rewritten(markup, plain(markup).strip()) == markup


def test_blanks_that_a_tool_makes_alike_are_no_change() -> None:
    def read(markup: str) -> str:
        return plain(markup).replace("\u00a0", " ")

    held = "<p><b>Coût&nbsp;: 3</b></p>"
    assert rewritten(held, "Coût\u00a0: 3\nFin", read=read) == f"{held}Fin"


@pytest.mark.parametrize("held", ["A<br>key: 1<br><b>Theirs</b>", "key: 1<br>A<br><b>Theirs</b>"])
def test_a_mark_goes_to_the_end_and_takes_nothing_with_it(held: str) -> None:
    text = plain(held).replace("key: 1", "").strip()
    made = rewritten(held, f"{text}\nNew", "key: 1")
    assert made.replace("<br><br>", "<br>") == "A<br><b>Theirs</b><br>New<br>key: 1"
    assert rewritten(made, f"{text}\nNew", "key: 1") == made


def test_what_cannot_be_brought_together_is_written_anew() -> None:
    assert (
        rewritten("<p>A<br>", "B\n<i>", read=lambda _: "")
        == to_markup("B\n<i>")
        == "B<br>&lt;i&gt;"
    )
