# SPDX-License-Identifier: Apache-2.0
"""A new run that goes on with an adapter: what the page Train begins with, and what it says."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from engine.domain.start import USUAL_REPLAY_RATIO, Ancestor, start_words
from gui.viewmodels.extra_data import ExtraData
from gui.viewmodels.train import Draft, TrainArgument, values_of

if TYPE_CHECKING:
    from engine.api.beginning import Beginning
    from engine.api.jobs import JobView
    from engine.api.runs import RunView


class GoesOnView(msgspec.Struct, frozen=True, kw_only=True):
    """What the page Train says of the adapter that a draft goes on with."""

    cause: str
    consequence: str


def continue_argument(beginning: Beginning) -> TrainArgument:
    """Return what opens the page with an adapter: its model and settings, the data still open.

    The former data, if it is here, is there already for the share of a pass that it usually has.
    """
    former = beginning.recipe
    if former is None:
        return TrainArgument(beginning=beginning, model_id=beginning.model_id, is_exact=True)
    data = beginning.former_dataset_id
    replayed = ExtraData(dataset_id=data, ratio=USUAL_REPLAY_RATIO, is_replay=True)
    return TrainArgument(
        beginning=beginning,
        model_id=beginning.model_id,
        values=values_of(former),
        extra=(replayed,) if data else (),
        method=former.method,
        is_exact=True,
    )


def with_dataset(draft: Draft, dataset_id: str) -> Draft:
    """Return a draft with other data, which is then not replayed beside itself."""
    extra = tuple(
        one for one in draft.extra if not (one.is_replay and one.dataset_id == dataset_id)
    )
    return replace(draft, dataset_id=dataset_id, extra=extra if draft.beginning else draft.extra)


def goes_on_view(draft: Draft) -> GoesOnView | None:
    """Return what is said of the adapter, or None where the draft begins anew."""
    beginning = draft.beginning
    if beginning is None:
        return None
    words = [
        _("Its rank and its layers stay as they are; the optimizer begins anew."),
        _("Rows that were held out before are not trained.") if beginning.start.held_out else "",
    ]
    if beginning.base:
        words.append(_("The folder says that it was made for {base}.").format(base=beginning.base))
    return GoesOnView(
        cause=_("This run goes on with {start}.").format(start=start_words(beginning.start)),
        consequence=" ".join(one for one in words if one),
    )


def taken_reasons(draft: Draft) -> dict[str, str]:
    """Return why fields cannot be changed, by name: those that follow from the adapter."""
    taken = draft.beginning.taken if draft.beginning else {}
    return dict.fromkeys(taken, _("Taken from the adapter that this run goes on with."))


def continue_reason(run: RunView, job: JobView) -> str:
    """Return why training cannot go on in a new run, or "" where it can."""
    if not job.state.is_over:
        return _("Stop it first.")
    if not run.has_adapter and not run.checkpoints:
        return _("This run has left neither an adapter nor a checkpoint.")
    return ""


def descent_words(descent: tuple[Ancestor, ...]) -> tuple[tuple[str, str], ...]:
    """Return what a run was made of, oldest first: each adapter, and the data it learned from."""
    return tuple(
        (start_words(one), ", ".join(data.name for data in one.data) or one.base) for one in descent
    )
