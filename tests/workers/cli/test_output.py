"""Tables and texts show what people wrote as it is, and a terminal obeys none of it."""

import pytest

from workers.cli.output import Output


def shown(capsys: pytest.CaptureFixture[str], *cells: str) -> str:
    Output(json=False).table("", ["title"], [[cell] for cell in cells])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["Write the [B]page[/B]", "[urgent] ours", "x [/x]", "[red]", "\\["]
)
def test_brackets_are_no_markup(capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert text in shown(capsys, text)
    Output(json=False).text(text)
    assert text in capsys.readouterr().out


# What colours, names or moves on a terminal; what turns the order of a text, or breaks its line;
# and half of a character.
CODES = ["\x1b[31m", "\x1b]0;title\x07", "\x9b2J", "\b", "\r", "\u202e", "\u2066", "\u200f"]
CODES += ["\u2028", "\ud83d"]


@pytest.mark.parametrize("code", CODES)
def test_what_a_terminal_would_obey_is_not_sent_to_it(
    capsys: pytest.CaptureFixture[str], code: str
) -> None:
    told = shown(capsys, f"before {code} after")
    Output(json=False).text(f"before {code} after")
    told += capsys.readouterr().out
    assert not {*code[:1]} & {*told}
    assert told.count("before") == told.count("after") == 2


@pytest.mark.parametrize(
    "text", ["12\u202f%", "«\xa0Bouton vert\xa0»", "\u3000", "mi\xadnuit", "👩\u200d💻"], ids=ascii
)
def test_spaces_that_do_not_break_and_joined_characters_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert f"before {text} after" in shown(capsys, f"before {text} after")
    Output(json=False).text(text)
    assert text in capsys.readouterr().out


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).text("one\ntwo\tthree")
    assert capsys.readouterr().out.splitlines()[0] == "one"
