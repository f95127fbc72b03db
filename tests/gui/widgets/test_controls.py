# SPDX-License-Identifier: Apache-2.0
"""Controls: what a click, a key and a setter do."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QFont, QGuiApplication, QPainter
from PySide6.QtWidgets import QStyle, QStyleOptionComboBox, QWidget
from pytestqt.qtbot import QtBot

from gui.widgets import choices
from gui.widgets.banner import ICONS, Banner
from gui.widgets.box import Column, Panel, Row
from gui.widgets.buttons import Action, Button, IconButton, MenuItem
from gui.widgets.card import Disclosure
from gui.widgets.chip import Badge, Chip
from gui.widgets.choices import Choice, ChoiceCards, SegmentedControl, Switch
from gui.widgets.empty import EmptyState, Skeleton
from gui.widgets.error_panel import ErrorPanel, ErrorText
from gui.widgets.fields import Field, NumberField, PathField, SearchField, SelectField, TextField
from gui.widgets.picker import ObjectPicker, PickerOption
from gui.widgets.progress import Progress, RunProgress
from gui.widgets.rows import FindingRow, JobRow, NameValue, WarningRow
from gui.widgets.setting_row import SettingRow
from gui.widgets.slider import Slider
from gui.widgets.tabs import TabBar
from gui.widgets.text import LinkLabel, TextLabel
from gui.widgets.theme.paint import text_width
from gui.widgets.theme.theme import Theme

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("themed")]
ENTER, SPACE, RIGHT, LEFT = Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Right, Qt.Key.Key_Left
MOUSE = Qt.MouseButton.LeftButton
W = TypeVar("W", bound=QWidget)


def _shown(qtbot: QtBot, widget: W) -> W:
    qtbot.addWidget(widget)
    widget.show()
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow, timeout=2000)
    return widget


@pytest.mark.parametrize("key", [ENTER, SPACE])
def test_button_with_the_keyboard_is_clicked(qtbot: QtBot, key: Qt.Key) -> None:
    button = _shown(qtbot, Button("Start"))

    with qtbot.waitSignal(button.clicked, timeout=500):
        qtbot.keyClick(button, key)


@pytest.mark.parametrize("key", [ENTER, SPACE])
def test_link_with_the_keyboard_is_clicked(qtbot: QtBot, key: Qt.Key) -> None:
    link = _shown(qtbot, LinkLabel("See the proof"))

    with qtbot.waitSignal(link.clicked, timeout=500):
        qtbot.keyClick(link, key)


def test_button_while_busy_shows_the_other_word_and_takes_no_click(qtbot: QtBot) -> None:
    button = _shown(qtbot, Button("Stop"))

    button.set_busy("Stopping…")

    assert button.shown_text() == "Stopping…"
    assert not button.isEnabled()
    button.set_busy("")
    assert button.shown_text() == "Stop"
    assert button.isEnabled()


def test_button_with_a_reason_stays_blocked_after_it_was_busy(qtbot: QtBot) -> None:
    button = _shown(qtbot, Button("Start"))

    button.set_reason("Choose a dataset first.")
    button.set_busy("Starting…")
    button.set_busy("")

    assert not button.isEnabled()
    assert button.toolTip() == "Choose a dataset first."
    button.set_reason("")
    assert button.isEnabled()


def test_button_with_a_menu_tells_what_was_picked(qtbot: QtBot) -> None:
    button = _shown(qtbot, Button("Stop"))
    button.set_menu([MenuItem(key="now", text="Stop now"), None, MenuItem(key="b", text="Best")])

    with qtbot.waitSignal(button.picked, timeout=500) as caught:
        button.menu().actions()[2].trigger()

    assert caught.args == ["b"]


def test_icon_button_has_its_name_as_tooltip_and_for_screen_readers(qtbot: QtBot) -> None:
    button = _shown(qtbot, IconButton("close", "Close this message"))

    assert button.accessibleName() == button.toolTip() == "Close this message"


def _cards(qtbot: QtBot, *, rows: bool) -> ChoiceCards:
    cards = ChoiceCards(name="Goal", rows=rows)
    cards.set_choices(
        [
            Choice(key="a", title="Style", text="One."),
            Choice(key="b", title="Follow", text="Two."),
            Choice(key="c", title="Know", text="Three.", enabled=False, reason="Needs text."),
        ]
    )
    cards.resize(900, 160)
    return _shown(qtbot, cards)


@pytest.mark.parametrize("rows", [False, True])
def test_choice_cards_are_chosen_by_click_and_tell_it_once(qtbot: QtBot, rows: bool) -> None:
    cards = _cards(qtbot, rows=rows)
    told: list[str] = []
    cards.chosen.connect(told.append)

    qtbot.mouseClick(cards._cards[1], MOUSE)

    assert (cards.value(), told) == ("b", ["b"])


@pytest.mark.parametrize("compact", [False, True])
def test_long_title_of_a_card_goes_on_in_the_next_line(
    qtbot: QtBot, compact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    title = "Follow instructions better, in every kind of task"
    cards = ChoiceCards(name="Goal", compact=compact)
    cards.set_choices([Choice(key=key, title=key, text="One.") for key in ("Short", title)])
    cards.resize(400, 160)
    written: list[tuple[str, float, QRectF]] = []

    def record(painter: QPainter, rect: QRectF, text: str, **how: object) -> float:
        font = how["font"]
        assert isinstance(font, QFont)
        written.append((text, text_width(text, font), QRectF(rect)))
        return 0.0

    monkeypatch.setattr(choices, "write", record)
    _shown(qtbot, cards)
    written.clear()
    cards._cards[1].grab()

    *lines, (text, _wide, below) = written
    assert (" ".join(line for line, _wide, _place in lines), text) == (title, "One.")
    assert len(lines) > 1
    assert all(wide <= place.width() for _line, wide, place in lines)
    tops = [place.top() for _line, _wide, place in lines]
    assert tops == sorted(set(tops))
    assert below.top() >= lines[-1][2].bottom() - 8
    assert below.bottom() <= cards._cards[1].height()


def test_choice_cards_are_walked_with_the_arrow_keys(qtbot: QtBot) -> None:
    cards = _cards(qtbot, rows=True)
    cards.set_value("a")
    cards._cards[0].setFocus()

    qtbot.keyClick(cards._cards[0], Qt.Key.Key_Down)

    assert cards.value() == "b"


def test_choice_cards_that_are_not_possible_say_why(qtbot: QtBot) -> None:
    cards = _cards(qtbot, rows=False)

    qtbot.mouseClick(cards._cards[2], MOUSE)

    assert cards.value() == ""
    assert cards._cards[2].toolTip() == "Needs text."


def test_choice_cards_in_a_narrow_room_stand_below_each_other(qtbot: QtBot) -> None:
    cards = _cards(qtbot, rows=False)

    cards.resize(300, 600)

    qtbot.waitUntil(lambda: cards._cards[1].y() > cards._cards[0].y(), timeout=1000)


def test_segmented_control_tells_what_was_chosen(qtbot: QtBot) -> None:
    parts = SegmentedControl(name="Measure")
    parts.set_parts([("e", "Exact"), ("f", "Form")])
    _shown(qtbot, parts)

    with qtbot.waitSignal(parts.chosen, timeout=500) as caught:
        qtbot.mouseClick(parts._parts[1], MOUSE)

    assert caught.args == ["f"]


def test_segmented_control_shows_other_parts_at_its_place_and_keeps_the_choice(
    qtbot: QtBot,
) -> None:
    parts, behind = SegmentedControl(name="Measure"), Button("Behind")
    panel = _shown(qtbot, Panel(Row(parts, behind)))
    parts.set_parts([("e", "Exact"), ("f", "Form"), ("g", "General")])
    parts.set_value("f")
    parts._parts[1].setFocus()
    parts.set_parts([("a", "All"), ("f", "Form, 2")])
    assert parts.value() == "f"
    assert [one.text() for one in parts._parts if one.isVisible()] == ["All", "Form, 2"]
    assert panel.nextInFocusChain() is parts
    assert parts.nextInFocusChain() is parts._parts[0]
    parts.set_parts([("x", "Other"), ("y", "Another")])
    assert parts.value() == ""
    parts.set_parts([("x", "Other"), ("y", "Another")])
    assert parts.value() == "x"


def test_set_value_of_choices_is_silent(qtbot: QtBot) -> None:
    parts = SegmentedControl(name="Measure")
    parts.set_parts([("e", "Exact"), ("f", "Form")])
    qtbot.addWidget(parts)

    with qtbot.assertNotEmitted(parts.chosen):
        parts.set_value("f")

    assert parts.value() == "f"


def test_switch_with_space_is_toggled(qtbot: QtBot) -> None:
    switch = _shown(qtbot, Switch(name="Stop early"))

    with qtbot.waitSignal(switch.toggled, timeout=500):
        qtbot.keyClick(switch, SPACE)

    assert switch.isChecked()


def test_slider_moves_by_stops_and_tells_only_the_person(qtbot: QtBot) -> None:
    slider = _shown(qtbot, Slider(name="Effort", stops=5))
    told: list[int] = []
    slider.value_changed.connect(told.append)

    slider.set_value(2)
    qtbot.keyClick(slider, RIGHT)
    qtbot.keyClick(slider, Qt.Key.Key_End)

    assert told == [3, 4]


def test_slider_goes_to_where_the_person_presses_and_follows_the_pointer(qtbot: QtBot) -> None:
    slider = _shown(qtbot, Slider(name="Effort", stops=5))
    slider.resize(400, slider.height())
    middle, end = slider.rect().center(), QPoint(slider.width() - 2, slider.height() // 2)

    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=end)
    at_press = slider.value()
    qtbot.mouseMove(slider, middle)
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=middle)

    assert at_press == 4
    assert slider.value() == 2
    assert not slider.isSliderDown()
    qtbot.mouseClick(slider, Qt.MouseButton.MiddleButton, pos=end)
    assert slider.value() == 2


def test_tabs_are_walked_with_the_arrow_keys(qtbot: QtBot) -> None:
    tabs = TabBar(name="Parts")
    tabs.set_tabs([("a", "Rows"), ("b", "Health")])
    _shown(qtbot, tabs)
    tabs._tabs[0].setFocus()

    with qtbot.waitSignal(tabs.chosen, timeout=500) as caught:
        qtbot.keyClick(tabs._tabs[0], RIGHT)

    assert caught.args == ["b"]


def test_tabs_keep_the_current_one_when_they_change(qtbot: QtBot) -> None:
    tabs = TabBar(name="Parts")
    qtbot.addWidget(tabs)
    tabs.set_tabs([("a", "Rows"), ("b", "Health")])
    tabs.set_value("b")

    tabs.set_tabs([("a", "Rows"), ("b", "Health"), ("c", "Split")])

    assert tabs.value() == "b"


@pytest.mark.parametrize(
    ("typed", "value"), [("0.0002", 0.0002), ("2e-4", 0.0002), ("  0.5 ", 0.5), ("99", 1.0)]
)
def test_number_field_takes_what_is_typed(qtbot: QtBot, typed: str, value: float) -> None:
    field = _shown(qtbot, NumberField(name="Rate", minimum=0, maximum=1, decimals=6))
    field.lineEdit().selectAll()

    qtbot.keyClicks(field, typed)
    qtbot.keyClick(field, ENTER)

    assert field.value() == pytest.approx(value)


@pytest.mark.parametrize("typed", ["2048", "2,048", "20,48", "2 048"])
def test_number_field_parts_thousands_and_takes_them_either_way(qtbot: QtBot, typed: str) -> None:
    field = _shown(qtbot, NumberField(name="Length", minimum=1, maximum=100_000))
    field.lineEdit().selectAll()

    qtbot.keyClicks(field, typed)
    qtbot.keyClick(field, ENTER)

    assert (field.value(), field.text()) == (2048, "2,048")


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [(Qt.Key.Key_Backspace, 204, "204"), (Qt.Key.Key_5, 20_485, "20,485")],
)
def test_digit_of_a_parted_number_is_changed_alone(
    qtbot: QtBot, key: Qt.Key, value: float, shown: str
) -> None:
    field = _shown(qtbot, NumberField(name="Length", minimum=1, maximum=100_000))
    field.set_value(2048)
    qtbot.keyClick(field, Qt.Key.Key_End)

    qtbot.keyClick(field, key)
    qtbot.keyClick(field, ENTER)

    assert (field.value(), field.text()) == (value, shown)


def test_comma_in_a_number_with_decimals_is_no_separator(qtbot: QtBot) -> None:
    field = _shown(qtbot, NumberField(name="Rate", minimum=0, maximum=100, decimals=2))
    field.set_value(1)
    field.lineEdit().selectAll()

    qtbot.keyClicks(field, "0,5")
    qtbot.keyClick(field, ENTER)

    assert field.value() == 1


def test_number_field_shows_no_zeros_that_say_nothing(qtbot: QtBot) -> None:
    field = NumberField(name="Rate", minimum=0, maximum=1, decimals=6)
    qtbot.addWidget(field)

    field.set_value(0.0002)

    assert field.text() == "0.0002"


def test_number_field_with_arrows_tells_the_new_value(qtbot: QtBot) -> None:
    field = _shown(qtbot, NumberField(name="Passes", minimum=1, maximum=9, unit="passes"))

    with qtbot.waitSignal(field.value_changed, timeout=500) as caught:
        qtbot.keyClick(field, Qt.Key.Key_Up)

    assert caught.args == [2.0]


def test_number_field_refuses_letters(qtbot: QtBot) -> None:
    field = _shown(qtbot, NumberField(name="Passes", minimum=0, maximum=9))
    field.lineEdit().selectAll()

    qtbot.keyClicks(field, "x7")

    assert field.lineEdit().text() == "7"


def test_select_field_tells_only_the_person(qtbot: QtBot) -> None:
    field = SelectField(name="Curve")
    field.set_options([("c", "Cosine"), ("l", "Linear")])
    _shown(qtbot, field)

    with qtbot.assertNotEmitted(field.chosen):
        field.set_value("l")
    with qtbot.waitSignal(field.chosen, timeout=500) as caught:
        qtbot.keyClick(field, Qt.Key.Key_Up)

    assert caught.args == ["c"]


def test_search_field_with_escape_is_cleared(qtbot: QtBot) -> None:
    field = _shown(qtbot, SearchField(placeholder="Find a setting"))
    field.setText("rank")

    qtbot.keyClick(field, Qt.Key.Key_Escape)

    assert field.text() == ""


def test_path_field_tells_a_typed_path_once(qtbot: QtBot, tmp_path: Path) -> None:
    field = _shown(qtbot, PathField(name="Folder"))
    told: list[object] = []
    field.path_changed.connect(told.append)
    field._edit.setText(str(tmp_path))

    field._edit.editingFinished.emit()
    field._edit.editingFinished.emit()

    assert told == [tmp_path]


def test_field_with_an_error_shows_it_in_place_of_the_hint(qtbot: QtBot) -> None:
    editor = TextField(name="Name")
    field = Field("Name", editor, hint="Letters only.")
    _shown(qtbot, field)

    field.set_error("There is a run of this name.")

    assert field._below.text() == "There is a run of this name."
    assert editor.property("invalid")
    field.set_error("")
    assert field._below.text() == "Letters only."
    assert not editor.property("invalid")


def _picker(qtbot: QtBot) -> ObjectPicker:
    picker = ObjectPicker(name="Data", icon="datasets", placeholder="Choose a dataset")
    picker.set_options([PickerOption(key="1", name="One"), PickerOption(key="2", name="Two")])
    picker.set_footer("add", "Add a dataset…", "plus")
    return _shown(qtbot, picker)


def test_object_picker_starts_with_nothing_chosen(qtbot: QtBot) -> None:
    assert _picker(qtbot).value() == ""


def test_object_picker_with_the_keyboard_chooses(qtbot: QtBot) -> None:
    picker = _picker(qtbot)

    with qtbot.waitSignal(picker.chosen, timeout=500) as caught:
        qtbot.keyClick(picker, Qt.Key.Key_Down)

    assert caught.args == ["1"]
    assert picker.value() == "1"


def test_object_picker_footer_is_a_way_and_not_a_choice(qtbot: QtBot) -> None:
    picker = _picker(qtbot)
    picker.set_value("2")

    with qtbot.waitSignal(picker.footer_chosen, timeout=500) as caught:
        picker.activated.emit(2)

    assert caught.args == ["add"]
    assert picker.value() == "2"


def test_object_picker_keeps_the_choice_when_the_options_change(qtbot: QtBot) -> None:
    picker = _picker(qtbot)
    picker.set_value("2")

    picker.set_options([PickerOption(key="0", name="Zero"), PickerOption(key="2", name="Two")])

    assert picker.value() == "2"


def test_disclosure_with_the_keyboard_unfolds(qtbot: QtBot) -> None:
    card = Disclosure("All settings")
    inside = TextLabel("Inside")
    card.add(inside)
    _shown(qtbot, card)
    assert not inside.isVisible()

    with qtbot.waitSignal(card.toggled, timeout=500):
        qtbot.keyClick(card._head, ENTER)

    assert inside.isVisible()


def test_setting_row_that_was_changed_offers_the_way_back(qtbot: QtBot) -> None:
    editor = NumberField(name="Rank", minimum=1, maximum=64)
    row = SettingRow(key="rank", title="Rank", technical="rank", text="Size.", editor=editor)
    _shown(qtbot, row)
    assert not row._back.isVisible()

    row.set_changed(True)
    with qtbot.waitSignal(row.put_back, timeout=500) as caught:
        qtbot.mouseClick(row._back, MOUSE)

    assert caught.args == ["rank"]


def test_setting_row_with_an_error_marks_its_field(qtbot: QtBot) -> None:
    editor = NumberField(name="Rank", minimum=1, maximum=64)
    row = SettingRow(key="rank", title="Rank", technical="rank", text="Size.", editor=editor)
    qtbot.addWidget(row)

    row.set_error("Must be at least 1.")

    assert row._line.text() == "Must be at least 1."
    assert editor.property("invalid")


def test_setting_row_that_is_not_available_says_why(qtbot: QtBot) -> None:
    editor = NumberField(name="Cards", minimum=1, maximum=8)
    row = SettingRow(key="n", title="Cards", technical="num_gpus", text="Share.", editor=editor)
    qtbot.addWidget(row)

    row.set_reason("This computer has one card.")

    assert not editor.isEnabled()
    assert row._line.text() == "This computer has one card."


@pytest.mark.parametrize(("query", "found"), [("rank", True), ("lora size", True), ("seed", False)])
def test_setting_row_is_found_by_name_key_and_sentence(
    qtbot: QtBot, query: str, found: bool
) -> None:
    editor = NumberField(name="Rank", minimum=1, maximum=64)
    row = SettingRow(
        key="r", title="Rank", technical="lora_rank", text="Size of it.", editor=editor
    )
    qtbot.addWidget(row)

    assert row.matches(query) is found


def test_banner_tells_actions_and_dismissal(qtbot: QtBot) -> None:
    banner = Banner()
    banner.set_content("Best at step 550.", "Stop?", [Action(key="stop", text="Stop there")])
    _shown(qtbot, banner)
    buttons = banner.findChildren(Button)

    with qtbot.waitSignal(banner.action_triggered, timeout=500) as caught:
        qtbot.mouseClick(buttons[0], MOUSE)
    with qtbot.waitSignal(banner.dismissed, timeout=500):
        qtbot.mouseClick(buttons[1], MOUSE)

    assert caught.args == ["stop"]


@pytest.mark.parametrize("kind", ICONS)
def test_banner_and_chip_of_every_kind_are_painted(qtbot: QtBot, kind: str) -> None:
    banner = Banner(kind=kind)
    banner.set_content("Best at step 550.")
    panel = _shown(qtbot, Panel(Column(banner, Chip("Best", kind=kind))))
    assert not panel.grab().isNull()


def test_rows_tell_what_was_pressed(qtbot: QtBot) -> None:
    finding = FindingRow(
        icon_kind="warning", title="Names", text="96 of them.", links=[("r", "Review")]
    )
    warning = WarningRow(strong="Long rows.", actions=[Action(key="skip", text="Skip them")])
    panel = _shown(qtbot, Panel(Column(finding, warning)))

    with qtbot.waitSignal(finding.link_clicked, timeout=500):
        qtbot.mouseClick(finding.findChildren(LinkLabel)[0], MOUSE)
    with qtbot.waitSignal(warning.action_triggered, timeout=500) as caught:
        qtbot.mouseClick(warning.findChildren(Button)[0], MOUSE)

    assert caught.args == ["skip"]
    assert panel.isVisible()


def test_job_row_cancels_while_it_runs_and_is_dismissed_after(qtbot: QtBot) -> None:
    row = _shown(qtbot, JobRow("job-1", "tickets.jsonl"))
    row.set_progress(0.4, "12 s left")

    with qtbot.waitSignal(row.cancel_requested, timeout=500):
        qtbot.mouseClick(row._close, MOUSE)
    row.set_done("11,874 rows")
    with qtbot.waitSignal(row.dismissed, timeout=500):
        qtbot.mouseClick(row._close, MOUSE)


def test_name_value_reads_as_one_sentence(qtbot: QtBot) -> None:
    row = NameValue("Share trained", "55", "%")
    qtbot.addWidget(row)

    assert row.accessibleName() == "Share trained: 55 %"


def test_chip_without_text_is_hidden(qtbot: QtBot) -> None:
    chip, badge = Chip(), Badge()
    panel = Panel(Column(chip, badge))
    qtbot.addWidget(panel)
    panel.show()

    assert (chip.isVisible(), badge.isVisible()) == (False, False)
    chip.set("Ready", kind="success")
    badge.set_number(3)
    assert (chip.isVisible(), badge.isVisible()) == (True, True)


@pytest.mark.parametrize(("share", "value"), [(0.5, 500), (2.0, 1000), (-1.0, 0)])
def test_progress_stays_inside_its_bar(qtbot: QtBot, share: float, value: int) -> None:
    bar = Progress(name="Import")
    qtbot.addWidget(bar)

    bar.set_share(share)

    assert bar.value() == value


def test_run_progress_says_where_it_is(qtbot: QtBot) -> None:
    run = RunProgress()
    qtbot.addWidget(run)

    run.set_progress(62, 100)

    assert run._title.text() == "Step 62 of 100"
    assert run._bar.accessibleDescription() == "Step 62 of 100"

    run.set_progress(0, 0)

    assert run._title.text() == "Before the first step"


def test_empty_state_offers_the_first_step(qtbot: QtBot) -> None:
    empty = EmptyState(icon="export")
    primary, ghost = Action(key="go", text="Export…"), Action(key="why", text="What for")
    empty.set_content("Nothing exported yet", "A run leaves as a file.", primary, ghost)
    _shown(qtbot, empty)
    told: list[str] = []
    empty.action_triggered.connect(told.append)

    for button in empty.findChildren(Button):
        qtbot.mouseClick(button, MOUSE)

    assert told == ["go", "why"]


def test_skeleton_waits_before_it_appears(qtbot: QtBot) -> None:
    skeleton = _shown(qtbot, Skeleton())

    skeleton.start()
    assert not skeleton.is_shown()
    skeleton.timer.timeout.emit()
    assert skeleton.is_shown()
    skeleton.stop()
    assert not skeleton.is_shown()
    assert not skeleton.timer.isActive()


def _error(qtbot: QtBot) -> ErrorPanel:
    panel = ErrorPanel()
    panel.set_error(
        ErrorText(title="No room on the disk", cause="It is full.", code="DISK-FULL", details="x"),
        [Action(key="free", text="Free space", kind="primary")],
    )
    return _shown(qtbot, panel)


def test_error_panel_folds_code_and_details(qtbot: QtBot) -> None:
    panel = _error(qtbot)
    assert not panel._details.isVisible()
    assert "DISK-FULL" in panel._fold.text()

    qtbot.keyClick(panel._fold, ENTER)

    assert panel._details.isVisible()
    assert panel._details.toPlainText() == "DISK-FULL\nx"


def test_error_panel_copies_what_support_needs(qtbot: QtBot) -> None:
    panel = _error(qtbot)

    panel._copy.click()

    assert QGuiApplication.clipboard().text() == "No room on the disk\nIt is full.\nDISK-FULL\nx"


def test_error_panel_shows_the_safe_strip_only_with_words(qtbot: QtBot) -> None:
    panel = _error(qtbot)
    assert not panel._safe.isVisible()

    panel.set_error(ErrorText(title="Stopped", safe="Step 200 is saved."))

    assert panel._safe.isVisible()


def test_error_panel_chooses_the_first_way_and_tells_another(qtbot: QtBot) -> None:
    panel = _error(qtbot)
    panel.set_choices("Go on with", [Choice(key="a", title="A"), Choice(key="b", title="B")])
    assert panel.choice() == "a"

    with qtbot.waitSignal(panel.choice_changed, timeout=500) as caught:
        qtbot.mouseClick(panel._choices._cards[1], MOUSE)

    assert caught.args == ["b"]


def test_every_control_has_a_name_for_screen_readers(qtbot: QtBot) -> None:
    controls = [
        Button("Start"),
        LinkLabel("Why"),
        Switch(name="Stop early"),
        Slider(name="Effort", stops=3),
        NumberField(name="Rank", minimum=1, maximum=2),
        SelectField(name="Curve"),
        TextField(name="Name"),
        SearchField(placeholder="Find"),
        Progress(name="Import"),
    ]
    for control in controls:
        qtbot.addWidget(control)

    assert all(control.accessibleName() for control in controls)


def test_elided_text_keeps_the_whole_as_tooltip(qtbot: QtBot) -> None:
    label = TextLabel("a-very-long-name-of-a-run-that-does-not-fit", elide=True)
    _shown(qtbot, label)
    label.resize(80, 20)

    assert label.toolTip() == label.text() == "a-very-long-name-of-a-run-that-does-not-fit"
    label.resize(900, 20)
    assert label.toolTip() == ""


def test_text_label_never_reads_markup(qtbot: QtBot) -> None:
    label = TextLabel("<b>x</b> & y", wrap=True)
    qtbot.addWidget(label)

    assert label.text() == "<b>x</b> & y"
    assert label.accessibleName() == "<b>x</b> & y"


def test_list_of_a_field_opens_below_it(qtbot: QtBot) -> None:
    field = _shown(qtbot, SelectField(name="Choose"))
    option = QStyleOptionComboBox()
    field.initStyleOption(option)

    hint = QStyle.StyleHint.SH_ComboBox_Popup

    assert field.style().styleHint(hint, option, field) == 0


def test_text_of_a_field_has_room_at_both_sides_as_the_text_grows(
    qtbot: QtBot, themed: Theme
) -> None:
    field = _shown(qtbot, TextField(name="Name"))
    rooms = [(themed.px(8), field.textMargins())]
    themed.set_text_scale(2.0)
    rooms.append((themed.px(8), field.textMargins()))

    assert rooms[1][0] > rooms[0][0] > 0
    for room, margins in rooms:
        assert (margins.left(), margins.right()) == (room, room)
