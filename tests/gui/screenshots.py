# SPDX-License-Identifier: Apache-2.0
"""Draws every page of the real window into a folder, to be looked at.

python tests/gui/screenshots.py FOLDER [--workspace DIR] [--scheme dark] [--scale 2] [--state home]

Without a workspace, a facade in memory with runs in every state stands in for one. Each picture
is 1280 x 800; STATES below names what is drawn: add a line for a state of your own page.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QEventLoop, QLocale, Qt, QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication

from engine.api.presets import Presets
from engine.api.settings import Settings as SettingValues
from engine.domain.phase import Phase
from engine.domain.queue import Queue
from engine.domain.recipe import Recipe
from engine.domain.run import JobSnapshot
from engine.hardware.doctor.registry import judge
from engine.hardware.doctor.snapshot import LibraryFacts, Snapshot, WorkspaceFacts
from engine.hardware.machine import read_machine
from engine.hardware.sleep import SleepFacts
from gui.actions.runtime import look_at_runtime
from gui.app import Window
from gui.bridge.notices import Notices
from gui.bridge.process import collect_garbage_here, look_for_catalogue_once
from gui.bridge.services import Services, make_services
from gui.bridge.settings import Settings
from gui.navigation import PAGES
from gui.pages.home.view import HomePage
from gui.pages.privacy.view import PrivacyPage
from gui.pages.runs.run_table import RunTable
from gui.pages.settings.view import SettingsPage
from gui.pages.train.rate_finder import RateFinder
from gui.pages.train.settings_panel import SettingsPanel
from gui.pages.train.view import TrainPage
from gui.viewmodels.continuing import continue_argument
from gui.viewmodels.extra_data import ExtraData
from gui.viewmodels.queue import QUEUE
from gui.viewmodels.rate import trial_view
from gui.viewmodels.recipe_files import opened_recipe
from gui.widgets.charts.canvas import Canvas
from gui.widgets.charts.line_chart import LineChart
from gui.widgets.page import Scroll
from gui.widgets.slider import Slider
from gui.widgets.theme.install import install_theme
from gui.widgets.theme.theme import theme
from gui.widgets.theme.tokens import Scheme
from tests.fakes.api import FakeApi, FakeFacts, FakeGpu, FakeMachine, FakePresets
from tests.fakes.queue import FakeQueue
from tests.fakes.rates import a_sweep
from tests.fakes.recipes import a_match
from tests.fakes.runtimes import FakeRuntimes
from tests.gui.conftest import NUMBERS_LOCALE, FakePrivacy
from tests.gui.geometry import clipped_texts
from tests.gui.plans import plan_on_card
from tests.gui.scenes import (
    a_queue,
    add_early_stopped,
    add_failed,
    add_finished,
    add_interrupted,
    add_killed,
    add_overfitting,
    add_rolled_back,
    add_run,
    add_silent,
    add_stopped,
    fill_library,
)

if TYPE_CHECKING:
    from engine.api.facade import Api
    from engine.api.privacy import Privacy

WIDTH, HEIGHT = 1280, 800
SETTLE_MS = 900


@dataclass(frozen=True, kw_only=True)
class State:
    """A picture: a page, what it is opened on, and what is pressed on it.

    Attributes:
        run: Beginning of the name of a run to open, "" for none, "*" for the newest.
        tab: Tab of the run to choose.
        prepare: What else is done before the picture is taken.
    """

    name: str
    page: str
    run: str = ""
    tab: str = ""
    prepare: Callable[[Window], None] | None = None


def open_settings(window: Window) -> None:
    """Open all settings of the page Train."""
    page = window.shell.page("train")
    if isinstance(page, TrainPage):
        page.change("lora_rank", 32)
        page.open_settings()


def unfold_settings(window: Window) -> None:
    """Open the settings with those that few people need, at their end."""
    open_settings(window)
    page = window.shell.page("train")
    if isinstance(page, TrainPage):
        panel = page.findChild(SettingsPanel)
        if panel is not None:
            panel.unfold()


def show_goals(window: Window) -> None:
    """Scroll to the goals, the effort and what is usual."""
    show_plan(window)
    page = window.shell.page("train")
    if isinstance(page, TrainPage):
        page.change("epochs", 8.0)
        (slider,) = page.findChildren(Slider)
        for area in page.findChildren(Scroll):
            # A change of the text size is laid out first.
            show = partial(area.ensureWidgetVisible, slider, 0, theme().px(60))
            QTimer.singleShot(SETTLE_MS // 2, show)


def open_recipe(window: Window) -> None:
    """Open a recipe file whose data are not here."""
    page = window.shell.page("train")
    if isinstance(page, TrainPage):
        recipe = Recipe(dataset_id="d1", model_id="m1", lora_rank=64, learning_rate=3e-3)
        matched = a_match(recipe, has_data=False)
        page.show_recipe(opened_recipe(matched, "support.recipe.json", ()))


def go_on(window: Window) -> None:
    """Go on with the adapter of a finished run on other data."""
    page = window.shell.page("train")
    if isinstance(page, TrainPage):
        services = page._services
        run = next(one for one in services.library.runs if one.has_adapter)
        page.show_plan()
        page.show_argument(continue_argument(services.api.continuing.of_run(run.id)))
        page._choose_dataset("d2")


def go_on_settings(window: Window) -> None:
    """Look at the settings of the adapter while a run goes on with one."""
    go_on(window)
    page = window.shell.page("train")
    if isinstance(page, TrainPage):
        page.show_setting("lora_alpha")


def find_rate(window: Window, *, is_over: bool = True) -> None:
    """Look at a trial of learning rates: while it goes on, or what it told."""
    page = window.shell.page("train")
    if not isinstance(page, TrainPage):
        return
    page.show_setting("learning_rate")
    finder = page.findChildren(RateFinder)[0]
    finder._on_started("")
    if is_over:
        finder._on_taken(a_sweep())
        return
    view = trial_view(JobSnapshot(phase=Phase.TRYING_RATES, step=21, learning_rate=1e-4))
    finder._words.set_text(view.words)
    finder._progress.set_share(view.share)
    finder._job_id = "trial"
    finder._show()


def show_plan(window: Window) -> None:
    """Go back from the settings to the plan."""
    page = window.shell.page("train")
    if isinstance(page, TrainPage):
        page.show_plan()


def show_tight_plan(window: Window) -> None:
    """Show a plan that does not fit its card, with what would help."""
    _show_engine_plan(window, capacity=8)


def show_roomy_plan(window: Window) -> None:
    """Show a plan that leaves room on its card."""
    _show_engine_plan(window, capacity=24)


def _show_engine_plan(window: Window, *, capacity: int) -> None:
    page = window.shell.page("train")
    if isinstance(page, TrainPage) and page.planned is not None:
        page.show_plan()
        planned = replace(page.planned, plan=plan_on_card(page.planned.plan, gigabytes=capacity))
        page.show_planned(planned)


def run_proof(window: Window) -> None:
    """Run the proof of privacy."""
    page = window.shell.page("privacy")
    if isinstance(page, PrivacyPage):
        page.run()


def mix_data(window: Window) -> None:
    """Add further data and replayed data to the draft."""
    page = window.shell.page("train")
    if isinstance(page, TrainPage):
        page.show_plan()
        further, general = ExtraData(dataset_id="d2", weight=0.5), ExtraData(is_replay=True)
        page.change_extra((further, general))


def show_space(window: Window) -> None:
    """Scroll to what takes room, with something of the trash chosen."""
    window.go("settings", "space")
    page = window.shell.page("settings")
    if isinstance(page, SettingsPage):
        page.space.choose(1)


def mark_runs(window: Window) -> None:
    """Mark two runs for comparing."""
    page = window.shell.page("runs")
    table = page.findChildren(RunTable)[0] if page is not None else None
    if table is not None:
        spoken = Qt.ItemDataRole.AccessibleTextRole
        for row in (1, 2):
            table.set_current(row)
            if table.model().index(row, 0).data(spoken) == "Not marked":
                table.row_marked.emit(row)


def compare_runs(window: Window, *, tab: str = "Curves") -> None:
    """Show four runs side by side."""
    window.go("runs", ("r7", "r6", "r5", "r10"))
    _wait(SETTLE_MS)
    _press(window, tab)


def zoom_chart(window: Window) -> None:
    """Show a part of the loss on a logarithmic scale."""
    page = window.shell.page("runs")
    chart = page.findChildren(LineChart)[0] if page is not None else None
    if chart is not None:
        canvas = chart.findChildren(Canvas)[0]
        canvas.set_log(True)
        canvas.zoom_to(100, 400)


def show_queue(window: Window) -> None:
    """Show the queue with runs in every state, at night only, before a shutdown."""
    open_queue(window, a_queue())


def show_unkept_queue(window: Window) -> None:
    """Show the queue while the process that looks after it dies again and again."""
    queue = cast("FakeQueue", window._services.api.queue)
    queue.problem = "Nothing is started: the process that looks after the queue ends by an error."
    queue.remedy = (
        "It is tried again every few minutes, and when you change the queue. It said: "
        "ImportError: libstdc++.so.6: cannot open shared object file: No such file or directory"
    )
    open_queue(window, a_queue())


def show_empty_queue(window: Window) -> None:
    """Show the queue without a run."""
    open_queue(window, Queue())


def open_queue(window: Window, queue: Queue) -> None:
    """Show a queue."""
    library = window._services.library
    cast("FakeQueue", window._services.api.queue).queue = queue
    library.refresh(lambda: window.go("runs", QUEUE))


def take_libraries_away(window: Window) -> None:
    """Make it the packaged program without its training libraries, for all that is drawn after."""
    services = window._services
    cast("FakeRuntimes", services.api.runtimes).is_packaged = True
    look_at_runtime(services, tell=window._say_what_is_missing)
    seen = judge(
        Snapshot(
            machine=read_machine(services.api.layout.root),
            workspace=WorkspaceFacts(path=""),
            libraries=LibraryFacts(missing=("torch", "peft"), is_packaged=True),
            sleep=SleepFacts(can_sleep=False),
        )
    )
    cast("FakeMachine", services.api.machine).found = seen
    page = window.shell.page("home")
    if isinstance(page, HomePage):
        page.page_entered()


STATES: tuple[State, ...] = (
    State(name="home", page="home"),
    State(name="datasets", page="datasets"),
    State(name="models", page="models"),
    State(name="train", page="train", prepare=show_plan),
    State(name="train-tight", page="train", prepare=show_tight_plan),
    State(name="train-roomy", page="train", prepare=show_roomy_plan),
    State(name="train-mix", page="train", prepare=mix_data),
    State(name="train-settings", page="train", prepare=open_settings),
    State(name="train-all-settings", page="train", prepare=unfold_settings),
    State(name="train-goals", page="train", prepare=show_goals),
    State(name="train-recipe", page="train", prepare=open_recipe),
    State(name="train-rates", page="train", prepare=find_rate),
    State(name="train-rates-trying", page="train", prepare=partial(find_rate, is_over=False)),
    State(name="train-continue", page="train", prepare=go_on),
    State(name="train-continue-settings", page="train", prepare=go_on_settings),
    State(name="runs", page="runs"),
    State(name="runs-marked", page="runs", prepare=mark_runs),
    State(name="runs-compare", page="runs", prepare=compare_runs),
    State(name="runs-compare-results", page="runs", prepare=partial(compare_runs, tab="Results")),
    State(name="runs-compare-recipes", page="runs", prepare=partial(compare_runs, tab="Recipes")),
    State(name="queue", page="runs", prepare=show_queue),
    State(name="queue-unkept", page="runs", prepare=show_unkept_queue),
    State(name="queue-empty", page="runs", prepare=show_empty_queue),
    State(name="run-notes", page="runs", run="support-v2", tab="Notes"),
    State(name="run-zoomed", page="runs", run="*", prepare=zoom_chart),
    State(name="run", page="runs", run="*"),
    State(name="run-table", page="runs", run="*", tab="Table"),
    State(name="run-log", page="runs", run="*", tab="Log"),
    State(name="run-setup", page="runs", run="*", tab="Setup"),
    State(name="run-files", page="runs", run="*", tab="Files"),
    State(name="run-finished", page="runs", run="support-v2"),
    State(name="run-stopped", page="runs", run="support-v1"),
    State(name="run-failed", page="runs", run="support-v4"),
    State(name="run-interrupted", page="runs", run="support-v5"),
    State(name="run-killed", page="runs", run="support-v6"),
    State(name="run-silent", page="runs", run="support-still"),
    State(name="run-early", page="runs", run="support-early"),
    State(name="run-overfitting", page="runs", run="support-heart"),
    State(name="run-rolled-back", page="runs", run="support-back"),
    State(name="export", page="export"),
    State(name="settings", page="settings"),
    State(name="privacy", page="privacy"),
    State(name="support", page="support"),
    State(name="privacy-proof", page="privacy", prepare=run_proof),
    State(name="settings-space", page="settings", prepare=show_space),
    State(name="home-without-libraries", page="home", prepare=take_libraries_away),
)


def main() -> int:
    """Draw what was asked for; return 1 where something is cut."""
    options = _parse()
    app = QApplication(["burnish"])
    collect_garbage_here(app)
    look_for_catalogue_once()
    QLocale.setDefault(QLocale(NUMBERS_LOCALE))
    install_theme(app, scheme=Scheme.LIGHT, font_px=13)
    services = _services(options.workspace)
    window = Window(services, theme())
    window.open()
    window.start()
    _wait(SETTLE_MS)
    options.folder.mkdir(parents=True, exist_ok=True)
    faults = 0
    for scheme in options.scheme or [one.value for one in Scheme]:
        for scale in options.scale or [1.0, 2.0]:
            theme().preset(scheme=Scheme(scheme), text_scale=scale)
            for state in STATES:
                if not options.state or state.name in options.state:
                    name = f"{state.name}-{scheme}-{scale:g}"
                    faults += _draw(window, services, state, options.folder / f"{name}.png")
    window.close()
    return 1 if faults else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workspace", type=Path, default=None)
    parser.add_argument("--state", action="append", choices=[one.name for one in STATES])
    parser.add_argument("--scheme", action="append", choices=[one.value for one in Scheme])
    parser.add_argument("--scale", action="append", type=float)
    return parser.parse_args()


def _services(workspace: Path | None) -> Services:
    notices = Notices()
    place = Path(tempfile.mkdtemp()) / "settings.json"
    settings = Settings(place, SettingValues(), notices)
    privacy = cast("Privacy", FakePrivacy())
    if workspace is None:
        return make_services(_facade(), settings=settings, notices=notices, privacy=privacy)
    from engine.api.facade import open_api

    return make_services(open_api(workspace), settings=settings, notices=notices, privacy=privacy)


def _facade() -> Api:
    api = FakeApi()
    api.machine.current = FakeFacts(gpus=(FakeGpu(),))
    api.runs.device = "cuda"
    fill_library(api)
    api.presets = cast("FakePresets", Presets())
    add_run(api, "support-v3", "r7", created_at="2026-11-04T14:00:00.000Z")
    for add in (
        add_finished,
        add_stopped,
        add_failed,
        add_interrupted,
        add_killed,
        add_silent,
        add_early_stopped,
        add_overfitting,
        add_rolled_back,
    ):
        add(api)
    return cast("Api", api)


def _draw(window: Window, services: Services, state: State, path: Path) -> int:
    runs = services.library.runs
    wanted = [one for one in runs if state.run in ("*", one.job.info.name)]
    is_known = state.page in {one.id for one in PAGES}
    if not is_known or (state.run and not wanted):
        return 0
    window.shell.resize(WIDTH, HEIGHT + 1)
    window.shell.resize(WIDTH, HEIGHT)
    window.go(state.page, wanted[0].id if state.run else None)
    _wait(SETTLE_MS)
    if state.tab:
        _press(window, state.tab)
    if state.prepare is not None:
        state.prepare(window)
    if state.tab or state.prepare is not None:
        _wait(SETTLE_MS)
    window.shell.grab().save(str(path))
    found = clipped_texts(window.shell)
    if window.shell.width() > WIDTH:
        found.append(f"the window grew to {window.shell.width()} pixels")
    for fault in found:
        sys.stdout.write(f"{path.name}: {fault}\n")
    if state.tab:
        _press(window, "Charts")
    return len(found)


def _press(window: Window, text: str) -> None:
    for button in window.shell.findChildren(QAbstractButton):
        if button.text() == text and button.isVisible():
            button.click()
            return


def _wait(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


if __name__ == "__main__":
    sys.exit(main())
