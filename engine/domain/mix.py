# SPDX-License-Identifier: Apache-2.0
"""Several datasets in one recipe: how many rows each gives to a pass."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from typing import Annotated

import msgspec

MAIN_WEIGHT = 1.0
"""The recipe's own dataset is what a pass is measured by: each of its rows is seen once."""

Weight = Annotated[float, msgspec.Meta(gt=0, le=100)]
Share = Annotated[float, msgspec.Meta(gt=0, le=0.9)]


class MixedDataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further dataset of a recipe.

    Attributes:
        dataset_id: Which dataset.
        dataset_version: Which version of it.
        weight: How often each of its rows is seen in one pass; with 0.5 each is seen in every
            second pass.
    """

    dataset_id: str
    dataset_version: int = 1
    weight: Weight = MAIN_WEIGHT


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows of a general dataset among the others, so that less of the model's ability is lost.

    Attributes:
        dataset_id: Which dataset; its held-out rows take no part in the held-out check.
        dataset_version: Which version of it.
        ratio: Its share of the rows of a pass, 0 to 0.9; Scialom et al., Fine-tuned Language Models
            are Continual Learners (2022), kept what a model had learned before with 0.01.
    """

    dataset_id: str
    dataset_version: int = 1
    ratio: Share = 0.1


def use_text(dataset: MixedDataset | Replay) -> str:
    """Return what a training does with a dataset, in words."""
    if isinstance(dataset, Replay):
        return _("replayed, {share} % of every pass").format(share=f"{100 * dataset.ratio:g}")
    return _("trained, weight {weight}").format(weight=f"{dataset.weight:g}")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one dataset gives to a pass.

    Attributes:
        rows: Rows that it has.
        per_pass: Rows of it that a pass sees; more than `rows` where some are seen again.
    """

    rows: int
    per_pass: int


def parts_of(
    rows: Sequence[int], weights: Sequence[float], *, replay: Replay | None
) -> tuple[Part, ...]:
    """Return what each dataset gives to a pass.

    A dataset gives its rows times its weight, but at least one row; a replayed one gives as many
    rows as make up its share of the pass: r / (1 - r) of the rows of the others.

    Args:
        rows: Rows of each dataset; those of the replayed one, if any, are last.
        weights: Of each dataset that is not replayed.
        replay: The replayed dataset, if any.
    """
    parts = [
        Part(rows=count, per_pass=max(1, round(count * weight)) if count else 0)
        for count, weight in zip(rows, weights, strict=False)
    ]
    if replay is not None and rows[-1]:
        others = sum(one.per_pass for one in parts)
        wanted = round(others * replay.ratio / (1 - replay.ratio))
        parts.append(Part(rows=rows[-1], per_pass=max(1, wanted)))
    elif replay is not None:
        parts.append(Part(rows=0, per_pass=0))
    return tuple(parts)
