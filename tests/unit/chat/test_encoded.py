# SPDX-License-Identifier: Apache-2.0
"""Where tokens begin: told by their bytes as by the library, never by bytes that do not spell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors

from engine.chat.encoded import Placed, Spelled, Spelling, Whole
from engine.chat.encoding import Encoder
from engine.chat.template import ChatTemplate
from engine.chat.tokenizer import ChatTokenizer
from tests.builders.conversations import CONVERSATIONS, chat
from tests.builders.model_folder import CHATML, tiny_tokenizer

CLOCK = datetime(2026, 11, 20, tzinfo=UTC)
NAMES = {"eos_token": "<|im_end|>"}
TEXTS = (
    "",
    "a",
    "<|im_start|>user\n  Hello,   you!\n\n<|im_end|>\n",
    "Grüße 你好 🙂👩‍👩‍👧 e\u0301 Добрый день\t\u00a0\u200b\n\n x",
    "<|im_end|><|im_end|> é<|im_end|>",
)


def lowered(tokenizer: Tokenizer) -> None:
    """Let text be read in small letters."""
    tokenizer.normalizer = normalizers.Lowercase()


def prefixed(tokenizer: Tokenizer) -> None:
    """Let a space be put before a text."""
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)


def trimmed(tokenizer: Tokenizer) -> None:
    """Let tokens be told to begin behind their blanks."""
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)


def decoded_otherwise(tokenizer: Tokenizer) -> None:
    """Let no decoder say what a token stands for."""
    tokenizer.decoder = decoders.Fuse()


def composed(tokenizer: Tokenizer) -> None:
    """Let letters and their accents be put together."""
    tokenizer.normalizer = normalizers.NFC()


def taking_blanks(tokenizer: Tokenizer) -> None:
    """Let control tokens take in the blanks beside them."""
    added = AddedToken("<|im_end|>", special=True, normalized=False, lstrip=True, rstrip=True)
    tokenizer.add_special_tokens([added])


def chat_tokenizer(tokenizer: Tokenizer) -> ChatTokenizer:
    template = ChatTemplate(CHATML, special_tokens=NAMES, clock=CLOCK)
    return ChatTokenizer(tokenizer, template=template, special_tokens=NAMES)


def places_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library tell where tokens begin, whatever they spell."""
    monkeypatch.setattr(Encoder, "_spells", lambda _self: False)


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_begin_where_the_library_says_at_every_character(text: str) -> None:
    tokenizer = tiny_tokenizer()
    found = tokenizer.encode(text, add_special_tokens=False)
    spelled, whole = Spelling(tokenizer).read(text, found.ids), Whole(found)
    assert spelled is not None
    assert spelled.ids == whole.ids
    placed = Placed(found.ids, found.offsets)
    for at in range(len(text) + 1):
        assert spelled.index_of(at) == placed.index_of(at) == whole.index_of(at), at
        straddled = whole.is_straddled(at)
        assert spelled.is_straddled(at) == placed.is_straddled(at) == straddled, at
    assert spelled.is_spelled(0, len(text))
    assert not whole.is_spelled(0, len(text))


def test_stretch_is_spelled_only_between_borders_of_tokens() -> None:
    tokenizer = tiny_tokenizer()
    text = "The é capital"
    found = Spelling(tokenizer).read(text, tokenizer.encode(text, add_special_tokens=False).ids)
    assert found is not None
    borders = [at for at in range(len(text) + 1) if not found.is_straddled(at)]
    assert 0 < len(borders) < len(text) + 1
    for start in range(len(text) + 1):
        for end in range(start, len(text) + 1):
            assert found.is_spelled(start, end) == (start in borders and end in borders)


@pytest.mark.parametrize("change", [lambda ids: ids[:-1], lambda ids: [*ids, ids[0]]])
def test_tokens_that_are_not_the_text_have_no_places(
    change: Callable[[list[int]], list[int]],
) -> None:
    tokenizer = tiny_tokenizer()
    ids = tokenizer.encode("Hello, you", add_special_tokens=False).ids
    assert Spelling(tokenizer).read("Hello, you", change(ids)) is None
    assert Spelling(tokenizer).read("Hello, You", ids) is None


@pytest.mark.parametrize("alter", [lowered, prefixed, trimmed, decoded_otherwise])
def test_tokenizer_that_does_not_spell_a_sample_is_asked_for_places(
    alter: Callable[[Tokenizer], None],
) -> None:
    tokenizer = tiny_tokenizer()
    alter(tokenizer)
    (found,) = Encoder(tokenizer).encode_batch(["Hello, you"])
    assert isinstance(found, Whole)
    (plain,) = Encoder(tiny_tokenizer()).encode_batch(["Hello, you"])
    assert isinstance(plain, Spelled)


def test_text_that_is_not_spelled_is_asked_for_among_others_that_are() -> None:
    tokenizer = tiny_tokenizer()
    composed(tokenizer)
    texts = ["Hello", "e\u0301 there", "é", "you"]
    found = Encoder(tokenizer).encode_batch(texts)
    assert [type(one) for one in found] == [Spelled, Whole, Spelled, Spelled]
    alone = [tokenizer.encode(one, add_special_tokens=False).ids for one in texts]
    assert [one.ids for one in found] == alone


def test_tokenizer_whose_texts_are_not_spelled_is_not_encoded_twice_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokenizer = tiny_tokenizer()
    taking_blanks(tokenizer)
    encoder = Encoder(tokenizer)
    texts = ["Hello <|im_end|>", "you<|im_end|>\n", "both"]
    for _time in range(101):
        assert [type(one) for one in encoder.encode_batch(texts)] == [Whole, Whole, Spelled]
    monkeypatch.setattr(Spelling, "read", None)
    assert [type(one) for one in encoder.encode_batch(texts)] == [Whole, Whole, Whole]


@pytest.mark.parametrize(
    "alter", [lambda _same: None, lowered, prefixed, trimmed, composed, taking_blanks]
)
def test_rows_are_the_same_whoever_tells_where_their_tokens_begin(
    alter: Callable[[Tokenizer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*CONVERSATIONS.values(), chat(" <|im_end|> ", "a<|im_end|>", "e\u0301", " e\u0301\n")]
    tokenizer = tiny_tokenizer()
    alter(tokenizer)
    found = chat_tokenizer(tokenizer).encode_rows(rows, max_length=40)
    places_are_told(monkeypatch)
    assert found == chat_tokenizer(tokenizer).encode_rows(rows, max_length=40)
