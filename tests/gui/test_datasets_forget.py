# SPDX-License-Identifier: Apache-2.0
"""Forgetting a dataset from its menu: the plan, the name that is asked for, and what remains."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox
from pytestqt.qtbot import QtBot

from engine.domain.forgetting import Remaining, RemainingKind
from engine.errors import InUse
from gui.bridge.services import Services
from gui.pages.datasets.dataset_page import DatasetPage
from gui.pages.datasets.forget_page import ForgetPage
from gui.pages.datasets.view import DatasetsPage
from gui.viewmodels.forgetting import ForgetRequest, forget_reason, forget_view
from gui.widgets.banner import Banner
from gui.widgets.buttons import Button, IconButton
from gui.widgets.fields import TextField
from gui.widgets.text import TextLabel
from tests.fakes.api import FakeApi, a_dataset
from tests.fakes.forgetting import DAY, a_plan, a_relative
from tests.gui.find import carried, child
from tests.gui.geometry import clipped_texts

pytestmark = pytest.mark.gui

NAME = "Support tickets"
REQUEST = ForgetRequest(dataset_id="d1", name=NAME)


@pytest.fixture
def page(api: FakeApi, window_services: Services, qtbot: QtBot) -> ForgetPage:
    api.datasets.all = [a_dataset()]
    page = ForgetPage(window_services)
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    page.show_request(REQUEST)
    return page


def button(page: ForgetPage) -> Button:
    return next(one for one in page.findChildren(Button) if "Forget" in one.text())


def texts(page: ForgetPage) -> str:
    return "\n".join(one.text() for one in page.findChildren(TextLabel) if one.isVisible())


def ready(page: ForgetPage, qtbot: QtBot) -> None:
    """Wait for the plan, and type the name."""
    qtbot.wait_until(lambda: "Versions of" in texts(page))
    child(page, TextField).setText(NAME)
    assert button(page).isEnabled()


def test_menu_of_a_dataset_leads_to_the_question(
    api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    api.datasets.all = [a_dataset()]
    page = DatasetsPage(window_services)
    qtbot.addWidget(page)
    with qtbot.wait_signal(window_services.library.loaded):
        window_services.library.refresh()
    page.show()
    page.show_argument("d1")
    more = next(
        one
        for one in child(page, DatasetPage).findChildren(IconButton)
        if one.accessibleName() == "More"
    )
    with qtbot.wait_signal(window_services.navigator.requested) as asked:
        more.picked.emit("forget")
    assert carried(asked) == ["datasets", REQUEST]
    page.show_argument(carried(asked)[1])
    found = child(page, ForgetPage)
    assert found.isVisible()
    assert child(found, TextField).hasFocus() or not page.isActiveWindow()
    qtbot.keyClick(found, Qt.Key.Key_Escape)
    assert child(page, DatasetPage).isVisible()


def test_plan_names_what_goes_what_stays_and_what_cannot_be_promised(
    page: ForgetPage, qtbot: QtBot
) -> None:
    assert not button(page).isEnabled()
    qtbot.wait_until(lambda: "Versions of" in texts(page))
    said = texts(page)
    for words in ("36 MB in all", "work on “Support tickets” (2 times)", "/data/tickets.jsonl",
                  "/media/stick", "Run “Support tickets 3”", "shredding"):  # fmt: skip
        assert words in said, words


def test_runs_on_kept_datasets_and_unclear_ones_are_named(
    page: ForgetPage, api: FakeApi, qtbot: QtBot
) -> None:
    remaining = (
        Remaining(kind=RemainingKind.RUN, id="r8", name="On the sample", made_at=DAY),
        Remaining(kind=RemainingKind.UNCLEAR, id="r9", name="Of old", made_at=DAY),
    )
    api.forgetting.made = a_plan(remaining=remaining)
    page.show_request(REQUEST)
    qtbot.wait_until(lambda: "Of old" in texts(page))
    assert "“On the sample” of 2026-11-03: it learned from a dataset that is kept" in texts(page)
    assert "“Of old” of 2026-11-03: what it learned from is gone" in texts(page)


def test_button_waits_for_the_name_and_then_forgets(
    page: ForgetPage, api: FakeApi, qtbot: QtBot
) -> None:
    qtbot.wait_until(lambda: "Versions of" in texts(page))
    field = child(page, TextField)
    field.setText("support tickets")
    assert not button(page).isEnabled()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    field.setText(NAME)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.wait_until(lambda: f"“{NAME}” is forgotten." in texts(page))
    assert api.forgetting.forgotten == [("d1", ("d3",), ("d2",))]
    qtbot.wait_until(lambda: "/media/stick" in texts(page))
    assert "Versions of" not in texts(page)
    with qtbot.wait_signal(page.left) as left:
        page.header.back_clicked.emit()
    assert carried(left) == [""]


def test_marks_decide_which_related_datasets_go(
    page: ForgetPage, api: FakeApi, qtbot: QtBot
) -> None:
    qtbot.wait_until(lambda: len(page.findChildren(QCheckBox)) == 2)
    derived, same = page.findChildren(QCheckBox)
    assert (derived.isChecked(), same.isChecked()) == (True, False)
    assert "Tickets, a sample" in derived.accessibleName()
    derived.setFocus()
    qtbot.keyClick(derived, Qt.Key.Key_Space)
    same.setChecked(True)
    ready(page, qtbot)
    button(page).click()
    qtbot.wait_until(lambda: bool(api.forgetting.forgotten))
    assert api.forgetting.forgotten == [("d1", ("d2",), ("d3",))]


def test_live_run_blocks_it_with_the_remedy(page: ForgetPage, api: FakeApi, qtbot: QtBot) -> None:
    api.forgetting.made = a_plan(blockers=("R is using this dataset: stop it.",), related=())
    page.show_request(REQUEST)
    qtbot.wait_until(lambda: child(page, Banner).isVisible())
    assert "stop it" in child(page, Banner).accessibleName()
    child(page, TextField).setText(NAME)
    assert not button(page).isEnabled()
    assert "stop it" in button(page).toolTip()
    assert page.findChildren(QCheckBox) == [] or not page.findChildren(QCheckBox)[0].isVisible()


def test_what_went_wrong_is_shown_and_can_be_tried_again(
    page: ForgetPage, api: FakeApi, window_services: Services, qtbot: QtBot
) -> None:
    ready(page, qtbot)
    api.forgetting.error = InUse("A run is using it.")
    with qtbot.wait_signal(window_services.notices.failed) as shown:
        button(page).click()
    assert carried(shown)[0] is api.forgetting.error
    api.forgetting.error = None
    qtbot.wait_until(lambda: button(page).isEnabled())
    button(page).click()
    qtbot.wait_until(lambda: bool(api.forgetting.forgotten))


def test_long_names_and_paths_make_the_page_no_wider(
    page: ForgetPage, api: FakeApi, qtbot: QtBot
) -> None:
    long = "/".join(["a long name of a folder"] * 9)
    related = (a_relative(id="d2", name=long), a_relative(id="d3", name=long, is_in_trash=True))
    source = Remaining(kind=RemainingKind.SOURCE, name="x", path=f"/{long}/{'x' * 120}.jsonl")
    api.forgetting.made = a_plan(related=related, remaining=(source,))
    page.show_request(REQUEST)
    qtbot.wait_until(lambda: "x" * 120 in texts(page))
    page.resize(560, 700)
    qtbot.wait(50)
    assert page.width() == 560
    assert clipped_texts(page) == []


def test_reason_names_what_is_missing() -> None:
    view = forget_view(a_plan())
    assert forget_reason(None, name="A", typed="A")
    assert "A" in forget_reason(view, name="A", typed="")
    assert forget_reason(view, name="A", typed=" A ") == ""
    assert forget_reason(forget_view(a_plan(blockers=("No.",))), name="A", typed="A") == "No."
