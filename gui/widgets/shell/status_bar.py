# SPDX-License-Identifier: Apache-2.0
"""The status bar: whether anything left this computer, what runs, how full the card is."""

from __future__ import annotations

from gettext import gettext as _

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui.widgets.box import Hairline, Item, Row, Stretch
from gui.widgets.progress import Meter, Progress
from gui.widgets.radio_part import clicks_on_enter
from gui.widgets.text import IconLabel, TextLabel
from gui.widgets.theme.paint import painting, rounded
from gui.widgets.theme.theme import follow_theme, theme


class _Part(QAbstractButton):
    """A part of the status bar that opens its page; what it shows are plain labels inside."""

    def __init__(self, *items: Item) -> None:
        super().__init__()
        self.setLayout(Row(*items, gap=8, margins=(10, 0, 10, 0)))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        follow_theme(self, self._follow)

    def add(self, *items: QWidget) -> None:
        """Append widgets; clicks on them count for the part."""
        layout = self.layout()
        for item in items:
            item.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            if layout is not None:
                layout.addWidget(item)

    def sizeHint(self) -> QSize:
        """Return the room of what is inside."""
        layout = self.layout()
        wide = layout.sizeHint().width() if layout is not None else 0
        return QSize(wide, theme().size("button_small"))

    def minimumSizeHint(self) -> QSize:
        """Return the least room of what is inside."""
        layout = self.layout()
        wide = layout.minimumSize().width() if layout is not None else 0
        return QSize(wide, theme().size("button_small"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as well as Space."""
        if not clicks_on_enter(self, event):
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw a ground under the pointer."""
        current = theme()
        if self.underMouse():
            with painting(self) as painter:
                ground = current.colour("hover")
                rounded(painter, QRectF(self.rect()), current.radius("control"), fill=ground)

    def _follow(self) -> None:
        self.updateGeometry()


class StatusBar(QWidget):
    """Three parts, each of them a way to its page."""

    privacy_clicked = Signal()
    job_clicked = Signal()
    device_clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._has_meter = True
        self._make_privacy()
        self._make_job()
        self._make_device()
        self._line = Hairline(vertical=True)
        row = Row(self._privacy, Stretch(), self._job, self._line, self._device, gap=0)
        self.setLayout(row.add())
        row.set_margins((8, 0, 0, 0))
        self._job.hide()
        self._line.hide()
        self._device.hide()
        follow_theme(self, self._follow)

    def _make_privacy(self) -> None:
        self._shield = IconLabel("offline-verified", role="success", size=16)
        self._privacy_title = TextLabel("", role="small")
        self._privacy_text = TextLabel("", role="small", colour="text2", elide=True)
        self._privacy = _Part()
        self._privacy.add(self._shield, self._privacy_title, self._privacy_text)
        self._privacy.clicked.connect(self.privacy_clicked)

    def _make_job(self) -> None:
        self._job_name = TextLabel("", role="small", elide=True)
        self._job_bar = Progress(name=_("Progress"), width=120)
        self._job_text = TextLabel("", role="small", colour="text2", figures=True)
        self._job = _Part()
        self._job.add(self._job_name, self._job_bar, self._job_text)
        self._job.clicked.connect(self.job_clicked)

    def _make_device(self) -> None:
        self._device_icon = IconLabel("graphics-card", size=16)
        self._device_name = TextLabel("", role="small")
        self._device_bar = Meter(name=_("Memory in use"))
        self._device_text = TextLabel("", role="small", figures=True)
        self._device_extra = TextLabel("", role="small", colour="text2", figures=True)
        self._device = _Part()
        self._device.add(
            self._device_icon,
            self._device_name,
            self._device_bar,
            self._device_text,
            self._device_extra,
        )
        self._device.clicked.connect(self.device_clicked)

    def set_privacy(self, ok: bool, title: str, text: str) -> None:
        """Say whether anything left this computer."""
        icon, role = ("offline-verified", "success") if ok else ("status-warning", "warning")
        self._shield.set_icon(icon, role)
        self._privacy_title.set_text(title)
        self._privacy_text.set_text(text)
        self._privacy.setAccessibleName(f"{title}. {text}")

    def set_job(self, name: str, share: float | None, text: str) -> None:
        """Show what runs and how long it still takes."""
        self._job_name.set_text(name)
        self._job_bar.set_share(share)
        self._job_text.set_text(text)
        self._job.setAccessibleName(f"{name}. {text}")
        self._job.show()
        self._fit()

    def clear_job(self) -> None:
        """Nothing runs."""
        self._job.hide()
        self._fit()

    def set_device(self, name: str, share: float | None, text: str, extra: str) -> None:
        """Show what Burnish computes on; without a share there is no meter."""
        self._device_icon.set_icon("processor" if share is None else "graphics-card", "text2")
        self._device_name.set_text(name)
        self._has_meter = share is not None
        self._device_bar.set_share(share or 0.0)
        self._device_text.set_text(text)
        self._device_extra.set_text(extra)
        self._device.setAccessibleName(f"{name}. {text} {extra}".strip())
        self._device.show()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what matters least where the room is short."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Return little width: parts give way one after the other."""
        return QSize(theme().px(240), theme().size("status_bar"))

    def _fit(self) -> None:
        """Show everything, then hide the least important until it fits."""
        self._line.setHidden(self._job.isHidden() or self._device.isHidden())
        optional = (
            (self._privacy_text, bool(self._privacy_text.text())),
            (self._device_extra, bool(self._device_extra.text())),
            (self._device_bar, self._has_meter),
            (self._job_bar, True),
            (self._device_text, bool(self._device_text.text())),
            (self._job_text, bool(self._job_text.text())),
        )
        for widget, wanted in optional:
            widget.setHidden(not wanted)
        layout = self.layout()
        for widget, _wanted in optional:
            if layout is None or self.width() == 0 or self._wanted_width() <= self.width():
                return
            widget.hide()

    def _wanted_width(self) -> int:
        parts = (self._privacy, self._job, self._device)
        return sum(part.sizeHint().width() for part in parts if not part.isHidden()) + 20

    def _follow(self) -> None:
        self.setFixedHeight(theme().size("status_bar"))
        medium = theme().font("small", weight=500)
        for label in (self._privacy_title, self._job_name, self._device_name, self._device_text):
            label.setFont(medium)
