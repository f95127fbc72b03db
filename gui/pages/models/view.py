# SPDX-License-Identifier: Apache-2.0
"""The page Models: the list of all, or one of them."""

from __future__ import annotations

from gettext import gettext as _

from gui.bridge.services import Services
from gui.pages.models.list_page import ModelListPage
from gui.pages.models.model_page import ModelPage
from gui.widgets.box import Column, Panel
from gui.widgets.page import Stack


class ModelsPage(Panel):
    """Models."""

    def __init__(self, services: Services) -> None:
        self._stack = Stack()
        super().__init__(Column(self._stack, gap=0))
        self._services = services
        self._wanted = ""
        self._list = ModelListPage(services)
        self._one = ModelPage(services)
        self._stack.addWidget(self._list)
        self._stack.addWidget(self._one)
        self._list.model_requested.connect(self.show_argument)
        self._one.back_requested.connect(lambda: self.show_argument(None))
        services.library.loaded.connect(self._show_wanted)
        services.library.models_changed.connect(self._show_changes)

    def show_argument(self, argument: object) -> None:
        """Show the model of an id, or the list for None."""
        self._wanted = argument if isinstance(argument, str) else ""
        self._show_wanted()

    def page_entered(self) -> None:
        """Look again whether the folders are there."""
        if self._stack.currentWidget() is self._one:
            self._one.look_for_folder()

    def _show_wanted(self) -> None:
        library = self._services.library
        model = library.model(self._wanted)
        if model is not None:
            self._list.clear_refusal()
            self._one.show_model(model)
            self._stack.setCurrentWidget(self._one)
            return
        if self._wanted and library.is_loaded:
            self._services.notices.say(_("This model is not in the list any more."))
        self._stack.setCurrentWidget(self._list)

    def _show_changes(self) -> None:
        """Follow a change of the shown model, or leave it where it is gone."""
        if self._stack.currentWidget() is self._one:
            self._show_wanted()
