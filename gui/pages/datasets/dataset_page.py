# SPDX-License-Identifier: Apache-2.0
"""One dataset: its header, its tabs, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from engine.domain.dataset import DatasetInfo
from engine.domain.run import JobState
from engine.errors import EngineError
from gui.actions.datasets import remove_dataset, rename_dataset
from gui.actions.derive import export_rows, make_sample, merge_datasets
from gui.bridge.services import Services
from gui.pages.datasets.derive import ExportRow, MergeRow, SampleRow
from gui.pages.datasets.health_tab import HealthTab
from gui.pages.datasets.history_tab import HistoryTab
from gui.pages.datasets.job_line import JobLine
from gui.pages.datasets.open_rows import OpenRows
from gui.pages.datasets.rejects_tab import RejectsTab
from gui.pages.datasets.rename_row import RenameRow
from gui.pages.datasets.rows_tab import RowsTab
from gui.pages.datasets.source_tab import SourceTab
from gui.pages.datasets.split_tab import SplitTab
from gui.pages.datasets.tokens_tab import TokensTab
from gui.viewmodels.dataset import header_view, removal_question, tabs
from gui.viewmodels.forgetting import ForgetRequest
from gui.viewmodels.job import failure_view
from gui.viewmodels.train import TrainArgument
from gui.widgets.banner import Banner
from gui.widgets.box import Column, Panel
from gui.widgets.buttons import Action, Button, IconButton, MenuItem
from gui.widgets.page import Page, Stack
from gui.widgets.tabs import TabBar

if TYPE_CHECKING:
    from engine.api.jobs import JobView


class _Tab(Protocol):
    """What each tab can do."""

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show this dataset."""
        ...

    def close_dataset(self) -> None:
        """Forget the dataset."""
        ...


class _TabStack(Stack):
    """The tabs on one another. Each scrolls inside, so the page never grows with what they hold."""

    def hasHeightForWidth(self) -> bool:
        """Return False: a long row makes no page longer."""
        return False

    def sizeHint(self) -> QSize:
        """Return the least size; the room that is left is taken anyway."""
        return self.minimumSizeHint()


