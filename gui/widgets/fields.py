# SPDX-License-Identifier: Apache-2.0
"""Fields: text, search, number with unit, choice, path; and a label above with a hint below."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeyEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QWidget,
)

from gui.widgets.box import Column, Row
from gui.widgets.buttons import Button
from gui.widgets.dropped import dropped_paths
from gui.widgets.number_field import NumberField
from gui.widgets.text import IconLabel, TextLabel
from gui.widgets.theme.draw import INVALID
from gui.widgets.theme.focus_ring import OWN_FOCUS
from gui.widgets.theme.paint import themed_icon
from gui.widgets.theme.theme import follow_theme, theme

__all__ = [
    "Field",
    "NumberField",
    "PathField",
    "SearchField",
    "SelectField",
    "TextArea",
    "TextField",
]


_ARROW = 16
_SIDE = 8
_LEAST_LINES, _MOST_LINES = 2, 14


class TextField(QLineEdit):
    """One line of text."""

    def __init__(self, *, name: str, placeholder: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setProperty(OWN_FOCUS, True)
        follow_theme(self, self._follow)

    def set_text(self, text: str) -> None:
        """Show a text that nobody typed, so that no signal tells of it."""
        if text != self.text():
            self.blockSignals(True)
            self.setText(text)
            self.blockSignals(False)

    def set_error(self, error: str) -> None:
        """Show that the text is refused, with the reason as tooltip; "" takes it back."""
        self.setProperty(INVALID, bool(error))
        self.setToolTip(error)
        self.setAccessibleDescription(error)
        self.update()

    def _follow(self) -> None:
        side = theme().px(_SIDE)
        self.setTextMargins(side, 0, side, 0)
        self.updateGeometry()


class TextArea(QPlainTextEdit):
    """Several lines of text; Tab leads on, as from every other field."""

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.textChanged.connect(self.updateGeometry)
        follow_theme(self, self._follow)

    def set_text(self, text: str) -> None:
        """Show a text, without a signal."""
        self.blockSignals(True)
        self.setPlainText(text)
        self.blockSignals(False)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return room for the lines that there are, within limits; more of them scroll."""
        lines = min(max(int(self.document().size().height()), _LEAST_LINES), _MOST_LINES)
        high = lines * self.fontMetrics().lineSpacing() + theme().px(28)
        return QSize(super().sizeHint().width(), high)

    def minimumSizeHint(self) -> QSize:
        """Return the size hint in height, and next to nothing in width."""
        return QSize(theme().px(120), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for the height that the lines take at the new width."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()

    def text(self) -> str:
        """Return the text; lines end with a line feed."""
        return self.toPlainText()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave Ctrl+Enter to the form that this stands in."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _follow(self) -> None:
        current = theme()
        self.setFont(current.font("body"))
        self.updateGeometry()


class SearchField(TextField):
    """A text that filters what stands below; Escape clears it."""

    def __init__(self, *, placeholder: str) -> None:
        self._lens: QAction | None = None
        super().__init__(name=placeholder, placeholder=placeholder)

    def _follow(self) -> None:
        if self._lens is not None:
            self.removeAction(self._lens)
        self._lens = QAction(themed_icon("search"), "", self)
        self._lens.setEnabled(True)
        self.addAction(self._lens, QLineEdit.ActionPosition.LeadingPosition)
        super()._follow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Clear on Escape; an empty field lets Escape pass."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)


class SelectField(QComboBox):
    """One of some words."""

    chosen = Signal(str)

    def __init__(self, *, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setProperty(OWN_FOCUS, True)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.activated.connect(lambda _row: self.chosen.emit(self.value()))
        follow_theme(self, self.updateGeometry)

    def set_options(self, options: Sequence[tuple[str, str]]) -> None:
        """Show these options, each a key and a word; the chosen one stays if it is there."""
        shown = [(str(self.itemData(at)), self.itemText(at)) for at in range(self.count())]
        if list(options) == shown:
            # A list that is open must not lose its place under the pointer.
            return
        before = self.value()
        self.clear()
        for key, text in options:
            self.addItem(text, key)
        self.set_value(before)

    def set_value(self, key: str) -> None:
        """Choose an option by its key, without a signal."""
        at = max(self.findData(key), 0 if self.count() else -1)
        if at != self.currentIndex():
            self.setCurrentIndex(at)

    def value(self) -> str:
        """Return the key of the chosen option, or ""."""
        return str(self.currentData() or "")

    def set_error(self, error: str) -> None:
        """Show that the choice is refused; "" takes it back."""
        self.setProperty(INVALID, bool(error))
        self.setToolTip(error)
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for the longest word and the arrow, which the style counts too narrow."""
        hint = super().sizeHint()
        return QSize(hint.width() + theme().px(_ARROW), hint.height())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: a value must not change in passing."""
        event.ignore()


class PathField(QWidget):
    """A path on this computer: typed, chosen in a dialog or dropped here."""

    path_changed = Signal(object)

    def __init__(self, *, name: str, mode: str = "folder", browse_text: str = "") -> None:
        super().__init__()
        self._name, self._mode = name, mode
        self._edit = TextField(name=name)
        self._browse = Button(browse_text or _("Browse…"), icon="folder")
        row = Row(gap=8)
        row.addWidget(self._edit, 1)
        row.add(self._browse)
        self.setLayout(row)
        self.setAcceptDrops(True)
        self._edit.setAcceptDrops(False)
        self._edit.editingFinished.connect(self._on_edited)
        self._browse.clicked.connect(self._on_browse)
        self._shown: Path | None = None

    def set_path(self, path: Path | None) -> None:
        """Show a path, without a signal."""
        self._shown = path
        self._edit.setText(str(path) if path else "")
        self._edit.setToolTip(str(path) if path else "")

    def path(self) -> Path | None:
        """Return the path, or None."""
        text = self._edit.text().strip()
        return Path(text).expanduser() if text else None

    def set_error(self, error: str) -> None:
        """Show that the path is refused; "" takes it back."""
        self._edit.set_error(error)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take one path."""
        if len(dropped_paths(event.mimeData())) == 1:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take the path that was dropped."""
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self._take(paths[0])

    def _on_edited(self) -> None:
        if self.path() != self._shown:
            self._take(self.path())

    def _on_browse(self) -> None:
        start = str(self.path() or "")
        if self._mode == "folder":
            found = QFileDialog.getExistingDirectory(self, self._name, start)
        elif self._mode == "save":
            found, _filter = QFileDialog.getSaveFileName(self, self._name, start)
        else:
            found, _filter = QFileDialog.getOpenFileName(self, self._name, start)
        if found:
            self._take(Path(found))

    def _take(self, path: Path | None) -> None:
        self.set_path(path)
        self.path_changed.emit(path)


class Field(QWidget):
    """A field with its label above and a hint, or what is wrong, below."""

    def __init__(self, label: str, editor: QWidget, *, hint: str = "") -> None:
        super().__init__()
        self._editor = editor
        self._hint = hint
        self._label = TextLabel(label, role="label")
        self._label.setBuddy(editor)
        self._sign = IconLabel("status-danger", role="danger", size=14)
        self._below = TextLabel(hint, role="small", colour="text2", wrap=True)
        self._below.setHidden(not hint)
        self._sign.hide()
        line = Row(gap=6)
        line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._below, 1)
        self.setLayout(Column(self._label, editor, line, gap=6))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        editor.installEventFilter(self)

    def set_label(self, label: str) -> None:
        """Show another label."""
        self._label.set_text(label)

    def set_hint(self, hint: str) -> None:
        """Show another hint; "" hides it."""
        self._hint = hint
        self.set_error("")

    def set_error(self, error: str) -> None:
        """Show what is wrong in place of the hint; "" takes it back."""
        shown = error or self._hint
        self._below.set_text(shown)
        self._below.set_colour("danger" if error else "text2")
        self._below.setHidden(not shown)
        self._sign.setHidden(not error)
        mark = getattr(self._editor, "set_error", None)
        if callable(mark):
            mark(error)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Grey the label with its field."""
        if watched is self._editor and event.type() == QEvent.Type.EnabledChange:
            self._label.setEnabled(self._editor.isEnabled())
        return False
