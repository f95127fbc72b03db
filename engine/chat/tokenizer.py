# SPDX-License-Identifier: Apache-2.0
"""The one way from rows and prompts to token ids: what the preview shows is what is trained.

For ordinary text the ids are those of transformers' `apply_chat_template`. They differ in two cases
on purpose. Text of the user's own that spells a control token stays text. And a token never reaches
across the beginning of an answer, since the model begins its answer there as well.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from tokenizers import Tokenizer

from engine.chat.encoded import Encoded
from engine.chat.encoding import ControlUnavoidable, Encoder, pattern_of
from engine.chat.loss_mask import (
    Span,
    SpansUnclear,
    ToolCallsLeftOut,
    TurnForm,
    trained_spans,
    turn_form,
)
from engine.chat.messages import (
    Marks,
    MarksUsedUp,
    Protected,
    ToolCallsInvalid,
    json_list,
    messages_of,
    texts_in,
    tool_names,
)
from engine.chat.rows import (
    Answer,
    EndOfTurn,
    RowNote,
    RowProblem,
    Section,
    TokenisedRow,
    problem_row,
)
from engine.chat.template import ChatTemplate, Message, TemplateRefused
from engine.domain.dataset import ChatRow, Role, Row, TextRow, Turn
from engine.errors import KindUnsuitable, NoChatTemplate, TemplateInvalid, TokenizerInvalid
from engine.store import modelfolder

_BATCH_ROWS = 512
_NORMAL_FORMS = ("NFC", "NFKC")
_PROBLEMS: dict[type[Exception], RowProblem] = {
    ToolCallsInvalid: RowProblem.TOOL_CALLS_INVALID,
    ToolCallsLeftOut: RowProblem.TOOL_CALLS_LEFT_OUT,
    TemplateRefused: RowProblem.TEMPLATE_REFUSED,
    UnicodeEncodeError: RowProblem.UNREADABLE_TEXT,
    SpansUnclear: RowProblem.MASK_MISMATCH,
    MarksUsedUp: RowProblem.MASK_MISMATCH,
}
"""What is wrong with a row whose rendering ends in an exception of exactly this class."""


class _Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as text, with what must be known of it before it is encoded."""

    text: str
    spans: list[Span]
    protected: Protected
    turns: tuple[Turn, ...]
    notes: tuple[str, ...] = ()


def load_tokenizer(model_folder: Path, *, clock: datetime) -> ChatTokenizer:
    """Load the tokenizer and the chat template of a model folder.

    Args:
        model_folder: The folder.
        clock: The time that the template is told, whenever it asks.

    Raises:
        TokenizerInvalid: tokenizer.json is missing or cannot be read.
        TemplateInvalid: The chat template cannot be used.
        ModelInvalid: config.json is not sound.
        FileMissing: There is no config.json.
        ArchitectureUnsupported: The architecture is not one that is trained.
        RemoteCodeRefused: The folder asks for program code.
    """
    config = modelfolder.safe_config(model_folder)
    modelfolder.check_tokenizer(model_folder, vocabulary=config["vocab_size"])
    tokenizer = _read(modelfolder.tokenizer_path(model_folder))
    names = modelfolder.special_tokens(model_folder)
    source = modelfolder.chat_template(model_folder)
    template = None if source is None else ChatTemplate(source, special_tokens=names, clock=clock)
    return ChatTokenizer(
        tokenizer,
        template=template,
        special_tokens=names,
        eos_ids=modelfolder.eos_ids(model_folder, config),
    )


def _read(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except BaseException as error:  # a panic of the Rust library is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise TokenizerInvalid(
            _("{file} does not hold a tokenizer.").format(file=path.name), detail=str(error)[:500]
        ) from error


