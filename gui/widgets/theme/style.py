# SPDX-License-Identifier: Apache-2.0
"""The proxy style: what a style sheet cannot draw, with no colours of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QProxyStyle,
    QStyle,
    QStyleOption,
    QStyleOptionComplex,
    QStyleOptionProgressBar,
    QWidget,
)

from gui.widgets.theme import draw

if TYPE_CHECKING:
    from gui.widgets.theme.theme import Theme

_Primitive = QStyle.PrimitiveElement
_Control = QStyle.ControlElement
_Complex = QStyle.ComplexControl
_Metric = QStyle.PixelMetric

UNIT_ROOM = "unit_room"
"""Dynamic property of a spin box: the pixels that unit and stepper take at its right."""
_INDICATOR = 15
_KNOB = 18
_METRICS = {
    _Metric.PM_IndicatorWidth: _INDICATOR,
    _Metric.PM_IndicatorHeight: _INDICATOR,
    _Metric.PM_ExclusiveIndicatorWidth: _INDICATOR,
    _Metric.PM_ExclusiveIndicatorHeight: _INDICATOR,
    _Metric.PM_CheckBoxLabelSpacing: 8,
    _Metric.PM_RadioButtonLabelSpacing: 8,
    _Metric.PM_SliderLength: _KNOB,
    _Metric.PM_SliderThickness: _KNOB + 8,
    _Metric.PM_SliderControlThickness: _KNOB,
    _Metric.PM_SmallIconSize: 16,
    _Metric.PM_ButtonIconSize: 16,
    _Metric.PM_ListViewIconSize: 16,
    _Metric.PM_ButtonShiftHorizontal: 0,
    _Metric.PM_ButtonShiftVertical: 0,
}


class BurnishStyle(QProxyStyle):
    """Fusion with our indicators, fields, slider and progress bar.

    What a layout asks for each widget several times, hints and parts of simple controls, is not
    answered here: each such question to Python costs the start of the window some microseconds.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__("fusion")
        self._theme = theme
        self._primitives: dict[QStyle.PrimitiveElement, Callable[..., None]] = {
            _Primitive.PE_IndicatorCheckBox: draw.check_box,
            _Primitive.PE_IndicatorItemViewItemCheck: draw.check_box,
            _Primitive.PE_IndicatorMenuCheckMark: draw.menu_mark,
            _Primitive.PE_IndicatorRadioButton: draw.radio_button,
            _Primitive.PE_PanelLineEdit: draw.field,
            _Primitive.PE_FrameLineEdit: draw.field,
            _Primitive.PE_FrameFocusRect: draw.nothing,
        }
        self._complex: dict[QStyle.ComplexControl, Callable[..., None]] = {
            _Complex.CC_Slider: draw.slider,
            _Complex.CC_ComboBox: draw.combo_box,
            _Complex.CC_SpinBox: draw.spin_box,
        }

    def drawPrimitive(
        self,
        element: QStyle.PrimitiveElement,
        option: QStyleOption,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        """Draw indicators and field frames; the rest is Fusion's."""
        ours = self._primitives.get(element)
        if ours is None:
            super().drawPrimitive(element, option, painter, widget)
        else:
            ours(self._theme, painter, option, widget)

    def drawControl(
        self,
        element: QStyle.ControlElement,
        option: QStyleOption,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        """Draw the progress bar; the rest is Fusion's."""
        if isinstance(option, QStyleOptionProgressBar) and element == _Control.CE_ProgressBarGroove:
            draw.progress_bar(self._theme, painter, option, widget)
        elif element not in draw.PROGRESS_PARTS:
            super().drawControl(element, option, painter, widget)

    def drawComplexControl(
        self,
        control: QStyle.ComplexControl,
        option: QStyleOptionComplex,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        """Draw slider, combo box and spin box; the rest is Fusion's."""
        ours = self._complex.get(control)
        if ours is None:
            super().drawComplexControl(control, option, painter, widget)
        else:
            ours(self._theme, painter, option, widget)

    def pixelMetric(
        self,
        metric: QStyle.PixelMetric,
        option: QStyleOption | None = None,
        widget: QWidget | None = None,
    ) -> int:
        """Scale our lengths with the text."""
        ours = _METRICS.get(metric)
        if ours is None:
            return super().pixelMetric(metric, option, widget)
        return self._theme.px(ours)

    def subControlRect(
        self,
        control: QStyle.ComplexControl,
        option: QStyleOptionComplex,
        part: QStyle.SubControl,
        widget: QWidget,
    ) -> QRect:
        """Give the text of a combo box the same room as that of a field."""
        found = super().subControlRect(control, option, part, widget)
        if control == _Complex.CC_ComboBox and part == QStyle.SubControl.SC_ComboBoxEditField:
            found.setLeft(option.rect.left() + self._theme.px(8))
        room = widget.property(UNIT_ROOM) if widget else None
        if isinstance(room, int) and control == _Complex.CC_SpinBox:
            return _spin_part(option.rect, part, room, self._theme.px(26))
        return found

    def sizeFromContents(
        self,
        kind: QStyle.ContentsType,
        option: QStyleOption,
        size: QSize,
        widget: QWidget,
    ) -> QSize:
        """Give fields their height."""
        found = super().sizeFromContents(kind, option, size, widget)
        if kind in draw.FIELD_CONTENTS:
            found.setHeight(self._theme.size("field"))
        return found


def _spin_part(field: QRect, part: QStyle.SubControl, room: int, stepper: int) -> QRect:
    """Return where a part of a number field lies: text, unit column, two arrows."""
    if part == QStyle.SubControl.SC_SpinBoxEditField:
        return field.adjusted(2, 2, -room, -2)
    half = field.height() // 2
    left = field.right() + 1 - stepper
    if part == QStyle.SubControl.SC_SpinBoxUp:
        return QRect(left, field.top(), stepper, half)
    if part == QStyle.SubControl.SC_SpinBoxDown:
        return QRect(left, field.top() + half, stepper, field.height() - half)
    return field
