# SPDX-License-Identifier: Apache-2.0
"""The real window over a real workspace with real workers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import cast

import psutil
import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.api.facade import Api, open_api
from engine.api.privacy import Privacy
from engine.api.settings import Settings as SettingValues
from engine.domain.run import JobKind, JobState
from engine.errors import EngineError
from engine.protocol.events import StepDone
from gui.app import Window
from gui.bridge.notices import Notices
from gui.bridge.services import Services, make_services
from gui.bridge.settings import Settings
from gui.pages.runs.charts import Charts
from gui.pages.train.view import TrainPage
from gui.viewmodels.train import TrainArgument
from gui.widgets.buttons import Button
from gui.widgets.charts.line_chart import LineChart
from gui.widgets.tabs import TabBar
from gui.widgets.theme.theme import Theme
from tests.e2e.command_line import ROOT, SAMPLE, STARTER
from tests.gui.conftest import FakePrivacy
from tests.gui.find import child

pytestmark = [pytest.mark.e2e, pytest.mark.gui, pytest.mark.slow]

STEPS = 20
LIMIT_MS = 180_000


@pytest.fixture
def services(qtbot: QtBot, themed: Theme, tmp_path: Path) -> Generator[Services]:
    """Return the real services; only the guard is a stand-in, since it would stay for good."""
    del themed
    notices = Notices()
    found = make_services(
        open_api(tmp_path / "workspace"),
        settings=Settings(tmp_path / "settings.json", SettingValues(), notices),
        notices=notices,
        privacy=cast("Privacy", FakePrivacy()),
    )
    yield found
    found.close()
    qtbot.wait(1)


@pytest.fixture
def errors(services: Services) -> list[str]:
    """Collect the code of every error that the window shows."""
    codes: list[str] = []

    def keep(error: EngineError, _title: str) -> None:
        codes.append(error.code)

    services.notices.failed.connect(keep)
    return codes


@pytest.fixture
def window(services: Services, themed: Theme, qtbot: QtBot) -> Window:
    made = Window(services, themed)
    qtbot.addWidget(made.shell)
    made.open()
    made.start()
    qtbot.wait_until(lambda: services.library.is_loaded, timeout=20_000)
    return made


def shown(window: Window, page: str) -> QWidget:
    """Return a page that has been opened."""
    found = window.shell.page(page)
    assert found is not None
    return found


def press(window: Window, page: str, text: str, qtbot: QtBot) -> None:
    """Press the button of this name on a page as soon as it can be pressed."""

    def found() -> Button | None:
        buttons = shown(window, page).findChildren(Button)
        named = [one for one in buttons if one.accessibleName() == text and one.isVisible()]
        return next((one for one in named if one.isEnabled()), None)

    qtbot.wait_until(lambda: found() is not None, timeout=30_000)
    button = found()
    assert button is not None
    button.click()


def test_a_folder_is_checked_repaired_and_taken_back_in_the_window(
    window: Window, services: Services, errors: list[str], qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "pile"
    folder.mkdir()
    rows = [{"prompt": f"Question {one}?", "completion": f"Answer {one}."} for one in range(30)]
    lines = [json.dumps(one) for one in rows]
    (folder / "a.jsonl").write_text("\n".join(lines[:20]), encoding="utf-8")
    (folder / "b.json").write_text(json.dumps(rows[15:]), encoding="utf-8")
    table = "frage;completion;prompt\n1;Call +49 30 901820.;Phone?\n"
    (folder / "c.csv").write_text(table, encoding="utf-8")
    library = services.library
    window.shell.files_dropped.emit([folder])
    qtbot.wait_until(lambda: len(library.datasets) == 1, timeout=LIMIT_MS)
    before = library.datasets[0]
    assert before.rows == 36
    window.go("datasets", before.id)
    bar = child(shown(window, "datasets"), TabBar)
    bar.set_value("health")
    bar.chosen.emit("health")
    press(window, "datasets", "Check the rows", qtbot)
    press(window, "datasets", "Repair all that is safe", qtbot)
    qtbot.wait_until(lambda: library.datasets[0].version == 2, timeout=LIMIT_MS)
    assert library.datasets[0].rows == 31
    press(window, "datasets", "Undo the last change", qtbot)
    qtbot.wait_until(lambda: library.datasets[0].version == 1, timeout=LIMIT_MS)
    assert library.datasets[0].splits == before.splits
    # Workers are waited for, so that none outlives the test.
    qtbot.wait_until(lambda: not library.live_jobs, timeout=LIMIT_MS)
    assert errors == []


def test_file_becomes_weights_in_the_window(
    window: Window, services: Services, errors: list[str], qtbot: QtBot, tmp_path: Path
) -> None:
    library = services.library
    window.shell.files_dropped.emit([SAMPLE])
    qtbot.wait_until(lambda: len(library.datasets) == 1, timeout=LIMIT_MS)
    window.shell.files_dropped.emit([STARTER])
    qtbot.wait_until(lambda: len(library.models) == 1, timeout=LIMIT_MS)

    dataset, model = library.datasets[0], library.models[0]
    window.go("train", TrainArgument(dataset_id=dataset.id, model_id=model.id))
    page = window.shell.page("train")
    assert isinstance(page, TrainPage)
    qtbot.wait_until(lambda: page.planned is not None, timeout=20_000)
    for name, value in (("max_steps", STEPS), ("learning_rate", 4e-3), ("max_length", 256)):
        page.change(name, value)
    qtbot.wait_until(lambda: page.planned is not None, timeout=20_000)
    press(window, "train", "Start training", qtbot)

    qtbot.wait_until(lambda: len(library.runs) == 1, timeout=30_000)
    run = library.runs[0].id
    qtbot.wait_until(lambda: library.runs[0].state is JobState.FINISHED, timeout=LIMIT_MS)
    chart = child(child(shown(window, "runs"), Charts), LineChart)
    qtbot.wait_until(lambda: len(chart.table()) >= STEPS, timeout=20_000)
    found = library.runs[0]
    assert found.job.snapshot.step == STEPS
    assert found.has_adapter

    window.go("export", run)
    press(window, "export", "Export", qtbot)
    qtbot.wait_until(lambda: bool(exported(services.api)), timeout=LIMIT_MS)
    assert errors == []
    check_in_stock_libraries(exported(services.api)[0], tmp_path)


def exported(api: Api) -> list[str]:
    return [
        one.snapshot.result["path"]
        for one in api.jobs.list(JobKind.EXPORT)
        if one.state is JobState.FINISHED
    ]


def check_in_stock_libraries(path: str, tmp_path: Path) -> None:
    """Load the adapter by stock peft, in a process of its own."""
    program = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from peft import PeftModel\n"
        "from transformers import AutoModelForCausalLM\n"
        "base = AutoModelForCausalLM.from_pretrained(sys.argv[1], local_files_only=True)\n"
        "tuned = PeftModel.from_pretrained(base, sys.argv[2], local_files_only=True)\n"
        "moved = [one for name, one in tuned.named_parameters() if 'lora_B' in name]\n"
        "assert moved and all(one.abs().sum() > 0 for one in moved)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(STARTER), path],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


WINDOW_THAT_TRAINS = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from engine.api.privacy import Privacy
from engine.api.settings import Settings as Values
from gui.actions.runs import start_run
from gui.app import Window, open_services
from gui.bridge.notices import Notices
from gui.bridge.process import collect_garbage_here
from gui.bridge.settings import Settings
from gui.widgets.theme.install import install_theme

app = QApplication(["burnish"])
collect_garbage_here(app)
look = install_theme(app)
notices = Notices()
folder = Path(sys.argv[1])
settings = Settings(folder / "settings.json", Values(), notices)
services = open_services(folder / "workspace", settings, notices, Privacy())
window = Window(services, look)
window.open()
window.start()
recipe = services.api.runs.make_recipe(
    dataset="Tickets", model="Starter", preset="starter",
    values={"max_steps": 400, "sample_rows": 0, "eval_rows": 8, "checkpoint_every_steps": 5},
)
start_run(services, recipe=recipe)
sys.exit(app.exec())
"""


