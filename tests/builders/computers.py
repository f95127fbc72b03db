# SPDX-License-Identifier: Apache-2.0
"""Computers that the doctor judges: one on which all is well, and one on which much is not."""

from __future__ import annotations

from engine.hardware.doctor.snapshot import LibraryFacts, Snapshot, WorkspaceFacts
from engine.hardware.gpu import Gpu
from engine.hardware.machine import MachineFacts
from engine.hardware.sleep import SleepFacts

GB = 10**9
CARD = Gpu(
    name="RTX 4090",
    driver="580.65",
    total_bytes=24 * GB,
    free_bytes=23 * GB,
    used_bytes=GB,
    temperature_c=40,
    compute_capability=(8, 9),
)
MACHINE = MachineFacts(
    processor="CPU",
    cores=8,
    memory_total_bytes=32 * GB,
    memory_free_bytes=20 * GB,
    disk_free_bytes=500 * GB,
    gpus=(CARD,),
)
LIBRARIES = LibraryFacts(torch="2.13.0+cu130", cuda="13.0")
SLEEP = SleepFacts(can_sleep=True, can_hold_off=True, idle_after_s=1200, source="logind",
                   lid_sleeps=False)  # fmt: skip
HEALTHY = Snapshot(
    machine=MACHINE,
    workspace=WorkspaceFacts(path="/data/burnish"),
    libraries=LIBRARIES,
    sleep=SLEEP,
    swap_bytes=8 * GB,
)


def a_hindered_computer() -> Snapshot:
    """Return a laptop on which much stands in the way."""
    old = Gpu(
        name="NVIDIA GeForce GTX 1060",
        driver="515.48",
        total_bytes=6 * GB,
        free_bytes=5 * GB,
        used_bytes=GB,
        temperature_c=40,
        compute_capability=(6, 1),
    )
    return Snapshot(
        machine=MachineFacts(
            processor="CPU",
            cores=4,
            memory_total_bytes=16 * GB,
            memory_free_bytes=9 * GB,
            disk_free_bytes=GB // 2,
            gpus=(old,),
            gpus_hidden=1,
        ),
        workspace=WorkspaceFacts(path="/mnt/share/burnish", network="nfs4"),
        libraries=LIBRARIES,
        sleep=SleepFacts(
            can_sleep=True, can_hold_off=False, idle_after_s=1200, source="GNOME", lid_sleeps=True
        ),
    )
