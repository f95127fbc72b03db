# SPDX-License-Identifier: Apache-2.0
"""All export targets, in the order in which they are offered."""

from __future__ import annotations

from gettext import gettext as _

from engine.errors import WrongUsage
from engine.exporters import adapter, merged
from engine.exporters.target import Target

TARGETS: tuple[Target, ...] = (adapter.TARGET, merged.TARGET)


def target(target_id: str) -> Target:
    """Return a target by its id.

    Raises:
        WrongUsage: There is none of this id.
    """
    for one in TARGETS:
        if one.id == target_id:
            return one
    raise WrongUsage(
        _("There is no export target {name}.").format(name=target_id),
        remedy=_("Choose one of: {known}.").format(known=", ".join(one.id for one in TARGETS)),
    )
