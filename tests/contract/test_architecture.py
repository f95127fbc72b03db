# SPDX-License-Identifier: Apache-2.0
"""Who may import whom: the contracts hold on the product, and break where they should."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
ALLOWED_FOR_GUI = {"api", "domain", "protocol", "errors"}
TORCH_FOLDERS = {"train", "evaluate", "export", "worker"}
STANDARD_TYPES = {"engine/train", "engine/evaluate", "engine/export", "gui/widgets"}

# Every module of a small tree that keeps all contracts, with what it imports.
GOOD_TREE = {
    "engine/__init__.py": "",
    "engine/errors.py": "import gettext",
    "engine/domain/__init__.py": "import msgspec\nfrom engine.errors import EngineError",
    "engine/protocol/__init__.py": "from engine.domain import *",
    "engine/store/__init__.py": "import engine.protocol",
    "engine/methods/__init__.py": "import engine.store",
    "engine/exporters/__init__.py": "import engine.domain",
    "engine/formats/__init__.py": "import pyarrow\nimport engine.store",
    "engine/chat/__init__.py": "import tokenizers",
    "engine/quality/__init__.py": "import numpy, pyarrow\nimport engine.domain",
    "engine/hardware/__init__.py": "import pynvml",
    "engine/launcher/__init__.py": "import engine.methods\nimport engine.store",
    "engine/train/__init__.py": "import torch, engine.chat, engine.launcher",
    "engine/export/__init__.py": "import torch, peft, transformers",
    "engine/api/__init__.py": "import engine.launcher, engine.formats",
    "engine/worker/__init__.py": "import engine.store",
    "engine/cli/__init__.py": "import engine.api, typer",
    "gui/__init__.py": "",
    "gui/app.py": "import gui.navigation, engine.api",
    "gui/navigation.py": "from gui.pages import home, runs",
    "gui/pages/__init__.py": "",
    "gui/pages/home.py": "import gui.widgets, gui.actions",
    "gui/pages/runs.py": "import gui.bridge, PySide6.QtWidgets",
    "gui/actions/__init__.py": "import gui.bridge, engine.api",
    "gui/widgets/__init__.py": "import PySide6.QtWidgets, gui.viewmodels",
    "gui/bridge/__init__.py": "import engine.api, engine.protocol, gui.viewmodels",
    "gui/viewmodels/__init__.py": "import engine.domain, engine.errors",
}

# One planted violation each, and the contract that must name it.
VIOLATIONS = {
    "engine imports Qt": ("engine/store/__init__.py", "import PySide6.QtCore", "engine-without-qt"),
    "engine imports gui": ("engine/api/__init__.py", "import gui.viewmodels", "engine-without-qt"),
    "api reaches torch lazily": (
        "engine/api/__init__.py",
        "def run():\n    import engine.train",
        "no-torch-outside-the-worker",
    ),
    "formats imports datasets": (
        "engine/formats/__init__.py",
        "def read():\n    import datasets",
        "no-torch-outside-the-worker",
    ),
    "gui imports torch": ("gui/pages/home.py", "import torch", "no-torch-outside-the-worker"),
    "gui imports the store": ("gui/bridge/__init__.py", "import engine.store", "gui-through"),
    "gui imports a format": ("gui/pages/home.py", "import engine.formats", "gui-through"),
    "chat imports formats": ("engine/chat/__init__.py", "import engine.formats", "engine-layers"),
    "store imports methods": ("engine/store/__init__.py", "import engine.methods", "engine-layers"),
    "train imports export": ("engine/train/__init__.py", "import engine.export", "engine-layers"),
    "worker imports cli": ("engine/worker/__init__.py", "import engine.cli", "engine-layers"),
    "errors imports domain": ("engine/errors.py", "import engine.domain", "engine-layers"),
    "unknown folder of engine": ("engine/tools/__init__.py", "", "engine-layers"),
    "unknown folder of gui": ("gui/dialogs/__init__.py", "", "gui-layers"),
    "widget imports bridge": ("gui/widgets/__init__.py", "import gui.bridge", "widgets-without"),
    "widget imports action": ("gui/widgets/__init__.py", "import gui.actions", "gui-layers"),
    "page imports navigation": ("gui/pages/home.py", "import gui.navigation", "gui-layers"),
    "page imports page": ("gui/pages/home.py", "import gui.pages.runs", "pages-independent"),
    "view-model imports Qt": ("gui/viewmodels/__init__.py", "import PySide6", "viewmodels-without"),
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run every contract on the packages in a folder."""
    code = "from importlinter.cli import lint_imports_command as run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": "", "COLUMNS": "200"},
        check=False,
    )


def plant(folder: Path, tree: dict[str, str]) -> None:
    """Write a tree of modules beside the project's contracts."""
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    for name, text in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def contract_name(contract_id: str) -> str:
    """Return the name of the contract whose id starts so."""
    return next(str(one["name"]) for one in CONTRACTS if one["id"].startswith(contract_id))


def contract(contract_id: str) -> dict[str, Any]:
    """Return a contract by its id."""
    return next(one for one in CONTRACTS if one["id"] == contract_id)


def test_contracts_on_the_product_are_kept() -> None:
    done = lint_imports(REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CONTRACTS)} kept, 0 broken" in done.stdout


def test_contracts_on_a_good_tree_are_kept(tmp_path: Path) -> None:
    plant(tmp_path, GOOD_TREE)
    done = lint_imports(tmp_path)
    assert f"{len(CONTRACTS)} kept, 0 broken" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", VIOLATIONS)
def test_contract_with_a_planted_violation_breaks(name: str, tmp_path: Path) -> None:
    path, line, contract_id = VIOLATIONS[name]
    plant(tmp_path, {**GOOD_TREE, path: GOOD_TREE.get(path, "") + "\n" + line})
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert f"{contract_name(contract_id)} BROKEN" in done.stdout, done.stdout + done.stderr


def test_contracts_have_no_exception() -> None:
    for one in CONTRACTS:
        assert "ignore_imports" not in one
        assert "unmatched_ignore_imports_alerting" not in one


def packages(folder: str) -> set[str]:
    """Return the names of the packages and modules directly under a folder."""
    found = {path.parent.name for path in (REPOSITORY / folder).glob("*/__init__.py")}
    return found | {path.stem for path in (REPOSITORY / folder).glob("[!_]*.py")}


def test_every_part_of_engine_is_closed_to_gui_or_part_of_the_facade() -> None:
    closed = {
        one.removeprefix("engine.")
        for one in contract("gui-through-the-facade")["forbidden_modules"]
    }
    assert packages("engine") <= closed | ALLOWED_FOR_GUI
    assert not closed & ALLOWED_FOR_GUI


def test_every_part_of_engine_is_free_of_torch_or_a_torch_folder() -> None:
    free = {
        one.removeprefix("engine.")
        for one in contract("no-torch-outside-the-worker")["source_modules"]
    }
    assert packages("engine") <= free | TORCH_FOLDERS
    assert not free & TORCH_FOLDERS


def test_every_folder_of_the_product_has_strict_types_or_is_one_of_four() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    strict = set(settings["tool"]["pyright"]["strict"])
    folders = {
        f"{top}/{path.parent.name}"
        for top in ("engine", "gui")
        for path in (REPOSITORY / top).glob("*/__init__.py")
    }
    assert folders <= strict | STANDARD_TYPES
    assert not strict & STANDARD_TYPES
    assert {"main.py", "packaging", "engine/*.py", "gui/*.py"} <= strict
