# SPDX-License-Identifier: Apache-2.0
"""What can be done with a chart: which lines, which scale, which steps, and saving it."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from PySide6.QtCore import Signal

from gui.widgets.buttons import Button
from gui.widgets.charts.canvas import Canvas
from gui.widgets.charts.picture import png_of, svg_of
from gui.widgets.menu import MenuItem

PNG, SVG, CSV, TENSORBOARD = "png", "svg", "csv", "tensorboard"


class ChartMenu(Button):
    """A button over a chart. All that it does works by keyboard: Enter opens its menu.

    Signals:
        lines_changed: Keys of the lines that are to be seen.
        save_requested: A person wants a file: `png`, `svg`, `csv` or `tensorboard`.

    Args:
        canvas: The chart that it changes.
        lines: Lines that can be hidden, each a key and a word; at least one is always seen.
        is_of_runs: It shows runs, of which TensorBoard can have a log.
    """

    lines_changed = Signal(object)
    save_requested = Signal(str)

    def __init__(
        self, canvas: Canvas, lines: Sequence[tuple[str, str]], *, is_of_runs: bool
    ) -> None:
        super().__init__(
            _("View"), kind="ghost", size="small", icon="eye", accessible=_("View of the chart")
        )
        self._canvas, self._lines, self._is_of_runs = canvas, tuple(lines), is_of_runs
        self._shown = {key for key, _word in lines}
        # Its place stays while a picture is made without it.
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.picked.connect(self._on_picked)
        self._fill()
        # Never while it is open: who walks through it by keyboard would lose the place.
        self.menu().aboutToShow.connect(self._fill)

    def shown(self) -> tuple[str, ...]:
        """Return the keys of the lines that are seen."""
        return tuple(key for key, _word in self._lines if key in self._shown)

    def show_only(self, keys: Sequence[str]) -> None:
        """Mark these lines as seen, without a signal."""
        self._shown = set(keys)
        self._fill()

    def _fill(self) -> None:
        canvas = self._canvas
        is_zoomed = canvas.zoom.window is not None
        whole = _("All steps are shown.") if not is_zoomed else ""
        lines = [
            MenuItem(key=key, text=word, is_checked=key in self._shown) for key, word in self._lines
        ]
        log = MenuItem(key=TENSORBOARD, text=_("Write a TensorBoard log…"))
        self.set_menu(
            (
                *lines,
                *((None,) if lines else ()),
                MenuItem(key="log", text=_("Logarithmic scale"), is_checked=canvas.is_log),
                None,
                MenuItem(key="in", text=_("Zoom in (+)")),
                MenuItem(key="back", text=_("Zoom back (−)"), enabled=is_zoomed, reason=whole),
                MenuItem(key="whole", text=_("All steps (0)"), enabled=is_zoomed, reason=whole),
                None,
                MenuItem(key=PNG, text=_("Save as PNG picture…")),
                MenuItem(key=SVG, text=_("Save as SVG picture…")),
                MenuItem(key=CSV, text=_("Save the numbers as CSV…")),
                *((log,) if self._is_of_runs else ()),
            )
        )

    def _on_picked(self, key: str) -> None:
        match key:
            case "log":
                self._canvas.set_log(not self._canvas.is_log)
            case "in":
                self._canvas.zoom_in()
            case "back":
                self._canvas.zoom_back()
            case "whole":
                self._canvas.zoom_whole()
            case "png" | "svg" | "csv" | "tensorboard":
                self.save_requested.emit(key)
            case _:
                self._toggle(key)

    def _toggle(self, key: str) -> None:
        changed = self._shown ^ {key}
        if not changed:
            # The last line stays: give its mark back.
            self._fill()
            return
        self._shown = changed
        self.lines_changed.emit(self.shown())

    def picture(self, kind: str, title: str) -> bytes:
        """Return the chart that the button stands in as a picture, without the button."""
        chart = self.parentWidget() or self._canvas
        self.hide()
        try:
            return svg_of(chart, title) if kind == SVG else png_of(chart)
        finally:
            self.show()
