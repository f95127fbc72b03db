# SPDX-License-Identifier: Apache-2.0
"""Rules that hold for every test: no network, no unexpected log, no process left behind.

The environment is set before anything else is imported, since the libraries read it only once.
"""

from __future__ import annotations

import gc
import logging
import os
import re
import shutil
import socket
import sys
from collections.abc import Generator
from pathlib import Path

os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    TRANSFORMERS_VERBOSITY="error",  # as in a worker; Burnish says itself what matters of it
)
# Two test processes share the cores; a sum must not depend on how many threads made it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Hundreds of programs are started: each would compile all that it imports of Burnish for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import psutil
import pytest

sys.dont_write_bytecode = False
gc.disable()  # until all is collected

PRODUCT_FOLDERS = (
    "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "LOCALAPPDATA", "APPDATA",
    "BURNISH_CACHE",
)  # fmt: skip
GRACE_S = 3.0
LONG_TESTS = (
    "tests/faults/", "tests/e2e/", "tests/privacy/", "tests/gui/test_real_window.py",
    "tests/unit/train/test_misfortune.py", "tests/unit/train/test_kernels_compile.py",
    "tests/contract/test_odd_files.py", "tests/unit/train/test_loop.py",
)  # fmt: skip
"""Folders and files with the tests that take longest, those of the first process and those of the
second by turns."""
# Records of libraries that say nothing about Burnish, each with its cause.
HARMLESS_LOG = (
    # An optional speed-up that would be fetched from a hub; bitsandbytes then uses its own code.
    r"WARNING bitsandbytes\.backends\.cpu\.ops: Failed to load CPU gemm_4bit_forward",
)


# ----------------------------------------------------------------------------------- no network

_network = {"is_expected": False}


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Fail the test that opens a socket which could leave the machine.

    ``pytest.fail`` is no ``Exception``: a library that takes any failure for "offline" cannot
    swallow it.
    """
    if _network["is_expected"]:
        return
    if event == "socket.__new__" and hasattr(socket, "AF_UNIX"):
        if arguments[1] not in (socket.AF_UNIX, -1):
            pytest.fail("a test opened a network socket (mark it net where a refusal is expected)")
    elif event == "socket.getaddrinfo":
        pytest.fail(f"a test looked up the address of {arguments[0]}")


sys.addaudithook(_refuse_network)


@pytest.fixture(autouse=True)
def _network_rule(request: pytest.FixtureRequest) -> Generator[None]:
    _network["is_expected"] = request.node.get_closest_marker("net") is not None
    yield
    _network["is_expected"] = False


# ------------------------------------------------------------------------------------ own folders


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the data and settings of the person who runs the tests out of reach."""
    home = tmp_path_factory.getbasetemp() / "home"
    for variable in PRODUCT_FOLDERS:
        monkeypatch.setenv(variable, str(home / variable.lower()))


# ------------------------------------------------------------------------------ no unexpected log


class _Collector(logging.Handler):
    """Keeps every record of WARNING and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def _judge_log(item: pytest.Item, records: list[logging.LogRecord]) -> None:
    marker = item.get_closest_marker("expects_log")
    patterns: tuple[str, ...] = marker.args if marker else ()
    lines = [f"{one.levelname} {one.name}: {one.getMessage()}" for one in records]
    known = (*patterns, *HARMLESS_LOG)
    unexpected = [line for line in lines if not any(re.search(one, line) for one in known)]
    if unexpected:
        pytest.fail("unexpected log records:\n  " + "\n  ".join(unexpected), pytrace=False)
    absent = [one for one in patterns if not any(re.search(one, line) for line in lines)]
    if absent:
        pytest.fail(f"expected log records did not come: {absent}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that logs a warning it does not expect, or not the one that it expects."""
    collector = _Collector()
    logging.getLogger().addHandler(collector)
    try:
        result = yield
    finally:
        logging.getLogger().removeHandler(collector)
    _judge_log(item, collector.records)
    return result


# ------------------------------------------------------------------------- no process left behind


@pytest.fixture(scope="session")
def kept_processes() -> set[int]:
    """Process ids that outlive one test on purpose, such as a virtual screen for many."""
    return set()


def _children() -> dict[int, psutil.Process]:
    return {one.pid: one for one in psutil.Process().children()}


def _still_runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(autouse=True)
def _no_process_left(kept_processes: set[int]) -> Generator[None]:
    before = _children()
    yield
    left = [
        child
        for pid, child in _children().items()
        if pid not in before and pid not in kept_processes and _still_runs(child)
    ]
    _, alive = psutil.wait_procs(left, timeout=GRACE_S)
    alive = [child for child in alive if _still_runs(child)]
    names = [f"{child.pid} {' '.join(child.cmdline())}" for child in alive]
    for child in alive:
        child.kill()
    if names:
        pytest.fail("processes left behind:\n  " + "\n  ".join(names), pytrace=False)


# ------------------------------------------------------------------------------- graphics cards


def _reason_without_cuda() -> str | None:
    """Say why no test can run on a graphics card, or None; import torch only if one is seen."""
    has_driver = Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None
    if not has_driver:
        return "no NVIDIA driver on this machine"
    import torch

    if not torch.cuda.is_available():
        return f"torch {torch.__version__} finds no CUDA device"
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs a CUDA device where there is none, and let each process begin with the long.

    So none is left with a long test when all others are done, nor with half of those that share a
    long preparation.
    """
    processes: int = getattr(config, "workerinput", {}).get("workercount", 1)
    if processes > 1:
        items[:] = _dealt(items, processes)
    marked = [item for item in items if item.get_closest_marker("gpu")]
    reason = _reason_without_cuda() if marked else None
    if reason:
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=reason))


def _dealt(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return the tests in the order in which each process gets its share, long ones first.

    xdist gives each an equal share of the list; whoever is done first takes from another's end.
    """
    long: list[list[pytest.Item]] = [[] for _ in range(processes)]
    short: list[pytest.Item] = []
    for item in items:
        places = (number for number, one in enumerate(LONG_TESTS) if item.nodeid.startswith(one))
        place = next(places, None)
        (short if place is None else long[place % processes]).append(item)
    dealt: list[pytest.Item] = []
    for number, first in enumerate(long):
        share = (len(items) - len(dealt)) // (processes - number)
        room = max(0, share - len(first))
        dealt += first + short[:room]
        del short[:room]
    return dealt + short


# -------------------------------------------------------------------------------------- garbage


def pytest_collection_finish() -> None:
    """Leave what was imported out of every search for garbage: thousands of modules stay anyway."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Collect what a test of the window leaves in this thread, and nothing while it runs.

    The program does so too (`gui/bridge/process.py`): a widget must not die in another thread.
    """
    if "qapp" not in getattr(item, "fixturenames", ()):
        return (yield)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect(1)
        gc.enable()
