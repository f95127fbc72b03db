# SPDX-License-Identifier: Apache-2.0
"""What will be trained of a row: tokens by turn, and what there is to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from engine.api.preview import EndOfTurn
from engine.domain.dataset import DatasetInfo, RowKind
from engine.domain.model import ModelInfo
from gui.viewmodels import numbers
from gui.viewmodels.dataset_rows import role_words

if TYPE_CHECKING:
    from engine.api.preview import RowTokens, TokenView


# ---------------------------------------------------------------------- the tokens


class TokenPart(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one turn."""

    role: str
    title: str
    tokens: tuple[TokenView, ...]


def token_parts(row: RowTokens, *, end_of_turn: str) -> tuple[TokenPart, ...]:
    """Return the tokens of a row by turn.

    Between two turns stands what the chat template adds: up to the token that ends a turn it goes
    with the turn before, the rest opens the next one. What a template says on its own before the
    first turn is a part of its own.
    """
    parts: list[TokenPart] = []
    opening: tuple[TokenView, ...] = ()
    for role, found in groupby(row.tokens, key=lambda one: one.role):
        tokens = tuple(found)
        if role:
            parts.append(TokenPart(role=role, title=role_words(role), tokens=opening + tokens))
            opening = ()
            continue
        closing, opening = _closing(tokens, end_of_turn)
        if closing and parts:
            parts[-1] = replace(parts[-1], tokens=parts[-1].tokens + closing)
        elif closing:
            parts.append(TokenPart(role="", title=_("Template"), tokens=closing))
    if opening and parts:
        parts[-1] = replace(parts[-1], tokens=parts[-1].tokens + opening)
    elif opening:
        parts.append(TokenPart(role="", title=_("Template"), tokens=opening))
    return tuple(parts)


def _closing(
    tokens: tuple[TokenView, ...], end_of_turn: str
) -> tuple[tuple[TokenView, ...], tuple[TokenView, ...]]:
    """Part what the template adds between two turns into what ends the one and opens the other."""
    ends = [
        i + 1
        for i, one in enumerate(tokens)
        if one.trained or (end_of_turn and one.text.strip() == end_of_turn.strip())
    ]
    at = max(ends, default=0)
    while 0 < at < len(tokens) and not tokens[at].special and not tokens[at].text.strip():
        at += 1
    return tokens[:at], tokens[at:]


# ---------------------------------------------------------------------- the inspector


class FactView(msgspec.Struct, frozen=True, kw_only=True):
    """A fact with its value; `colour` is a colour role."""

    name: str
    value: str
    unit: str = ""
    colour: str = "text"


class RowInspection(msgspec.Struct, frozen=True, kw_only=True):
    """What the inspector says of a row.

    Attributes:
        trained: How many tokens are trained.
        of_total: Of how many, after this number.
        share: The same from 0 to 1.
        facts: More facts.
        problem: Why the row is not trained as it is, or what else to know of it; may be empty.
    """

    trained: str
    of_total: str
    share: float
    facts: tuple[FactView, ...]
    problem: str = ""


def inspect_row(row: RowTokens, *, is_chat: bool, max_length: int) -> RowInspection:
    """Return what there is to know of the tokens of a row.

    Args:
        row: The row.
        is_chat: Whether the row is a conversation, whose answers should end.
        max_length: Where longer rows are cut, tokens.
    """
    total = len(row.tokens)
    share = row.trained_count / total if total else 0.0
    special = sum(1 for one in row.tokens if one.special)
    facts = [
        FactView(name=_("Share trained"), value=numbers.decimal(100 * share, 0), unit="%"),
        FactView(name=_("Special tokens"), value=numbers.count(special)),
    ]
    if is_chat:
        facts += _endings(row)
    if row.truncated:
        facts += _cut(row, max_length)
    words = ngettext("of {count} token", "of {count} tokens", total)
    return RowInspection(
        trained=numbers.count(row.trained_count),
        of_total=words.format(count=numbers.count(total)),
        share=share,
        facts=tuple(facts),
        problem=" ".join(one for one in (row.problem_text, *row.note_texts.values()) if one),
    )


