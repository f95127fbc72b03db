# SPDX-License-Identifier: Apache-2.0
"""A number with its unit: the value right-aligned, so that numbers in a column line up."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPaintEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QSizePolicy

from gui.widgets.theme.draw import INVALID
from gui.widgets.theme.focus_ring import OWN_FOCUS
from gui.widgets.theme.paint import painting, text_width, write
from gui.widgets.theme.style import UNIT_ROOM
from gui.widgets.theme.theme import follow_theme, theme

_UNIT_COLUMN = 70
_STEPPER = 30
_SPACES = (" ", "\u00a0", "\u202f")
"""What stands between the groups of a number in many languages, of which people type the first."""


class NumberField(QDoubleSpinBox):
    """A number between two limits. Small numbers may be typed as `2e-4`.

    Thousands are parted as in tables; they may be typed with or without a separator.

    Args:
        name: What the number means.
        minimum: Smallest value.
        maximum: Largest value.
        step: What one press of an arrow adds.
        decimals: Most digits behind the point; what is not needed is not shown.
        unit: The unit, in words or as a sign.
    """

    value_changed = Signal(float)

    def __init__(
        self,
        *,
        name: str,
        minimum: float,
        maximum: float,
        step: float = 1,
        decimals: int = 0,
        unit: str = "",
    ) -> None:
        super().__init__()
        self._unit = unit
        self.setAccessibleName(name)
        self.setDecimals(decimals)
        self.setRange(minimum, maximum)
        self.setSingleStep(step)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setKeyboardTracking(False)
        self.setProperty(OWN_FOCUS, True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.valueChanged.connect(self.value_changed)
        follow_theme(self, self._follow)

    def set_value(self, value: float) -> None:
        """Show a value, without a signal."""
        self.blockSignals(True)
        self.setValue(value)
        self.blockSignals(False)

    def set_unit(self, unit: str) -> None:
        """Show another unit."""
        self._unit = unit
        self._follow()

    def set_error(self, error: str) -> None:
        """Show that the value is refused, with the reason as tooltip; "" takes it back."""
        self.setProperty(INVALID, bool(error))
        self.setToolTip(error)
        self.update()

    def textFromValue(self, value: float) -> str:
        """Return the number without the zeros that say nothing."""
        shown = self.locale().toString(value, "f", self.decimals())
        point = self.locale().decimalPoint()
        return shown.rstrip("0").removesuffix(point) if point in shown else shown

    def valueFromText(self, text: str) -> float:
        """Return the number that was typed."""
        return self._parsed(text) or 0.0

    def validate(self, text: str, pos: int, /) -> tuple[QValidator.State, str, int]:
        """Accept what is a number, and what can still become one."""
        value = self._parsed(text)
        if value is None:
            typed = set(text.strip()) <= set("0123456789.,eE+-  '’")
            state = QValidator.State.Intermediate if typed else QValidator.State.Invalid
        else:
            inside = self.minimum() <= value <= self.maximum()
            state = QValidator.State.Acceptable if inside else QValidator.State.Intermediate
        return state, text, pos

    def fixup(self, text: str, /) -> str:
        """Bring a number outside the limits to the nearer one; keep the value else."""
        value = self._parsed(text)
        kept = self.value() if value is None else min(max(value, self.minimum()), self.maximum())
        return self.textFromValue(kept)

    def sizeHint(self) -> QSize:
        """Return the room of a field in a settings row."""
        current = theme()
        return QSize(
            max(current.px(148), self._unit_room() + current.px(64)), current.size("field")
        )

    def minimumSizeHint(self) -> QSize:
        """Return the size hint: numbers are never cut."""
        return self.sizeHint()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: a value must not change in passing."""
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the field, then the unit in its column."""
        super().paintEvent(event)
        current = theme()
        rect = QRectF(self.rect())
        rect.setLeft(rect.right() - self._unit_room() + current.px(4))
        ink = current.colour("text2" if self.isEnabled() else "disabled")
        with painting(self) as painter:
            write(painter, rect, self._unit, font=current.font("small"), colour=ink)

    def _follow(self) -> None:
        self.setProperty(UNIT_ROOM, self._unit_room())
        self.lineEdit().setFont(theme().font("value", figures=True))
        self.setMinimumWidth(self.sizeHint().width())
        self.updateGeometry()
        self.update()

    def _unit_room(self) -> int:
        current = theme()
        needed = text_width(self._unit, current.font("small")) + current.px(_STEPPER)
        return max(needed, current.px(_UNIT_COLUMN))

    def _parsed(self, text: str) -> float | None:
        text = text.strip()
        if not self.decimals():
            # Who changes a digit of `2,048` leaves the separator at a place where Qt refuses it.
            # In a number with decimals, it may as well be meant as the point.
            for mark in (self.locale().groupSeparator(), *_SPACES):
                text = text.replace(mark, "")
        value, ok = self.locale().toDouble(text)
        if ok:
            return value
        try:
            return float(text)
        except ValueError:
            return None
