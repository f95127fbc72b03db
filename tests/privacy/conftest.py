# SPDX-License-Identifier: Apache-2.0
"""Two journeys that all proofs look at: one watched and without a guard, one without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.privacy.place import HERE, MAIN, Place, go, sink
from tests.privacy.watched import TRACE


def _reason_without_networks() -> str:
    """Say why no process can be given a network of its own here; empty where it can."""
    if sys.platform != "linux":
        return "networks of one process exist on Linux only"
    missing = [one for one in ("unshare", "ip", "strace") if shutil.which(one) is None]
    if missing:
        return f"PRIVACY NOT PROVED: this machine has no {', '.join(missing)}"
    done = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    if done.returncode:
        return "PRIVACY NOT PROVED: this machine lets no user make a network (unshare -rn)"
    return ""


@pytest.fixture(scope="session")
def networks() -> None:
    """Skip, and say loudly what is not proved, where no process can have its own network."""
    reason = _reason_without_networks()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def watched(networks: None, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Go everywhere without any guard, in a network that counts packets, under strace."""
    del networks
    root = tmp_path_factory.mktemp("watched")
    return go(root, HERE / "unguarded.py", *sink(root), *TRACE, "-o", str(root / "strace.log"))


@pytest.fixture(scope="session")
def offline(networks: None, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Go straight, as Burnish is delivered, in a network that leads nowhere."""
    del networks
    root = tmp_path_factory.mktemp("offline")
    return go(root, MAIN, "unshare", "-rn", straight=True)
