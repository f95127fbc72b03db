# SPDX-License-Identifier: Apache-2.0
"""Keeping the calling process off the network, and saying truthfully how far that goes."""

from __future__ import annotations

from gettext import gettext as _
from gettext import ngettext

import msgspec

from engine.launcher.offline import OfflineGuard


class PrivacyState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of this process' use of the network.

    Attributes:
        is_verified: The kernel refuses internet sockets, and nothing has tried to open one.
        kernel_filter_active: The kernel reports the filter on this process.
        attempts: How often code in this process tried; each was refused.
        title: One or two words.
        sentence: One sentence.
        tried_by: Module and function that tried last; empty where nothing did.
    """

    is_verified: bool
    kernel_filter_active: bool
    attempts: int
    title: str
    sentence: str
    tried_by: str = ""


class Privacy:
    """The guard of this process; made once, at its start."""

    def __init__(self, *, kernel_filter: bool = True) -> None:
        """Refuse the network from now on; `kernel_filter` as in OfflineGuard."""
        self._guard = OfflineGuard(kernel_filter=kernel_filter)

    def state(self) -> PrivacyState:
        """Return what is true now; reads /proc, takes well under a millisecond."""
        active = self._guard.is_kernel_filter_active
        attempts = self._guard.attempts
        if attempts:
            title = _("Not verified")
            sentence = ngettext(
                "{count} attempt to use the network was refused",
                "{count} attempts to use the network were refused",
                attempts,
            ).format(count=attempts)
        elif active:
            title, sentence = _("Offline, verified"), _("no network use since start")
        else:
            title = _("Offline")
            sentence = _("no network use seen; this system cannot enforce it")
        return PrivacyState(
            is_verified=active and not attempts,
            kernel_filter_active=active,
            attempts=attempts,
            title=title,
            sentence=sentence,
            tried_by=self._guard.last_caller,
        )
