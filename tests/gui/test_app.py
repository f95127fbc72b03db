# SPDX-License-Identifier: Apache-2.0
"""The window as a whole: it opens fast and light, every page can be read and walked by keyboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QDeadlineTimer, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.domain.run_note import RunNote
from engine.errors import FileMissing
from engine.protocol.events import Finished
from gui.actions.runtime import look_at_runtime
from gui.app import Window
from gui.bridge.process import report_to
from gui.bridge.services import Services
from gui.navigation import PAGES, Situation, all_commands
from gui.pages.runs.notes_tab import NotesTab
from gui.widgets.banner import Banner
from gui.widgets.fields import TextArea
from gui.widgets.theme.theme import Theme, theme
from gui.widgets.theme.tokens import Scheme
from gui.widgets.toast import Toast
from tests.fakes.api import FakeApi
from tests.gui.find import carried, child
from tests.gui.geometry import clipped_texts
from tests.gui.scenes import (
    add_failed,
    add_finished,
    add_interrupted,
    add_run,
    add_stopped,
    fill_library,
)

pytestmark = pytest.mark.gui

REPOSITORY = Path(__file__).resolve().parents[2]
LEARNING = {"torch", "transformers", "peft", "bitsandbytes", "accelerate", "datasets"}
INTERACTIVE = (
    QAbstractButton,
    QComboBox,
    QLineEdit,
    QAbstractSpinBox,
    QAbstractSlider,
    QAbstractItemView,
    QPlainTextEdit,
)

VISIT = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QDeadlineTimer
from PySide6.QtWidgets import QApplication
from engine.api.privacy import Privacy
from engine.api.settings import Settings as Values
from gui.app import Window, open_services
from gui.bridge.notices import Notices
from gui.bridge.process import collect_garbage_here
from gui.bridge.settings import Settings
from gui.navigation import PAGES
from gui.widgets.theme.install import install_theme

app = QApplication(["burnish"])
collect_garbage_here(app)
look = install_theme(app)
notices = Notices()
errors = []
notices.failed.connect(lambda error, title: errors.append(error.code))
folder = Path(sys.argv[1])
settings = Settings(folder / "settings.json", Values(), notices)
services = open_services(folder / "workspace", settings, notices, Privacy(kernel_filter=False))
window = Window(services, look)
window.open()
window.start()
for page in PAGES:
    window.go(page.id)
    until = QDeadlineTimer(500)
    while not until.hasExpired():
        app.processEvents()
window.close()
names = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"modules": names, "errors": errors}))
"""

GARBAGE = """
import json, sys, threading, weakref
from PySide6.QtCore import QObject, QTimer
import main
from gui.bridge import process

threads, elsewhere = [], []

def leave_garbage(app):
    for _number in range(100):
        page = QObject()
        page.itself = page
        weakref.finalize(page, lambda: threads.append(threading.current_thread().name))
    del page
    thread = threading.Thread(target=lambda: elsewhere.extend([[] for _ in range(100_000)]))
    thread.start()
    thread.join()
    wait = QTimer(app)
    wait.timeout.connect(lambda: len(threads) == 100 and app.exit(0))
    wait.start(50)
    QTimer.singleShot(20_000, app, lambda: app.exit(1))

process.print_first_paint = leave_garbage
status = main.main(["--window", "--workspace", sys.argv[1], "--exit-after-show"])
print(json.dumps(threads))
sys.exit(status)
"""


@pytest.fixture
def window(window_services: Services, themed: Theme, qtbot: QtBot) -> Window:
    """Return an opened window over a facade in memory."""
    made = Window(window_services, themed)
    qtbot.addWidget(made.shell)
    made.open()
    made.start()
    qtbot.wait_until(lambda: window_services.library.is_loaded)
    return made