def _cut(row: RowTokens, max_length: int) -> list[FactView]:
    """Return where a row is cut, and what of its answers that costs."""
    return [
        FactView(
            name=_("Cut at"),
            value=numbers.count(max_length),
            unit=ngettext("token", "tokens", max_length),
            colour="warning",
        ),
        FactView(
            name=_("Trained tokens cut off"),
            value=numbers.count(row.lost_tokens),
            colour="warning" if row.lost_tokens else "text",
        ),
    ]


def _endings(row: RowTokens) -> list[FactView]:
    """Return whether each answer ends with a trained token, so that the model learns to stop."""
    ends = [one.end_of_turn for one in row.answers if one.end_of_turn is not EndOfTurn.OFF]
    learned = sum(one is EndOfTurn.TRAINED for one in ends)
    is_whole = learned == len(ends) > 0
    if len(ends) > 1:
        value = _("{count} of {total}").format(
            count=numbers.count(learned), total=numbers.count(len(ends))
        )
        name = _("Answer ends trained")
    else:
        value = _("Yes") if is_whole else _("No")
        name = _("Answer ends the turn")
    return [FactView(name=name, value=value, colour="success" if is_whole else "warning")]


# ---------------------------------------------------------------------- the list of rows


def position_of(text: str, total: int) -> int | None:
    """Return the place of the row whose number was typed, from 0; None where there is none."""
    digits = "".join(one for one in text if one.isdecimal())
    number = int(digits) if digits else 0
    return number - 1 if 1 <= number <= total else None


def no_position_words(total: int) -> str:
    """Return what to type for a row."""
    return _("Type a number from 1 to {total}.").format(total=numbers.count(total))


class RowFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the list says of a row once its tokens are known."""

    tokens: str
    flag: str = ""


def row_facts(row: RowTokens) -> RowFacts:
    """Return what the list says of a row: how long it is, and whether something is wrong."""
    total = len(row.tokens)
    flag = ""
    if row.problem or not row.trained_count:
        flag = _("not trained")
    elif row.truncated:
        flag = _("cut")
    words = ngettext("{count} token", "{count} tokens", total).format(count=numbers.count(total))
    return RowFacts(tokens=words if total else "", flag=flag)


def position_words(index: int, total: int) -> tuple[str, str]:
    """Return `Row 17` and `of 11,874`."""
    return (
        _("Row {number}").format(number=numbers.count(index + 1)),
        _("of {total}").format(total=numbers.count(total)),
    )


# ---------------------------------------------------------------------- the model


class ModelOption(msgspec.Struct, frozen=True, kw_only=True):
    """A model whose tokens can be looked at; a reason says why not."""

    key: str
    name: str
    facts: str
    reason: str = ""


def model_options(models: Sequence[ModelInfo], dataset: DatasetInfo) -> tuple[ModelOption, ...]:
    """Return the models to choose from."""
    return tuple(
        ModelOption(
            key=one.id,
            name=one.name,
            facts=_("{family}, {number}").format(
                family=one.architecture.removesuffix("ForCausalLM"),
                number=numbers.big(one.parameters),
            ),
            reason=_unfit(one, dataset),
        )
        for one in models
    )


def _unfit(model: ModelInfo, dataset: DatasetInfo) -> str:
    if dataset.kind is RowKind.CHAT and not model.has_chat_template:
        return _("It has no chat template for conversations.")
    return ""


def first_model(options: Sequence[ModelOption], wanted: str) -> str:
    """Return the model to begin with: the wanted one, else the first that fits, else none."""
    if any(one.key == wanted for one in options):
        return wanted
    return next((one.key for one in options if not one.reason), "")
