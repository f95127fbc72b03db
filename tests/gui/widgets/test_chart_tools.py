# SPDX-License-Identifier: Apache-2.0
"""Charts: zoom and back, logarithmic scale, which lines, pictures, and several runs at once."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from gui.widgets.charts.canvas import Canvas
from gui.widgets.charts.chart_menu import ChartMenu
from gui.widgets.charts.compare_chart import ROLES, CompareChart, RunLine
from gui.widgets.charts.line_chart import LineChart
from gui.widgets.charts.scale import log_ticks
from gui.widgets.charts.zoom import Zoom
from gui.widgets.theme.theme import theme

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("themed")]
WHOLE = (0.0, 100.0)


@pytest.fixture
def chart(qtbot: QtBot) -> LineChart:
    """Return a chart of 100 steps from 2 down to 1, shown."""
    found = LineChart(title="Loss", x_name="Step")
    qtbot.addWidget(found)
    found.set_points(range(1, 101), [2.0 - i / 100 for i in range(100)])
    found.set_held_out([50, 100], [1.8, 1.2])
    found.resize(700, 320)
    found.show()
    qtbot.waitExposed(found)
    return found


def a_line(name: str, start: float = 2.0) -> RunLine:
    steps = list(range(1, 51))
    return RunLine(
        name=name,
        steps=steps,
        losses=[start - one / 100 for one in steps],
        checks=[25, 50],
        held_out=[start, start - 0.3],
    )


def test_chart_says_what_its_values_are_measured_in(qtbot: QtBot) -> None:
    made = [
        kind(title="Loss", x_name="Step", y_name="nats per token")
        for kind in (LineChart, CompareChart)
    ]
    for chart in made:
        qtbot.addWidget(chart)
        canvas = chart.findChildren(Canvas)[0]
        assert canvas.accessibleName() == "Loss, nats per token"
        assert b"nats per token</text>" in chart.picture("svg").replace(b"\n", b"")
        # Above the plot, so that no line runs through it.
        assert canvas.plot_rect().top() >= theme().px(16)


def test_zoom_goes_back_the_way_it_came() -> None:
    zoom = Zoom()
    zoom.show(60, 20, WHOLE)
    zoom.closer(0.5, None, WHOLE)
    assert zoom.window == (30, 50)
    zoom.back()
    assert zoom.window == (20, 60)
    zoom.back()
    assert zoom.window is None


def test_zoom_stays_inside_and_never_shows_a_single_step() -> None:
    zoom = Zoom()
    zoom.show(-50, 10, WHOLE)
    assert zoom.window == (0, 10)
    zoom.show(99.9, 99.95, WHOLE)
    low, high = zoom.window or WHOLE
    assert high - low >= 1
    assert high <= 100
    zoom.show(-1, 200, WHOLE)
    assert zoom.window is None


def test_keys_zoom_in_back_and_out(chart: LineChart, qtbot: QtBot) -> None:
    canvas = chart._canvas
    qtbot.keyClick(canvas, Qt.Key.Key_Plus)
    qtbot.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.zoom.window == (37.5, 62.5)
    qtbot.keyClick(canvas, Qt.Key.Key_Minus)
    assert canvas.zoom.window == (25, 75)
    qtbot.keyClick(canvas, Qt.Key.Key_0)
    assert canvas.zoom.window is None


def test_band_drawn_with_the_pointer_is_zoomed_into(chart: LineChart, qtbot: QtBot) -> None:
    canvas = chart._canvas
    plot = canvas.plot_rect()
    y = int(plot.center().y())
    start = QPoint(int(plot.left() + plot.width() * 0.25), y)
    end = QPoint(int(plot.left() + plot.width() * 0.75), y)
    button = Qt.MouseButton.LeftButton
    qtbot.mousePress(canvas, button, pos=start)
    qtbot.mouseMove(canvas, end)
    qtbot.mouseRelease(canvas, button, pos=end)
    low, high = canvas.zoom.window or (0, 0)
    assert low == pytest.approx(25, abs=1)
    assert high == pytest.approx(75, abs=1)


def test_zoomed_chart_scales_to_what_is_seen(chart: LineChart) -> None:
    canvas = chart._canvas
    _across, (_low, before) = canvas.ranges()
    canvas.zoom_to(80, 100)
    _across, (_low, after) = canvas.ranges()
    assert after < before


def test_logarithmic_scale_puts_equal_ratios_at_equal_distances(chart: LineChart) -> None:
    canvas = chart._canvas
    canvas.set_log(True)
    plot = canvas.plot_rect()
    one, two, four = (canvas.to_point(plot, 0, value).y() for value in (1.0, 2.0, 4.0))
    assert one - two == pytest.approx(two - four)
    assert canvas.y_texts()


def test_log_ticks_are_round() -> None:
    assert log_ticks(0.09, 11, 3) == pytest.approx([0.1, 0.2, 0.5, 1, 2, 5, 10])
    assert len(log_ticks(1.2, 1.9, 3)) >= 3


def test_menu_hides_a_line_but_never_the_last(chart: LineChart) -> None:
    menu = chart.findChildren(ChartMenu)[0]
    assert menu.accessibleName() == "View of the chart"
    menu.picked.emit("raw")
    assert chart._canvas.shown == ("smooth",)
    menu.picked.emit("smooth")
    assert chart._canvas.shown == ("smooth",)


def test_menu_asks_for_files_and_changes_the_view(chart: LineChart, qtbot: QtBot) -> None:
    menu = chart.findChildren(ChartMenu)[0]
    with qtbot.wait_signal(chart.save_requested) as told:
        menu.picked.emit("csv")
    assert told.args == ["csv"]
    menu.picked.emit("log")
    menu.picked.emit("in")
    assert chart._canvas.is_log
    assert chart._canvas.zoom.window is not None
    menu.picked.emit("whole")
    assert chart._canvas.zoom.window is None


def test_pictures_are_png_and_svg_without_the_button(chart: LineChart) -> None:
    menu = chart.findChildren(ChartMenu)[0]
    image = QImage.fromData(chart.picture("png"))
    assert image.width() == 2 * chart.width()
    svg = chart.picture("svg").decode()
    assert svg.startswith("<?xml")
    assert "<polyline" in svg
    assert ">View<" not in svg
    # The axis has a name.
    assert ">Step<" in "".join(svg.split())
    assert menu.isVisible()


def test_comparison_names_every_run_with_its_value(qtbot: QtBot) -> None:
    chart = CompareChart(title="Loss", x_name="Step")
    qtbot.addWidget(chart)
    chart.set_value_format("{:.2f}".format)
    chart.set_runs([a_line("first"), a_line("second", 3.0)])
    assert chart.legend() == ("first 1.70", "second 2.70")
    chart._canvas._stand_on(30)
    assert chart.legend() == ("first 2.00", "second 3.00")
    assert "second 3.00" in chart._canvas.accessibleDescription()


def test_comparison_as_a_table_has_all_steps_of_all_runs(qtbot: QtBot) -> None:
    chart = CompareChart(title="Loss", x_name="Step")
    qtbot.addWidget(chart)
    short = RunLine(name="short", steps=[1], losses=[5.0], checks=[], held_out=[])
    chart.set_runs([a_line("first"), short])
    rows = chart.table()
    assert rows[0] == (1, pytest.approx(1.99), 5.0, None, None)
    assert rows[24] == (25, pytest.approx(1.75), None, 2.0, None)
    chart.show()
    chart.toggle_table()
    assert chart._table is not None
    assert not chart._table.isHidden()
    chart.toggle_table()
    assert chart._table.isHidden()


def test_series_differ_in_more_than_colour() -> None:
    styles = [theme().tokens.series[role] for role in ROLES]
    assert len({(one.dash, one.marker) for one in styles}) == len(ROLES)


def test_more_runs_than_series_are_refused(qtbot: QtBot) -> None:
    chart = CompareChart(title="Loss", x_name="Step")
    qtbot.addWidget(chart)
    with pytest.raises(ValueError, match="6 runs"):
        chart.set_runs([a_line(str(one)) for one in range(6)])
