# SPDX-License-Identifier: Apache-2.0
"""The rules of code_rules.py hold for every file, and each finds a planted fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import code_rules
from tests.contract.code_rules import EVERYTHING, RULES, Rule, Source, sources

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def faults() -> dict[Rule, list[str]]:
    """Return what each rule finds in the repository; a file is parsed once for all of them."""
    found: dict[Rule, list[str]] = {rule: [] for rule, _ in RULES}
    for source in sources(REPOSITORY, EVERYTHING):
        for rule, places in RULES:
            if source.path.split("/")[0] in places:
                found[rule] += rule(source)
    return found


@pytest.mark.parametrize("rule", [rule for rule, _ in RULES], ids=lambda one: one.__name__)
def test_rule_on_the_repository_finds_nothing(rule: Rule, faults: dict[Rule, list[str]]) -> None:
    assert not faults[rule], "\n".join(faults[rule])


HEADER = '# SPDX-License-Identifier: Apache-2.0\n"""Says what it is for."""\n'

FAULTS: list[tuple[Rule, str, str]] = [
    (code_rules.writes_outside_the_store, "engine/api/x.py", "open('a', 'w')"),
    (code_rules.writes_outside_the_store, "engine/api/x.py", "open('a', mode='ab')"),
    (code_rules.writes_outside_the_store, "gui/x.py", "path.open('x', encoding='utf-8')"),
    (code_rules.writes_outside_the_store, "gui/x.py", "(folder / 'a').open(mode='r+')"),
    (code_rules.writes_outside_the_store, "gui/x.py", "Path('a').write_text('b')"),
    (code_rules.writes_outside_the_store, "gui/x.py", "(folder / 'a').write_bytes(b'')"),
    (code_rules.writes_outside_the_store, "gui/x.py", "os.open('a', os.O_CREAT)"),
    (code_rules.code_running_formats, "engine/x.py", "import pickle"),
    (code_rules.code_running_formats, "engine/x.py", "def f():\n    from dill import loads"),
    (code_rules.code_running_formats, "engine/x.py", "torch.load('a')"),
    (code_rules.code_running_formats, "engine/x.py", "load('a', trust_remote_code=True)"),
    (code_rules.code_running_formats, "engine/x.py", "numpy.load('a', allow_pickle=True)"),
    (code_rules.texts_that_no_catalogue_holds, "gui/x.py", "_(f'Step {one}')"),
    (code_rules.texts_that_no_catalogue_holds, "gui/x.py", "_('Step {one}'.format(one=1))"),
    (code_rules.texts_that_no_catalogue_holds, "gui/x.py", "ngettext('a', 'b' + c, 2)"),
    (code_rules.qt_network, "gui/x.py", "from PySide6.QtNetwork import QTcpSocket"),
    (code_rules.qt_network, "gui/x.py", "from PySide6 import QtNetwork"),
    (code_rules.vague_names, "engine/utils.py", ""),
    (code_rules.vague_names, "engine/common/x.py", ""),
    (code_rules.vague_names, "engine/x.py", "class RunManager: ..."),
    (code_rules.missing_header, "engine/x.py", ""),
    (code_rules.missing_header, "engine/x.py", "# SPDX-License-Identifier: Apache-2.0\nx = 1"),
    (code_rules.missing_header, "engine/x.py", '"""A docstring alone."""'),
    (code_rules.silenced_checks, "engine/x.py", "import a  # noqa"),
    (code_rules.silenced_checks, "engine/x.py", "import a  # noqa: F401"),
    (code_rules.silenced_checks, "engine/x.py", "a = b  # type: ignore  # no rule"),
    (code_rules.silenced_checks, "engine/x.py", "a = b  # pyright: ignore[reportX]"),
    (code_rules.global_statements, "engine/x.py", "def f():\n    global a\n    a = 1"),
    (code_rules.environment_outside_the_worker, "engine/x.py", "os.environ['A'] = 'b'"),
    (code_rules.environment_outside_the_worker, "engine/x.py", "os.environ.setdefault('A', 'b')"),
    (code_rules.heavy_imports_of_main, "main.py", "import engine.api"),
    (code_rules.heavy_imports_of_main, "main.py", "from gui.app import run"),
]


@pytest.mark.parametrize(("rule", "path", "text"), FAULTS)
def test_rule_with_a_planted_fault_names_the_file(rule: Rule, path: str, text: str) -> None:
    faults = rule(Source(path=path, text=text + "\n"))
    assert len(faults) >= 1
    assert faults[0].startswith(path)


INNOCENT: list[tuple[str, str]] = [
    ("engine/x.py", "open('a', encoding='utf-8')"),
    ("engine/x.py", "path.open('rb')"),
    ("engine/x.py", "archive.open('word.xml')"),
    ("engine/store/atomicfs.py", "open('a', 'wb')"),
    ("engine/worker/main.py", "os.environ['HF_HUB_OFFLINE'] = '1'"),
    ("engine/x.py", "_('Step {one}').format(one=f'{a}')"),
    ("engine/x.py", "from PySide6.QtWidgets import QWidget"),
    ("engine/x.py", "import a  # noqa: F401  # kept for its side effect"),
    ("engine/x.py", "import a  # noqa: F401 - kept for its side effect"),
    ("engine/x.py", "a = b  # pyright: ignore[reportCallIssue]  # wrong in the stubs"),
    ("main.py", "import sys\ndef main():\n    import engine.cli"),
]


@pytest.mark.parametrize(("path", "text"), INNOCENT)
def test_rules_on_innocent_code_find_nothing(path: str, text: str) -> None:
    source = Source(path=path, text=HEADER + text + "\n")
    assert [fault for rule, _ in RULES for fault in rule(source)] == []


@pytest.mark.parametrize("folder", ["packaging", "resources", "tests", "benchmarks"])
def test_folder_that_is_no_package_has_no_init(folder: str) -> None:
    """packaging/__init__.py would shadow the library of that name, which the ML stack imports."""
    assert list((REPOSITORY / folder).rglob("__init__.py")) == []
