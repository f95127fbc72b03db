# SPDX-License-Identifier: Apache-2.0
"""Which stretches of rows are asked for, by the tokens that were trained."""

from __future__ import annotations

import pytest

from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import Row, TextRow
from engine.domain.memorisation import PASSAGE_TOKENS
from engine.train.memorised_stretches import PASSAGE, Asking, Stretch
from tests.builders.model_folder import tiny_model_folder
from tests.unit.train.runs import MOMENT, chat_row


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    return load_tokenizer(tiny_model_folder(tmp_path_factory.mktemp("m") / "m"), clock=MOMENT)


def asked(tokenizer: ChatTokenizer, *rows: Row, values: int = 9, passages: int = 9) -> Asking:
    asking = Asking(values_limit=values, passages_limit=passages)
    asking.add(rows, tokenizer, max_length=400)
    return asking


def texts(asking: Asking, tokenizer: ChatTokenizer) -> list[tuple[str, str]]:
    return [
        (one.kind, tokenizer.decode(row.ids[one.start : one.end].tolist()))
        for row in asking.rows
        for one in row.stretches
    ]


def test_private_value_of_an_answer_is_asked_for_by_exactly_its_tokens(
    tokenizer: ChatTokenizer,
) -> None:
    row = chat_row("Who?", "Ask Anna, who reads anna.weiss@clinic.org, or call +49 30 901820.")
    found = asked(tokenizer, row, passages=0)
    whole = tokenizer.encode_row(row, max_length=400)
    assert [kind for kind, _text in texts(found, tokenizer)] == ["email", "phone"]
    for (_kind, text), value in zip(
        texts(found, tokenizer), ("anna.weiss@clinic.org", "+49 30 901820"), strict=True
    ):
        # Tokens may reach a little beyond a value, but a token less would miss a part of it.
        assert value in text
        assert len(text) <= len(value) + 4
    (one,) = found.rows
    assert one.ids.tolist() == whole.ids[: len(one.ids)]
    for stretch in one.stretches:
        assert all(whole.trained[stretch.start : stretch.end])
        inner = one.ids[stretch.start + 1 : stretch.end]
        assert "anna" not in tokenizer.decode(inner.tolist()) or stretch.kind != "email"


def test_value_of_a_question_carries_no_loss_and_is_not_asked_for(
    tokenizer: ChatTokenizer,
) -> None:
    found = asked(tokenizer, chat_row("I am anna@clinic.org. Who?", "Nobody."))
    assert found.rows == []
    assert (found.looked_at, found.given_away) == (1, 0)


def test_value_that_the_words_before_hold_is_given_away_however_it_is_spaced(
    tokenizer: ChatTokenizer,
) -> None:
    found = asked(tokenizer, chat_row("Call +4930901820?", "Yes, call +49 30 901820."))
    assert found.rows == []
    assert found.given_away == 1


def test_each_value_is_asked_for_once_and_no_more_than_the_limit(
    tokenizer: ChatTokenizer,
) -> None:
    rows = [chat_row(f"Who {one}?", f"It is u{one % 3}@clinic.org.") for one in range(9)]
    assert len(texts(asked(tokenizer, *rows), tokenizer)) == 3
    assert len(texts(asked(tokenizer, *rows, values=2), tokenizer)) == 2
    none = asked(tokenizer, *rows, values=0, passages=0)
    assert none.is_full
    assert none.rows == []


def test_passage_is_the_middle_of_a_long_answer_and_none_of_a_short_one(
    tokenizer: ChatTokenizer,
) -> None:
    text = " ".join(f"word{one}" for one in range(40))
    found = asked(tokenizer, chat_row("Tell?", text), chat_row("And?", "A short one."))
    (row,) = found.rows
    (stretch,) = row.stretches
    assert (stretch.kind, stretch.end - stretch.start) == (PASSAGE, PASSAGE_TOKENS)
    assert len(row.ids) == stretch.end
    whole = tokenizer.encode_row(chat_row("Tell?", text), max_length=400)
    first = whole.trained.index(True)
    assert stretch.start - first >= PASSAGE_TOKENS // 2
    assert sum(row.wanted) == PASSAGE_TOKENS


