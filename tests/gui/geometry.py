# SPDX-License-Identifier: Apache-2.0
"""What is cut or covered in a window, for tests of every page at every text size."""

from __future__ import annotations

from itertools import combinations

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QLabel,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from gui.widgets.text import ELIDED

OVERLAYS = frozenset({"FocusRing", "CommandPalette", "DropVeil", "Toast", "QRubberBand"})
"""Widgets that lie over others on purpose."""
PARTLY_SHOWN = frozenset({"_PaletteBox", "DropZone", "_TallCard", "_FlatCard", "_Part", "_Fold"})
"""Buttons that wrap or elide what they paint."""


def clipped_texts(widget: QWidget) -> list[str]:
    """Return what cannot be read in a shown window, one sentence per fault.

    A fault is a label or button whose text is cut though it does not elide on purpose, a
    widget that reaches out of the one it lies in, and two neighbours that overlap.
    """
    faults: list[str] = []
    for child in [widget, *widget.findChildren(QWidget)]:
        if not child.isVisible() or _is_inside_view(child) or _is_overlay(child):
            continue
        faults += _cut(child)
        faults += _outside(child)
        faults += _overlaps(child)
    return faults


def _cut(widget: QWidget) -> list[str]:
    if isinstance(widget, QLabel) and not widget.property(ELIDED) and widget.text():
        return _cut_label(widget)
    if isinstance(widget, QAbstractButton) and type(widget).__name__ not in PARTLY_SHOWN:
        wanted = widget.sizeHint()
        if wanted.width() > widget.width() + 1 or wanted.height() > widget.height() + 1:
            return [f"{_name(widget)} has {widget.size()}, needs {wanted}"]
    return []


def _cut_label(label: QLabel) -> list[str]:
    if label.wordWrap():
        wanted = label.heightForWidth(label.width())
        if wanted > label.height() + 1:
            return [f"{_name(label)} is {label.height()} high, needs {wanted}"]
        return []
    metrics = QFontMetrics(label.font())
    wide = metrics.horizontalAdvance(label.text())
    room = label.contentsRect()
    if wide > room.width() + 1:
        return [f"{_name(label)} is {room.width()} wide, needs {wide}"]
    if metrics.tightBoundingRect(label.text()).height() > room.height() + 1:
        return [f"{_name(label)} is {room.height()} high, needs {metrics.height()}"]
    return []


def _outside(widget: QWidget) -> list[str]:
    parent = widget.parentWidget()
    if parent is None or widget.isWindow() or _scrolls(parent):
        return []
    if parent.rect().adjusted(-1, -1, 1, 1).contains(widget.geometry()):
        return []
    if widget.width() == 0 or widget.height() == 0:
        return []
    return [f"{_name(widget)} at {_box(widget.geometry())} leaves {_name(parent)} {parent.size()}"]


def _overlaps(parent: QWidget) -> list[str]:
    faults = []
    children = [
        child
        for child in parent.children()
        if isinstance(child, QWidget)
        and child.isVisible()
        and not child.isWindow()
        and not _is_overlay(child)
        and not isinstance(child, QScrollBar)
    ]
    if isinstance(parent, QAbstractScrollArea):
        return []
    for one, other in combinations(children, 2):
        common = one.geometry().intersected(other.geometry())
        if common.width() > 1 and common.height() > 1:
            faults.append(f"{_name(one)} and {_name(other)} overlap in {_box(common)}")
    return faults


def _scrolls(parent: QWidget) -> bool:
    grandparent = parent.parentWidget()
    return isinstance(parent, QAbstractScrollArea) or isinstance(grandparent, QAbstractScrollArea)


def _is_inside_view(widget: QWidget) -> bool:
    step = widget.parentWidget()
    while step is not None:
        if isinstance(step, QAbstractItemView | QLineEdit):
            return True
        step = step.parentWidget()
    return False


def _is_overlay(widget: QWidget) -> bool:
    step: QWidget | None = widget
    while step is not None and not step.isWindow():
        if type(step).__name__ in OVERLAYS:
            return True
        step = step.parentWidget()
    return False


def _name(widget: QWidget) -> str:
    text = getattr(widget, "text", None)
    words = text() if callable(text) else widget.accessibleName()
    return f"{type(widget).__name__}({str(words)[:40]!r})"


def _box(rect: QRect) -> str:
    corner: QPoint = rect.topLeft()
    return f"{corner.x()},{corner.y()} {rect.width()}x{rect.height()}"
