# SPDX-License-Identifier: Apache-2.0
"""Choosing any of some words, in a list that stays open while one chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal

from gui.widgets.buttons import Button
from gui.widgets.menu import MenuItem

_NONE = ""


class MultiSelectField(Button):
    """A button that says what is chosen, and opens a list of words with marks.

    A click and Space change one mark and leave the list open; Enter changes it and closes the
    list, as Escape does without a change.

    Signals:
        changed: Another choice: the chosen keys as a tuple, in the order of the options.

    Args:
        name: What is chosen here.
        none: What is said while nothing is chosen; in the list it takes every mark away.
        words: Returns what is said of a choice, given the words of all that is chosen.
    """

    changed = Signal(object)

    def __init__(self, *, name: str, none: str, words: Callable[[Sequence[str]], str]) -> None:
        self._name, self._none, self._words = name, none, words
        self._options: tuple[tuple[str, str], ...] = ()
        self._values: tuple[str, ...] = ()
        super().__init__(none)
        self.picked.connect(self._pick)
        self._fill()

    def set_options(self, options: Sequence[tuple[str, str]]) -> bool:
        """Offer these, each a key and a word; return whether something chosen is not among them.

        What is not among them is not chosen any more.
        """
        self._options = tuple(options)
        known, before = {key for key, _text in self._options}, self._values
        self.set_values([one for one in before if one in known])
        return self._values != before

    def set_values(self, keys: Sequence[str]) -> None:
        """Choose these alone, without a signal, even before they are offered."""
        self._values = tuple(keys)
        self._fill()

    def values(self) -> tuple[str, ...]:
        """Return the chosen keys."""
        return self._values

    def _fill(self) -> None:
        marked = [
            MenuItem(key=key, text=text, is_checked=key in self._values)
            for key, text in self._options
        ]
        self.set_menu((MenuItem(key=_NONE, text=self._none), *((None, *marked) if marked else ())))
        self._tell()

    def _pick(self, key: str) -> None:
        if key == _NONE:
            self.set_values(())
        else:
            chosen = {*self._values} ^ {key}
            self._values = tuple(one for one, _text in self._options if one in chosen)
            self._tell()
        self.changed.emit(self._values)

    def _tell(self) -> None:
        chosen = [text for key, text in self._options if key in self._values]
        self.set_text(self._words(chosen) if chosen else self._none)
        self.setAccessibleName(self._name)
        self.setAccessibleDescription(", ".join(chosen) or self._none)
