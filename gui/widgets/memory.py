# SPDX-License-Identifier: Apache-2.0
"""The memory of the card as one bar: who takes how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QLocale, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.widgets.box import Column, Flow, Reflow, Row, Stretch, clear_layout
from gui.widgets.text import TextLabel
from gui.widgets.theme.paint import CENTRE, painting, rounded, stroke, text_width, write
from gui.widgets.theme.theme import follow_theme, theme

_GAP = 1.5
_SMALLEST = 3
_SCALE_STEP_GB = 4


class MemoryPart(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes memory, in GB: from `low_gb`, which is sure, to `high_gb`.

    `role` is a role of the memory bar: other, weights, adapter, optimizer, activations, head,
    context, reserve. `note` says what it is made of.
    """

    key: str
    name: str
    low_gb: float
    high_gb: float
    role: str
    note: str = ""


class Segment(msgspec.Struct, frozen=True):
    """A stretch of the bar, in GB from its left end."""

    start_gb: float
    end_gb: float
    role: str
    hatched: bool


def segments(parts: Sequence[MemoryPart], total_gb: float) -> list[Segment]:
    """Lay the parts side by side; what lies past the card is a segment of its own.

    Args:
        parts: The parts from the left.
        total_gb: The memory of the card.
    """
    found: list[Segment] = []
    at = 0.0
    for part in parts:
        sure, unsure = part.low_gb, max(part.high_gb - part.low_gb, 0.0)
        for length, hatched in ((sure, part.role == "reserve"), (unsure, True)):
            if length > 0:
                found.append(Segment(at, at + length, part.role, hatched))
                at += length
    return _split_over(found, total_gb)


class _Bar(QWidget):
    """The bar itself with its scale."""

    def __init__(self, *, folded: bool) -> None:
        super().__init__()
        self._folded = folded
        self.total_gb = 0.0
        self.parts: tuple[MemoryPart, ...] = ()
        self.free_text = ""
        self.over_text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the room of bar and scale."""
        current = theme()
        high = 8 if self._folded else current.tokens.size["memory_bar"] + 22
        return QSize(current.px(220), current.px(high))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw ground, parts, scale and the edge of the card."""
        if self.total_gb <= 0:
            return
        current = theme()
        high = current.px(8) if self._folded else current.size("memory_bar")
        bar = QRectF(0, 0, self.width(), high)
        found = segments(self.parts, self.total_gb)
        span_gb = max([self.total_gb, *(one.end_gb for one in found)])
        card = QRectF(bar)
        card.setWidth(bar.width() * self.total_gb / span_gb)
        with painting(self) as painter:
            radius = high / 2 if self._folded else current.px(5)
            clip = QPainterPath()
            clip.addRoundedRect(bar, radius, radius)
            painter.setClipPath(clip)
            painter.fillRect(card, current.colour("free"))
            end = self._paint_parts(painter, bar, found, span_gb)
            painter.setClipping(False)
            if not self._folded:
                self._paint_free(painter, card, end)
                self._paint_scale(painter, bar, span_gb)
            if span_gb > self.total_gb:
                edge = QRectF(card.right() - 1, 0, 2, high)
                painter.fillRect(edge, current.colour("text"))

    def _paint_parts(
        self, painter: QPainter, bar: QRectF, found: Sequence[Segment], span_gb: float
    ) -> float:
        current = theme()
        gap = _GAP * current.factor
        for one in found:
            left = bar.width() * one.start_gb / span_gb
            right = bar.width() * one.end_gb / span_gb
            wide = max(right - left - gap, min(_SMALLEST * current.factor, bar.width()))
            rect = QRectF(left, bar.top(), wide, bar.height())
            _paint_segment(painter, rect, one)
        return max((bar.width() * one.end_gb / span_gb for one in found), default=0.0)

    def _paint_free(self, painter: QPainter, card: QRectF, end: float) -> None:
        current = theme()
        room = QRectF(end + current.px(10), card.top(), card.right() - end, card.height())
        font = current.font("small")
        if self.free_text and text_width(self.free_text, font) < room.width() - current.px(16):
            ink = current.colour("text2")
            write(painter, room, self.free_text, font=font, colour=ink)

    def _paint_scale(self, painter: QPainter, bar: QRectF, span_gb: float) -> None:
        current = theme()
        font, ink = current.font("caption", figures=True), current.colour("text2")
        free = 0.0
        for mark in _scale_marks(self.total_gb):
            x = bar.width() * mark / span_gb
            last = mark == self.total_gb
            text = QLocale().toString(mark, "g", 4) + (" GB" if last else "")
            wide = text_width(text, font)
            left = min(max(x - wide / 2, 0), bar.width() - wide)
            painter.fillRect(QRectF(min(x, bar.width() - 1), bar.bottom(), 1, 3), ink)
            if left < free and not last:
                continue
            rect = QRectF(left, bar.bottom() + current.px(4), wide + 1, current.px(16))
            write(painter, rect, text, font=font, colour=ink, align=CENTRE)
            free = left + wide + current.px(40)