class DatasetPage(Page):
    """One dataset; each tab is built at its first visit.

    Signals:
        back_requested: Go back to the list.
    """

    back_requested = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__("", scroll=False)
        self._services = services
        self._dataset: DatasetInfo | None = None
        self._rows = OpenRows(services, self)
        self._bar = TabBar(name=_("Parts of the dataset"))
        self._stack = _TabStack()
        self._built: dict[str, _Tab] = {}
        self._train = Button(_("Train with this dataset"), kind="primary", icon="train")
        self._more = IconButton("more", _("More"))
        self._rename = RenameRow()
        self._question = Banner(kind="warning")
        self._export, self._sample, self._merge = ExportRow(), SampleRow(), MergeRow()
        self._job = JobLine(services, name=_("Progress of the work"))
        self._fill()
        self._connect()

    def _fill(self) -> None:
        self.set_body_margins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self._more.set_menu(
            [
                MenuItem(key="rename", text=_("Rename…"), icon="edit"),
                MenuItem(key="export", text=_("Export the rows…"), icon="export"),
                MenuItem(key="sample", text=_("Make a sample…"), icon="copy"),
                MenuItem(key="merge", text=_("Merge with another…"), icon="datasets"),
                None,
                MenuItem(key="remove", text=_("Remove…"), icon="close", danger=True),
                MenuItem(key="forget", text=_("Forget…"), icon="lock", danger=True),
            ]
        )
        self.header.set_back(_("Datasets"))
        self.header.set_actions(self._more, self._train)
        self._bar.set_tabs(tabs())
        self.set_tabs(self._bar)
        self._asked = Panel(Column(*self._questions(), gap=8, margins=(32, 12, 32, 12)))
        self._ask(None)
        self.add(self._asked)
        self.body.addWidget(self._stack, 1)

    def _connect(self) -> None:
        self.header.back_clicked.connect(self.back_requested)
        back = QShortcut(QKeySequence("Alt+Left"), self)
        back.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        back.activated.connect(self.back_requested)
        self._bar.chosen.connect(self._show_tab)
        self._train.clicked.connect(self._train_with)
        self._more.picked.connect(self._act)
        self._rename.renamed.connect(self._on_renamed)
        self._rename.closed.connect(lambda: self._ask(None))
        self._question.action_triggered.connect(self._answer)
        for one in (self._export, self._sample, self._merge):
            one.closed.connect(partial(self._ask, None))
        self._export.asked.connect(self._begin_export)
        self._sample.asked.connect(self._begin_sample)
        self._merge.asked.connect(self._begin_merge)
        self._job.over.connect(self._on_made)

    # ------------------------------------------------------------------ what is shown

    def show_dataset(self, dataset: DatasetInfo) -> None:
        """Show a dataset from its first tab on; the same one stays where it is."""
        is_other = self._dataset is None or self._dataset.id != dataset.id
        if is_other:
            self.close_dataset()
        self._dataset = dataset
        self._rows.set_dataset(dataset)
        shown = header_view(dataset, now=datetime.now().astimezone())
        self.header.set_title(shown.title)
        self.header.set_chip(shown.chip.text, shown.chip.kind, shown.chip.icon)
        self.header.set_meta(shown.meta)
        self._train.set_reason(shown.train_reason)
        self._bar.set_badge("rejects", dataset.rejects)
        if is_other:
            self._ask(None)
            self._bar.set_value("rows")
        self._show_tab(self._bar.value())

    def close_dataset(self) -> None:
        """Close the files of the dataset."""
        for tab in self._built.values():
            tab.close_dataset()
        self._rows.close()
        self._dataset = None

    def _show_tab(self, key: str) -> None:
        if self._dataset is None:
            return
        if key not in self._built:
            self._built[key] = self._build(key)
            self._stack.addWidget(cast("QWidget", self._built[key]))
        tab = self._built[key]
        self._stack.setCurrentWidget(cast("QWidget", tab))
        tab.show_dataset(self._dataset)

    def _build(self, key: str) -> _Tab:
        builders: dict[str, Callable[[], _Tab]] = {
            "rows": lambda: RowsTab(self._services, self._rows),
            "tokens": lambda: TokensTab(self._services, self._rows),
            "health": self._health_tab,
            "rejects": lambda: RejectsTab(self._services),
            "history": lambda: HistoryTab(self._services),
            "split": lambda: SplitTab(self._services),
            "source": lambda: SourceTab(self._services),
        }
        return builders[key]()

    def _health_tab(self) -> HealthTab:
        tab = HealthTab(self._services)
        tab.show_requested.connect(self._show_finding)
        return tab

    def _show_finding(self, check: str) -> None:
        self._bar.set_value("rows")
        self._show_tab("rows")
        tab = self._built["rows"]
        if isinstance(tab, RowsTab):
            tab.show_finding(check)

    # ------------------------------------------------------------------ what can be done

    def _train_with(self) -> None:
        if self._dataset is not None:
            argument = TrainArgument(dataset_id=self._dataset.id)
            self._services.navigator.go("train", argument)

    def _act(self, key: str) -> None:
        dataset = self._dataset
        if dataset is None:
            return
        if key == "rename":
            self._ask(self._rename)
            self._rename.start(dataset.name)
            return
        if key in ("export", "sample", "merge"):
            self._ask_to_make(key, dataset)
            return
        if key == "forget":
            request = ForgetRequest(dataset_id=dataset.id, name=dataset.name)
            self._services.navigator.go("datasets", request)
            return
        runs = sum(dataset.id in one.recipe.dataset_ids for one in self._services.library.runs)
        shown = removal_question(dataset, runs=runs)
        self._question.set_content(
            shown.cause,
            shown.consequence,
            (
                Action(key="yes", text=shown.yes, kind="danger"),
                Action(key="no", text=shown.no, kind="ghost"),
            ),
            dismissable=False,
        )
        self._ask(self._question)

    def _questions(self) -> tuple[QWidget, ...]:
        rows = (self._export, self._sample, self._merge)
        return (self._rename, self._question, *rows, self._job)

    def _ask(self, question: QWidget | None) -> None:
        for one in self._questions():
            one.setHidden(one is not question)
        self._asked.setHidden(question is None)

    def _ask_to_make(self, key: str, dataset: DatasetInfo) -> None:
        if key == "merge":
            self._ask(self._merge)
            self._merge.start(dataset, self._services.library.datasets)
            return
        row = self._export if key == "export" else self._sample
        self._ask(row)
        row.start(dataset)

    def _begin_export(self, form: str, folder: Path) -> None:
        if self._dataset is not None:
            self._begin_job()
            export_rows(
                self._services,
                dataset_id=self._dataset.id,
                form=form,
                folder=folder,
                started=self._follow,
            )

    def _begin_sample(self, rows: int, seed: int) -> None:
        if self._dataset is not None:
            self._begin_job()
            make_sample(
                self._services,
                dataset_id=self._dataset.id,
                rows=rows,
                seed=seed,
                started=self._follow,
            )

    def _begin_merge(self, other_id: str, name: str) -> None:
        if self._dataset is not None:
            self._begin_job()
            merge_datasets(
                self._services,
                dataset_id=self._dataset.id,
                other_id=other_id,
                name=name,
                started=self._follow,
            )

    def _begin_job(self) -> None:
        self._job.begin()
        self._ask(self._job)

    def _follow(self, job_id: str) -> None:
        if job_id:
            self._job.follow(job_id)
        else:
            self._ask(None)

    def _on_made(self, job: JobView) -> None:
        """Say where the files are, or show the new dataset."""
        self._ask(None)
        failed = failure_view(job)
        if failed is not None:
            error = EngineError(failed.cause, remedy=failed.remedy, detail=failed.details)
            self._services.notices.show_error(error, title=failed.title)
        elif job.state is JobState.FINISHED:
            made, path = (job.snapshot.result.get(one, "") for one in ("dataset_id", "path"))
            if path:
                self._services.notices.say(_("The rows were written to {path}.").format(path=path))
            else:
                navigator = self._services.navigator
                self._services.library.refresh(lambda: navigator.go("datasets", made))

    def _on_renamed(self, name: str) -> None:
        self._ask(None)
        if self._dataset is not None:
            rename_dataset(self._services, dataset_id=self._dataset.id, name=name)

    def _answer(self, key: str) -> None:
        dataset = self._dataset
        self._ask(None)
        if key == "yes" and dataset is not None:
            self.back_requested.emit()
            remove_dataset(self._services, dataset=dataset)
