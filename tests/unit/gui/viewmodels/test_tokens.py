# SPDX-License-Identifier: Apache-2.0
"""What will be trained: tokens by turn, facts of the row, the model to look with."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.api.preview import Answer, EndOfTurn, RowTokens, TokenView
from engine.domain.dataset import RowKind, TextRow
from gui.viewmodels.tokens import (
    first_model,
    inspect_row,
    model_options,
    no_position_words,
    position_of,
    position_words,
    row_facts,
    token_parts,
)
from tests.fakes.api import a_dataset, a_model
from tests.fakes.rows import END, a_chat, tokens_of


def texts(row: RowTokens, end_of_turn: str = END) -> list[tuple[str, str]]:
    parts = token_parts(row, end_of_turn=end_of_turn)
    return [(part.title, "".join(one.text for one in part.tokens)) for part in parts]


def token(text: str, role: str = "", *, trained: bool = False) -> TokenView:
    return TokenView(id=1, text=text, trained=trained, special=False, role=role)


def row_of(*tokens: TokenView) -> RowTokens:
    return RowTokens(
        row_hash="0", tokens=list(tokens), trained_count=0, truncated=False, problem=""
    )


def test_parts_give_each_turn_what_opens_and_what_ends_it() -> None:
    assert texts(tokens_of(a_chat("hello", "good day", system="be brief"))) == [
        ("System", "<|im_start|>system\nbe brief<|im_end|>\n"),
        ("User", "<|im_start|>user\nhello<|im_end|>\n"),
        ("Assistant", "<|im_start|>assistant\ngood day<|im_end|>\n"),
    ]


def test_parts_lose_no_token() -> None:
    row = tokens_of(a_chat(system="be brief"))
    parts = token_parts(row, end_of_turn=END)
    assert [one for part in parts for one in part.tokens] == row.tokens


def test_parts_of_a_template_with_its_own_first_words_keep_them_apart() -> None:
    row = row_of(
        token("<s>"), token("system words"), token(END), token("\n"), token("<user>"),
        token("hello", "user"), token(END),
    )  # fmt: skip
    assert texts(row) == [
        ("Template", f"<s>system words{END}\n"),
        ("User", f"<user>hello{END}"),
    ]


def test_parts_without_an_end_token_open_the_next_turn() -> None:
    row = row_of(token("hello", "user"), token("[/INST]"), token("hi", "assistant", trained=True),
                 token("</s>", trained=True))  # fmt: skip
    assert texts(row, end_of_turn="") == [("User", "hello"), ("Assistant", "[/INST]hi</s>")]


def test_parts_of_text_and_of_nothing() -> None:
    assert texts(tokens_of(TextRow(text="some words"))) == [("Text", "some words")]
    assert texts(row_of()) == []
    assert texts(row_of(token("<s>"))) == [("Template", "<s>")]


def inspect(row: RowTokens, *, is_chat: bool = True) -> dict[str, tuple[str, str]]:
    shown = inspect_row(row, is_chat=is_chat, max_length=2_048)
    return {one.name: (one.value, one.colour) for one in shown.facts}


def test_inspection_counts_what_is_trained() -> None:
    row = tokens_of(a_chat("one two", "three four"))
    shown = inspect_row(row, is_chat=True, max_length=2_048)
    assert (shown.trained, shown.of_total) == ("3", "of 14 tokens")
    assert shown.share == pytest.approx(3 / 14)
    assert inspect(row)["Special tokens"] == ("4", "text")


def test_inspection_tells_whether_the_answer_ends_the_turn() -> None:
    row = tokens_of(a_chat())
    assert inspect(row)["Answer ends the turn"] == ("Yes", "success")
    assert inspect(row_of())["Answer ends the turn"] == ("No", "warning")
    assert inspect(tokens_of(a_chat(), max_length=20))["Answer ends the turn"] == ("No", "warning")
    assert "Answer ends the turn" not in inspect(row, is_chat=False)


def test_inspection_counts_the_ends_of_many_answers_without_those_switched_off() -> None:
    ends = (EndOfTurn.TRAINED, EndOfTurn.OFF, EndOfTurn.TRAINED, EndOfTurn.CUT)
    answers = [Answer(start=0, end=1, end_of_turn=one) for one in ends]
    shown = inspect(replace(row_of(token("a")), answers=answers))
    assert shown["Answer ends trained"] == ("2 of 3", "warning")
    whole = inspect(replace(row_of(token("a")), answers=answers[:3]))
    assert whole["Answer ends trained"] == ("2 of 2", "success")


def test_inspection_says_what_the_template_leaves_out() -> None:
    row = replace(row_of(token("a")), note_texts={"two_bos": "Two of them.", "other": "And this."})
    assert inspect_row(row, is_chat=True, max_length=9).problem == "Two of them. And this."


def test_inspection_of_a_cut_row_says_where() -> None:
    cut = inspect(tokens_of(a_chat(), max_length=20))
    assert cut["Cut at"] == ("2,048", "warning")
    lost = tokens_of(a_chat()).trained_count - tokens_of(a_chat(), max_length=20).trained_count
    assert cut["Trained tokens cut off"] == (str(lost), "warning")
    assert "Cut at" not in inspect(tokens_of(a_chat()))


def test_inspection_of_a_row_without_tokens_has_the_problem() -> None:
    row = tokens_of(a_chat(), problem="unreadable_text")
    shown = inspect_row(row, is_chat=True, max_length=2_048)
    assert (shown.share, shown.problem) == (0.0, "The text holds broken characters.")


@pytest.mark.parametrize(
    ("row", "tokens", "flag"),
    [
        (tokens_of(a_chat("one two", "three four")), "14 tokens", ""),
        (tokens_of(a_chat(), max_length=20), "20 tokens", "cut"),
        (tokens_of(a_chat(), max_length=3), "3 tokens", "not trained"),
        (tokens_of(a_chat(), problem="mask_mismatch"), "", "not trained"),
    ],
)
def test_facts_of_the_list_flag_what_is_wrong(row: RowTokens, tokens: str, flag: str) -> None:
    facts = row_facts(row)
    assert (facts.tokens, facts.flag) == (tokens, flag)


@pytest.mark.parametrize(
    ("text", "index"), [("1", 0), ("1,204", 1_203), ("0", None), ("2001", None), ("x", None)]
)
def test_position_of_reads_the_number_of_a_row(text: str, index: int | None) -> None:
    assert position_of(text, 2_000) == index


def test_position_words() -> None:
    assert position_words(16, 11_874) == ("Row 17", "of 11,874")
    assert no_position_words(2_000) == "Type a number from 1 to 2,000."


def test_models_without_a_template_cannot_show_conversations() -> None:
    models = [a_model(has_chat_template=False), a_model(id="m2")]
    bare, fit = model_options(models, a_dataset())
    assert bare.reason
    assert not fit.reason
    assert first_model((bare, fit), "") == "m2"
    assert first_model((bare, fit), "m1") == "m1"
    assert first_model((bare, fit), "gone") == "m2"
    assert first_model((bare,), "") == ""


def test_models_without_a_template_can_show_text() -> None:
    (option,) = model_options([a_model(has_chat_template=False)], a_dataset(kind=RowKind.TEXT))
    assert not option.reason
    assert option.facts == "Qwen3, 4.0 billion"
