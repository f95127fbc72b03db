# SPDX-License-Identifier: Apache-2.0
"""Facts of this computer: processor, memory, disk, graphics cards."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import msgspec
import psutil

from engine.hardware.cards import cards_in_turn
from engine.hardware.gpu import Gpu, GpuReport, read_gpus

_CPU_FACTS = Path("/proc/cpuinfo")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_tile"})
_CPU_NAMES = ("model name", "Model", "Hardware", "cpu model")


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What this computer has, as of one moment.

    Attributes:
        processor: Name of the processor.
        cores: Physical cores.
        memory_total_bytes: Main memory.
        memory_free_bytes: Main memory that programs can still get.
        disk_free_bytes: Free space on the disk of the workspace.
        gpus: NVIDIA graphics cards.
        gpu_reason: Why there are none, one sentence; empty where there are some.
        driver_needs_restart: The driver was updated while it was loaded.
        processor_has_bf16: The processor computes in bf16 by itself, as far as the system tells.
        gpus_hidden: How many further cards the person hides from everything that computes.
        gpu_order_is_unclear: Which cards are left cannot be told for certain.
    """

    processor: str
    cores: int
    memory_total_bytes: int
    memory_free_bytes: int
    disk_free_bytes: int
    gpus: tuple[Gpu, ...] = ()
    gpu_reason: str = ""
    driver_needs_restart: bool = False
    processor_has_bf16: bool = False
    gpus_hidden: int = 0
    gpu_order_is_unclear: bool = False

    @property
    def used_card(self) -> Gpu | None:
        """The card that a run on one card uses; None where there is none."""
        places = cards_in_turn(self.gpus)
        return self.gpus[places[0]] if places else None


def read_machine(workspace: Path, *, report: GpuReport | None = None) -> MachineFacts:
    """Return the facts of this computer.

    Args:
        workspace: A folder on the disk that is asked for its free space; it need not exist yet.
        report: What is known of the graphics cards; by default the driver is asked.
    """
    cards = read_gpus() if report is None else report
    memory = psutil.virtual_memory()
    return MachineFacts(
        processor=processor_name(),
        cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        memory_total_bytes=memory.total,
        memory_free_bytes=memory.available,
        disk_free_bytes=disk_free_bytes(workspace),
        gpus=cards.gpus,
        gpu_reason=cards.reason,
        driver_needs_restart=cards.needs_restart,
        processor_has_bf16=processor_has_bf16(),
        gpus_hidden=cards.hidden,
        gpu_order_is_unclear=cards.order_is_unclear,
    )


def disk_free_bytes(path: Path) -> int:
    """Return the free space of the disk that a path is, or will be, on; 0 where none is found."""
    for place in (path, *path.absolute().parents):
        if place.exists():
            return shutil.disk_usage(place).free
    return 0


def processor_name() -> str:
    """Return the processor's name as its maker writes it, or what the system calls it."""
    found = _windows_name() if sys.platform == "win32" else _linux_name(_CPU_FACTS)
    return " ".join((found or platform.processor() or platform.machine()).split())


def processor_has_bf16(facts: Path = _CPU_FACTS) -> bool:
    """Return whether the processor has AVX512-BF16 or AMX; False where the system does not tell.

    Args:
        facts: Where Linux describes the processor.
    """
    return not _BF16_FLAGS.isdisjoint(_linux_facts(facts).get("flags", "").split())


def _linux_name(facts: Path) -> str:
    values = _linux_facts(facts)
    return next((values[name] for name in _CPU_NAMES if values.get(name)), "")


def _linux_facts(facts: Path) -> dict[str, str]:
    """Return what Linux tells of the first processor by name; nothing elsewhere."""
    try:
        lines = facts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    entries = [line.partition(":") for line in lines]
    return {key.strip(): value.strip() for key, _colon, value in reversed(entries)}


def _windows_name() -> str:
    if sys.platform != "win32":
        return ""
    import winreg

    place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    except OSError:
        return ""
