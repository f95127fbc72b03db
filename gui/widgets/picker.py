# SPDX-License-Identifier: Apache-2.0
"""Choosing an object, such as a dataset or a model, with its facts in sight."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QStandardItem, QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from gui.widgets.chip import kind_ink, soft_ground
from gui.widgets.theme import draw
from gui.widgets.theme.focus_ring import OWN_FOCUS
from gui.widgets.theme.paint import CENTRE, painting, put_icon, rounded, text_width, write
from gui.widgets.theme.theme import follow_theme, theme

_OPTION = Qt.ItemDataRole.UserRole + 1
_CHIP_ICONS = {"success": "check", "warning": "status-warning", "danger": "status-danger"}


class PickerOption(msgspec.Struct, frozen=True, kw_only=True):
    """An object that can be chosen. `reason` says why it cannot be chosen now."""

    key: str
    name: str
    facts: str = ""
    icon: str = ""
    chip: str = ""
    chip_kind: str = "neutral"
    enabled: bool = True
    reason: str = ""


class _OptionPaint(QStyledItemDelegate):
    """Draws an object in the open list."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: object) -> QSize:
        """Return the height of two lines."""
        current = theme()
        return QSize(current.px(240), current.size("row_list"))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Draw one object."""
        shown = index.data(_OPTION)
        if not isinstance(shown, PickerOption):
            return
        current = theme()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            ground = current.colour("selected")
            rounded(painter, rect, current.radius("control"), fill=ground)
        _paint_option(painter, rect.adjusted(0, 0, -current.px(12), 0), shown)
        painter.restore()


class ObjectPicker(QComboBox):
    """A field of 56 px: icon, name, facts, state; it opens the list of all objects.

    Args:
        name: What is chosen here.
        icon: The icon of an object that brings none.
        placeholder: What is said while nothing is chosen.
    """

    chosen = Signal(str)
    footer_chosen = Signal(str)

    def __init__(self, *, name: str, icon: str, placeholder: str) -> None:
        super().__init__()
        self._icon, self._words = icon, placeholder
        self._options: tuple[PickerOption, ...] = ()
        self._footer: PickerOption | None = None
        self._chip: tuple[str, str] | None = None
        self._value = ""
        self.setAccessibleName(name)
        self.setProperty(OWN_FOCUS, True)
        self.setItemDelegate(_OptionPaint(self))
        self.setMaxVisibleItems(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.activated.connect(self._on_activated)
        follow_theme(self, self._follow)

    def set_options(self, options: Sequence[PickerOption]) -> None:
        """Offer these objects; the chosen one stays chosen if it is still there."""
        self._options = tuple(options)
        self._fill()

    def set_footer(self, key: str, text: str, icon: str) -> None:
        """End the list with a way to add an object; "" as key takes it away."""
        self._footer = PickerOption(key=key, name=text, icon=icon) if key else None
        self._fill()

    def set_value(self, key: str) -> None:
        """Choose an object by its key, without a signal; "" chooses none."""
        self._value = key
        keys = [option.key for option in self._options]
        self.setCurrentIndex(keys.index(key) if key in keys else -1)
        shown = self._shown()
        self.setAccessibleDescription(f"{shown.name}. {shown.facts}" if shown else self._words)
        self.update()

    def value(self) -> str:
        """Return the key of the chosen object, or ""."""
        shown = self._shown()
        return shown.key if shown is not None else ""

    def set_chip(self, text: str, kind: str = "neutral") -> None:
        """Show another state than the object's own, such as whether it fits."""
        self._chip = (text, kind)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room of the field."""
        current = theme()
        return QSize(current.px(280), current.size("field_object"))

    def minimumSizeHint(self) -> QSize:
        """Return the least room of the field."""
        current = theme()
        return QSize(current.px(200), current.size("field_object"))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: a choice must not change in passing."""
        event.ignore()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the field."""
        current = theme()
        rect = QRectF(self.rect())
        enabled = self.isEnabled()
        with painting(self) as painter:
            draw.field_frame(current, painter, rect, enabled=enabled, focused=self.hasFocus())
            sign = QPointF(rect.right() - current.px(19), rect.center().y())
            put_icon(painter, sign, "chevrons-up-down", "text2" if enabled else "disabled", 16)
            inner = rect.adjusted(current.px(4), 0, -current.px(36), 0)
            _paint_option(painter, inner, self._look(), muted=self._shown() is None)

    def _look(self) -> PickerOption:
        shown = self._shown()
        if shown is None:
            return PickerOption(key="", name=self._words, icon=self._icon)
        chip, kind = self._chip or (shown.chip, shown.chip_kind)
        return PickerOption(
            key=shown.key,
            name=shown.name,
            facts=shown.facts,
            icon=shown.icon or self._icon,
            chip=chip,
            chip_kind=kind,
        )

    def _shown(self) -> PickerOption | None:
        return next((one for one in self._options if one.key == self._value), None)

    def _fill(self) -> None:
        model = QStandardItemModel(self)
        for option in (*self._options, *((self._footer,) if self._footer else ())):
            item = QStandardItem(option.name)
            item.setData(option, _OPTION)
            item.setData(f"{option.name}. {option.facts}", Qt.ItemDataRole.AccessibleTextRole)
            item.setEnabled(option.enabled)
            item.setToolTip(option.reason)
            model.appendRow(item)
        self.setModel(model)
        self.set_value(self._value)

    def _on_activated(self, row: int) -> None:
        if row >= len(self._options):
            self.set_value(self._value)
            if self._footer is not None:
                self.footer_chosen.emit(self._footer.key)
            return
        key = self._options[row].key
        self._chip = None
        self.set_value(key)
        self.chosen.emit(key)

    def _follow(self) -> None:
        self.updateGeometry()
        self.update()


def _paint_option(
    painter: QPainter, rect: QRectF, option: PickerOption, *, muted: bool = False
) -> None:
    current = theme()
    ink = current.colour("text" if option.enabled and not muted else "text2")
    if not option.enabled:
        ink = current.colour("disabled")
    middle = rect.center().y()
    put_icon(painter, QPointF(rect.left() + current.px(20), middle), option.icon, "text2", 20)
    text = rect.adjusted(current.px(42), 0, 0, 0)
    if option.chip:
        text.setRight(_paint_chip(painter, rect, option) - current.px(8))
    facts = option.facts if option.enabled else option.reason or option.facts
    half = current.px(9) if facts else 0
    font = current.font("body", weight=500)
    write(painter, text.translated(0, -half), option.name, font=font, colour=ink)
    if facts:
        grey = current.colour("text2")
        lower = text.translated(0, half)
        write(painter, lower, facts, font=current.font("small"), colour=grey)


def _paint_chip(painter: QPainter, rect: QRectF, option: PickerOption) -> float:
    """Draw the state at the right and return where it starts."""
    current = theme()
    font = current.font("small", weight=500)
    icon = _CHIP_ICONS.get(option.chip_kind, "")
    sign = current.px(19) if icon else 0
    wide = text_width(option.chip, font) + current.px(18) + sign
    high = current.size("chip")
    chip = QRectF(rect.right() - wide, rect.center().y() - high / 2, wide, high)
    ground, ink = current.colour(soft_ground(option.chip_kind)), kind_ink(option.chip_kind)
    rounded(painter, chip, high / 2, fill=ground)
    if icon:
        put_icon(painter, QPointF(chip.left() + current.px(15), chip.center().y()), icon, ink, 15)
    words = chip.adjusted(sign, 0, 0, 0)
    write(painter, words, option.chip, font=font, colour=current.colour(ink), align=CENTRE)
    return chip.left()
