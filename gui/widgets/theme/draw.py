# SPDX-License-Identifier: Apache-2.0
"""How single controls are drawn, in token colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import (
    QStyle,
    QStyleOption,
    QStyleOptionComboBox,
    QStyleOptionFrame,
    QStyleOptionProgressBar,
    QStyleOptionSlider,
    QStyleOptionSpinBox,
    QWidget,
)

if TYPE_CHECKING:
    from gui.widgets.theme.theme import Theme

_State = QStyle.StateFlag
_Contents = QStyle.ContentsType
FIELD_CONTENTS = frozenset({_Contents.CT_ComboBox, _Contents.CT_LineEdit, _Contents.CT_SpinBox})
"""The contents whose height is that of a field."""
PROGRESS_PARTS = frozenset(
    {QStyle.ControlElement.CE_ProgressBarContents, QStyle.ControlElement.CE_ProgressBarLabel}
)
"""Parts of a progress bar that are drawn with its groove, or not at all."""
INVALID = "invalid"
"""The dynamic property of a field whose value is refused."""


def nothing(theme: Theme, painter: QPainter, option: QStyleOption, widget: QWidget | None) -> None:
    """Draw nothing: the focus ring is a widget of its own."""


def is_on(option: QStyleOption, flag: QStyle.StateFlag) -> bool:
    """Return whether the control is in a state."""
    return bool(option.state & flag)


def check_box(
    theme: Theme, painter: QPainter, option: QStyleOption, widget: QWidget | None
) -> None:
    """Draw the indicator of a check box."""
    checked, partly = is_on(option, _State.State_On), is_on(option, _State.State_NoChange)
    rect = QRectF(option.rect)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    fill, edge = _indicator_colours(theme, option, chosen=checked or partly)
    _box(painter, rect, theme.radius("check"), fill, edge, 1.0)
    if checked or partly:
        painter.setPen(_mark_pen(theme, option))
        painter.drawPolyline(_tick(rect) if checked else _dash(rect))
    painter.restore()


def menu_mark(
    theme: Theme, painter: QPainter, option: QStyleOption, widget: QWidget | None
) -> None:
    """Draw the mark before a chosen line of a menu; a line that is not chosen has none."""
    side = theme.px(16)
    rect = QRectF(option.rect.left() + theme.px(4), 0, side, side)
    rect.moveCenter(QPointF(rect.center().x(), QRectF(option.rect).center().y()))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.colour("text"), theme.px(2)))
    painter.drawPolyline(_tick(rect))
    painter.restore()


def radio_button(
    theme: Theme, painter: QPainter, option: QStyleOption, widget: QWidget | None
) -> None:
    """Draw the indicator of a radio button."""
    radio_mark(
        theme,
        painter,
        QRectF(option.rect),
        chosen=is_on(option, _State.State_On),
        enabled=is_on(option, _State.State_Enabled),
    )


def radio_mark(
    theme: Theme, painter: QPainter, rect: QRectF, *, chosen: bool, enabled: bool
) -> None:
    """Draw a radio mark, also for cards that are chosen as one of many."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    edge = theme.colour("outline" if enabled else "hairline")
    fill = theme.colour("raised")
    if chosen:
        fill = edge = theme.colour("accent" if enabled else "disabled")
    _box(painter, rect, rect.height() / 2, fill, edge, 1.0)
    if chosen:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("on_accent" if enabled else "raised"))
        dot = rect.height() * 0.19
        painter.drawEllipse(rect.center(), dot, dot)
    painter.restore()


def _has_frame(option: QStyleOption) -> bool:
    """Return whether a line edit has a frame; those inside other controls have none."""
    return isinstance(option, QStyleOptionFrame) and option.lineWidth > 0


def field(theme: Theme, painter: QPainter, option: QStyleOption, widget: QWidget | None) -> None:
    """Draw the frame of a field: one pixel, two in the focus colour while it is edited."""
    if isinstance(option, QStyleOptionFrame) and not _has_frame(option):
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    field_frame(
        theme,
        painter,
        QRectF(option.rect),
        enabled=is_on(option, _State.State_Enabled),
        focused=is_on(option, _State.State_HasFocus),
        invalid=bool(widget is not None and widget.property(INVALID)),
    )
    painter.restore()


def field_frame(
    theme: Theme,
    painter: QPainter,
    rect: QRectF,
    *,
    enabled: bool,
    focused: bool,
    invalid: bool = False,
) -> None:
    """Draw the ground and edge of a field in one of its states."""
    edge = "outline" if enabled else "hairline"
    if invalid:
        edge = "danger"
    elif focused:
        edge = "focus"
    width = 2.0 if focused else 1.0
    fill = theme.colour("raised" if enabled else "panel")
    _box(painter, rect, theme.radius("control"), fill, theme.colour(edge), width)


def combo_box(
    theme: Theme, painter: QPainter, option: QStyleOptionComboBox, widget: QWidget | None
) -> None:
    """Draw a combo box: the frame of a field and a chevron."""
    field(theme, painter, option, widget)
    middle = QPointF(option.rect.right() - theme.px(14), QRectF(option.rect).center().y())
    chevron(theme, painter, middle, down=True, enabled=is_on(option, _State.State_Enabled))


def spin_box(
    theme: Theme, painter: QPainter, option: QStyleOptionSpinBox, widget: QWidget | None
) -> None:
    """Draw a spin box: the frame of a field and two small chevrons."""
    field(theme, painter, option, widget)
    enabled = is_on(option, _State.State_Enabled)
    x, y = option.rect.right() - theme.px(12), QRectF(option.rect).center().y()
    gap = theme.px(3.5)
    chevron(theme, painter, QPointF(x, y - gap), down=False, enabled=enabled, half=2.8)
    chevron(theme, painter, QPointF(x, y + gap), down=True, enabled=enabled, half=2.8)


