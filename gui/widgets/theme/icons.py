# SPDX-License-Identifier: Apache-2.0
"""The line icons, rendered in a token colour at the size and pixel ratio they are shown at."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from gui.widgets.theme.resources import resource_path

SMALL_BELOW_PX = 20
"""Below this size the lines are drawn heavier, or they turn grey."""


class IconCache:
    """Rendered icons, kept until the scheme or the text size changes."""

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}
        self._pixmaps: dict[tuple[str, str, int, float], QPixmap] = {}

    def clear(self) -> None:
        """Forget what was rendered; the files stay read."""
        self._pixmaps.clear()

    def pixmap(self, name: str, colour: QColor, side: int, ratio: float) -> QPixmap:
        """Return an icon as a square pixmap.

        Args:
            name: File name in `resources/icons`, without its ending.
            colour: The colour of its lines.
            side: Side in device-independent pixels.
            ratio: Device pixels for one of those.

        Raises:
            OSError: There is no such icon.
        """
        key = (name, colour.name(QColor.NameFormat.HexArgb), side, ratio)
        found = self._pixmaps.get(key)
        if found is None:
            found = _render(self._source(name), colour, side, ratio)
            self._pixmaps[key] = found
        return found

    def _source(self, name: str) -> str:
        if name not in self._sources:
            path = resource_path("icons", f"{name}.svg")
            self._sources[name] = path.read_text(encoding="utf-8")
        return self._sources[name]


def _render(source: str, colour: QColor, side: int, ratio: float) -> QPixmap:
    drawn = source.replace("currentColor", colour.name())
    if side < SMALL_BELOW_PX:
        drawn = drawn.replace('stroke-width="1.5"', 'stroke-width="1.75"')
    device = max(round(side * ratio), 1)
    pixmap = QPixmap(QSize(device, device))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(drawn.encode())).render(painter, QRectF(0, 0, device, device))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def as_icon(normal: QPixmap, disabled: QPixmap) -> QIcon:
    """Make a QIcon of two pixmaps, so that Qt does not grey the icon by itself."""
    icon = QIcon(normal)
    icon.addPixmap(disabled, QIcon.Mode.Disabled)
    return icon
