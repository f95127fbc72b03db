# SPDX-License-Identifier: Apache-2.0
"""Two journeys that all proofs look at: one watched and without a guard, one without a network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class Journeys:
    """Both journeys, on their way at once: each waits for its own programs only."""

    watched: Future[Place]
    offline: Future[Place]


@pytest.fixture(scope="session")
def journeys(networks: None, tmp_path_factory: pytest.TempPathFactory) -> Generator[Journeys]:
    """Send both out together; what one proves is no other's to prove again."""
    del networks
    seen, alone = tmp_path_factory.mktemp("watched"), tmp_path_factory.mktemp("offline")
    trace = (*sink(seen), *TRACE, "-o", str(seen / "strace.log"))
    with ThreadPoolExecutor(2) as threads:
        yield Journeys(
            watched=threads.submit(go, seen, HERE / "unguarded.py", *trace),
            offline=threads.submit(go, alone, MAIN, "unshare", "-rn", straight=True),
        )


@pytest.fixture(scope="session")
def watched(journeys: Journeys) -> Place:
    """Go everywhere without any guard, in a network that counts packets, under strace."""
    return journeys.watched.result()


@pytest.fixture(scope="session")
def offline(journeys: Journeys) -> Place:
    """Go straight, as Burnish is delivered, in a network that leads nowhere."""
    return journeys.offline.result()
