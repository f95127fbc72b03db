# SPDX-License-Identifier: Apache-2.0
"""What the window shows while files are dragged over it: where they go and what will happen."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QWidget

from gui.widgets.theme.paint import CENTRE, painting, put_icon, rounded, text_width, write
from gui.widgets.theme.theme import theme


class DropVeil(QWidget):
    """An accent edge around the panel and a pill that names what will happen."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._text = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_text(self, text: str) -> None:
        """Show what will happen."""
        self._text = text
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw edge and pill."""
        current = theme()
        rect = QRectF(self.rect())
        font = current.font("label")
        wide = text_width(self._text, font) + current.px(64)
        high = current.size("banner")
        pill = QRectF((rect.width() - wide) / 2, rect.bottom() - high * 2, wide, high)
        with painting(self) as painter:
            edge = current.colour("accent")
            rounded(painter, rect, current.radius("card"), edge=edge, width=2)
            ground = current.colour("accent_soft")
            rounded(painter, pill, current.radius("card"), fill=ground, edge=edge, width=1.5)
            middle = QPointF(pill.left() + current.px(24), pill.center().y())
            put_icon(painter, middle, "drop", "accent_text", 20)
            words = pill.adjusted(current.px(36), 0, -current.px(8), 0)
            ink = current.colour("text")
            write(painter, words, self._text, font=font, colour=ink, align=CENTRE)
