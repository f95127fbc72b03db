# SPDX-License-Identifier: Apache-2.0
"""Importing files as a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.domain.chunking import Chunking
from engine.domain.dataset import Mapping
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.viewmodels.import_requests import DocumentRequest, MappingRequest


def import_files(services: Services, *, paths: Sequence[Path], name: str = "") -> None:
    """Import files, and ask first what has to be decided.

    That is how documents are cut, what columns mean that nobody knows, and whether several files
    become one dataset.
    """

    def look() -> DocumentRequest | MappingRequest | None:
        """Return what is to be asked, if anything."""
        if services.api.documents.are_documents(list(paths)):
            return DocumentRequest(paths=tuple(paths), name=name)
        if services.api.mappings.sample(list(paths)).is_unclear:
            return MappingRequest(paths=tuple(paths), name=name)
        is_one = len(paths) == 1
        return None if is_one else DocumentRequest(paths=tuple(paths), name=name, is_cut=False)

    def done(outcome: Outcome[DocumentRequest | MappingRequest | None]) -> None:
        # A file that cannot be read is refused by the import itself, with its reason.
        if outcome.error is not None or outcome.value is None:
            import_now(services, paths=paths, name=name)
        else:
            services.navigator.go("datasets", outcome.value)

    services.notices.clear()
    services.tasks.run(look, done, owner=services.library, lane=Lane.READING)


def import_now(
    services: Services,
    *,
    paths: Sequence[Path],
    name: str = "",
    mapping: Mapping | None = None,
    chunking: Chunking | None = None,
    is_separate: bool = False,
) -> None:
    """Start an import and show it on the datasets page."""

    def done(outcome: Outcome[str]) -> None:
        if outcome.error is not None:
            services.notices.show_error(outcome.error, title=_("Nothing was imported"))
            return
        services.library.refresh()
        services.navigator.go("datasets")

    services.notices.clear()
    services.tasks.run(
        lambda: services.api.datasets.start_import(
            list(paths), name=name, mapping=mapping, chunking=chunking, is_separate=is_separate
        ),
        done,
        owner=services.library,
    )


def ask_for_files(services: Services, *, parent: QWidget) -> None:
    """Let a person choose files, then import them as one dataset."""
    names, _filter = QFileDialog.getOpenFileNames(parent, _("Browse for data"))
    if names:
        import_files(services, paths=[Path(name) for name in names])
