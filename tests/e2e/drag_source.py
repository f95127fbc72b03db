# SPDX-License-Identifier: Apache-2.0
"""A window like that of a file manager: what is dragged out of it are the files named here.

python tests/e2e/drag_source.py X Y PATH...
"""

from __future__ import annotations

import sys

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

TITLE = "Files to drag"
SIDE = 120


class DragSource(QWidget):
    """Begins to drag as soon as the mouse moves with its button down."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__()
        self._paths = paths
        self.setWindowTitle(TITLE)
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the files."""
        if not event.buttons() & Qt.MouseButton.LeftButton:
            return
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(one) for one in self._paths])
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)


def main() -> int:
    """Show the window until it is killed."""
    x, y, *paths = sys.argv[1:]
    app = QApplication(sys.argv[:1])
    window = DragSource(paths)
    window.setGeometry(int(x), int(y), SIDE, SIDE)
    window.show()
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
