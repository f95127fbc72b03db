# SPDX-License-Identifier: Apache-2.0
"""The rules of tests/conftest.py catch what they are there to catch."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


BAD = {
    "log": (
        "import logging\ndef test_it(): logging.getLogger('x').warning('boo')\n",
        "unexpected log records",
    ),
    "absent_log": (
        "import pytest\n@pytest.mark.expects_log('boo')\ndef test_it(): pass\n",
        "expected log records did not come",
    ),
    "socket": (
        "import socket\ndef test_it():\n"
        "    try: socket.socket(socket.AF_INET)\n    except Exception: pass\n",
        "opened a network socket",
    ),
    "address": (
        "import socket\ndef test_it(): socket.getaddrinfo('burnish.invalid', 80)\n",
        "looked up the address of burnish.invalid",
    ),
    "process": (
        "import subprocess, sys\nlong, left = 'import time; time.sleep(60)', []\n"
        "def test_it(): left.append(subprocess.Popen([sys.executable, '-c', long]))\n",
        "processes left behind",
    ),
    "warning": (
        "import warnings\ndef test_it(): warnings.warn('old')\n",
        "UserWarning: old",
    ),
    "marker": ("import pytest\n@pytest.mark.gpus\ndef test_it(): pass\n", "'gpus' not found"),
}

GOOD = """
import logging, os, socket, subprocess, sys
import pytest

@pytest.mark.expects_log("WARNING x: boo")
def test_log(): logging.getLogger("x").warning("boo")

@pytest.mark.net
def test_refusal(): socket.socket(socket.AF_INET).close()

def test_local_socket():
    for one in socket.socketpair(): one.close()

def test_process(): subprocess.run([sys.executable, "-c", ""], check=True)

def test_environment():
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert "home" in os.environ["XDG_DATA_HOME"]
"""

NO_CARD = "import pytest\n@pytest.mark.gpu\ndef test_it(): pass\n"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what pytest printed of all these tests, which it ran under the project's rules."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "tests").mkdir()
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    shutil.copy(REPOSITORY / "tests" / "conftest.py", folder / "tests")
    bodies = {name: body.replace("test_it", f"test_{name}") for name, (body, _) in BAD.items()}
    for name, body in (bodies | {"good": GOOD, "no_card": NO_CARD}).items():
        (folder / "tests" / f"test_{name}.py").write_text(body, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    more = ["-q", "-rpfEs", "--continue-on-collection-errors"]
    done = subprocess.run(
        [*command, *more],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("name", BAD)
def test_rule_broken_by_a_test_fails_it(name: str, printed: str) -> None:
    parts = iter(re.split(r"^_+ (.+) _+$", printed, flags=re.MULTILINE)[1:])
    said = [text for title, text in zip(parts, parts, strict=True) if f"test_{name}" in title]
    assert len(said) == 1
    assert BAD[name][1] in said[0]
    assert re.search(rf"^(FAILED|ERROR) tests/test_{name}\.py\b", printed, flags=re.MULTILINE)


def test_rules_kept_by_tests_pass_them(printed: str) -> None:
    assert printed.count("PASSED tests/test_good.py::") == 5


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has an NVIDIA card")
def test_gpu_test_without_card_is_skipped_with_the_reason(printed: str) -> None:
    (line,) = [one for one in printed.splitlines() if one.startswith("SKIPPED")]
    assert "tests/test_no_card.py" in line
    assert "no NVIDIA driver on this machine" in line
