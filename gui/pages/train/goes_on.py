# SPDX-License-Identifier: Apache-2.0
"""The banner that says which adapter a new run goes on with, and the way back to a fresh one."""

from __future__ import annotations

from gettext import gettext as _

from gui.viewmodels.continuing import GoesOnView, goes_on_view
from gui.viewmodels.train import Draft
from gui.widgets.banner import Banner
from gui.widgets.buttons import Action


class GoesOnBanner(Banner):
    """Hidden while the draft begins anew; its one action asks for that."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: GoesOnView | None = None
        self.hide()

    def show_draft(self, draft: Draft) -> None:
        """Show what a draft goes on with."""
        view = goes_on_view(draft)
        if view == self._shown:
            return
        self._shown = view
        self.setHidden(view is None)
        if view is not None:
            anew = Action(key="anew", text=_("Begin anew instead"))
            self.set_content(view.cause, view.consequence, (anew,), dismissable=False)
