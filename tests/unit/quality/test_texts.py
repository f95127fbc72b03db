# SPDX-License-Identifier: Apache-2.0
"""What a text holds that it should not: template marks, garbled and unseen characters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.dataset import TextRow
from engine.quality import characters, control_strings, mojibake
from engine.quality.check import Check
from engine.quality.personal_data import check as personal_data
from tests.builders.conversations import chat
from tests.builders.turn_batches import finds

PLAIN = TextRow(text="Grüße, 你好 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👩‍👩‍👧 мир <b>bold</b> [1] a|b\tc\n")


def labels_of(check: Check, text: str) -> list[str]:
    found = finds(check, [PLAIN, TextRow(text=text), PLAIN])
    assert all(row == 1 for row, _label in found)
    return [label for _row, label in found]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a <|im_start|>user", "bar_mark"),
        ("<|START_OF_TURN_TOKEN|>", "bar_mark"),
        ("<｜begin▁of▁sentence｜>x", "bar_mark"),
        ("[INST] x [/INST]", "instruction_mark"),
        ("<<SYS>>", "instruction_mark"),
        ("<start_of_turn>user", "turn_mark"),
        ("<tool_call>{}</tool_call>", "tool_mark"),
        ("the end</s>", "sentence_mark"),
        ("<bos>", "sentence_mark"),
    ],
)
def test_mark_of_a_template_is_found(text: str, label: str) -> None:
    assert labels_of(control_strings.CHECK, text) == [label]


@pytest.mark.parametrize("text", ["<think>x</think>", "a <| b |> c", "[inst]", "<span>", "x <s y"])
def test_text_that_is_no_mark_is_left_alone(text: str) -> None:
    assert labels_of(control_strings.CHECK, text) == []


TEXTS = (
    "Schöne Grüße aus Köln",
    "l’été à la plage – déjà vu",
    "Привет, как дела?",
    "naïve “quotes”",
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (TEXTS[0], "cp1252"),
        (TEXTS[0], "latin-1"),
        (TEXTS[0], "cp437"),
        (TEXTS[0], "mac-roman"),
        (TEXTS[1], "cp1252"),
        (TEXTS[1], "cp1251"),
        (TEXTS[1], "latin-1"),
        (TEXTS[2], "cp1251"),
        (TEXTS[2], "latin-1"),
        (TEXTS[3], "cp437"),
        ("日本語のテキスト", "latin-1"),
    ],
)
def test_utf8_read_in_another_encoding_is_found_and_repaired(text: str, encoding: str) -> None:
    garbled = text.encode("utf-8").decode(encoding)
    assert labels_of(mojibake.GARBLED, garbled) == ["garbled"]
    assert mojibake.repaired(garbled) == text


@pytest.mark.parametrize(
    "text", [*TEXTS, "Ã la carte", "50 µm × 3 µm ±1", "ÄÖÜ äöü ß", "São Tomé", "日本語", "a\u0301"]
)
def test_sound_text_is_not_garbled(text: str) -> None:
    assert labels_of(mojibake.GARBLED, text) == []


def test_repair_that_would_make_a_nul_is_not_done() -> None:
    assert mojibake.repaired("Ã©À\x80") == "Ã©À\x80"


def test_lost_character_is_found() -> None:
    assert labels_of(mojibake.LOST, "caf\ufffd") == ["lost_character"]


@pytest.mark.parametrize(
    ("text", "label", "stripped"),
    [
        ("a\x1b[31mred\x1b[0m", "control_character", "ared"),
        ("one\x0ctwo\x07", "control_character", "one\ntwo"),
        ("\ufeffstart", "invisible_character", "start"),
        ("zero\u200bwidth", "invisible_character", "zerowidth"),
        ("soft\u00adhyphen", "invisible_character", "softhyphen"),
        ("both\u200b\u00ad", "invisible_character", "both"),
        ("tag\U000e0041", "invisible_character", "tag"),
        ("\u202eabc\u202c", "direction_mark", "abc"),
    ],
)
def test_unseen_character_is_found_and_stripped(text: str, label: str, stripped: str) -> None:
    assert labels_of(characters.UNSEEN, text) == [label]
    assert characters.without_unseen(text) == stripped


@pytest.mark.parametrize(
    "text", ["ภาษา\u200bไทย", "\u202bשלום\u202c", "می\u200cخواهم", "👨\u200d👩"]
)
def test_unseen_character_that_a_script_needs_is_kept(text: str) -> None:
    assert labels_of(characters.UNSEEN, text) == []
    assert characters.without_unseen(text) == text


@pytest.mark.parametrize("text", ["раypal", "Gооgle", "miсrosoft", "ΑBC"])
def test_word_of_look_alike_letters_is_found(text: str) -> None:
    assert labels_of(characters.MIXED, f"see {text}.") == ["look_alike_letter"]


@pytest.mark.parametrize("text", ["USB-кабель", "iPhone'ом", "Δx = 3 μm", "Москва Moscow", "πr"])
def test_words_of_two_scripts_side_by_side_are_left_alone(text: str) -> None:
    assert labels_of(characters.MIXED, text) == []


def test_blanks_are_found_at_the_end_of_turns_only() -> None:
    rows = [
        chat("Hi", "Hello"),
        chat("Hi", "Hello \n"),
        chat(" Hi", "\tHello"),
        chat("x\u00a0", "y"),
    ]
    assert finds(characters.END_BLANKS, rows) == [(1, "end_blanks"), (3, "end_blanks")]


def test_personal_data_is_found_by_label_and_row_once() -> None:
    rows = [
        chat("Hi", "Hello"),
        chat("a@acme.com b@acme.com", "4111 1111 1111 1111"),
        chat("Dear Mr Smith", "c@acme.com"),
    ]
    assert finds(personal_data.PERSONAL, rows) == [
        (1, "email"), (1, "payment_card"), (2, "email")
    ]  # fmt: skip
    assert finds(personal_data.NAMES, rows) == [(2, "person_name")]


ROW_LOCAL = (
    control_strings.CHECK,
    mojibake.GARBLED,
    mojibake.LOST,
    characters.UNSEEN,
    characters.MIXED,
    characters.END_BLANKS,
    personal_data.PERSONAL,
    personal_data.NAMES,
)


@pytest.mark.parametrize("check", ROW_LOCAL, ids=lambda one: one.id)
@settings(deadline=None, max_examples=40, derandomize=True)
@given(texts=st.lists(st.text(max_size=40), max_size=8))
def test_any_texts_are_judged_without_a_failure(check: Check, texts: list[str]) -> None:
    found = finds(check, [chat(text, "ok") for text in texts])
    assert all(0 <= row < len(texts) for row, _label in found)
