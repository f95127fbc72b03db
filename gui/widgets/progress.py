# SPDX-License-Identifier: Apache-2.0
"""How far something is: a thin bar, meters, and the progress of a run."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

import msgspec
from PySide6.QtCore import QLocale, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from gui.widgets.box import Column, Flow, Reflow, Stretch
from gui.widgets.text import TextLabel
from gui.widgets.theme.draw import fill_bar
from gui.widgets.theme.paint import CENTRE, painting, rounded, text_width, write
from gui.widgets.theme.theme import follow_theme, theme

_FINE = 1000


class Progress(QProgressBar):
    """A bar of 6 px; without a known length it shows that something goes on."""

    def __init__(self, *, name: str, width: float = 0) -> None:
        super().__init__()
        self._width = width
        self.setAccessibleName(name)
        self.setTextVisible(False)
        self.setRange(0, _FINE)
        policy = QSizePolicy.Policy.Fixed if width else QSizePolicy.Policy.Expanding
        self.setSizePolicy(policy, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def set_share(self, share: float | None) -> None:
        """Show how much is done, from 0 to 1; None where nobody can know."""
        self.setRange(0, 0 if share is None else _FINE)
        if share is not None:
            self.setValue(round(min(max(share, 0.0), 1.0) * _FINE))

    def sizeHint(self) -> QSize:
        """Return the room of the bar."""
        current = theme()
        return QSize(current.px(self._width or 120), current.size("progress"))

    def minimumSizeHint(self) -> QSize:
        """Return the least room of the bar."""
        current = theme()
        return QSize(current.px(self._width or 40), current.size("progress"))


class Meter(QWidget):
    """A level of 8 px with an edge, as for memory in the status bar."""

    def __init__(self, *, name: str, width: float = 72) -> None:
        super().__init__()
        self._width, self._share = width, 0.0
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def set_share(self, share: float) -> None:
        """Show a level, from 0 to 1."""
        self._share = min(max(share, 0.0), 1.0)
        self.setAccessibleDescription(QLocale().toString(self._share * 100, "f", 0) + " %")
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room of the meter."""
        current = theme()
        return QSize(current.px(self._width), current.size("meter"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw edge and level."""
        current = theme()
        rect = QRectF(self.rect())
        with painting(self) as painter:
            ground, edge = current.colour("panel"), current.colour("outline")
            rounded(painter, rect, rect.height() / 2, fill=ground, edge=edge)
            inner = rect.adjusted(2, 2, -2, -2)
            inner.setWidth(max(inner.width() * self._share, inner.height()))
            if self._share > 0:
                rounded(painter, inner, inner.height() / 2, fill=current.colour("progress"))


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A named part of a meter, up to a share; `role` colours it once it is reached."""

    text: str
    until: float
    role: str


class ZoneMeter(QWidget):
    """A level among named zones, such as low, noticeable and strong."""

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self._zones: tuple[Zone, ...] = ()
        self._share = 0.0
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def set_zones(self, zones: Sequence[Zone]) -> None:
        """Show these zones, from the lowest."""
        self._zones = tuple(zones)
        self.update()

    def set_share(self, share: float) -> None:
        """Show a level, from 0 to 1."""
        self._share = min(max(share, 0.0), 1.0)
        reached = self._reached()
        self.setAccessibleDescription(reached.text if reached is not None else "")
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room of bar and names."""
        current = theme()
        return QSize(current.px(200), current.px(36))

    def _reached(self) -> Zone | None:
        return next((zone for zone in self._zones if self._share <= zone.until), None)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw zones, knob and names."""
        current, reached = theme(), self._reached()
        top, high = current.px(6), current.size("meter")
        start = 0.0
        with painting(self) as painter:
            for zone in self._zones:
                left, right = self.width() * start, self.width() * zone.until
                bar = QRectF(left, top, right - left - 2, high)
                role = zone.role if zone is reached else "free"
                rounded(painter, bar, high / 2, fill=current.colour(role))
                font = current.font("caption", weight=500 if zone is reached else 400)
                ink = current.colour("text" if zone is reached else "text2")
                word = QRectF(left, top + high + current.px(4), right - left, current.px(16))
                write(painter, word, zone.text, font=font, colour=ink)
                start = zone.until
            knob = QPointF(self.width() * self._share, top + high / 2)
            _knob(painter, knob, current.px(7), "text")


class _RunBar(QWidget):
    """The bar of a run: dots for checkpoints, a knob at now, the steps of the dots below."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.total = 0, 0
        self.checkpoints: tuple[int, ...] = ()
        self.setAccessibleName(_("Progress of the run"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        follow_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        """Return the room of bar, knob and numbers."""
        current = theme()
        return QSize(current.px(300), current.px(30))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the bar."""
        current = theme()
        high = current.px(8)
        bar = QRectF(0, current.px(4), self.width(), high)
        share = self.step / self.total if self.total else 0.0
        with painting(self) as painter:
            fill_bar(current, painter, bar, share)
            self._paint_dots(painter, bar)
            room = current.px(6)
            x = min(max(bar.width() * share, room), bar.width() - room)
            self._paint_knob(painter, QPointF(x, bar.center().y()))

    def _paint_dots(self, painter: QPainter, bar: QRectF) -> None:
        current = theme()
        font = current.font("caption", figures=True)
        free = -1.0
        for step in self.checkpoints:
            x = bar.width() * step / self.total if self.total else 0.0
            role = "on_accent" if step <= self.step else "outline"
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(current.colour("panel" if role == "on_accent" else role))
            painter.drawEllipse(QPointF(x, bar.center().y()), current.px(2), current.px(2))
            text = QLocale().toString(step)
            wide = text_width(text, font) + current.px(4)
            word = QRectF(x - wide / 2, bar.bottom(), wide, current.px(18))
            if word.left() > free and word.right() <= bar.right():
                write(painter, word, text, font=font, colour=current.colour("text2"), align=CENTRE)
                free = word.right() + current.px(8)

    def _paint_knob(self, painter: QPainter, centre: QPointF) -> None:
        current = theme()
        painter.setPen(Qt.PenStyle.NoPen)
        for role, radius in (("panel", 7.5), ("progress", 6), ("panel", 2)):
            painter.setBrush(current.colour(role))
            painter.drawEllipse(centre, radius * current.factor, radius * current.factor)


class RunProgress(QWidget):
    """Where a run is: step and time in words, the bar, and what happens now and next."""

    def __init__(self) -> None:
        super().__init__()
        self._title = TextLabel("", role="progress", figures=True)
        self._left = TextLabel("", colour="text2")
        self._right = TextLabel("", role="small", colour="text2", figures=True)
        self._bar = _RunBar()
        self._now = _Sentences()
        words = Flow(self._title, self._left, gap=13, line_gap=2, is_centred=True)
        so_far = Column(self._right, Stretch(), gap=0)
        line = Reflow(words, so_far, gap=13, line_gap=2, stack_below=0, stretches=(1, 0))
        self.setLayout(Column(line, self._bar, self._now, gap=6))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        follow_theme(self, self._follow)

    def _follow(self) -> None:
        # Beside the title also where the words between them go on in a second line.
        self._right.setMinimumHeight(self._title.sizeHint().height())

    def set_progress(self, step: int, total: int) -> None:
        """Show the step that was finished last, of how many; 0 where that is not known yet."""
        self._bar.step, self._bar.total = step, total
        number = QLocale().toString
        words = _("Step {step} of {total}") if total else _("Before the first step")
        self._title.set_text(words.format(step=number(step), total=number(total)))
        self._bar.setAccessibleDescription(self._title.text())
        self._bar.update()

    def set_checkpoints(self, steps: Sequence[int]) -> None:
        """Show where checkpoints are, and where those to come will be."""
        self._bar.checkpoints = tuple(steps)
        self._bar.update()

    def set_words(self, left: str, right: str) -> None:
        """Say how long it still takes, and how long it took so far."""
        self._left.set_text(left)
        self._right.set_text(right)

    def set_now(self, text: str) -> None:
        """Say what happens now and next."""
        self._now.set_text(text)


class _Sentences(TextLabel):
    """Short sentences over the whole width, as close as a single line where they wrap."""

    def __init__(self) -> None:
        super().__init__("", colour="text2")
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        """Return the room of all in one line."""
        natural = text_width(self.text(), self.font()) + 2
        return QSize(natural, self.heightForWidth(natural))

    def minimumSizeHint(self) -> QSize:
        """Return little width: the sentences can wrap."""
        return QSize(theme().px(96), QFontMetrics(self.font()).height())


def _knob(painter: QPainter, centre: QPointF, radius: float, role: str) -> None:
    current = theme()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(current.colour("panel"))
    painter.drawEllipse(centre, radius + 1.5, radius + 1.5)
    painter.setBrush(current.colour(role))
    painter.drawEllipse(centre, radius - 1, radius - 1)
