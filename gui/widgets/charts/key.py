# SPDX-License-Identifier: Apache-2.0
"""The key of a series: a piece of its line, its name, its present value."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.charts.canvas import line_pen, paint_dot
from gui.widgets.charts.markers import paint_marker
from gui.widgets.theme.paint import painting, text_width, write
from gui.widgets.theme.theme import follow_theme, theme


class SeriesKey(QWidget):
    """Stands above the plot, in place of a legend box.

    Args:
        role: The series.
        marked: Show the mark of the series, as beside others that only colour tells apart.
    """

    def __init__(self, role: str, *, marked: bool = False) -> None:
        super().__init__()
        self._role, self._marked = role, marked
        self._name = self._value = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def set_values(self, name: str, value: str) -> None:
        """Show a name and a value."""
        if (name, value) != (self._name, self._value):
            self._name, self._value = name, value
            self.setAccessibleName(self.words())
            self.updateGeometry()
            self.update()

    def words(self) -> str:
        """Return name and value."""
        return f"{self._name} {self._value}".strip()

    def sizeHint(self) -> QSize:
        """Return the room of line, name and value."""
        current = theme()
        wide = text_width(self._name, current.font("small"))
        wide += text_width(self._value, current.font("small", weight=600, figures=True))
        return QSize(wide + current.px(29 + 7), current.px(18))

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: numbers are never cut."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw line, name and value."""
        current = theme()
        rect = QRectF(self.rect())
        style = current.tokens.series[self._role]
        y = rect.center().y()
        with painting(self) as painter:
            painter.setPen(line_pen(self._role, 2, dash=style.dash))
            painter.drawLine(QPointF(0, y), QPointF(current.px(22), y))
            if self._marked:
                paint_marker(painter, QPointF(current.px(11), y), self._role)
            elif style.dash:
                paint_dot(painter, QPointF(current.px(11), y), self._role)
            rect.setLeft(current.px(29))
            font, grey = current.font("small"), current.colour("text2")
            taken = write(painter, rect, self._name, font=font, colour=grey)
            rect.setLeft(rect.left() + taken + current.px(6))
            strong = current.font("small", weight=600, figures=True)
            write(painter, rect, self._value, font=strong, colour=current.colour("text"))
