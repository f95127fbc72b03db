# SPDX-License-Identifier: Apache-2.0
"""What importing the product costs and changes, seen from a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
LEARNING = {"torch", "transformers", "peft", "bitsandbytes", "accelerate", "datasets"}
AFTER_FIRST_PAINT = {"numpy", "pyarrow"}
MODULES_AFTER_FIRST_PAINT = {
    *("engine.formats", "engine.quality", "engine.hardware", "engine.domain.recipe"),
    *("engine.api.jobs", "engine.api.runs", "engine.api.datasets", "engine.api.runtimes"),
    *("engine.store.eventlog", "engine.store.forgetting", "psutil", "importlib.metadata"),
}
"""Each brings others along that cost one part in a hundred of the start, or more."""

PROBE = """
import json, logging, os, sys, time
environment = dict(os.environ)
started = time.perf_counter()
import {module}
took_s = time.perf_counter() - started
print(json.dumps(dict(
    took_s=took_s,
    modules=sorted({{name.partition(".")[0] for name in sys.modules}}),
    whole=sorted(sys.modules),
    network="PySide6.QtNetwork" in sys.modules,
    environment=environment == dict(os.environ),
    handlers=len(logging.getLogger().handlers),
)))
"""


def import_in_a_fresh_interpreter(module: str) -> dict[str, Any]:
    """Import a module and return what changed."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_of_engine_changes_nothing_and_is_quick() -> None:
    seen = [import_in_a_fresh_interpreter("engine") for _ in range(3)]
    assert min(one["took_s"] for one in seen) < 0.05
    assert seen[0]["environment"] is True
    assert seen[0]["handlers"] == 0


def test_import_of_the_facade_brings_no_learning_and_no_window() -> None:
    seen = import_in_a_fresh_interpreter("engine.api")
    assert not set(seen["modules"]) & (LEARNING | {"PySide6"})
    assert seen["environment"] is True


def test_import_of_the_window_brings_no_learning_and_no_network() -> None:
    seen = import_in_a_fresh_interpreter("gui.app, engine.api.facade, gui.pages.home.view")
    modules = set(seen["modules"])
    assert not modules & LEARNING
    assert not modules & AFTER_FIRST_PAINT
    assert not set(seen["whole"]) & MODULES_AFTER_FIRST_PAINT
    assert seen["network"] is False


def test_what_goes_before_the_runtime_is_attached_is_of_the_standard_library() -> None:
    """A library that is imported there would stay in the place of the runtime's own."""
    seen = import_in_a_fresh_interpreter("engine.launcher.frozen")
    before = import_in_a_fresh_interpreter("engine")
    added = set(seen["modules"]) - set(before["modules"])
    assert not {one for one in added if one not in sys.stdlib_module_names}
