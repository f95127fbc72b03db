# SPDX-License-Identifier: Apache-2.0
"""What will be trained of all rows together: counted once asked for, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.domain.coverage import Coverage, PackedRow
from engine.domain.dataset import DatasetInfo
from engine.domain.recipe import recipe_fields
from gui.actions.coverage import start_count
from gui.bridge.services import Services
from gui.bridge.tasks import Lane, Outcome
from gui.pages.datasets.job_line import JobLine
from gui.pages.datasets.token_reader import MAX_LENGTH
from gui.viewmodels.coverage import BarView, coverage_view, packed_words
from gui.viewmodels.job import failure_view
from gui.widgets.box import Column, Flow, Gap, Panel, clear_layout
from gui.widgets.buttons import Button
from gui.widgets.rows import BarRow, NameValue
from gui.widgets.text import LinkLabel, TextLabel

if TYPE_CHECKING:
    from engine.api.jobs import JobView

_DEFAULTS = {one.name: int(one.default) for one in recipe_fields() if one.name in (
    "effective_batch_size", "seed",
)}  # fmt: skip


class AllRows(Panel):
    """The part of the inspector that sums up the split `train`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pair: tuple[str, int, str] | None = None
        self._coverage: Coverage | None = None
        self._row = -1
        said = TextLabel(
            _("Counts every row with the chosen model, as the trainer will."),
            role="small", colour="text2", wrap=True,
        )  # fmt: skip
        self._count = Button(_("Count all rows"))
        self._failed = TextLabel("", role="small", colour="danger", wrap=True)
        self._asked = Panel(Column(said, self._failed, Flow(self._count), gap=8))
        self._busy = JobLine(services, name=_("Progress of the count"))
        self._facts = Column(gap=0)
        self._sentences = Column(gap=6)
        self._roles, self._lengths = Column(gap=8), Column(gap=8)
        self._packed = LinkLabel(_("Show its packed neighbours"))
        self._packed_words = TextLabel("", role="small", colour="text2", wrap=True, figures=True)
        self._counted = Panel(
            Column(
                self._facts,
                Gap(4),
                self._sentences,
                Flow(self._packed),
                self._packed_words,
                Gap(4),
                TextLabel(_("Tokens by role"), role="label"),
                self._roles,
                Gap(4),
                TextLabel(_("Lengths of the rows"), role="label"),
                self._lengths,
                gap=6,
            )
        )
        title = TextLabel(_("All rows"), role="label")
        super().__init__(Column(title, self._asked, self._busy, self._counted, gap=6))
        self._count.clicked.connect(self._begin)
        self._busy.over.connect(self._end_of_job)
        self._packed.clicked.connect(self._ask_packed)
        self._show(self._asked)

    # ------------------------------------------------------------------ what is shown

    def set_pair(self, dataset: DatasetInfo | None, model_id: str) -> None:
        """Sum up this dataset as this model reads it; without one of them, nothing."""
        pair = (dataset.id, dataset.version, model_id) if dataset and model_id else None
        self.setHidden(pair is None)
        if pair == self._pair:
            return
        self._pair, self._coverage = pair, None
        self._busy.forget()
        self._failed.set_text("")
        self._failed.hide()
        self._show(self._asked)
        if pair is not None:
            self._find(pair)

    def set_row(self, row: int) -> None:
        """Offer to show what lies beside this row."""
        if row != self._row:
            self._row = row
            self._packed_words.set_text("")
            self._packed_words.hide()

    def _show(self, part: Panel) -> None:
        for one in (self._asked, self._busy, self._counted):
            one.setHidden(one is not part)

    def _find(self, pair: tuple[str, int, str]) -> None:
        dataset_id, _version, model_id = pair
        api = self._services.api

        def done(outcome: Outcome[Coverage | None]) -> None:
            """Show what was counted before; an error is told once the rows are counted."""
            if pair == self._pair and outcome.error is None and outcome.value is not None:
                self._take(outcome.value)

        self._services.tasks.run(
            lambda: api.coverages.find(dataset_id, model_id, max_length=MAX_LENGTH),
            done,
            owner=self,
            lane=Lane.READING,
        )

    def _take(self, coverage: Coverage) -> None:
        self._coverage = coverage
        shown = coverage_view(coverage)
        clear_layout(self._facts)
        for fact in shown.facts:
            self._facts.add(NameValue(fact.name, fact.value, fact.unit, colour=fact.colour))
        self._show_bars(self._roles, shown.roles)
        self._show_bars(self._lengths, shown.lengths)
        clear_layout(self._sentences)
        for sentence in shown.sentences:
            self._sentences.add(TextLabel(sentence, role="small", colour="text2", wrap=True))
        self._packed_words.hide()
        self._show(self._counted)

    def _show_bars(self, place: Column, bars: Sequence[BarView]) -> None:
        clear_layout(place)
        for one in bars:
            place.add(BarRow(one.name, one.value, one.share))

    # ------------------------------------------------------------------ counting

    def _begin(self) -> None:
        pair = self._pair
        if pair is None:
            return
        self._busy.begin()
        self._show(self._busy)
        start_count(
            self._services,
            dataset_id=pair[0],
            model_id=pair[2],
            max_length=MAX_LENGTH,
            started=lambda job_id: self._follow(pair, job_id),
        )

    def _follow(self, pair: tuple[str, int, str], job_id: str) -> None:
        if pair != self._pair:
            return
        if not job_id:
            self._show(self._asked)
            return
        self._busy.follow(job_id)

    def _end_of_job(self, job: JobView) -> None:
        if self._pair is None:
            return
        failed = failure_view(job)
        self._failed.set_text("" if failed is None else f"{failed.cause} {failed.remedy}")
        self._failed.setHidden(failed is None)
        self._show(self._asked)
        self._find(self._pair)

    # ------------------------------------------------------------------ packing

    def _ask_packed(self) -> None:
        coverage, row = self._coverage, self._row
        if coverage is None or row < 0:
            return
        api = self._services.api

        def done(outcome: Outcome[PackedRow]) -> None:
            """Say what lies beside the row, where it is still shown."""
            if row != self._row or coverage is not self._coverage:
                return
            error = outcome.error
            words = error.message if error is not None else packed_words(outcome.value, row)
            self._packed_words.set_text(words)
            self._packed_words.show()

        self._services.tasks.run(
            lambda: api.coverages.packed_with(coverage, row, **_DEFAULTS),
            done,
            owner=self,
            lane=Lane.READING,
        )
