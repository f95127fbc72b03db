# SPDX-License-Identifier: Apache-2.0
"""Tries to reach the network that were refused, as a banner says them."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext
from typing import TYPE_CHECKING

import msgspec

from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.jobs import JobView
    from engine.api.privacy import PrivacyState


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A try of the window or of a job.

    Attributes:
        key: Names this state of it; further tries give another one.
        cause: Who tried.
        consequence: What was tried, and what that means.
    """

    key: str
    cause: str
    consequence: str


def refusals(state: PrivacyState, jobs: Sequence[JobView], *, seen_at: str) -> tuple[Refusal, ...]:
    """Return what was refused to this window, and to jobs that were not over when it was opened.

    Args:
        state: What the guard of this process knows.
        jobs: All jobs.
        seen_at: When a window was last looked at before this one, UTC; empty where none ever was.
    """
    news = [one for one in jobs if not one.state.is_over or one.snapshot.updated_at > seen_at]
    own = (_of_window(state),) if state.attempts else ()
    return (*own, *(_of_job(one) for one in news if one.snapshot.network_refused))


def _of_window(state: PrivacyState) -> Refusal:
    said = ngettext(
        "{count} attempt was refused, the last one by {who}. Nothing was sent.",
        "{count} attempts were refused, the last one by {who}. Nothing was sent.",
        state.attempts,
    ).format(count=numbers.count(state.attempts), who=state.tried_by)
    return Refusal(
        key=f"window:{state.attempts}",
        cause=_("A part of this window tried to reach the network."),
        consequence=said,
    )


def _of_job(job: JobView) -> Refusal:
    said = job.snapshot.network_refused
    return Refusal(
        key=f"{job.info.id}:{job.snapshot.attempt}:{said}",
        cause=_("{name} tried to reach the network.").format(name=job.info.name),
        consequence=_("{said} Nothing was sent.").format(said=said),
    )