def test_window_tells_at_its_start_what_became_of_runs_and_asks_nothing(
    window_services: Services, api: FakeApi, themed: Theme, qtbot: QtBot
) -> None:
    add_interrupted(api)
    add_failed(api)
    window_services.settings.set(seen_at="2020-01-01T00:00:00.000Z")
    made = Window(window_services, themed)
    qtbot.addWidget(made.shell)
    made.open()
    made.start()
    qtbot.wait_until(lambda: made.shell.findChild(Banner) is not None)
    assert QApplication.activeModalWidget() is None
    banner = made.shell.findChild(Banner)
    assert isinstance(banner, Banner)
    assert "was interrupted while no window was open" in banner.accessibleName()
    banner.action_triggered.emit("show")
    assert made.shell.current_page() == "runs"
    assert window_services.settings.values.seen_at > "2026"


@pytest.mark.parametrize("is_packaged", [True, False])
def test_packaged_window_without_libraries_says_so_and_leads_to_them(
    is_packaged: bool, window_services: Services, api: FakeApi, themed: Theme, qtbot: QtBot
) -> None:
    api.runtimes.is_packaged = is_packaged
    made = Window(window_services, themed)
    qtbot.addWidget(made.shell)
    made.open()
    made.start()
    qtbot.wait_until(lambda: window_services.library.is_loaded and window_services.tasks.is_idle)
    banner = made.shell.findChild(Banner)
    assert (banner is not None) is is_packaged
    if isinstance(banner, Banner):
        assert "Training is not possible yet" in banner.accessibleName()
        banner.action_triggered.emit("runtime")
        assert made.shell.current_page() == "settings"


@pytest.mark.parametrize("looks_first", [True, False])
def test_what_became_of_runs_is_told_before_missing_libraries(
    looks_first: bool,
    window_services: Services,
    api: FakeApi,
    themed: Theme,
    qtbot: QtBot,
) -> None:
    add_interrupted(api)
    api.runtimes.is_packaged = True
    window_services.settings.set(seen_at="2020-01-01T00:00:00.000Z")
    made = Window(window_services, themed)
    qtbot.addWidget(made.shell)
    made.open()
    if looks_first:
        look_at_runtime(window_services, tell=made._say_what_is_missing)
    made.start()
    qtbot.wait_until(lambda: window_services.library.is_loaded and window_services.tasks.is_idle)
    (banner,) = made.shell.findChildren(Banner)
    assert "was interrupted" in banner.accessibleName()


