# SPDX-License-Identifier: Apache-2.0
"""What will be trained of all rows together, as facts and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from gettext import gettext as _
from gettext import ngettext

from engine.domain.coverage import Coverage, PackedRow, RowGroup
from gui.viewmodels import numbers
from gui.viewmodels.tokens import FactView

_NAMED_ROWS = 3


@dataclass(frozen=True, kw_only=True)
class CoverageView:
    """What is shown of all rows.

    Attributes:
        facts: Numbers by name.
        sentences: What there is to know of groups of rows, those that are not trained first.
    """

    facts: tuple[FactView, ...]
    sentences: tuple[str, ...]


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
    return CoverageView(facts=tuple(facts), sentences=tuple(_sentence(one) for one in groups))


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
