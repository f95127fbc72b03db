# SPDX-License-Identifier: Apache-2.0
"""What a run says at its end, and of its held-out checks: that it overfits, which step is best."""

from __future__ import annotations

from gettext import gettext as _
from gettext import ngettext

from engine.protocol.events import Paused, Stopped, Warned
from engine.protocol.job import JobContext
from engine.store.layout import JobFolder
from engine.train.checkpoint import checkpoint_folders, step_of


def ended_early(context: JobContext) -> Stopped | Paused:
    """Say where a run stands that was ended before its first step, maybe of a resume."""
    end = Paused if context.pause_requested() else Stopped
    found = checkpoint_folders(JobFolder(context.folder).checkpoints)
    if not found:
        return end(step=0, checkpoint="")
    return end(step=step_of(found[-1]), checkpoint=found[-1].name)


def overfitting_warning(step: int, best_step: int | None) -> Warned:
    """Say that training and held-out loss part, and what to do."""
    text = _(
        "Training loss still falls, but held-out loss has risen over the last checks, up to step "
        "{step}: the model begins to learn the rows by heart."
    ).format(step=step)
    advice = (
        _("Stop it now: the checkpoint of step {step} is the best, and is kept.").format(
            step=best_step
        )
        if best_step
        else _("Stop it now, and start again with a lower learning rate or with more rows.")
    )
    return Warned(code="overfitting", message=f"{text} {advice}")


def early_stop_warning(step: int, checks: int) -> Warned:
    """Say that a run ended early, and why."""
    text = ngettext(
        "The run ended early after step {step}: {count} held-out check brought no new best.",
        "The run ended early after step {step}: {count} held-out checks in a row brought no new "
        "best.",
        checks,
    )
    return Warned(code="early_stopped", message=text.format(step=step, count=checks))


def best_delivered_warning(step: int) -> Warned:
    """Say that the adapter is not that of the last step."""
    text = _("The adapter is that of step {step}, after which the held-out loss was lowest.")
    return Warned(code="best_delivered", message=text.format(step=step))


def best_was_earlier_warning(step: int) -> Warned:
    """Say that the adapter of the last step is not the best."""
    text = (
        _(
            "The held-out loss was lowest after step {step}, whose checkpoint is kept; fewer "
            "passes over the data may be better."
        )
        if step
        else _(
            "The held-out loss was lowest before training: this run made the model worse at "
            "the held-out rows."
        )
    )
    return Warned(code="best_was_earlier", message=text.format(step=step))
