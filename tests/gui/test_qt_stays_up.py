# SPDX-License-Identifier: Apache-2.0
"""PySide6 6.12.0 aborted on Python 3.11 after some thousand calls; this guards every later pin."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.gui

MANY_CALLS = """
from PySide6.QtCore import QObject, QRectF, QSize, Signal
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QLabel, QWidget

class Counter(QObject):
    counted = Signal(int)

class Painted(QWidget):
    def sizeHint(self):
        return QSize(40, 20)

    def paintEvent(self, event):
        painter = QPainter(self)
        painter.fillRect(QRectF(self.rect()), QColor("white"))
        painter.end()

app = QApplication([])
counter, seen = Counter(), []
counter.counted.connect(seen.append)
image = QImage(40, 20, QImage.Format.Format_ARGB32)
for number in range(8000):
    counter.counted.emit(number)
    widget = Painted()
    widget.setProperty("kind", "primary")
    label = QLabel(str(number), widget)
    assert label.text() == str(number)
    widget.adjustSize()
    if number % 20 == 0:
        widget.render(image)
    widget.deleteLater()
    if number % 500 == 0:
        app.processEvents()
assert len(seen) == 8000
print("stayed up")
"""


def test_many_calls_into_qt_do_not_end_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MANY_CALLS],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "stayed up"), done.stderr