def run_process(arguments: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    own = {"QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(home), "APPDATA": str(home)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_window_after_a_visit_to_every_page_has_loaded_no_training_library(tmp_path: Path) -> None:
    done = run_process(["-c", VISIT, str(tmp_path)], tmp_path)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert not set(seen["modules"]) & LEARNING
    assert seen["errors"] == []


def test_window_that_is_shown_and_closed_says_how_long_it_took(tmp_path: Path) -> None:
    arguments = ["main.py", "--window", "--workspace", str(tmp_path / "w"), "--exit-after-show"]
    done = run_process(arguments, tmp_path)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["first_paint_ms"] > 0
    assert line["torch_loaded"] is False


def test_pages_in_cycles_die_in_the_windows_thread_only(tmp_path: Path) -> None:
    """In another thread that would end the program, now and then."""
    done = run_process(["-c", GARBAGE, str(tmp_path / "w")], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["MainThread"] * 100


def test_every_page_has_its_own_id_and_shortcut() -> None:
    assert len({one.id for one in PAGES}) == len(PAGES)
    assert len({one.shortcut for one in PAGES}) == len(PAGES)


def test_every_command_does_something(window: Window) -> None:
    for command in all_commands(Situation()):
        kind = command.key.partition(":")[0]
        assert kind in {"page", "scheme"} or command.key in window.commands


# ---------------------------------------------------------------------- pages


def settle(qtbot: QtBot, services: Services) -> None:
    """Wait until nothing is under way."""
    qtbot.wait_until(lambda: services.tasks.is_idle, timeout=10_000)
    qtbot.wait(250)
    qtbot.wait_until(lambda: services.tasks.is_idle, timeout=10_000)


def assert_fits(window: Window, qtbot: QtBot) -> None:
    """Wait until the page has found its place, then fail if anything is cut."""
    until = QDeadlineTimer(5_000)
    while clipped_texts(window.shell) and not until.hasExpired():
        qtbot.wait(50)
    assert clipped_texts(window.shell) == []
    assert window.shell.width() == 1280, "the page is wider than the window"


@pytest.fixture
def full(api: FakeApi) -> FakeApi:
    """Return a facade with data, a model, and runs in several states."""
    fill_library(api)
    add_run(api, "support-v3", "r7")
    add_finished(api)
    add_stopped(api)
    add_failed(api)
    return api


STATES: tuple[tuple[str, str], ...] = (
    ("home", ""),
    ("train", ""),
    ("runs", ""),
    ("runs", "r7"),
    ("runs", "r8"),
)


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize(("page", "argument"), STATES)
def test_page_with_work_at_any_text_size_cuts_nothing(
    full: FakeApi,
    window: Window,
    window_services: Services,
    qtbot: QtBot,
    page: str,
    argument: str,
    scale: float,
) -> None:
    theme().preset(scheme=Scheme.LIGHT, text_scale=scale)
    window.shell.resize(1280, 800)
    window.go(page, argument or None)
    settle(qtbot, window_services)
    assert_fits(window, qtbot)


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("page", ["home", "train", "runs"])
def test_page_at_the_first_start_at_any_text_size_cuts_nothing(
    window: Window, window_services: Services, qtbot: QtBot, page: str, scale: float
) -> None:
    theme().preset(scheme=Scheme.LIGHT, text_scale=scale)
    window.shell.resize(1280, 800)
    window.go(page)
    settle(qtbot, window_services)
    assert_fits(window, qtbot)


def is_interactive(widget: QWidget) -> bool:
    # The lens in a search field is a picture that does nothing.
    is_inner = isinstance(widget.parentWidget(), QAbstractSpinBox | QComboBox | QLineEdit)
    return (
        isinstance(widget, INTERACTIVE)
        and not isinstance(widget, QScrollBar | QHeaderView)
        and not is_inner
        and widget.isVisible()
        and widget.isEnabled()
    )


def tab_chain(start: QWidget) -> list[QWidget]:
    """Return what Tab reaches, in order."""
    found: list[QWidget] = []
    one = start.nextInFocusChain()
    while one is not None and one is not start:
        if one.isVisible() and one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus:
            found.append(one)
        one = one.nextInFocusChain()
    return found


@pytest.mark.parametrize(("page", "argument"), STATES)
def test_every_control_of_a_page_has_a_name_and_is_reached_by_keyboard(
    full: FakeApi,
    window: Window,
    window_services: Services,
    qtbot: QtBot,
    page: str,
    argument: str,
) -> None:
    window.go(page, argument or None)
    settle(qtbot, window_services)
    shown = window.shell.page(page)
    assert shown is not None
    controls = [one for one in shown.findChildren(QWidget) if is_interactive(one)]
    assert controls
    nameless = [type(one).__name__ for one in controls if not one.accessibleName()]
    assert nameless == []
    reached = set(tab_chain(window.shell))
    missed = [
        f"{type(one).__name__} {one.accessibleName()}"
        for one in controls
        if one not in reached and not is_in_a_group(one, reached)
    ]
    assert missed == []


def is_in_a_group(widget: QWidget, reached: set[QWidget]) -> bool:
    """Return whether arrow keys lead here from a neighbour that Tab reaches."""
    parent = widget.parentWidget()
    neighbours = parent.findChildren(type(widget)) if parent is not None else []
    return isinstance(widget, QAbstractButton) and any(one in reached for one in neighbours)


def test_no_two_commands_have_the_same_keys_or_words() -> None:
    commands = all_commands(Situation(live_run="r1"))
    keys = [one.keys for one in commands if one.keys]
    assert sorted(keys) == sorted(set(keys))
    words = [one.text for one in commands]
    assert sorted(words) == sorted(set(words))


def test_every_page_has_a_command_with_its_keys() -> None:
    known = {(one.key, one.keys) for one in all_commands(Situation())}
    assert {(f"page:{one.id}", one.shortcut) for one in PAGES} <= known


# ---------------------------------------------------------------------- the frame


def test_live_run_is_shown_in_sidebar_and_status_bar(
    full: FakeApi, window: Window, window_services: Services, qtbot: QtBot
) -> None:
    with qtbot.wait_signal(window_services.library.jobs_changed, raising=False, timeout=500):
        window_services.library.refresh()
    settle(qtbot, window_services)
    texts = [one.accessibleName() for one in window.shell.findChildren(QAbstractButton)]
    assert any(text.startswith("support-v3. ") for text in texts)


def test_run_that_ends_while_another_page_is_shown_is_told(
    api: FakeApi, window: Window, window_services: Services, qtbot: QtBot
) -> None:
    job = add_run(api, "support-v3", "r7", upto=20)
    window_services.library.refresh()
    qtbot.wait_until(lambda: bool(window_services.library.live_jobs))
    with qtbot.wait_signal(window_services.notices.said, timeout=5_000) as said:
        job.emit(Finished())
    assert carried(said)[0] == "support-v3 is finished."


def test_closing_the_window_stops_nothing(full: FakeApi, window: Window) -> None:
    window.shell.close()
    window.close()
    assert full.jobs.stopped == []


def test_closing_the_window_keeps_what_was_typed(full: FakeApi, window: Window) -> None:
    window.go("runs", "r6")
    tab = child(window.shell, NotesTab)
    tab.show_note("r6", RunNote())
    child(tab, TextArea).setPlainText("Typed just now.")
    window.close()
    assert full.notes.read("r6").text == "Typed just now."


def test_place_of_the_window_is_kept(window: Window, window_services: Services) -> None:
    window.close()
    assert window_services.settings.values.window


def test_error_is_shown_above_the_page_with_its_remedy(
    window: Window, window_services: Services
) -> None:
    window_services.notices.show_error(FileMissing("It is gone."), title="Nothing was imported")
    (banner,) = window.shell.findChildren(Banner)
    assert "Nothing was imported It is gone. Check the path" in banner.accessibleName()
    window_services.notices.clear()
    assert not [one for one in window.shell.findChildren(Banner) if one.isVisible()]


@pytest.mark.expects_log("ERROR gui: unforeseen")
def test_unforeseen_exception_becomes_an_error_without_traceback_as_headline(
    window: Window, window_services: Services
) -> None:
    error = ValueError("secret row text")
    report_to(window_services.notices)(ValueError, error, None)
    (banner,) = window.shell.findChildren(Banner)
    assert "Something unexpected happened (ValueError)" in banner.accessibleName()
    assert "secret" not in banner.accessibleName()


def test_details_of_an_error_can_be_copied(
    window: Window, window_services: Services, qapp: QApplication
) -> None:
    window_services.notices.show_error(FileMissing("It is gone.", detail="path 7"))
    (banner,) = window.shell.findChildren(Banner)
    banner.action_triggered.emit("copy")
    assert qapp.clipboard().text().splitlines()[0] == "file_missing"
    assert "path 7" in qapp.clipboard().text()


def test_dropped_model_folder_is_added_and_file_is_imported(
    api: FakeApi, window: Window, window_services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "qwen"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    window.shell.files_dropped.emit([folder, tmp_path / "rows.jsonl"])
    qtbot.wait_until(lambda: bool(api.models.all) and bool(api.datasets.imported))
    assert api.models.all[0].path == str(folder)
    assert api.datasets.imported == [((tmp_path / "rows.jsonl",), "")]


def test_scheme_command_changes_the_look_and_is_kept(
    window: Window, window_services: Services, themed: Theme
) -> None:
    window.shell.command_triggered.emit("scheme:dark")
    assert themed.scheme is Scheme.DARK
    assert window_services.settings.values.scheme == "dark"


def test_toast_undo_calls_what_was_given(window: Window, window_services: Services) -> None:
    undone: list[bool] = []
    window_services.notices.say("Removed.", undo_text="Undo", undo=lambda: undone.append(True))
    (toast,) = window.shell.findChildren(Toast)
    toast.undo_requested.emit()
    assert undone == [True]
