# SPDX-License-Identifier: Apache-2.0
"""What the window does while nobody looks at it."""

from __future__ import annotations

from gettext import gettext as _

from gui.bridge.services import Services
from gui.widgets.box import Column, Panel, Row
from gui.widgets.choices import Switch
from gui.widgets.text import TextLabel


class BackgroundPart(Panel):
    """Notifications, and closing to the icon beside the clock."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._notify = Switch(name=_("Notifications"))
        self._tray = Switch(name=_("Keep an icon beside the clock"))
        super().__init__(
            Column(
                _line(
                    _("Notifications"),
                    _("When a run ends, fails or needs you, and the window is not in front."),
                    self._notify,
                ),
                _line(
                    _("Keep an icon beside the clock"),
                    _(
                        "Closing the window then leaves the icon, where the desktop has a place "
                        "for it. Runs and the queue go on either way."
                    ),
                    self._tray,
                ),
                gap=16,
            )
        )
        self._notify.clicked.connect(self._on_notify)
        self._tray.clicked.connect(self._on_tray)
        services.settings.changed.connect(self._show)
        self._show()

    def _on_notify(self, on: bool) -> None:
        self._services.settings.set(notify=on)

    def _on_tray(self, on: bool) -> None:
        self._services.settings.set(close_to_tray=on)

    def _show(self) -> None:
        values = self._services.settings.values
        self._notify.setChecked(values.notify)
        self._tray.setChecked(values.close_to_tray)


def _line(title: str, text: str, switch: Switch) -> Row:
    words = Column(
        TextLabel(title, role="label"),
        TextLabel(text, role="small", colour="text2", wrap=True),
        gap=2,
    )
    row = Row(gap=16)
    row.add_text(words)
    row.addWidget(switch)
    return row
