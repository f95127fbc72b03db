# SPDX-License-Identifier: Apache-2.0
"""All checks of rows, in the order in which they are shown."""

from __future__ import annotations

from gettext import gettext as _

from engine.errors import WrongUsage
from engine.quality import (
    answers,
    characters,
    classes,
    control_strings,
    language,
    lengths,
    mojibake,
    turns,
)
from engine.quality.check import Check
from engine.quality.exact_copies import EXACT_COPIES
from engine.quality.near_copies import LEAKAGE, NEAR_COPIES
from engine.quality.personal_data import check as personal_data

CHECKS: tuple[Check, ...] = (
    LEAKAGE,
    EXACT_COPIES,
    NEAR_COPIES,
    *answers.CHECKS,
    personal_data.PERSONAL,
    personal_data.NAMES,
    turns.NONE,
    turns.EMPTY,
    turns.ORDER,
    turns.FIRST,
    turns.LAST,
    control_strings.CHECK,
    mojibake.GARBLED,
    mojibake.LOST,
    characters.UNSEEN,
    characters.MIXED,
    characters.END_BLANKS,
    language.CHECK,
    lengths.CHECK,
    classes.RARE,
    classes.CONTRADICTING,
)
"""Safe fixes are applied in this order too: garbled text is repaired before characters go."""


def check_of(check_id: str) -> Check:
    """Return the check of an id.

    Raises:
        WrongUsage: There is none.
    """
    for one in CHECKS:
        if one.id == check_id:
            return one
    raise WrongUsage(
        _("There is no check {name}.").format(name=check_id),
        remedy=_("The checks are: {names}.").format(names=", ".join(one.id for one in CHECKS)),
    )
