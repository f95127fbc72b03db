# SPDX-License-Identifier: Apache-2.0
"""Draws every state of the pages Export and Settings into a folder, to be looked at.

python tests/gui/screens_export.py FOLDER [--scheme dark] [--scale 2] [STATE ...]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QDeadlineTimer, QLocale
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from engine.api.privacy import PrivacyState
from engine.api.settings import Settings as SettingValues
from engine.hardware.doctor.registry import judge
from engine.protocol.events import WorkerStarted
from gui.app import Window
from gui.bridge.notices import Notices
from gui.bridge.process import collect_garbage_here
from gui.bridge.services import Services, make_services
from gui.bridge.settings import Settings
from gui.widgets.slider import Slider
from gui.widgets.theme.install import install_theme
from gui.widgets.theme.tokens import Scheme
from tests.builders.computers import a_hindered_computer
from tests.fakes.api import FakeApi, FakeFacts, FakeGpu, FakeJob
from tests.fakes.exports import a_verified, fail, finish, move_on, stop
from tests.fakes.memorisation import a_check
from tests.gui.conftest import NUMBERS_LOCALE, FakePrivacy
from tests.gui.geometry import clipped_texts
from tests.gui.scenes import LONG_NAME, add_finished, add_run, fill_library

LONG_PATH = Path("/media/anna/an-external-disk-with-a-long-name/exports/2026/november/support")


class OpenPrivacy:
    """A guard without the kernel's filter, after an attempt."""

    def state(self) -> PrivacyState:
        return PrivacyState(
            is_verified=False,
            kernel_filter_active=False,
            attempts=2,
            title="Not verified",
            sentence="2 attempts to use the network were refused",
            tried_by="huggingface_hub.utils._telemetry.send_telemetry",
        )


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a state can act on."""

    api: FakeApi
    services: Services
    window: Window
    folder: Path

    def wait(self, seconds: float = 0.5) -> None:
        """Let the background and the paint events catch up."""
        deadline = QDeadlineTimer(int(seconds * 1000))
        while not deadline.hasExpired():
            QTest.qWait(20)

    def page(self) -> QWidget:
        """Return the page that is shown."""
        page = self.window.shell.page(self.window.shell.current_page())
        assert page is not None
        return page

    def show(self, page: str, argument: object = None) -> None:
        """Open a page on what the workspace holds now."""
        self.services.library.refresh()
        self.wait()
        self.services.navigator.go(page, argument)
        self.wait()


Act = Callable[[Stage], None]


def fill(api: FakeApi) -> None:
    """Put a finished run and its data into the workspace."""
    fill_library(api)
    add_finished(api)


def past(api: FakeApi) -> None:
    """Put exports of every end into the workspace."""
    finish(api.exports.make("r6", "adapter", job_id="e1"), "/workspace/exports/r6-adapter-1")
    stop(api.exports.make("r6", "merged", LONG_PATH, "e2", created_at="2026-11-02T09:00:00.000Z"))
    fail(api.exports.make("r6", "merged", job_id="e3", created_at="2026-11-01T09:00:00.000Z"))


def _write_export(folder: Path) -> None:
    sizes = {"README.md": 2_100, "adapter_config.json": 860, "adapter_model.safetensors": 132_120}
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in sizes.items():
        (folder / name).write_bytes(b"0" * size)


def _empty(stage: Stage) -> None:
    stage.show("export")


def _loading(stage: Stage) -> None:
    cast("Any", stage.services.library)._is_loaded = False
    stage.services.navigator.go("export")
    stage.wait()


def _unfinished(stage: Stage) -> None:
    fill_library(stage.api)
    add_run(stage.api, "support-v3", "r7")
    stage.show("export")


def _filled(stage: Stage) -> None:
    fill(stage.api)
    stage.show("export", "r6")


def _long(stage: Stage) -> None:
    fill(stage.api)
    add_run(stage.api, LONG_NAME, "r9", upto=30, total=30, has_adapter=True,
            dataset_name=LONG_NAME, model_name=LONG_NAME)  # fmt: skip
    past(stage.api)
    stage.show("export", "r9")
    cast("Any", stage.page())._choose_folder(LONG_PATH)
    stage.wait()


def _taken(stage: Stage) -> None:
    fill(stage.api)
    stage.show("export", "r6")
    cast("Any", stage.page())._choose_folder(Path.cwd())
    stage.wait()


def _live_job(stage: Stage, target: str = "merged") -> FakeJob:
    fill(stage.api)
    past(stage.api)
    return stage.api.exports.make("r6", target, job_id="e9", created_at="2026-11-04T09:00:00.000Z")


def _live(stage: Stage) -> None:
    move_on(_live_job(stage), "merging", 3_100_000_000, 8_045_000_000)
    stage.show("export")


def _cancelling(stage: Stage) -> None:
    move_on(_live_job(stage), "verifying", 1, 4, "checks")
    stage.show("export")
    cast("Any", stage.page())._card._cancel()
    stage.wait()


def _done(stage: Stage) -> None:
    out = stage.folder / "workspace" / "exports" / "r6-adapter-1"
    _write_export(out)
    finish(_live_job(stage, "adapter"), out)
    stage.show("export")
    cast("Any", stage.page())._show_export("e9")
    stage.wait()


def _done_gone(stage: Stage) -> None:
    job = _live_job(stage)
    verified = a_verified(LONG_PATH, prompts=1, top1_agreement_ratio=0.99987)
    finish(job, verified.path, prompts=1, top1_agreement_ratio=0.99987)
    stage.show("export")
    cast("Any", stage.page())._show_export("e9")
    stage.wait()


def _failed(stage: Stage) -> None:
    fail(_live_job(stage))
    stage.show("export")
    cast("Any", stage.page())._show_export("e9")
    stage.wait()


def _stopped(stage: Stage) -> None:
    stop(_live_job(stage))
    stage.show("export")
    cast("Any", stage.page())._show_export("e9")
    stage.wait()


def _runs_gone(stage: Stage) -> None:
    past(stage.api)
    stage.show("export")


def _settings(section: str | None = None) -> Act:
    def act(stage: Stage) -> None:
        stage.show("settings", section)

    return act


def _preview(stage: Stage) -> None:
    stage.show("settings")
    slider = stage.page().findChild(Slider)
    assert slider is not None
    slider.setValue(7)
    stage.wait(0.1)


def _pending(stage: Stage) -> None:
    stage.services.settings.set(workspace=str(stage.folder))
    stage.show("settings")
    stage.services.settings.set(workspace=str(LONG_PATH))
    stage.wait()


def _problems(stage: Stage) -> None:
    stage.api.machine.found = judge(a_hindered_computer())
    stage.show("settings", "computer")
    stage.wait()
    stage.wait()


def _privacy(stage: Stage) -> None:
    stage.show("privacy")
    stage.wait(1.0)


def _barred(stage: Stage) -> None:
    stage.api.machine.found = judge(a_hindered_computer())
    stage.show("train")
    stage.wait()


def _asking(stage: Stage) -> None:
    fill(stage.api)
    stage.show("export", "r6")
    job_id = stage.api.memorisation.start("r6")
    job = stage.api.jobs.by_id[job_id]
    job.emit(WorkerStarted(attempt=1, pid=1))
    move_on(job, "asking", 44, 120, "rows")
    page = stage.page()
    cast("Any", page).page_entered()
    stage.wait(1.5)


def _memorised(learned: int) -> Act:
    def act(stage: Stage) -> None:
        fill(stage.api)
        stage.api.memorisation.known["r6"] = a_check(learned=learned)
        stage.show("export", "r6")
        stage.wait()

    return act


STATES: dict[str, Act] = {
    "export-asking": _asking,
    "export-memorised": _memorised(7),
    "export-not-memorised": _memorised(0),
    "export-empty": _empty,
    "export-loading": _loading,
    "export-unfinished": _unfinished,
    "export-filled": _filled,
    "export-long": _long,
    "export-taken": _taken,
    "export-live": _live,
    "export-cancelling": _cancelling,
    "export-done": _done,
    "export-done-gone": _done_gone,
    "export-failed": _failed,
    "export-stopped": _stopped,
    "export-runs-gone": _runs_gone,
    "settings": _settings(),
    "settings-preview": _preview,
    "settings-pending": _pending,
    "home-refused-open": lambda stage: stage.wait(),
    "settings-computer": _problems,
    "train-barred": _barred,
    "privacy-refused-open": _privacy,
    "settings-about": _settings("about"),
}


def draw(name: str, act: Act, folder: Path, scheme: Scheme, scale: float) -> Path:
    """Draw one state, tell what is cut in it, and return the picture."""
    app = QApplication(["screens"])
    collect_garbage_here(app)
    QLocale.setDefault(QLocale(NUMBERS_LOCALE))
    look = install_theme(app, scheme=scheme, text_scale=scale, font_px=13)
    api = FakeApi()
    api.machine.current = FakeFacts(gpus=(FakeGpu(),))
    notices = Notices()
    values = SettingValues(scheme=scheme.value, text_scale=scale)
    services = make_services(
        cast("Any", api),
        settings=Settings(folder / "settings.json", values, notices),
        notices=notices,
        privacy=cast("Any", OpenPrivacy() if name.endswith("open") else FakePrivacy()),
    )
    window = Window(services, look)
    window.open("home")
    window.shell.resize(1280, 800)
    if name != "export-loading":
        window.start()
    stage = Stage(api=api, services=services, window=window, folder=folder)
    stage.wait(0.2)
    act(stage)
    picture = folder / f"{name}-{scheme.value}-{scale:g}.png"
    window.shell.grab().save(str(picture))
    for fault in clipped_texts(stage.page()):
        sys.stdout.write(f"{picture.stem}: {fault}\n")
    services.close()
    return picture


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("states", nargs="*")
    parser.add_argument("--scheme", default="light")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_intermixed_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if len(options.states) == 1:
        name = options.states[0]
        picture = draw(name, STATES[name], options.folder, Scheme(options.scheme), options.scale)
        sys.stdout.write(f"{picture}\n")
        return
    for name in options.states or STATES:
        # Each in a process of its own: a window is made for the whole life of its process.
        given = [str(options.folder), name, "--scheme", options.scheme]
        subprocess.run(
            [sys.executable, __file__, *given, "--scale", str(options.scale)], check=True
        )


if __name__ == "__main__":
    main()