def test_passage_that_is_copied_from_the_question_is_not_asked_for(
    tokenizer: ChatTokenizer,
) -> None:
    text = " ".join(f"word{one}" for one in range(40))
    assert asked(tokenizer, chat_row(f"Repeat {text}", text)).rows == []


def test_text_row_is_asked_for_without_its_first_token(tokenizer: ChatTokenizer) -> None:
    found = asked(tokenizer, TextRow(text="anna@clinic.org is hers."))
    # The first token is predicted from nothing, so what begins with it was not trained.
    assert [one.start for row in found.rows for one in row.stretches] == [1]


def test_overlapping_stretches_mark_each_token_once(tokenizer: ChatTokenizer) -> None:
    text = " ".join(f"word{one}" for one in range(20)) + " anna@clinic.org " + "and so on " * 20
    (row,) = asked(tokenizer, chat_row("Tell?", text)).rows
    assert {one.kind for one in row.stretches} == {"email", PASSAGE}
    together = {place for one in row.stretches for place in range(one.start, one.end)}
    assert {place for place, is_one in enumerate(row.wanted) if is_one} == together
    assert isinstance(row.stretches[0], Stretch)


def test_value_of_letters_that_tokens_split_is_asked_for_whole(tokenizer: ChatTokenizer) -> None:
    """Its last token closes its last letter, however many tokens a letter takes."""
    for text in (
        "My name is Zoë Müllerová.",
        "😀😀 My name is Ωmega Ŵéřñø",
        "我 My name is Łucjaé 我",
    ):
        (row,) = asked(tokenizer, chat_row("Who?", text), passages=0).rows
        (stretch,) = row.stretches
        ids = row.ids.tolist()
        name = text.partition(" is ")[2].rstrip(" .我")
        assert name in tokenizer.decode(ids[stretch.start : stretch.end])
        for start, end in ((stretch.start + 1, stretch.end), (stretch.start, stretch.end - 1)):
            assert name not in tokenizer.decode(ids[start:end])


def test_value_far_behind_in_a_long_answer_is_asked_for_and_one_named_before_is_not(
    tokenizer: ChatTokenizer,
) -> None:
    filling = "and so on " * 1500
    text = f"anna@clinic.org {filling} bert@clinic.org {filling} anna@clinic.org carl@clinic.org."
    asking = Asking(values_limit=9, passages_limit=0)
    asking.add([chat_row("Who?", text)], tokenizer, max_length=60_000)
    assert len(asking.rows[0].ids) > 2 * 4096
    found = [one.strip(" .") for _kind, one in texts(asking, tokenizer)]
    assert found == ["anna@clinic.org", "bert@clinic.org", "carl@clinic.org"]
    assert asking.given_away == 1


def test_rows_behind_the_last_that_is_wanted_do_not_count_as_looked_through(
    tokenizer: ChatTokenizer,
) -> None:
    rows = [chat_row(f"Who {one}?", f"It is u{one}@clinic.org.") for one in range(9)]
    assert asked(tokenizer, *rows, values=2, passages=0).looked_at == 2


def test_no_further_row_is_asked_once_all_have_too_many_tokens(
    tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.train.memorised_stretches.TOKENS", 30)
    rows = [chat_row(f"Who {one}?", f"It is u{one}@clinic.org.") for one in range(9)]
    found = asked(tokenizer, *rows)
    assert found.is_full
    assert len(found.rows) == -(-30 // len(found.rows[0].ids))


def test_what_another_asking_has_is_left_out(tokenizer: ChatTokenizer) -> None:
    """A held-out row with a passage of a training row is none that the model never saw."""
    text = " ".join(f"word{one}" for one in range(40))
    trained = asked(tokenizer, chat_row("Tell?", text))
    held_out = Asking(values_limit=0, passages_limit=9, not_again=trained.asked)
    held_out.add([chat_row("Tell?", text)], tokenizer, max_length=400)
    assert held_out.rows == []
