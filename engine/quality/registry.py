# SPDX-License-Identifier: Apache-2.0
"""All checks of rows, in the order in which they are shown."""

from __future__ import annotations

from gettext import gettext as _

from engine.errors import WrongUsage
from engine.quality import near_copies
from engine.quality.check import Check

CHECKS: tuple[Check, ...] = (near_copies.CHECK,)


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
