# SPDX-License-Identifier: Apache-2.0
"""The rules of tests/conftest.py catch what they are there to catch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def run_test_file(folder: Path, body: str) -> str:
    """Run one test file under the project's rules and return what pytest printed."""
    (folder / "tests").mkdir()
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    shutil.copy(REPOSITORY / "tests" / "conftest.py", folder / "tests")
    (folder / "tests" / "test_sample.py").write_text(body, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "-q"], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )
    return done.stdout


BAD = {
    "log": (
        "import logging\ndef test_it(): logging.getLogger('x').warning('boo')\n",
        "unexpected log records",
    ),
    "absent log": (
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
        "import subprocess, sys\n"
        "def test_it(): subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n",
        "processes left behind",
    ),
    "warning": (
        "import warnings\ndef test_it(): warnings.warn('old')\n",
        "UserWarning: old",
    ),
    "marker": ("import pytest\n@pytest.mark.gpus\ndef test_it(): pass\n", "'gpus' not found"),
}


@pytest.mark.parametrize("name", BAD)
def test_rule_broken_by_a_test_fails_it(name: str, tmp_path: Path) -> None:
    body, message = BAD[name]
    printed = run_test_file(tmp_path, body)
    assert message in printed
    assert "failed" in printed or "error" in printed


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


def test_rules_kept_by_tests_pass_them(tmp_path: Path) -> None:
    assert "5 passed" in run_test_file(tmp_path, GOOD)


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has an NVIDIA card")
def test_gpu_test_without_card_is_skipped_with_the_reason(tmp_path: Path) -> None:
    printed = run_test_file(tmp_path, "import pytest\n@pytest.mark.gpu\ndef test_it(): pass\n")
    assert "no NVIDIA driver on this machine" in printed
    assert "1 skipped" in printed
