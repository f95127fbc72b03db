# SPDX-License-Identifier: Apache-2.0
"""What stands where there is nothing yet, and where something is about to come."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Column, Gap, Row, Stretch, clear_layout
from gui.widgets.buttons import Action, Button, make_button
from gui.widgets.text import TextLabel
from gui.widgets.theme.paint import painting, put_icon, rounded
from gui.widgets.theme.theme import follow_theme, theme

_LINES = ((180, 60), (236, 44), (150, 72))


class _Sheets(QWidget):
    """Three sheets of paper, the middle one with an icon."""

    def __init__(self, icon: str) -> None:
        super().__init__()
        self._icon = icon
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the room of the picture."""
        current = theme()
        return QSize(current.px(212), current.px(112))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the sheets."""
        current = theme()
        unit = current.factor
        middle = QPointF(self.width() / 2, self.height() / 2)
        with painting(self) as painter:
            for side in (-1, 1):
                painter.save()
                painter.translate(middle + QPointF(side * 62 * unit, 5 * unit))
                painter.rotate(side * 8)
                self._paint_sheet(painter, QRectF(-35, -42, 70, 82), front=False)
                painter.restore()
            painter.translate(middle)
            self._paint_sheet(painter, QRectF(-39.5, -51.5, 79, 103), front=True)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(current.colour("accent_soft"))
            painter.drawEllipse(QPointF(0, -10 * unit), 22 * unit, 22 * unit)
            put_icon(painter, QPointF(0, -10 * unit), self._icon, "accent_text", 22)

    def _paint_sheet(self, painter: QPainter, base: QRectF, *, front: bool) -> None:
        current = theme()
        unit = current.factor
        rect = QRectF(base.x() * unit, base.y() * unit, base.width() * unit, base.height() * unit)
        ground = current.colour("raised" if front else "panel")
        edge = current.colour("outline" if front else "hairline")
        rounded(painter, rect, 8 * unit, fill=ground, edge=edge, width=1.2 if front else 1.5)
        top, widths = (25, (48, 32)) if front else (-22, (40, 28, 40))
        for i, width in enumerate(widths):
            left = -24 if front else -22
            line = QRectF(left * unit, (top + i * 10) * unit, width * unit, 4 * unit)
            painter.fillRect(line, current.colour("free"))


class EmptyState(QWidget):
    """What will stand here, and the first step to it; a little above the middle."""

    action_triggered = Signal(str)

    def __init__(self, *, icon: str) -> None:
        super().__init__()
        self._title = TextLabel("", role="heading")
        self._text = TextLabel("", colour="text2", wrap=True)
        self._buttons = Column(gap=10)
        self._text.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        body = Column(gap=0)
        body.addStretch(2)
        for item in (_Sheets(icon), 26, self._title, 8, self._text, 18):
            if isinstance(item, QWidget):
                body.addLayout(_centred(item))
            else:
                body.add(Gap(item))
        body.addLayout(self._buttons)
        body.addStretch(3)
        self.setLayout(body)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        follow_theme(self, self._follow)

    def set_content(
        self,
        title: str,
        text: str,
        primary: Action | None = None,
        ghost: Action | None = None,
    ) -> None:
        """Say what is missing and what makes it come.

        Args:
            title: What there is not.
            text: What it is for, in one or two sentences.
            primary: The first step; it becomes the filled button.
            ghost: Another way, or more to read.
        """
        self._title.set_text(title)
        self._text.set_text(text)
        clear_layout(self._buttons)
        for action, kind in ((primary, "primary"), (ghost, "ghost")):
            if action is not None:
                self._buttons.addLayout(_centred(self._button(action, kind)))

    def _button(self, action: Action, kind: str) -> Button:
        shown = Action(
            key=action.key,
            text=action.text,
            kind=kind,
            icon=action.icon,
            enabled=action.enabled,
            reason=action.reason,
        )
        button = make_button(shown, size="large" if kind == "primary" else "normal")
        button.clicked.connect(lambda: self.action_triggered.emit(action.key))
        return button

    def _follow(self) -> None:
        self._text.setFixedWidth(theme().px(380))


class Skeleton(QWidget):
    """Grey shapes at the place of what is being loaded, if that takes longer than a blink."""

    def __init__(self, *, rows: int = 3) -> None:
        super().__init__()
        self._rows = rows
        self._shown = False
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.setInterval(int(theme().tokens.motion["skeleton_after_ms"]))
        self.timer.timeout.connect(self._appear)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def start(self) -> None:
        """Appear soon, unless `stop` comes first."""
        self._shown = False
        self.timer.start()

    def stop(self) -> None:
        """Disappear: what was loaded is there."""
        self.timer.stop()
        self._shown = False
        self.update()

    def is_shown(self) -> bool:
        """Return whether the shapes are drawn now."""
        return self._shown

    def sizeHint(self) -> QSize:
        """Return the room of the rows."""
        current = theme()
        return QSize(current.px(320), current.px(30) * self._rows + current.px(24))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the shapes."""
        if not self._shown:
            return
        current = theme()
        ground = current.colour("free")
        with painting(self) as painter:
            for i in range(self._rows):
                y = current.px(12 + 30 * i)
                left, right = (current.px(n) for n in _LINES[i % len(_LINES)])
                icon = QRectF(0, y, current.px(18), current.px(18))
                rounded(painter, icon, current.px(5), fill=ground)
                line = QRectF(current.px(30), y + current.px(4), left, current.px(10))
                rounded(painter, line, current.px(5), fill=ground)
                end = QRectF(self.width() - right, line.top(), right, line.height())
                rounded(painter, end, current.px(5), fill=ground)

    def _appear(self) -> None:
        self._shown = True
        self.update()


def _centred(widget: QWidget) -> Row:
    return Row(Stretch(), widget, Stretch(), gap=0)
