# SPDX-License-Identifier: Apache-2.0
"""The guard, in processes of their own, since it can never be taken back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]

PROBE = """
import ctypes, json, socket, subprocess, sys
from engine.api.privacy import Privacy
privacy = Privacy(kernel_filter={kernel})
before = privacy.state()
found = {{"verified_before": before.is_verified, "active": before.kernel_filter_active}}
libc = ctypes.CDLL(None, use_errno=True)
found["native"] = [libc.socket(family, 1, 0) >= 0 for family in (2, 10)]
found["unix"] = libc.socket(1, 1, 0) >= 0
child = "import socket; socket.socket()"
found["child"] = subprocess.run([sys.executable, "-c", child], capture_output=True).returncode
try:
    socket.socket()
    found["python"] = True
except PermissionError:
    found["python"] = False
try:
    socket.getaddrinfo("localhost", 80)
    found["names"] = True
except PermissionError:
    found["names"] = False
after = privacy.state()
found["by"] = [after.tried_by]
def looks_for_news():
    import urllib.request
    try:
        urllib.request.urlopen("http://secret-host.invalid/")
    except OSError:
        pass
looks_for_news()
found["by"].append(privacy.state().tried_by)
found["verified_after"], found["attempts"] = after.is_verified, after.attempts
print(json.dumps(found))
"""


def probe(*, kernel: bool) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(kernel=kernel)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel filter exists on Linux only")
def test_kernel_refuses_python_native_code_and_children() -> None:
    found = probe(kernel=True)
    assert found["active"]
    assert found["verified_before"]
    assert found["native"] == [False, False]
    assert found["child"] != 0
    assert found["unix"]
    assert (found["python"], found["names"]) == (False, False)
    assert (found["verified_after"], found["attempts"]) == (False, 2)


def test_who_tried_is_named_by_module_and_function_and_never_the_address() -> None:
    assert probe(kernel=False)["by"] == ["__main__.<module>", "__main__.looks_for_news"]


@pytest.mark.net
@pytest.mark.skipif(sys.platform == "win32", reason="uses the C library of POSIX systems")
def test_without_the_filter_the_hook_alone_is_not_called_verified() -> None:
    found = probe(kernel=False)
    assert not found["verified_before"]
    assert (found["python"], found["names"]) == (False, False)
