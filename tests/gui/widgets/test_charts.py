# SPDX-License-Identifier: Apache-2.0
"""Charts: appending, crosshair, table, and how long painting takes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gui.widgets.charts.line_chart import LineChart
from gui.widgets.charts.small_chart import SmallChart
from tests.gui.pace import frame_s

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("themed")]


def _chart(qtbot: QtBot, points: int = 100) -> LineChart:
    chart = LineChart(title="Loss", x_name="Step")
    qtbot.addWidget(chart)
    chart.set_empty_text("First point after step 10")
    chart.set_points(range(points), [2.0 - i / points for i in range(points)])
    chart.resize(700, 320)
    chart.show()
    qtbot.waitExposed(chart)
    return chart


def test_chart_with_the_arrow_keys_moves_the_crosshair(qtbot: QtBot) -> None:
    chart = _chart(qtbot)
    told: list[int] = []
    chart.step_hovered.connect(told.append)

    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_Right):
        qtbot.keyClick(chart._canvas, key)

    assert told == [99, 98, 0, 1]


def test_chart_says_the_values_at_the_crosshair(qtbot: QtBot) -> None:
    chart = _chart(qtbot)

    chart.set_crosshair(50)

    assert chart._raw_key.words() == "training 1.50"
    assert "step 50" in chart._at.text()
    chart.set_crosshair(None)
    assert chart._at.text() == ""


def test_chart_with_t_shows_the_values_as_a_table_and_back(qtbot: QtBot) -> None:
    chart = _chart(qtbot)
    chart.append_held_out(50, 1.75)

    qtbot.keyClick(chart._canvas, Qt.Key.Key_T)

    table = chart._table
    assert table is not None
    assert table.isVisible()
    assert not chart._canvas.isVisible()
    row = [table.model().index(50, column).data() for column in range(3)]
    assert row == ["50", "1.50", "1.75"]
    qtbot.keyClick(table, Qt.Key.Key_T)
    assert chart._canvas.isVisible()


def test_chart_table_has_a_row_for_each_step_of_either_line(qtbot: QtBot) -> None:
    chart = _chart(qtbot, points=3)
    chart.append_held_out(10, 1.5)

    rows = chart.table()

    assert [row[0] for row in rows] == [0, 1, 2, 10]
    assert [row[1] is None for row in rows] == [False, False, False, True]
    assert rows[3] == (10, None, 1.5)


def test_chart_after_resume_goes_on_from_the_checkpoint(qtbot: QtBot) -> None:
    chart = _chart(qtbot, points=100)

    chart.append_points([80, 81], [1.0, 0.9])

    assert len(chart.table()) == 82


def test_chart_without_points_paints_its_words(qtbot: QtBot) -> None:
    chart = _chart(qtbot, points=0)

    chart.grab()
    qtbot.keyClick(chart._canvas, Qt.Key.Key_Left)

    assert chart._canvas.crosshair is None


@pytest.mark.parametrize("points", [1, 2])
def test_chart_of_few_points_can_be_painted(qtbot: QtBot, points: int) -> None:
    chart = _chart(qtbot, points=points)
    chart.set_held_out([0], [float("nan")])
    chart.set_best(0, 1.0, "Best so far", "step 0")
    chart.set_total(1000)
    chart.set_paused(True)

    assert not chart.grab().isNull()


@pytest.mark.parametrize(("total", "is_right"), [(1000, True), (212, False)])
def test_label_of_the_best_point_hides_no_curve_where_there_is_room(
    qtbot: QtBot, total: int, is_right: bool
) -> None:
    chart = _chart(qtbot, points=0)
    chart.set_points(range(213), [2.5 * 0.98**step + 0.5 for step in range(213)])
    chart.set_held_out([0, 200], [2.4, 0.6])
    chart.set_total(total)
    canvas = chart._canvas
    plot = canvas.plot_rect()
    at = canvas.to_point(plot, 200, 0.6)
    label = canvas.label_room(plot, at, 90.0)
    assert (label.left() == at.x()) is is_right
    assert plot.contains(label)
    chart.set_best(200, 0.6, "Best 0.60", "held out, step 200")
    assert not chart.grab().isNull()


def test_appending_to_100_000_points_and_painting_takes_less_than_a_tenth(qtbot: QtBot) -> None:
    chart = _chart(qtbot, points=100_000)
    chart.set_total(200_000)
    chart.grab()

    def draw(i: int) -> None:
        chart.append_points([100_000 + i], [1.0])
        chart.grab()

    assert frame_s(draw, 10) < 0.05


def test_small_chart_shows_the_present_value_with_its_unit(qtbot: QtBot) -> None:
    chart = SmallChart(title="Speed", series="s3")
    qtbot.addWidget(chart)
    chart.set_points([0, 1, 2], [0.0, 5000.0, 5103.0])
    chart.set_future([3, 4], [5000.0, 5000.0])

    chart.set_current("5,103", "tokens/s")

    assert chart._canvas.accessibleDescription() == "5,103 tokens/s"
    assert chart._canvas.y_texts()[1] == (6000, "6k")
    assert not chart.grab().isNull()


def test_chart_says_its_marks_to_those_who_do_not_see_them(qtbot: QtBot) -> None:
    chart = _chart(qtbot)

    chart.set_marks([20, 60], "went back to here")

    assert chart._canvas.accessibleDescription().endswith(
        "went back to here: 20. went back to here: 60."
    )
    chart.set_marks((), "")
    assert "back" not in chart._canvas.accessibleDescription()
