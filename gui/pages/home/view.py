# SPDX-License-Identifier: Apache-2.0
"""The page Home: the first start as three steps, later recent work; this computer at the side."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut

from engine.api.starter import sample_file
from engine.errors import EngineError
from gui.actions.add_model import ask_for_model
from gui.actions.import_files import ask_for_files
from gui.actions.open_paths import open_paths
from gui.bridge.services import Services
from gui.pages.home.recent import RecentWork
from gui.pages.home.side import ComputerColumn
from gui.pages.home.start import StartCard
from gui.viewmodels.dropped import describe_drop
from gui.viewmodels.home import read_sample, recent_items
from gui.widgets.box import Column, Gap, Panel, Reflow, Stretch
from gui.widgets.drop_zone import DropZone
from gui.widgets.dropped import dropped_paths
from gui.widgets.empty import Skeleton
from gui.widgets.page import Page
from gui.widgets.tab_order import follow_layout
from gui.widgets.text import TextLabel

NO_BREAK_SPACE = "\u00a0"


class HomePage(Page):
    """Home; what it offers depends on what there is, so it waits for the workspace to be read."""

    def __init__(self, services: Services) -> None:
        super().__init__(_("Home"))
        self._services = services
        self.header.hide()
        self._title = TextLabel(NO_BREAK_SPACE, role="welcome")  # keeps the room of the words
        self._subtitle = TextLabel(
            _("Fine-tune a language model on your own data, on your own computer."),
            colour="text2",
        )
        self._recent = RecentWork(services)
        self._start: StartCard | None = None
        self._is_refused = False
        self._skeleton = Skeleton(rows=5)
        self._drop = self._make_drop_zone()
        self._drop.hide()
        self._computer = ComputerColumn(services)
        self._arrange()
        self._connect()
        self._show_work()

    def page_entered(self) -> None:
        """Look again: libraries may have been added or removed meanwhile."""
        self._computer.look()

    def _make_drop_zone(self) -> DropZone:
        drop = DropZone(
            title=_("Drop a dataset or a model folder anywhere in this window"),
            text=_("or press Ctrl V to paste a path"),
            mode="any",
        )
        drop.set_describe(describe_drop)
        return drop

    def _arrange(self) -> None:
        self.set_body_margins(32, 32, 32, 20)
        self._left = Column(self._recent, self._skeleton, self._drop, Stretch(), gap=24)
        columns = Reflow(
            Panel(self._left),
            self._computer,
            gap=24,
            line_gap=24,
            stack_below=800,
            stretches=(1, 0),
        )
        self.add(self._title, self._subtitle, Gap(12), columns)

    def _connect(self) -> None:
        services = self._services
        QShortcut(
            QKeySequence.StandardKey.Paste,
            self,
            self._paste,
            context=Qt.ShortcutContext.WidgetWithChildrenShortcut,
        )
        self._drop.paths_dropped.connect(self._open)
        self._drop.browse_requested.connect(lambda: ask_for_files(services, parent=self))
        for signal in (
            services.library.datasets_changed,
            services.library.runs_changed,
            services.library.loaded,
        ):
            signal.connect(self._show_work)
        services.library.failed.connect(self._on_failed)

    def _on_failed(self, _error: EngineError) -> None:
        """Offer what goes without knowing what there is; the window says what failed."""
        self._is_refused = True
        self._show_work()

    def _paste(self) -> None:
        """Take files or the path of one from the clipboard, wherever the keyboard is."""
        paths = dropped_paths(QGuiApplication.clipboard().mimeData())
        if paths:
            self._open(paths)

    def _open(self, paths: list[Path]) -> None:
        open_paths(self._services, paths=paths)

    def _make_start(self) -> StartCard:
        services = self._services
        made = StartCard(services, read_sample(sample_file()))
        made.data_requested.connect(lambda: ask_for_files(services, parent=self))
        made.run_requested.connect(lambda: services.navigator.go("train"))
        made.model_requested.connect(lambda: ask_for_model(services, parent=self))
        self._skeleton.stop()
        self._left.replaceWidget(self._skeleton, made)
        self._skeleton.deleteLater()
        self._drop.show()
        return made

    def _show_work(self) -> None:
        library = self._services.library
        if not (library.is_loaded or self._is_refused):
            self._skeleton.start()
            return
        if self._start is None:
            self._start = self._make_start()
        items = recent_items(library.datasets, library.runs, now=datetime.now().astimezone())
        self._title.set_text(_("Welcome back") if items else _("Welcome to Burnish"))
        self._recent.set_items(items)
        self._start.set_first_start(not items)
        follow_layout(self)
