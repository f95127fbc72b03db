# SPDX-License-Identifier: Apache-2.0
"""The order in which Tab goes through a page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget


def follow_layout(page: QWidget) -> None:
    """Let Tab go through the widgets of a page as they lie there.

    Qt itself goes by when they were made: what is made late would come last, wherever it lies.
    """
    stops = [one for one in _inside(page) if one.focusPolicy() & Qt.FocusPolicy.TabFocus]
    for one, following in pairwise(stops):
        QWidget.setTabOrder(one, following)


def _inside(widget: QWidget) -> Iterator[QWidget]:
    content = widget.widget() if isinstance(widget, QScrollArea) else None
    layout = widget.layout()
    if content is not None:
        yield from _inside(content)
    elif layout is not None:
        yield from _laid_out(layout)


def _laid_out(layout: QLayout) -> Iterator[QWidget]:
    for item in (layout.itemAt(at) for at in range(layout.count())):
        widget, inner = (item.widget(), item.layout()) if item is not None else (None, None)
        if widget is not None:
            yield widget
            yield from _inside(widget)
        elif inner is not None:
            yield from _laid_out(inner)
