# SPDX-License-Identifier: Apache-2.0
"""The one style sheet, made from the tokens for each scheme and text size."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.widgets.theme.theme import Theme

_LENGTHS = (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 28, 32, 34)
"""The lengths the sheet uses, in pixels at 100 %; `$px8` is 8 of them, scaled."""

_SHEET = Template("""
QMainWindow, QDialog { background: $panel; }
QToolTip {
    background: $raised; color: $text; border: 1px solid $outline; padding: ${px4} ${px8};
}
QPushButton {
    background: $raised; color: $text; border: 1px solid $outline; border-radius: $control;
    padding: ${px6} ${px13}; font-weight: 500;
}
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $selected; }
QPushButton:disabled { color: $disabled; border-color: $hairline; }
QPushButton[kind="primary"], QPushButton:default {
    background: $accent; color: $on_accent; border-color: $accent;
}
QPushButton[kind="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[kind="ghost"] { background: transparent; border: none; color: $accent_text; }
QPushButton[kind="danger"] { color: $danger; }
QTabBar { qproperty-drawBase: 0; background: transparent; }
QTabBar::tab {
    color: $text2; background: transparent; border: none; padding: ${px8} 0;
    margin-right: ${px28};
}
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTableView, QTreeView {
    background: transparent; border: none; gridline-color: transparent; outline: none;
    selection-background-color: $accent_soft; selection-color: $text;
}
QTableView[kind="rows"] { selection-background-color: transparent; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section {
    background: transparent; color: $text2; border: none; border-bottom: 1px solid $hairline;
    padding: 0 ${px12}; height: ${px34};
}
QTableCornerButton::section { background: transparent; border: none; }
QListView { background: transparent; border: none; outline: none; }
QComboBox { combobox-popup: 0; }
QComboBox QAbstractItemView {
    background: $raised; border: 1px solid $outline; outline: none; padding: ${px4};
    selection-background-color: $selected; selection-color: $text;
}
QMenu {
    background: $raised; color: $text; border: 1px solid $outline; border-radius: ${px8};
    padding: ${px5};
}
QMenu::item { padding: ${px6} ${px28} ${px6} ${px12}; border-radius: ${px5}; }
QMenu::item:selected { background: $selected; }
QMenu::item:disabled { color: $disabled; }
QMenu::icon { padding-left: ${px10}; }
QMenu::separator { height: 1px; background: $hairline; margin: ${px5} ${px8}; }
QScrollArea, QScrollArea > QWidget > QWidget#page { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: ${px12}; margin: 0; }
QScrollBar:horizontal { background: transparent; height: ${px12}; margin: 0; }
QScrollBar::handle { background: $outline; border-radius: ${px3}; }
QScrollBar::handle:vertical { min-height: ${px32}; margin: ${px3}; }
QScrollBar::handle:horizontal { min-width: ${px32}; margin: ${px3}; }
QScrollBar::handle:hover { background: $text2; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; border: none; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QPlainTextEdit, QTextEdit {
    background: $raised; color: $text; border: 1px solid $outline; border-radius: $control;
    padding: ${px6};
    selection-background-color: $select_bg; selection-color: $text;
}
QPlainTextEdit:focus, QTextEdit:focus { border: 2px solid $focus; padding: ${px5}; }
QSplitter::handle { background: $hairline; }
""")


def build_stylesheet(theme: Theme) -> str:
    """Return the style sheet of the current scheme and text size."""
    values = {role: theme.colour(role).name() for role in theme.tokens.colours[theme.scheme]}
    values |= {f"px{length}": f"{theme.px(length)}px" for length in _LENGTHS}
    values["control"] = f"{round(theme.radius('control'))}px"
    return _SHEET.substitute(values)
