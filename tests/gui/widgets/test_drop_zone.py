# SPDX-License-Identifier: Apache-2.0
"""The drop zone: drag, drop, paste, browse."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from pytestqt.qtbot import QtBot

from gui.widgets.drop_zone import DropZone

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("themed")]
ACTION, MOUSE, NONE = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier


def mime_of(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def _enter(zone: DropZone, mime: QMimeData) -> bool:
    event = QDragEnterEvent(QPoint(5, 5), ACTION, mime, MOUSE, NONE.NoModifier)
    event.ignore()
    zone.dragEnterEvent(event)
    return event.isAccepted()


def _drop(zone: DropZone, mime: QMimeData) -> None:
    zone.dropEvent(QDropEvent(QPoint(5, 5), ACTION, mime, MOUSE, NONE.NoModifier))


def _zone(qtbot: QtBot, mode: str = "any") -> DropZone:
    zone = DropZone(title="Drop files", text="or press Ctrl V", mode=mode)
    qtbot.addWidget(zone)
    zone.show()
    return zone


def test_drop_zone_names_what_will_happen_and_hands_over_the_paths(
    qtbot: QtBot, tmp_path: Path
) -> None:
    zone, mime = _zone(qtbot), mime_of(tmp_path)
    zone.set_describe(lambda paths: f"Import {len(paths)}")

    assert _enter(zone, mime)
    assert zone.accessibleDescription() == "Import 1"
    with qtbot.waitSignal(zone.paths_dropped, timeout=500) as caught:
        _drop(zone, mime)

    assert caught.args == [[tmp_path]]
    assert zone.accessibleDescription() == "or press Ctrl V"


def test_drop_zone_refuses_what_the_page_cannot_use(qtbot: QtBot, tmp_path: Path) -> None:
    zone = _zone(qtbot)
    zone.set_describe(lambda _paths: "")

    assert not _enter(zone, mime_of(tmp_path))
    with qtbot.assertNotEmitted(zone.paths_dropped):
        _drop(zone, mime_of(tmp_path))


@pytest.mark.parametrize(("mode", "wanted"), [("files", "file"), ("folder", "folder")])
def test_drop_zone_takes_only_its_kind(
    qtbot: QtBot, tmp_path: Path, mode: str, wanted: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    zone = _zone(qtbot, mode)

    with qtbot.waitSignal(zone.paths_dropped, timeout=500) as caught:
        _drop(zone, mime_of(tmp_path / "file", tmp_path / "folder"))

    assert caught.args == [[tmp_path / wanted]]


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_drop_zone_with_the_keyboard_asks_to_browse(qtbot: QtBot, key: Qt.Key) -> None:
    zone = _zone(qtbot)

    with qtbot.waitSignal(zone.browse_requested, timeout=500):
        qtbot.keyClick(zone, key)


def test_drop_zone_with_paste_takes_a_copied_path(qtbot: QtBot, tmp_path: Path) -> None:
    zone = _zone(qtbot)
    QGuiApplication.clipboard().setText(str(tmp_path))

    with qtbot.waitSignal(zone.paths_dropped, timeout=500) as caught:
        qtbot.keyClick(zone, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)

    assert caught.args == [[tmp_path]]
