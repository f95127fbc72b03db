# SPDX-License-Identifier: Apache-2.0
"""Layout: nothing cut at any text size, columns that stack, gaps that scale."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from gui.widgets.box import Column, Flow, Gap, Panel, Reflow, Row, Stretch, clear_layout
from gui.widgets.buttons import Button
from gui.widgets.page import Page, SideColumn
from gui.widgets.progress import RunProgress
from gui.widgets.tabs import TabBar
from gui.widgets.text import ELIDED, TextLabel
from gui.widgets.theme import Theme
from tests.gui.geometry import clipped_texts
from tests.gui.widgets.gallery_scenes import PAGES, memory_bar, shell

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("scene", PAGES)
def test_every_scene_fits_a_small_window_with_nothing_cut(
    qtbot: QtBot, themed: Theme, scene: str, scale: float
) -> None:
    themed.set_text_scale(scale)
    window = shell(scene)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    qtbot.waitExposed(window)
    for _turn in range(4):
        qtbot.wait(1)

    assert window.width() == 1280
    assert clipped_texts(window) == []


def _window(qtbot: QtBot, widget: QWidget, width: int, height: int = 400) -> QWidget:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def test_clipped_texts_finds_a_label_that_is_cut(qtbot: QtBot, themed: Theme) -> None:
    del themed
    ground = QWidget()
    label = QLabel("A sentence that is too long", ground)
    label.setGeometry(0, 0, 40, 20)
    _window(qtbot, ground, 300)

    assert any("A sentence" in fault for fault in clipped_texts(ground))


def test_clipped_texts_finds_neighbours_that_overlap(qtbot: QtBot, themed: Theme) -> None:
    del themed
    ground = QWidget()
    QPushButton("One", ground).setGeometry(0, 0, 100, 40)
    QPushButton("Two", ground).setGeometry(60, 0, 100, 40)
    _window(qtbot, ground, 300)

    assert any("overlap" in fault for fault in clipped_texts(ground))


def test_clipped_texts_finds_what_leaves_its_parent(qtbot: QtBot, themed: Theme) -> None:
    del themed
    ground = QWidget()
    QPushButton("One", ground).setGeometry(250, 0, 100, 40)
    _window(qtbot, ground, 300)

    assert any("leaves" in fault for fault in clipped_texts(ground))


def test_clipped_texts_of_a_text_that_elides_on_purpose_is_nothing(
    qtbot: QtBot, themed: Theme
) -> None:
    del themed
    panel = Panel(Column(TextLabel("A sentence that is too long for this", elide=True)))
    _window(qtbot, panel, 120, 60)

    assert clipped_texts(panel) == []


def test_reflow_stands_side_by_side_or_stacked(qtbot: QtBot, themed: Theme) -> None:
    first, second = Button("First"), Button("Second")
    panel = _window(qtbot, Panel(Column(Reflow(first, second, stack_below=400))), 800)
    assert first.y() == second.y()

    panel.resize(themed.px(300), 400)

    qtbot.waitUntil(lambda: second.y() > first.y(), timeout=1000)


def test_reflow_stacks_what_would_not_fit_even_if_wide(qtbot: QtBot, themed: Theme) -> None:
    del themed
    first, second = Button("A long word on a button " * 3), Button("Another long word " * 3)
    panel = Panel(Column(Reflow(first, second, stack_below=0)))
    _window(qtbot, panel, 600)

    assert second.y() > first.y()
    assert clipped_texts(panel) == []


def test_flow_goes_on_in_the_next_line(qtbot: QtBot, themed: Theme) -> None:
    del themed
    buttons = [Button(f"Button {i}") for i in range(8)]
    flow = Flow(*buttons)
    panel = _window(qtbot, Panel(flow), 300)

    assert panel.width() == 300
    assert buttons[-1].y() > buttons[0].y()
    assert flow.heightForWidth(300) > flow.heightForWidth(3000)


def test_lower_widgets_of_a_flow_stand_in_the_middle_of_their_line(
    qtbot: QtBot, themed: Theme
) -> None:
    del themed
    high, low = TextLabel("Step 620", role="title"), TextLabel("14 min left", role="small")
    panel = _window(qtbot, Panel(Flow(high, low, is_centred=True)), 600)

    assert low.geometry().center().y() == pytest.approx(high.geometry().center().y(), abs=1)
    assert panel.isVisible()


def test_tabs_use_the_room_to_the_end_before_they_widen_the_window(
    qtbot: QtBot, themed: Theme
) -> None:
    tabs = TabBar(name="Parts")
    tabs.set_tabs([(name, name) for name in ("Rows", "What will be trained", "Health", "Split")])
    panel = _window(qtbot, Panel(Column(tabs, Stretch(), gap=0)), tabs.minimumSizeHint().width())

    last = tabs.findChildren(QAbstractButton)[-1]
    qtbot.waitUntil(lambda: clipped_texts(panel) == [], timeout=1000)
    assert 0 <= tabs.width() - last.geometry().right() <= themed.px(10)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_progress_of_a_run_is_told_to_its_end(qtbot: QtBot, themed: Theme, scale: float) -> None:
    themed.set_text_scale(scale)
    now = (
        "Training. Next is the held-out check at step 650. Checkpoint 600 was saved and verified "
        "2 min ago."
    )
    run = RunProgress()
    run.set_progress(620, 1000)
    run.set_words("about 14 min left, done around 16:05", "24 min 55 s so far")
    run.set_now(now)
    # The room of a page in a window of 1280 pixels.
    width = 1_024 if scale == 2 else 1_008
    panel = _window(qtbot, Panel(Column(run, Stretch(), gap=0)), width)

    assert panel.width() == width
    assert clipped_texts(panel) == []
    labels = panel.findChildren(TextLabel)
    assert now in [label.text() for label in labels]
    assert not any(label.property(ELIDED) for label in labels)
    line = labels[-1].fontMetrics().height()
    assert labels[-1].height() == pytest.approx(line if scale == 1 else 2 * line, abs=2)
    so_far = next(label for label in labels if label.text().endswith("so far"))
    assert so_far.mapTo(panel, so_far.rect().topRight()).x() == pytest.approx(width, abs=2)


def test_need_of_memory_is_told_to_its_end(qtbot: QtBot, themed: Theme) -> None:
    bar = memory_bar()
    need, total = bar.findChildren(TextLabel)[:2]
    side_by_side = need.sizeHint().width() + total.sizeHint().width() + themed.px(12)
    panel = _window(qtbot, Panel(Column(bar, Stretch(), gap=0)), side_by_side)
    top = need.mapTo(panel, need.rect().topLeft()).y()
    assert total.mapTo(panel, total.rect().topLeft()).y() == top

    panel.resize(side_by_side - 1, panel.height())

    qtbot.waitUntil(lambda: total.mapTo(panel, total.rect().topLeft()).y() > top, timeout=1000)
    assert need.text() == "This run needs 9.4 to 11.7 GB"
    assert not need.property(ELIDED)
    assert clipped_texts(panel) == []


def test_gaps_follow_the_text_size(themed: Theme) -> None:
    row = Row(gap=10, margins=(20, 0, 0, 0))
    gap, margin = row.spacing(), row.contentsMargins().left()

    themed.set_text_scale(2.0)

    assert row.spacing() == pytest.approx(2 * gap, abs=1)
    assert row.contentsMargins().left() == pytest.approx(2 * margin, abs=1)


def test_clear_layout_removes_nested_layouts_and_widgets(qtbot: QtBot, themed: Theme) -> None:
    del themed
    column = Column(Row(QLabel("one"), Gap(4)), QLabel("two"))
    panel = _window(qtbot, Panel(column), 200)

    clear_layout(column)

    assert column.count() == 0
    assert all(not label.isVisible() for label in panel.findChildren(QLabel))


def test_page_puts_its_side_column_below_where_it_is_narrow(qtbot: QtBot, themed: Theme) -> None:
    page = Page("Title")
    body, beside = TextLabel("Body"), TextLabel("Beside")
    page.add(body)
    page.set_side(SideColumn().add(beside), 280)
    _window(qtbot, page, themed.px(1000), 600)

    def corner(widget: QWidget) -> tuple[int, int]:
        at = widget.mapTo(page, widget.rect().topLeft())
        return at.x(), at.y()

    assert corner(beside)[0] > corner(body)[0] + 200
    page.resize(themed.px(600), 600)
    qtbot.waitUntil(lambda: corner(beside)[1] > corner(body)[1] + 10, timeout=1000)
    assert corner(beside)[0] < corner(body)[0] + 100


def test_page_of_wrapped_texts_is_never_cut(qtbot: QtBot, themed: Theme) -> None:
    page = Page("Title")
    for _i in range(3):
        page.add(TextLabel("A sentence that has to break into several lines. " * 4, wrap=True))
    _window(qtbot, page, themed.px(420), 500)

    assert clipped_texts(page) == []


def test_header_stands_at_the_same_place_with_and_without_meta(qtbot: QtBot, themed: Theme) -> None:
    del themed
    plain, full = Page("Title"), Page("Title")
    full.header.set_meta("Facts")
    full.header.set_chip("Ready", "success")
    for page in (plain, full):
        _window(qtbot, page, 900, 600)

    tops = [page.header._title.mapTo(page, page.header._title.pos()).y() for page in (plain, full)]

    assert tops[0] == tops[1]
