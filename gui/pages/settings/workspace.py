# SPDX-License-Identifier: Apache-2.0
"""The workspace: where it is, how much room there is, and another one at the next start."""

from __future__ import annotations

from gettext import gettext as _

from gui.actions.exports import ask_for_folder, copy_path, open_folder
from gui.actions.workspace import change_workspace
from gui.bridge.services import Services
from gui.pages.settings.parts import Facts
from gui.viewmodels.settings import workspace_view
from gui.widgets.banner import Banner
from gui.widgets.box import Column, Flow, Panel
from gui.widgets.buttons import Action, Button
from gui.widgets.text import TextLabel, breakable


class WorkspacePart(Panel):
    """The workspace."""

    def __init__(self, services: Services) -> None:
        self._path = TextLabel("", wrap=True)
        self._facts = Facts()
        self._pending = Banner()
        self._change = Button(_("Change…"), icon="folder", accessible=_("Change the workspace"))
        self._open = Button(_("Open folder"), accessible=_("Open the folder of the workspace"))
        self._copy = Button(_("Copy path"), accessible=_("Copy the path of the workspace"))
        buttons = Panel(Flow(self._change, self._open, self._copy))
        about = TextLabel(
            _("Everything that Burnish makes stands in this folder. A change takes effect at the "
              "next start."), role="small", colour="text2", wrap=True)  # fmt: skip
        super().__init__(Column(self._path, about, self._facts, self._pending, buttons, gap=10))
        self._services = services
        self._said = ""
        self._before = services.settings.values.workspace
        self._connect()
        self.show_workspace()

    def _connect(self) -> None:
        services = self._services
        root = services.api.layout.root
        self._change.clicked.connect(self._ask)
        self._open.clicked.connect(lambda: open_folder(services, path=root))
        self._copy.clicked.connect(lambda: copy_path(services, path=root))
        self._pending.action_triggered.connect(self._keep)
        services.settings.changed.connect(self.show_workspace)
        services.device.changed.connect(self.show_workspace)

    def show_workspace(self) -> None:
        """Show where it is, and what happens at the next start."""
        services = self._services
        facts = services.device.facts
        view = workspace_view(
            services.api.layout.root,
            free_bytes=facts.disk_free_bytes if facts is not None else None,
            kept=services.settings.values.workspace,
            before=self._before,
        )
        self._path.set_text(breakable(view.path))
        self._facts.show_facts(((_("Free on its disk"), view.free or "–", ""),))
        self._pending.setHidden(not view.pending)
        self._show_pending(view.pending)

    def _show_pending(self, words: str) -> None:
        if words == self._said:
            # The button must not be made anew under the pointer each two seconds.
            return
        self._said = words
        keep = Action(key="keep", text=_("Keep the present folder"))
        cause = _("This takes effect at the next start.")
        self._pending.set_content(cause, words, (keep,), dismissable=False)

    def _ask(self) -> None:
        root = self._services.api.layout.root
        chosen = ask_for_folder(parent=self, title=_("Choose a workspace"), start=root)
        if chosen is not None:
            change_workspace(self._services, path=chosen)

    def _keep(self, _key: str) -> None:
        self._services.settings.set(workspace=self._before)