def wait_for_steps(api: Api, steps: int) -> str:
    """Return the id of the one run once it has done this many steps."""
    deadline = time.monotonic() + LIMIT_MS / 1000
    while time.monotonic() < deadline:
        runs = api.runs.list()
        if runs and runs[0].job.snapshot.step >= steps:
            return runs[0].id
        time.sleep(0.05)
    raise AssertionError(f"{steps} steps were not done in time")


def finish_import(api: Api) -> None:
    job_id = api.datasets.start_import([SAMPLE], name="Tickets")
    deadline = time.monotonic() + 60
    while not api.jobs.get(job_id).state.is_over:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    api.models.add(STARTER, name="Starter")


def test_killed_window_leaves_the_run_and_the_next_one_shows_it_live(
    services: Services, themed: Theme, errors: list[str], qtbot: QtBot, tmp_path: Path
) -> None:
    api = services.api
    finish_import(api)
    first = subprocess.Popen(
        [sys.executable, "-c", WINDOW_THAT_TRAINS, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    run_id = wait_for_steps(api, 2)
    first.kill()
    first.wait(timeout=20)

    second = Window(services, themed)
    qtbot.addWidget(second.shell)
    second.open()
    second.start()
    qtbot.wait_until(lambda: bool(services.library.live_jobs), timeout=20_000)
    second.go("runs", run_id)
    chart = child(child(shown(second, "runs"), Charts), LineChart)
    qtbot.wait_until(lambda: len(chart.table()) >= 2, timeout=20_000)
    seen = len(chart.table())
    qtbot.wait_until(lambda: len(chart.table()) > seen, timeout=60_000)
    steps = [one.event.step for one in api.runs.feed(run_id).poll()
             if isinstance(one.event, StepDone)]  # fmt: skip
    assert steps == list(range(1, len(steps) + 1))
    assert api.runs.get(run_id).job.snapshot.attempt == 1

    api.runs.stop(run_id)
    qtbot.wait_until(lambda: api.runs.get(run_id).state is JobState.STOPPED, timeout=60_000)
    identity = json.loads(api.layout.job(run_id).identity.read_text(encoding="utf-8"))
    psutil.wait_procs([one for one in psutil.process_iter() if one.pid == identity["pid"]], 20)
    assert errors == []


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="Xvfb is not installed")
def test_every_page_can_be_drawn_on_a_real_screen(tmp_path: Path) -> None:
    command = ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", sys.executable]
    script = str(ROOT / "tests" / "gui" / "screenshots.py")
    pages = ("home", "datasets", "models", "train", "run", "export", "settings")
    wanted = [word for one in pages for word in ("--state", one)]
    done = subprocess.run(
        [*command, script, str(tmp_path), *wanted, "--scheme=light", "--scheme=dark", "--scale=1"],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pictures = {one.name for one in tmp_path.iterdir()}
    assert pictures == {f"{page}-{look}-1.png" for page in pages for look in ("light", "dark")}
