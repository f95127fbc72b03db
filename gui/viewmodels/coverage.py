# SPDX-License-Identifier: Apache-2.0
"""What will be trained of all rows together, as facts and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext

import msgspec

from engine.domain.coverage import Coverage, LengthBin, PackedRow, RoleTokens, RowGroup
from gui.viewmodels import numbers
from gui.viewmodels.dataset_rows import role_words
from gui.viewmodels.tokens import FactView

_NAMED_ROWS = 3


class BarView(msgspec.Struct, frozen=True, kw_only=True):
    """A bar: its name, its value in words, and its length from 0 to 1."""

    name: str
    value: str
    share: float


class CoverageView(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of all rows.

    Attributes:
        facts: Numbers by name.
        sentences: What there is to know of groups of rows, those that are not trained first.
        roles: Who takes which share of the tokens, and how much of it is trained.
        lengths: How many rows are of which length, before they are cut.
    """

    facts: tuple[FactView, ...]
    sentences: tuple[str, ...]
    roles: tuple[BarView, ...]
    lengths: tuple[BarView, ...]


def coverage_view(found: Coverage) -> CoverageView:
    """Return what is shown of what was counted."""
    read_only = found.tokens - found.trained_tokens
    facts = [
        FactView(name=_("Trained tokens"), value=numbers.big(found.trained_tokens)),
        FactView(name=_("Read-only tokens"), value=numbers.big(read_only)),
        FactView(
            name=_("Share trained"), value=numbers.decimal(100 * found.trained_ratio, 0), unit="%"
        ),
        _ends(found),
        _warned(_("Rows with none trained"), found.rows - found.trained_rows),
        _warned(
            _("Rows cut at {length}").format(length=numbers.count(found.max_length)), found.cut.rows
        ),
    ]
    if found.lost_tokens:
        facts.append(_warned(_("Trained tokens cut off"), found.lost_tokens))
    facts += [
        _length(_("Half are up to"), found.median_tokens),
        _length(_("The longest"), found.longest_tokens),
    ]
    groups = (*found.left_out, *found.notes)
    return CoverageView(
        facts=tuple(facts),
        sentences=tuple(_sentence(one) for one in groups),
        roles=tuple(_role(one, found.tokens) for one in found.roles),
        lengths=_lengths(found.lengths),
    )


def _role(found: RoleTokens, total: int) -> BarView:
    names = {"template": _("Chat template")}
    share = found.tokens / total if total else 0.0
    trained = found.trained_tokens / found.tokens if found.tokens else 0.0
    return BarView(
        name=names.get(found.role) or role_words(found.role),
        value=_("{share}, {trained} of it trained").format(
            share=numbers.percent(share), trained=numbers.percent(trained)
        ),
        share=share,
    )


def _lengths(found: Sequence[LengthBin]) -> tuple[BarView, ...]:
    most = max((one.rows for one in found), default=0)
    return tuple(
        BarView(
            name=_range(one),
            value=ngettext("{count} row", "{count} rows", one.rows).format(
                count=numbers.count(one.rows)
            ),
            share=one.rows / most if most else 0.0,
        )
        for one in found
    )


def _range(one: LengthBin) -> str:
    if not one.to_tokens:
        return _("from {tokens} tokens").format(tokens=numbers.count(one.from_tokens))
    return _("{low} to {high} tokens").format(
        low=numbers.count(one.from_tokens), high=numbers.count(one.to_tokens)
    )


def _length(name: str, tokens: int) -> FactView:
    unit = ngettext("token", "tokens", tokens)
    return FactView(name=name, value=numbers.count(tokens), unit=unit)


def _ends(found: Coverage) -> FactView:
    """Return the share of answers whose end is learned, never rounded up to all of them."""
    ratio = found.ends.ratio
    shown = min(99.9, 100 * ratio) if ratio < 1 else 100.0
    return FactView(
        name=_("Answer ends trained"),
        value=numbers.decimal(shown, 0 if ratio in (0, 1) else 1),
        unit="%",
        colour="success" if ratio == 1 else "warning",
    )


def _warned(name: str, amount: int) -> FactView:
    return FactView(name=name, value=numbers.big(amount), colour="warning" if amount else "success")


def _sentence(group: RowGroup) -> str:
    named = ", ".join(numbers.count(one + 1) for one in group.examples[:_NAMED_ROWS])
    if group.rows > _NAMED_ROWS:
        words = _("{count} rows, such as {rows}: {reason}")
    else:
        words = ngettext("Row {rows}: {reason}", "Rows {rows}: {reason}", group.rows)
    return words.format(count=numbers.count(group.rows), rows=named, reason=group.text)


def packed_words(packed: PackedRow, row: int) -> str:
    """Return which rows lie beside a row, and how full the sequence is.

    Args:
        packed: The sequence.
        row: Place of the row, from 0.
    """
    others = [numbers.count(one + 1) for one in packed.rows if one != row]
    if not others:
        words = _("Step {step} of the first epoch takes it alone ({tokens} of {capacity} tokens).")
    else:
        words = ngettext(
            "Step {step} of the first epoch packs it with row {rows} ({tokens} of {capacity} "
            "tokens). The rows do not see each other.",
            "Step {step} of the first epoch packs it with rows {rows} ({tokens} of {capacity} "
            "tokens). The rows do not see each other.",
            len(others),
        )
    return words.format(
        step=numbers.count(packed.step),
        rows=", ".join(others),
        tokens=numbers.count(sum(packed.lengths)),
        capacity=numbers.count(packed.capacity),
    )