class ChatTokenizer:
    """Tokenizer, chat template and loss mask of one model; not for use by two threads at once.

    Attributes:
        end_ids: Ids that end an answer.
        vocabulary: Number of tokens that the tokenizer knows.
        end_of_turn: Text of the token that closes an answer; empty without a chat template.
        writes_time: The chat template may write the time that it is told.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        template: ChatTemplate | None,
        special_tokens: Mapping[str, str],
        eos_ids: Sequence[int] = (),
    ) -> None:
        """Bring the parts together; `load_tokenizer` reads them from a folder.

        Raises:
            TemplateInvalid: The template cannot render a question and its answer.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        added = tokenizer.get_added_tokens_decoder()
        self._tokenizer = tokenizer
        self._chat: tuple[ChatTemplate, TurnForm] | None = None
        self._encoder = Encoder(tokenizer)
        self._special_ids = frozenset(one for one, token in added.items() if token.special)
        shown = [one for one, token in added.items() if token.content.strip()]
        literals = template.literals if template else ""
        # As in transformers: control is what is special, and what the template itself writes.
        control = [one for one in shown if added[one].special or added[one].content in literals]
        self._control_ids = frozenset(control)
        self._control = pattern_of(added[one].content for one in control)
        self._special = pattern_of(added[one].content for one in self._special_ids)
        if template is not None:
            every = pattern_of(added[one].content for one in shown)
            self._chat = template, turn_form(template, every, self._control)
        self._eos_id = tokenizer.token_to_id(special_tokens.get("eos_token", ""))
        self._bos_id = tokenizer.token_to_id(special_tokens.get("bos_token", ""))
        self.vocabulary = tokenizer.get_vocab_size()
        self.writes_time = template is not None and template.writes_time
        self.end_of_turn = self._chat[1].end if self._chat else ""
        ends = {*eos_ids, self._eos_id, tokenizer.token_to_id(self.end_of_turn)}
        self.end_ids = frozenset(one for one in ends if one is not None)
        self._pieces: dict[int, str] = {}

    def is_special(self, token_id: int) -> bool:
        """Return whether a token is a control token rather than text."""
        return token_id in self._special_ids or token_id in self._control_ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of some tokens, control tokens included."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def encode_row(self, row: Row, *, max_length: int) -> TokenisedRow:
        """Return one row as tokens with its loss mask; see `encode_rows`."""
        return self.encode_rows([row], max_length=max_length)[0]

    def encode_rows(self, rows: Sequence[Row], *, max_length: int) -> list[TokenisedRow]:
        """Return rows as tokens with their loss masks, in the same order.

        What is wrong with a single row is told in its `problem`; such a row is not trained.

        Args:
            rows: Chat or text rows.
            max_length: Longer rows are cut at the end, tokens.

        Raises:
            NoChatTemplate: A chat row, but the model has no chat template.
            KindUnsuitable: A row of another kind.
            TemplateInvalid: The chat template reaches for what it must not.
        """
        found: list[TokenisedRow] = []
        for start in range(0, len(rows), _BATCH_ROWS):
            found += self._encode_batch(rows[start : start + _BATCH_ROWS], max_length)
        return found

    def count_texts(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens the row of each text has, as `encode_row` would, at any length.

        What is no character counts as a question mark; such a row is never trained.
        """
        sound = [one.encode("utf-8", "replace").decode() for one in texts]
        return [len(self._text_ids(one.ids)) for one in self._tokenizer.encode_batch_fast(sound)]

    def encode_prompt(self, turns: Sequence[Turn], *, tools: str | None = None) -> list[int]:
        """Return the ids of a conversation that asks for the assistant's next answer.

        Args:
            turns: The conversation so far.
            tools: JSON text of the tools that the assistant may call.

        Raises:
            NoChatTemplate: The model has no chat template.
            TemplateInvalid: The template does not accept these turns.
        """
        try:
            messages, given = messages_of(turns), json_list(tools) if tools else None
            text = self._chat_form()[0].render(messages, tools=given, add_generation_prompt=True)
            protected = self._protected(text, messages, given, add_generation_prompt=True)
            return self._encode_safely(text, protected, []).ids
        except (TemplateRefused, ValueError) as error:
            raise TemplateInvalid(
                _("The model's chat template does not accept this conversation."),
                remedy=_("Leave out the system turn, or let user and assistant take turns."),
                detail=str(error),
            ) from error

    # --- rows in batches ------------------------------------------------------------------------

    def _encode_batch(self, rows: Sequence[Row], max_length: int) -> list[TokenisedRow]:
        rendered = [self._render(row) for row in rows]
        whole = [one for one in rendered if isinstance(one, _Rendered) and not one.protected]
        encoded = iter(self._encoder.encode_batch([one.text for one in whole]))
        found: list[TokenisedRow] = []
        for row, one in zip(rows, rendered, strict=True):
            if isinstance(row, TextRow):
                found.append(self._text_row(row, max_length))
            elif isinstance(one, RowProblem):
                found.append(problem_row(one))
            elif isinstance(one, _Rendered):
                whole_text = None if one.protected else next(encoded)
                found.append(self._chat_row(one, max_length, whole_text))
        return found

    def _render(self, row: Row) -> _Rendered | RowProblem | None:
        """Return a chat row as text with its trained spans, or why it has none; None for text."""
        if isinstance(row, TextRow):
            return None
        if not isinstance(row, ChatRow):
            raise KindUnsuitable(_("Rows of this kind have no single text to train."))
        if not any(turn.role is Role.ASSISTANT for turn in row.messages):
            return RowProblem.NO_ASSISTANT_TURN
        try:
            return self._render_chat(row)
        except tuple(_PROBLEMS) as error:
            return _PROBLEMS[type(error)]

    def _render_chat(self, row: ChatRow) -> _Rendered:
        template, form = self._chat_form()
        messages = messages_of(row.messages)
        tools = json_list(row.tools) if row.tools else None
        text = template.render(messages, tools=tools)
        text.encode()  # a lone surrogate cannot be tokenised
        protected = self._protected(text, messages, tools)
        spans = trained_spans(template, form, row.messages, messages, tools, text, protected)
        notes = tuple(_notes(text, spans, row.messages, tools))
        return _Rendered(
            text=text, spans=spans, protected=protected, turns=row.messages, notes=notes
        )

    def _chat_form(self) -> tuple[ChatTemplate, TurnForm]:
        if self._chat is None:
            raise NoChatTemplate(
                _("The model has no chat template, so conversations cannot be written for it.")
            )
        return self._chat

    def _protected(
        self,
        text: str,
        messages: list[Message],
        tools: list[Any] | None,
        *,
        add_generation_prompt: bool = False,
    ) -> Protected:
        """Return where control texts of the user's own stand in a rendered text.

        A second rendering carries marks around them. Where these marks disturb the template, it
        takes texts like `</think>` apart and writes them anew itself: they are its own then, so
        only special tokens are looked for, first in answers alone, then in all turns.

        Raises:
            SpansUnclear: Their places cannot be told for sure.
        """
        values: list[Any] = [messages, tools]
        if not any(self._control.search(one) for one in texts_in(values)):
            return []
        marks = Marks(values, self._control)
        every, special = self._control, self._special
        for in_answers, elsewhere in ((every, every), (special, every), (special, special)):
            marked = self._chat_form()[0].render(
                [
                    marks.put_answer(one, in_answers)
                    if one["role"] == Role.ASSISTANT
                    else marks.put(one, elsewhere)
                    for one in messages
                ],
                tools=marks.put(tools, elsewhere),
                add_generation_prompt=add_generation_prompt,
            )
            plain, protected = marks.take(marked)
            if plain == text:
                return protected
        raise SpansUnclear("the template rewrites what the user wrote")

    # --- from text to tokens --------------------------------------------------------------------

    def _chat_row(
        self, rendered: _Rendered, max_length: int, encoded: Encoded | None
    ) -> TokenisedRow:
        spans = rendered.spans
        cuts = [one.start for one in spans]
        try:
            if encoded is None or any(encoded.is_straddled(one) for one in cuts):
                encoded = self._encode_safely(rendered.text, rendered.protected, cuts)
        except ControlUnavoidable:
            return problem_row(RowProblem.MASK_MISMATCH)
        answers: list[Answer] = []
        is_exact = True
        for span in spans:
            start, end = encoded.index_of(span.start), encoded.index_of(span.end)
            is_exact = is_exact and (
                encoded.is_spelled(span.start, span.end)
                or self._spells(encoded.ids, start, end, rendered.text, span)
            )
            answers.append(_answer(start, end, max_length, is_trained=span.is_trained))
        if not is_exact:
            answers = []
        found = self._row(encoded.ids, answers, max_length)
        has_two = self._bos_id is not None and found.ids[:2] == [self._bos_id] * 2
        notes = (*rendered.notes, RowNote.TWO_BOS.value) if has_two else rendered.notes
        return replace(
            found,
            sections=_sections(rendered, encoded, max_length),
            problem=found.problem if is_exact else RowProblem.MASK_MISMATCH.value,
            notes=notes,
        )

    @staticmethod
    def _row(ids: list[int], answers: list[Answer], max_length: int) -> TokenisedRow:
        """Return the tokens of a row with those of its answers trained that are switched on.

        The first token of a row is predicted from nothing, so it is never trained.
        """
        trained = [False] * len(ids)
        for one in answers:
            if one.end_of_turn is not EndOfTurn.OFF:
                trained[one.start : one.end] = [True] * (one.end - one.start)
        trained[:1] = [False] * len(ids[:1])
        kept = trained[:max_length]
        return TokenisedRow(
            ids=ids[:max_length],
            trained=kept,
            answers=answers,
            length_tokens=len(ids),
            lost_tokens=sum(trained[max_length:]),
            problem="" if any(kept) else RowProblem.NO_TRAINED_TOKENS.value,
        )

    def _encode_safely(self, text: str, protected: Protected, cuts: list[int]) -> Encoded:
        if not protected and not cuts:
            return self._encoder.encode_batch([text])[0]
        return self._encoder.encode_pieces(
            text, cuts=cuts, protected=protected, control_ids=self._control_ids
        )

    def _spells(self, ids: list[int], start: int, end: int, text: str, span: Span) -> bool:
        """Return whether some tokens decode to a span of the text.

        They are decoded behind the token before them, since many decoders drop the space at the
        beginning of what they are given.
        """
        before = ids[start - 1] if start else None
        known = "" if before is None else self._piece(before)
        decoded = self.decode(ids[max(0, start - 1) : end])
        if not decoded.startswith(known):
            return False
        found, wanted = decoded[len(known) :], text[span.start : span.end]
        if found == wanted:
            return True
        has_normalizer = self._tokenizer.normalizer is not None
        return has_normalizer and any(
            found == unicodedata.normalize(form, wanted) for form in _NORMAL_FORMS
        )

    def _piece(self, token_id: int) -> str:
        found = self._pieces.get(token_id)
        if found is None:
            found = self._pieces[token_id] = self.decode([token_id])
        return found

    def _text_row(self, row: TextRow, max_length: int) -> TokenisedRow:
        """Encode a text with the bos token where the tokenizer puts one, and close it with eos.

        Control texts in it count as control: the row is the very text that the model shall read.
        """
        try:
            row.text.encode()  # a lone surrogate cannot be tokenised
        except UnicodeEncodeError:
            return problem_row(RowProblem.UNREADABLE_TEXT)
        (encoded,) = self._tokenizer.encode_batch_fast([row.text])
        ids = self._text_ids(encoded.ids)
        answer = _answer(0, len(ids), max_length, is_trained=True)
        if self._eos_id is None:
            answer = replace(answer, end_of_turn=EndOfTurn.MISSING)
        found = self._row(ids, [answer], max_length)
        return replace(
            found,
            sections=[Section(role="text", start=0, end=len(found.ids))],
            problem=found.problem if row.text else RowProblem.NO_TRAINED_TOKENS.value,
        )

    def _text_ids(self, ids: list[int]) -> list[int]:
        """Return the ids of a text with one bos token at most, closed with eos."""
        if self._bos_id is not None and ids[:2] == [self._bos_id, self._bos_id]:
            ids = ids[1:]
        if self._eos_id is not None and ids[-1:] != [self._eos_id]:
            ids = [*ids, self._eos_id]
        return ids


def _answer(start: int, end: int, max_length: int, *, is_trained: bool) -> Answer:
    end_of_turn = EndOfTurn.OFF
    if is_trained:
        end_of_turn = EndOfTurn.TRAINED if end <= max_length else EndOfTurn.CUT
    return Answer(start=start, end=end, end_of_turn=end_of_turn)


def _notes(
    text: str, spans: Sequence[Span], turns: Sequence[Turn], tools: Sequence[Any] | None
) -> list[str]:
    """Return what a template leaves out of a conversation that is trained all the same."""
    found: list[str] = []
    if any(one.lacks_reasoning for one in spans):
        found.append(RowNote.REASONING_LEFT_OUT.value)
    if any(name not in text for name in tool_names(tools or [])):
        found.append(RowNote.TOOLS_LEFT_OUT.value)
    others = (one.content.strip() for one in turns if one.role is not Role.ASSISTANT)
    if any(one not in text for one in others):
        found.append(RowNote.TURN_LEFT_OUT.value)
    return found


def _sections(rendered: _Rendered, encoded: Encoded, max_length: int) -> list[Section]:
    """Return which tokens come from which turn; turns whose text is not found get none."""
    found: list[Section] = []
    spans = iter(rendered.spans)
    at = 0
    for turn in rendered.turns:
        if turn.role is Role.ASSISTANT:
            span = next(spans)
            start, end = span.start, span.end
        else:
            content = turn.content.strip()
            start = rendered.text.find(content, at)
            if start < 0 or not content:
                continue
            end = start + len(content)
        at = end
        first, last = encoded.index_of(start), min(encoded.index_of(end), max_length)
        if first < last:
            found.append(Section(role=turn.role.value, start=first, end=last))
    return found
