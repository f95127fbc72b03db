# SPDX-License-Identifier: Apache-2.0
"""Where tokens stand, and the row as text."""

from __future__ import annotations

import pytest

from gui.widgets.token_layout import Placed, Token, TokenSection, as_text, lay_out, shown_text


def _token(text: str, *, trained: bool = False, special: bool = False) -> Token:
    return Token(text=text, id=1, trained=trained, special=special)


def _section(*tokens: Token) -> TokenSection:
    return TokenSection(role="user", title="User", tokens=tokens)


def _lay_out(section: TokenSection, width: float) -> list[Placed]:
    """Lay out with letters of ten pixels."""
    return lay_out(
        section, first=0, width=width, gap=5, measure=lambda _token, text: 10.0 * len(text)
    )


def test_lay_out_breaks_between_words() -> None:
    placed = _lay_out(_section(_token("one"), _token(" two"), _token(" three")), 80)

    assert [one.line for one in placed] == [0, 0, 1]


def test_lay_out_never_splits_a_word_of_several_tokens() -> None:
    placed = _lay_out(_section(_token("one"), _token(" 4"), _token(".2"), _token("b")), 60)

    assert [one.line for one in placed] == [0, 1, 1, 1]


def test_lay_out_drops_the_space_at_the_start_of_a_line() -> None:
    placed = _lay_out(_section(_token("one"), _token(" two")), 40)

    assert [(one.line, one.x, one.text) for one in placed] == [(0, 0, "one"), (1, 0, "two")]


def test_lay_out_splits_a_word_longer_than_a_line_between_its_tokens() -> None:
    placed = _lay_out(_section(_token("aaaa"), _token("bbbb"), _token("cccc")), 90)

    assert [one.line for one in placed] == [0, 0, 1]


def test_lay_out_breaks_after_a_line_break_in_the_content() -> None:
    placed = _lay_out(_section(_token("one", trained=True), _token("\n"), _token("two")), 900)

    assert [one.line for one in placed] == [0, 0, 1]


def test_lay_out_does_not_break_after_the_role_name() -> None:
    tokens = (_token("<s>", special=True), _token("user"), _token("\n"), _token("Hello"))

    placed = _lay_out(_section(*tokens), 900)

    assert {one.line for one in placed} == {0}


def test_lay_out_gives_special_tokens_room() -> None:
    placed = _lay_out(_section(_token("<s>", special=True), _token("a")), 900)

    assert placed[1].x == 30 + 5


def test_lay_out_counts_indices_over_all_sections() -> None:
    placed = lay_out(
        _section(_token("a"), _token("b")), first=7, width=90, gap=0, measure=lambda _t, _s: 1.0
    )

    assert [one.index for one in placed] == [7, 8]


@pytest.mark.parametrize(("text", "shown"), [("", "·"), (" ", " "), ("\t", "    ")])
def test_shown_text_of_an_invisible_token_takes_room(text: str, shown: str) -> None:
    assert shown_text(_token(text), at_start=True) == shown


def test_as_text_puts_trained_runs_in_double_brackets() -> None:
    first = _section(_token("Q: "), _token("A", trained=True), _token(" b", trained=True))
    second = _section(_token("!", trained=True), _token(" end"))

    assert as_text([first, second]) == "Q: [[A b!]] end"


def test_as_text_closes_a_run_at_the_end() -> None:
    assert as_text([_section(_token("x", trained=True))]) == "[[x]]"
