# SPDX-License-Identifier: Apache-2.0
"""The page Export: what to take out, how it goes, and what was taken out before."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from gettext import gettext as _
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QScrollArea, QWidget

from engine.domain.model import ModelInfo
from gui.actions.exports import ask_for_folder, remove_export, start_export
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.export.card import ExportCard
from gui.pages.export.files import read_place
from gui.pages.export.form import ExportForm
from gui.pages.export.memorised import MemorisedText
from gui.pages.export.past import PastExports
from gui.viewmodels.export import (
    EmptyView,
    Place,
    empty_view,
    export_request,
    exportable,
    exports_of,
    folder_view,
    live_export,
    needed_bytes,
    past_lines,
    run_choices,
    start_reason,
    target_choices,
    target_title,
)
from gui.widgets.banner import Banner
from gui.widgets.box import Gap
from gui.widgets.buttons import Action, Button
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.page import Page

if TYPE_CHECKING:
    from engine.api.exports import Target


class ExportPage(Page):
    """Export. Opened with a run's id it offers that run, with None what goes on."""

    def __init__(self, services: Services) -> None:
        super().__init__(_("Export"))
        self._services = services
        self._targets: tuple[Target, ...] = ()
        self._run_id, self._target_id = "", ""
        self._wanted = ""
        self._out: Path | None = None
        self._place = Place()
        self._looked_at: tuple[str, Path | None] | None = None
        self._empty_shown: EmptyView | None = None
        self._make_widgets()
        self._arrange()
        self._connect()
        self._skeleton.start()
        services.tasks.run(self._read_targets, self._take_targets, owner=self, lane=Lane.READING)
        self._show()

    def _make_widgets(self) -> None:
        self._start = Button(_("Export"), kind="primary", icon="export", key_hint=_("Ctrl ↵"))
        self._skeleton = Skeleton(rows=3)
        self._empty = EmptyState(icon="export")
        self._none_left = Banner()
        self._card = ExportCard(self._services)
        self._form = ExportForm()
        self._memorised = MemorisedText(self._services)
        self._past = PastExports()

    def _arrange(self) -> None:
        self.header.set_meta(_("Take a finished run with you"))
        self.header.set_actions(self._start)
        self.add(self._skeleton, self._empty, self._none_left, self._card, Gap(4), self._form)
        self.add(self._memorised, Gap(12), self._past)

    def _connect(self) -> None:
        library = self._services.library
        self._start.clicked.connect(self._on_start)
        self._form.run_chosen.connect(self._choose_run)
        self._form.target_chosen.connect(self._choose_target)
        self._form.folder_wanted.connect(self._ask_for_folder)
        self._form.workspace_wanted.connect(partial(self._choose_folder, None))
        self._empty.action_triggered.connect(self._go)
        self._none_left.action_triggered.connect(self._go)
        self._card.again_requested.connect(self._fill_again)
        self._past.export_chosen.connect(self._show_export)
        self._past.removal_asked.connect(self._remove_export)
        for signal in (library.loaded, library.jobs_changed, library.runs_changed):
            signal.connect(self._show)
        library.models_changed.connect(self._show)
        QShortcut(QKeySequence("Ctrl+Return"), self, self._on_start)

    # ------------------------------------------------------------------ which run

    def show_argument(self, argument: object) -> None:
        """Offer a run by its id, or show the export that goes on."""
        if isinstance(argument, str) and argument:
            self._wanted = argument
        self._show()

    def page_entered(self) -> None:
        """Look at the disk again."""
        self._looked_at = None
        self._show()
        self._memorised.look_again()

    def _read_targets(self) -> tuple[Target, ...]:
        return self._services.api.exports.targets()

    def _take_targets(self, outcome: Outcome[tuple[Target, ...]]) -> None:
        if outcome.error is not None:
            self._services.notices.show_error(outcome.error)
            return
        self._targets = outcome.value
        self._target_id = self._target_id or self._targets[0].id
        self._show()

    def _take_wanted(self) -> None:
        wanted, self._wanted = self._wanted, ""
        if not wanted:
            return
        if any(one.id == wanted for one in exportable(self._services.library.runs)):
            self._run_id = wanted
        else:
            self._services.notices.say(_("This run has left no adapter yet."))

    # ------------------------------------------------------------------ showing

    def _show(self) -> None:
        library = self._services.library
        is_loaded = library.is_loaded and bool(self._targets)
        if is_loaded:
            self._skeleton.stop()
            self._take_wanted()
        runs, past = exportable(library.runs), exports_of(library.jobs)
        if runs and all(one.id != self._run_id for one in runs):
            self._run_id = runs[0].id
        self._skeleton.setHidden(is_loaded)
        self._form.setHidden(not (is_loaded and runs))
        self._memorised.setHidden(not (is_loaded and runs))
        self._start.setHidden(not (is_loaded and runs))
        self._empty.setHidden(not is_loaded or bool(runs or past))
        self._none_left.setHidden(not is_loaded or bool(runs) or not past)
        self._past.setHidden(not (is_loaded and past))
        # What is hidden must not take the room that the form would then stretch into.
        for part in (self._empty, self._past):
            self.body.setStretchFactor(part, 0 if part.isHidden() else 1)
        if is_loaded:
            self._show_parts()

    def _show_parts(self) -> None:
        library, now = self._services.library, datetime.now().astimezone()
        self._show_empty(empty_view(library.runs))
        self._form.set_runs(run_choices(library.runs, now=now), self._run_id)
        self._past.show_lines(past_lines(library.jobs, self._targets, now=now))
        live = live_export(library.jobs)
        if live is not None and not self._card.job_id:
            self._card.show_job(live, self._title_of(export_request(live.info).target))
        self._look_at_disk()
        self._memorised.show_run(self._run_id)
        self._show_form()

    def _show_empty(self, view: EmptyView) -> None:
        if view == self._empty_shown:
            return
        self._empty_shown = view
        first = Action(key=view.first, text=view.first_text)
        self._empty.set_content(
            view.title, view.text, first, Action(key="home", text=_("Try it in a minute"))
        )
        self._none_left.set_content(
            _("No run can be exported now."),
            _("A run has to finish or to be stopped first."),
            (first,),
            dismissable=False,
        )

    def _show_form(self) -> None:
        model = self._model()
        chosen = next((one for one in self._targets if one.id == self._target_id), None)
        needed = needed_bytes(chosen, model, self._place) if chosen is not None else None
        folder = folder_view(self._out, place=self._place, needed=needed)
        cards = target_choices(self._targets, model=model, place=self._place)
        self._form.set_targets(cards, self._target_id)
        self._form.set_folder(folder, is_own=self._out is not None)
        self._start.set_reason(
            start_reason(run_id=self._run_id, model=model, target=self._target_id, folder=folder)
        )

    def _model(self) -> ModelInfo | None:
        library = self._services.library
        run = library.run(self._run_id)
        return library.model(run.recipe.model_id) if run is not None else None

    def _title_of(self, target_id: str) -> str:
        return target_title(self._targets, target_id)

    # ------------------------------------------------------------------ the disk

    def _look_at_disk(self) -> None:
        """Read once for each run and folder what the disk holds."""
        wanted = (self._run_id, self._out)
        if not self._run_id or wanted == self._looked_at:
            return
        self._looked_at = wanted
        run_id, out = wanted
        layout = self._services.api.layout
        self._services.tasks.run(
            lambda: read_place(out, workspace=layout.root, adapter=layout.job(run_id).adapter),
            partial(self._take_place, wanted),
            owner=self,
            lane=Lane.READING,
        )

    def _take_place(self, wanted: tuple[str, Path | None], outcome: Outcome[Place]) -> None:
        if wanted == self._looked_at:
            self._place = Place() if outcome.error is not None else outcome.value
            self._show_form()

    # ------------------------------------------------------------------ what a person does

    def _choose_run(self, run_id: str) -> None:
        self._run_id = run_id
        self._show_parts()

    def _choose_target(self, target_id: str) -> None:
        self._target_id = target_id
        self._show_form()

    def _ask_for_folder(self) -> None:
        title = _("Choose a new or empty folder")
        chosen = ask_for_folder(parent=self, title=title, start=self._out)
        if chosen is not None:
            self._choose_folder(chosen)

    def _choose_folder(self, out: Path | None) -> None:
        self._out = out
        self._place = Place(adapter_bytes=self._place.adapter_bytes)
        self._show_parts()

    def _on_start(self) -> None:
        if not self._start.isEnabled() or self._start.isHidden():
            return
        self._start.set_busy(_("Starting…"))
        start_export(
            self._services,
            run_id=self._run_id,
            target=self._target_id,
            out=self._out,
            done=self._started,
        )

    def _started(self, job_id: str) -> None:
        self._start.set_busy("")
        if not job_id:
            return
        self._out, self._looked_at = None, None
        self._card.clear()
        self._services.library.refresh(partial(self._show_export, job_id))

    def _remove_export(self, job_id: str) -> None:
        remove_export(self._services, job_id=job_id)

    def _show_export(self, job_id: str) -> None:
        job = next((one for one in self._services.library.jobs if one.info.id == job_id), None)
        if job is None:
            return
        self._card.show_job(job, self._title_of(export_request(job.info).target))
        # The card takes its room first; then it can be scrolled to.
        QTimer.singleShot(0, self, self._scroll_to_card)

    def _scroll_to_card(self) -> None:
        step: QWidget | None = self._card
        while step is not None:
            step = step.parentWidget()
            if isinstance(step, QScrollArea):
                step.verticalScrollBar().setValue(0)

    def _fill_again(self, job_id: str) -> None:
        job = next((one for one in self._services.library.jobs if one.info.id == job_id), None)
        if job is None:
            return
        request = export_request(job.info)
        self._wanted, self._target_id = request.run_id, request.target
        exports = self._services.api.layout.exports
        is_own = request.out is not None and request.out.parent != exports
        self._out = request.out if is_own else None
        self._show()

    def _go(self, page_id: str) -> None:
        self._services.navigator.go(page_id)
