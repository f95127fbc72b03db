# SPDX-License-Identifier: Apache-2.0
"""A wish to stop that arrives while a job has nothing worth keeping yet."""

from __future__ import annotations

from gettext import gettext as _

from engine.errors import Cancelled
from engine.protocol.job import JobContext


def heed_stop(context: JobContext) -> None:
    """End the preparation when the user asked for it; the entry of the job says `Stopped`.

    Raises:
        Cancelled: The user did.
    """
    if context.stop_requested():
        raise Cancelled(_("The work was stopped before it began."))