class _Swatch(QWidget):
    """The colour of a part in the legend, hatched where the part is."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the square."""
        side = theme().px(12)
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the square."""
        current = theme()
        rect = QRectF(self.rect())
        with painting(self) as painter:
            clip = QPainterPath()
            clip.addRoundedRect(rect, current.px(3), current.px(3))
            painter.setClipPath(clip)
            _paint_segment(painter, rect, Segment(0, 0, self._role, self._role == "reserve"))


class MemoryBar(QWidget):
    """The plan of the memory: headline, bar with scale, legend with values.

    Folded it is a strip of 8 px alone.
    """

    def __init__(self, *, folded: bool = False) -> None:
        super().__init__()
        self._folded = folded
        self._bar = _Bar(folded=folded)
        self._headline = TextLabel("", role="small")
        self._total = TextLabel("", role="small")
        self._over = TextLabel("", role="small", colour="danger")
        self._legend = Flow(gap=28)
        body = Column(gap=5)
        if not folded:
            right = Row(self._total, self._over, gap=10)
            head = Reflow(self._headline, right, line_gap=2, stack_below=0, stretches=(1, 0))
            body.addLayout(head)
        body.add(self._bar)
        if not folded:
            body.addLayout(self._legend)
        self.setLayout(body)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setSizePolicy(policy)

    def set_plan(
        self,
        total_gb: float,
        parts: Sequence[MemoryPart],
        *,
        headline: str = "",
        total_text: str = "",
        free_text: str = "",
        over_text: str = "",
    ) -> None:
        """Show a plan.

        Args:
            total_gb: The memory of the card, in GB.
            parts: Who takes memory, from the left.
            headline: What the run needs, in words.
            total_text: What the card has, in words.
            free_text: What stays free, in words.
            over_text: What is missing, in words; "" where it fits.
        """
        self._bar.total_gb, self._bar.parts = total_gb, tuple(parts)
        self._bar.free_text, self._bar.over_text = free_text, over_text
        self._headline.set_text(headline)
        self._total.set_text(total_text)
        self._over.set_text(over_text)
        self._over.setHidden(not over_text)
        words = ", ".join(f"{part.name} {value_text(part)}" for part in parts)
        self.setAccessibleName(f"{headline}. {words}. {over_text or free_text}")
        if not self._folded:
            self._fill_legend(parts)
        self._bar.update()

    def _fill_legend(self, parts: Sequence[MemoryPart]) -> None:
        clear_layout(self._legend)
        for part in parts:
            self._legend.addWidget(_legend_entry(part))
        self._legend.invalidate()


def value_text(part: MemoryPart) -> str:
    """Return how much a part takes, as a number or a range, in GB."""
    locale = QLocale()
    low = locale.toString(float(part.low_gb), "f", 1)
    high = locale.toString(float(part.high_gb), "f", 1)
    return f"{low} GB" if low == high else f"{low}–{high} GB"


def _legend_entry(part: MemoryPart) -> QWidget:
    entry = QWidget()
    name = TextLabel(part.name, role="small", colour="text2")
    value = TextLabel(value_text(part), role="small", figures=True)
    row = Row(gap=7)
    row.addLayout(Column(_Swatch(part.role), Stretch(), gap=0, margins=(0, 2, 0, 0)))
    row.addLayout(Column(name, value, gap=2))
    entry.setLayout(row)
    entry.setToolTip(part.note)
    entry.setAccessibleName(f"{part.name} {value_text(part)}")
    entry.setAccessibleDescription(part.note)
    entry.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return entry


def _split_over(found: Sequence[Segment], total_gb: float) -> list[Segment]:
    split: list[Segment] = []
    for one in found:
        inside = min(one.end_gb, total_gb)
        if inside > one.start_gb:
            split.append(Segment(one.start_gb, inside, one.role, one.hatched))
        if one.end_gb > total_gb:
            split.append(Segment(max(one.start_gb, total_gb), one.end_gb, "over", True))
    return split


def _scale_marks(total_gb: float) -> list[float]:
    step = _SCALE_STEP_GB if total_gb <= 48 else _SCALE_STEP_GB * 4
    marks = [float(mark) for mark in range(0, int(total_gb) + 1, step)]
    if marks and total_gb - marks[-1] < step / 2 and marks[-1] != total_gb:
        marks.pop()
    return marks if marks and marks[-1] == total_gb else [*marks, total_gb]


def _paint_segment(painter: QPainter, rect: QRectF, segment: Segment) -> None:
    current = theme()
    colour = current.colour(segment.role)
    radius = current.radius("segment")
    if not segment.hatched:
        rounded(painter, rect, radius, fill=colour)
        return
    ground = QColor(colour)
    ground.setAlphaF(0.25)
    edge = colour if segment.role == "over" else None
    rounded(painter, rect, radius, fill=ground, edge=edge, width=1.5)
    _hatch(painter, rect, colour)


def _hatch(painter: QPainter, rect: QRectF, colour: QColor) -> None:
    current = theme()
    step, width = 5 * current.factor, 1.6 * current.factor
    painter.save()
    painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
    painter.setPen(stroke(colour, width))
    x = rect.left() - rect.height()
    while x < rect.right():
        painter.drawLine(QPointF(x, rect.bottom()), QPointF(x + rect.height(), rect.top()))
        x += step
    painter.restore()
