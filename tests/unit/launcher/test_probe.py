# SPDX-License-Identifier: Apache-2.0
"""The probe really tries, tells a refusal from a success, and is believed only when it answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.errors import ProbeSilent
from engine.launcher import probe as probe_module
from engine.launcher.probe import TRIES, Outcome, ProbeAnswer, probe

ROOT = Path(__file__).resolve().parents[3]

UNGUARDED = """
from engine.launcher import probe
class NoGuard:
    attempts, kernel_refusal, is_kernel_filter_active = 0, "not wanted", False
probe.OfflineGuard = NoGuard
probe.run_probe([])
"""


def outcomes(answer: ProbeAnswer) -> dict[str, Outcome]:
    return {one.name: one.outcome for one in answer.guarded}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel filter exists on Linux only")
def test_behind_a_guard_every_try_is_refused() -> None:
    answer = probe()
    assert set(outcomes(answer)) == set(TRIES)
    assert set(outcomes(answer).values()) == {Outcome.REFUSED}
    assert answer.has_filter
    assert answer.works_locally
    assert answer.noticed == 4


@pytest.mark.net
@pytest.mark.skipif(sys.platform != "linux", reason="native tries are made on Linux only")
def test_without_a_guard_the_probe_tells_that_the_network_can_be_asked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNGUARDED], cwd=ROOT, capture_output=True, check=True
    )
    answer = msgspec.json.decode(done.stdout, type=ProbeAnswer)
    opened = {name for name, one in outcomes(answer).items() if one is Outcome.OPENED}
    assert {"tcp", "udp", "thread", "python", "listen", "lookup", "child"} <= opened
    assert not answer.has_filter


@pytest.mark.parametrize("says", ["print('no JSON')", "raise SystemExit(3)"])
def test_silent_probe_proves_nothing(says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "program_argv", lambda _role: [sys.executable, "-c", says])
    with pytest.raises(ProbeSilent):
        probe()
