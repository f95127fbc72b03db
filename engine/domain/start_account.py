# SPDX-License-Identifier: Apache-2.0
"""What a plan and a run tell of the adapter that they begin with."""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.decision import Decision
from engine.domain.recipe import Recipe
from engine.domain.start import start_words


def start_decisions(recipe: Recipe) -> dict[str, Decision]:
    """Tell what a run begins with, and what follows from that; nothing where it begins anew."""
    start = recipe.start
    if start is None:
        return {}
    shape = _("rank {rank}, alpha {alpha}").format(
        rank=recipe.lora_rank, alpha=f"{recipe.lora_alpha:g}"
    )
    return {
        "start": Decision(
            value=start_words(start),
            reason=_(
                "Its weights go on from there. The optimizer and the learning rate begin anew, "
                "because rows and schedule are others. SHA-256 {digest}."
            ).format(digest=start.sha256[:16]),
            source="recipe",
        ),
        "adapter_shape": Decision(
            value=shape,
            reason=_("Taken from the adapter that goes on, whose numbers fit no other shape."),
            source="recipe",
        ),
    }
