# SPDX-License-Identifier: Apache-2.0
"""Further datasets of a draft: which, and how much of each a pass sees."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

import msgspec
from msgspec.structs import replace


class ExtraData(msgspec.Struct, frozen=True, kw_only=True):
    """A further dataset of a draft.

    Attributes:
        dataset_id: Which; "" until one is chosen.
        weight: How often a pass sees each of its rows, unless it is replayed.
        ratio: Its share of the rows of a pass, where it is replayed.
        is_replay: It is replayed to keep general ability.
    """

    dataset_id: str = ""
    weight: float = 1.0
    ratio: float = 0.1
    is_replay: bool = False

    def of(self, dataset_id: str) -> ExtraData:
        """Return the same of another dataset."""
        return replace(self, dataset_id=dataset_id)

    def with_shown(self, shown: float) -> ExtraData:
        """Return the same with the amount that its field shows."""
        return replace(self, ratio=shown / 100) if self.is_replay else replace(self, weight=shown)


class ExtraView(msgspec.Struct, frozen=True, kw_only=True):
    """A further dataset as the page shows it: how much of it, with unit and limits."""

    extra: ExtraData
    title: str
    why: str
    shown: float
    unit: str
    low: float
    high: float
    step: float


def extra_views(extra: Sequence[ExtraData], *, former: str = "") -> tuple[ExtraView, ...]:
    """Return the further datasets in words and numbers.

    Args:
        extra: The datasets.
        former: Id of the one that an adapter which goes on has learned from; may be empty.
    """
    return tuple(_extra_view(one, former) for one in extra)


def _extra_view(extra: ExtraData, former: str) -> ExtraView:
    if extra.is_replay:
        is_former = bool(former) and extra.dataset_id == former
        return ExtraView(
            extra=extra,
            title=_("Former data, replayed") if is_former else _("General data, replayed"),
            why=_("Its share of the rows of a pass. Its held-out rows take no part in the check."),
            shown=round(100 * extra.ratio, 2),
            unit=_("% of a pass"),
            low=1,
            high=90,
            step=1,
        )
    return ExtraView(
        extra=extra,
        title=_("Further data"),
        why=_("How often a pass sees each of its rows. With 0.5 every second pass sees a row."),
        shown=extra.weight,
        unit=_("times a pass"),
        low=0.01,
        high=100,
        step=0.5,
    )


def extra_reason(extra: Sequence[ExtraData], *, choices: int) -> str:
    """Return why no further dataset can be added, or "" where one can.

    Args:
        extra: Those that there are.
        choices: Datasets of the workspace that can be trained.
    """
    if any(not one.dataset_id for one in extra):
        return _("Choose the dataset above first.")
    return _("There is no other dataset here.") if choices < 2 + len(extra) else ""
