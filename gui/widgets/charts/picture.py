# SPDX-License-Identifier: Apache-2.0
"""A chart as a picture file: in points, or in lines that stay sharp at any size."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRect
from PySide6.QtGui import QImage, QImageWriter, QPainter
from PySide6.QtWidgets import QWidget

from gui.widgets.theme.theme import theme

_SHARPNESS = 2
"""Points of a picture for each point on the screen: enough for print at the usual size."""


def png_of(widget: QWidget) -> bytes:
    """Return a widget as a PNG picture, at twice the size of the screen."""
    image = QImage(widget.size() * _SHARPNESS, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_SHARPNESS)
    image.fill(theme().colour("panel"))
    widget.render(image, QPoint())
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(image)
    buffer.close()
    return bytes(content.data())


def svg_of(widget: QWidget, title: str) -> bytes:
    """Return a widget as an SVG picture of lines and letters."""
    from PySide6.QtSvg import QSvgGenerator

    content = QByteArray()
    buffer = QBuffer(content)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(widget.size())
    generator.setViewBox(QRect(QPoint(), widget.size()))
    generator.setTitle(title)
    painter = QPainter(generator)
    painter.fillRect(widget.rect(), theme().colour("panel"))
    widget.render(painter, QPoint())
    painter.end()
    buffer.close()
    return bytes(content.data())
