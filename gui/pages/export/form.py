# SPDX-License-Identifier: Apache-2.0
"""What is exported, in which form, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import Qt, Signal

from gui.viewmodels.export import FolderView, RunChoice, TargetChoice
from gui.widgets.box import Column, Panel, Reflow, Row
from gui.widgets.buttons import Button
from gui.widgets.choices import Choice, ChoiceCards
from gui.widgets.picker import ObjectPicker, PickerOption
from gui.widgets.text import IconLabel, TextLabel


class ExportForm(Panel):
    """Run, form and folder.

    Signals:
        run_chosen: Id of a run.
        target_chosen: Id of a form.
        folder_wanted: A person wants to choose a folder.
        workspace_wanted: A person wants a folder in the workspace again.
    """

    run_chosen = Signal(str)
    target_chosen = Signal(str)
    folder_wanted = Signal()
    workspace_wanted = Signal()

    def __init__(self) -> None:
        self._run = ObjectPicker(name=_("Run"), icon="runs", placeholder=_("Choose a run"))
        self._targets = ChoiceCards(name=_("Form"))
        self._title = TextLabel("", elide=True)
        self._text = TextLabel("", role="small", colour="text2", wrap=True)
        self._sign = IconLabel("folder", size=20)
        self._choose = Button(_("Choose folder…"), icon="folder")
        self._workspace = Button(_("Use the workspace"), kind="ghost")
        self._runs: tuple[RunChoice, ...] = ()
        self._cards: tuple[TargetChoice, ...] = ()
        super().__init__(self._arrange())
        self._run.chosen.connect(self.run_chosen)
        self._targets.chosen.connect(self.target_chosen)
        self._choose.clicked.connect(self.folder_wanted)
        self._workspace.clicked.connect(self.workspace_wanted)

    def _arrange(self) -> Column:
        words = Row(gap=12)
        words.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignVCenter)
        text = Row(gap=0)
        text.add_text(self._text)
        words.addLayout(Column(self._title, text, gap=1), 1)
        buttons = Row(self._workspace, self._choose, gap=4)
        buttons.addStretch(0)
        folder = Reflow(words, buttons, gap=16, stretches=(1, 0))
        return Column(
            Column(TextLabel(_("Run"), role="label"), self._run, gap=5),
            Column(TextLabel(_("Form"), role="label"), self._targets, gap=5),
            Column(TextLabel(_("Folder"), role="label"), folder, gap=5),
            gap=16,
        )

    @property
    def run(self) -> str:
        """Return the id of the chosen run, or ""."""
        return self._run.value()

    @property
    def target(self) -> str:
        """Return the id of the chosen form, or ""."""
        return self._targets.value()

    def set_runs(self, runs: Sequence[RunChoice], chosen: str) -> None:
        """Offer these runs, one of them chosen."""
        if tuple(runs) != self._runs:
            self._runs = tuple(runs)
            self._run.set_options(
                [PickerOption(key=one.key, name=one.name, facts=one.facts) for one in runs]
            )
        self._run.set_value(chosen)

    def set_targets(self, targets: Sequence[TargetChoice], chosen: str) -> None:
        """Offer these forms, one of them chosen."""
        if tuple(targets) != self._cards:
            self._cards = tuple(targets)
            self._targets.set_choices([_choice(one) for one in targets])
        self._targets.set_value(chosen)

    def set_folder(self, view: FolderView, *, is_own: bool) -> None:
        """Show where it goes; `is_own` where a person chose the folder."""
        self._title.set_text(view.title)
        self._text.set_text(view.error or view.text)
        self._text.set_colour("danger" if view.error else "text2")
        self._text.setHidden(not (view.error or view.text))
        if view.error:
            self._sign.set_icon("status-danger", "danger")
        else:
            self._sign.set_icon("folder", "text2")
        self._workspace.setHidden(not is_own)


def _choice(view: TargetChoice) -> Choice:
    return Choice(
        key=view.key,
        title=view.title,
        text=view.text,
        icon=view.icon,
        enabled=not view.reason,
        reason=view.reason,
    )