def chevron(
    theme: Theme,
    painter: QPainter,
    middle: QPointF,
    *,
    down: bool,
    enabled: bool,
    half: float = 3.5,
) -> None:
    """Draw a chevron of two strokes around a point."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    wide = half * theme.factor
    high = wide / 2 if down else -wide / 2
    painter.setPen(_round_pen(theme.colour("text2" if enabled else "disabled"), 1.2 * theme.factor))
    painter.drawPolyline(
        QPolygonF(
            [
                middle + QPointF(-wide, -high),
                middle + QPointF(0, high),
                middle + QPointF(wide, -high),
            ]
        )
    )
    painter.restore()


def chevron_right(theme: Theme, painter: QPainter, middle: QPointF) -> None:
    """Draw a chevron that points to what is folded."""
    painter.save()
    painter.translate(middle)
    painter.rotate(-90)
    chevron(theme, painter, QPointF(0, 0), down=True, enabled=True)
    painter.restore()


def slider(
    theme: Theme, painter: QPainter, option: QStyleOptionSlider, widget: QWidget | None
) -> None:
    """Draw a horizontal slider: a track of 4 px, ticks below, a knob of 18 px."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    rect = QRectF(option.rect)
    knob = theme.px(18)
    span = rect.width() - knob
    share = _slider_share(option)
    middle = QPointF(rect.left() + knob / 2 + span * share, rect.center().y())
    enabled = is_on(option, _State.State_Enabled)
    reached = theme.colour("accent" if enabled else "disabled")
    _slider_ticks(theme, painter, option, span)
    track = QRectF(rect.left() + knob / 2, middle.y() - theme.px(2), span, theme.px(4))
    _box(painter, track, track.height() / 2, theme.colour("outline"), None, 0)
    track.setRight(middle.x())
    _box(painter, track, track.height() / 2, reached, None, 0)
    painter.setPen(QPen(reached, 2))
    painter.setBrush(theme.colour("raised"))
    painter.drawEllipse(middle, knob / 2 - 1, knob / 2 - 1)
    painter.restore()


def progress_bar(
    theme: Theme, painter: QPainter, option: QStyleOptionProgressBar, widget: QWidget | None
) -> None:
    """Draw a progress bar of 6 px; an unknown length is drawn as a part in the middle."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    high = theme.size("progress")
    rect = QRectF(option.rect)
    bar = QRectF(rect.left(), rect.center().y() - high / 2, rect.width(), high)
    span = option.maximum - option.minimum
    if span <= 0:
        fill_bar(theme, painter, bar, 0.3, start=0.35)
    else:
        fill_bar(theme, painter, bar, (option.progress - option.minimum) / span)
    painter.restore()


def fill_bar(
    theme: Theme,
    painter: QPainter,
    bar: QRectF,
    share: float,
    *,
    start: float = 0.0,
    role: str = "progress",
) -> None:
    """Draw a pill-shaped bar, filled from `start` for `share` of its length."""
    radius = bar.height() / 2
    _box(painter, bar, radius, theme.colour("free"), None, 0)
    if share <= 0:
        return
    width = max(bar.width() * min(share, 1.0), bar.height())
    part = QRectF(bar.left() + bar.width() * start, bar.top(), width, bar.height())
    _box(painter, part, radius, theme.colour(role), None, 0)


def _indicator_colours(
    theme: Theme, option: QStyleOption, *, chosen: bool
) -> tuple[QColor, QColor]:
    enabled = is_on(option, _State.State_Enabled)
    if not chosen:
        edge = theme.colour("outline" if enabled else "hairline")
        return theme.colour("raised" if enabled else "panel"), edge
    fill = theme.colour("accent" if enabled else "disabled")
    return fill, fill


def _mark_pen(theme: Theme, option: QStyleOption) -> QPen:
    role = "on_accent" if is_on(option, _State.State_Enabled) else "raised"
    return _round_pen(theme.colour(role), 1.6 * theme.factor)


def _round_pen(colour: QColor, width: float) -> QPen:
    pen = QPen(colour, width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


def _tick(rect: QRectF) -> QPolygonF:
    side = rect.width()
    points = ((0.26, 0.52), (0.43, 0.69), (0.75, 0.34))
    return QPolygonF([rect.topLeft() + QPointF(side * x, side * y) for x, y in points])


def _dash(rect: QRectF) -> QPolygonF:
    side = rect.width()
    return QPolygonF([rect.topLeft() + QPointF(side * x, side * 0.5) for x in (0.28, 0.72)])


def _box(
    painter: QPainter,
    rect: QRectF,
    radius: float,
    fill: QColor,
    edge: QColor | None,
    width: float,
) -> None:
    inset = width / 2
    painter.setPen(QPen(edge, width) if edge is not None else Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    corner = max(radius - inset, 0.0)
    painter.drawRoundedRect(rect.adjusted(inset, inset, -inset, -inset), corner, corner)


def _slider_share(option: QStyleOptionSlider) -> float:
    span = option.maximum - option.minimum
    share = (option.sliderPosition - option.minimum) / span if span else 0.0
    return 1.0 - share if option.upsideDown else share


def _slider_ticks(theme: Theme, painter: QPainter, option: QStyleOptionSlider, span: float) -> None:
    count = option.maximum - option.minimum
    if option.tickInterval <= 0 or count <= 0:
        return
    knob = theme.px(18)
    rect = QRect(option.rect)
    y = rect.center().y() + theme.px(8)
    for i in range(0, count + 1, option.tickInterval):
        x = rect.left() + knob / 2 + span * i / count
        painter.fillRect(QRectF(round(x), y, 1, theme.px(4)), theme.colour("outline"))
