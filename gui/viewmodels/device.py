# SPDX-License-Identifier: Apache-2.0
"""What the window says of this computer."""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec

from gui.viewmodels import numbers

if TYPE_CHECKING:
    from engine.api.machine import MachineFacts


class StatusDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The device as the status bar shows it; `share` is None where there is no graphics card."""

    name: str
    share: float | None
    text: str
    extra: str = ""


def status_device(facts: MachineFacts) -> StatusDevice:
    """Return what the status bar says of the device that Burnish computes on."""
    gpu = facts.used_card
    if gpu is None:
        used = facts.memory_total_bytes - facts.memory_free_bytes
        return StatusDevice(
            name=_("Processor"),
            share=None,
            text=_used(used, facts.memory_total_bytes),
        )
    used = gpu.total_bytes - gpu.free_bytes
    return StatusDevice(
        name=short_name(gpu.name),
        share=used / gpu.total_bytes if gpu.total_bytes else 0.0,
        text=_used(used, gpu.total_bytes),
    )


def short_name(name: str) -> str:
    """Return a card's name without its maker's words: `RTX 4090`."""
    words = [one for one in name.split() if one not in ("NVIDIA", "GeForce")]
    return " ".join(words) or name


def _used(used: int, total: int) -> str:
    return _("{used} of {total} GB").format(
        used=numbers.decimal(numbers.gigabytes(used)),
        total=numbers.decimal(numbers.gigabytes(total)),
    )
