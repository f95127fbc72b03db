# SPDX-License-Identifier: Apache-2.0
"""The page Datasets: the list of all, or one of them."""

from __future__ import annotations

from gettext import gettext as _

from gui.bridge.services import Services
from gui.pages.datasets.dataset_page import DatasetPage
from gui.pages.datasets.documents_page import DocumentsPage
from gui.pages.datasets.forget_page import ForgetPage
from gui.pages.datasets.list_page import DatasetListPage
from gui.pages.datasets.mapping_page import MappingPage
from gui.viewmodels.datasets import imported_words
from gui.viewmodels.forgetting import ForgetRequest
from gui.viewmodels.import_requests import DocumentRequest, MappingRequest
from gui.widgets.box import Column, Panel
from gui.widgets.page import Stack


class DatasetsPage(Panel):
    """Datasets."""

    def __init__(self, services: Services) -> None:
        self._stack = Stack()
        super().__init__(Column(self._stack, gap=0))
        self._services = services
        self._wanted = ""
        self._list = DatasetListPage(services)
        self._one = DatasetPage(services)
        self._mapping: MappingPage | None = None
        self._documents: DocumentsPage | None = None
        self._forget: ForgetPage | None = None
        self._stack.addWidget(self._list)
        self._stack.addWidget(self._one)
        self._list.dataset_requested.connect(self.show_argument)
        self._list.imported.connect(self._on_imported)
        self._one.back_requested.connect(lambda: self.show_argument(None))
        services.library.loaded.connect(self._show_loaded)
        services.library.datasets_changed.connect(self._show_changes)

    def show_argument(self, argument: object) -> None:
        """Show the dataset of an id, the list for None, or ask what columns mean and the like."""
        if isinstance(argument, MappingRequest):
            self._ask(argument)
            return
        if isinstance(argument, DocumentRequest):
            self._ask_documents(argument)
            return
        if isinstance(argument, ForgetRequest):
            self._ask_to_forget(argument)
            return
        self._wanted = argument if isinstance(argument, str) else ""
        self._show_wanted()

    def _ask(self, request: MappingRequest) -> None:
        """Ask what the columns of files mean; the page for it is made when it is first needed."""
        if self._mapping is None:
            self._mapping = MappingPage(self._services)
            self._mapping.left.connect(lambda: self.show_argument(None))
            self._stack.addWidget(self._mapping)
        self._one.close_dataset()
        self._mapping.show_request(request)
        self._stack.setCurrentWidget(self._mapping)

    def _ask_documents(self, request: DocumentRequest) -> None:
        """Ask how documents are cut; the page for it is made when it is first needed."""
        if self._documents is None:
            self._documents = DocumentsPage(self._services)
            self._documents.left.connect(lambda: self.show_argument(None))
            self._stack.addWidget(self._documents)
        self._one.close_dataset()
        self._documents.show_request(request)
        self._stack.setCurrentWidget(self._documents)

    def _ask_to_forget(self, request: ForgetRequest) -> None:
        """Ask whether a dataset shall be forgotten; its files are closed, so that they can go."""
        if self._forget is None:
            self._forget = ForgetPage(self._services)
            self._forget.left.connect(self.show_argument)
            self._stack.addWidget(self._forget)
        self._one.close_dataset()
        self._forget.show_request(request)
        self._stack.setCurrentWidget(self._forget)

    def _show_wanted(self) -> None:
        library = self._services.library
        dataset = library.dataset(self._wanted)
        if dataset is not None:
            self._one.show_dataset(dataset)
            self._stack.setCurrentWidget(self._one)
            return
        if self._wanted and library.is_loaded:
            self._services.notices.say(_("This dataset is not in the workspace any more."))
        self._one.close_dataset()
        self._stack.setCurrentWidget(self._list)

    def _show_loaded(self) -> None:
        """Show what was asked for before the workspace was read; a form stays as it is."""
        if self._stack.currentWidget() not in (self._mapping, self._documents, self._forget):
            self._show_wanted()

    def _show_changes(self) -> None:
        """Follow a change of the shown dataset, or leave it where it is gone."""
        if self._stack.currentWidget() is self._one:
            self._show_wanted()

    def _on_imported(self, dataset_id: str) -> None:
        self._services.library.refresh(lambda: self._tell_imported(dataset_id))

    def _tell_imported(self, dataset_id: str) -> None:
        """Show what was imported where a person waits for it, else say so with a way to it."""
        dataset = self._services.library.dataset(dataset_id)
        if dataset is None:
            return
        if self._list.is_at_rest():
            self._services.notices.say(imported_words(dataset))
            self.show_argument(dataset_id)
            return
        self._services.notices.say(
            imported_words(dataset),
            undo_text=_("Open"),
            undo=lambda: self._services.navigator.go("datasets", dataset_id),
        )
