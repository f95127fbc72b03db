# SPDX-License-Identifier: Apache-2.0
"""Notices a graphics driver that moves memory to the computer's own instead of saying it is full.

Drivers for Windows do so since 536.40: a run goes on without an error, many times slower. Then
more is held than the card has.
"""

from __future__ import annotations

from collections.abc import Callable
from gettext import gettext as _

import torch

from engine.hardware.gpu import read_gpus
from engine.protocol.events import Warned

_EVERY_STEPS = 25
_GIB = 1 << 30


def held_and_total_bytes(device: torch.device) -> tuple[int, int]:
    """Return what is held of a card's memory, by the driver or by torch alone, and what it has."""
    name = torch.cuda.get_device_name(device)
    used = [one.used_bytes for one in read_gpus().gpus if one.name == name]
    total = torch.cuda.mem_get_info(device)[1]
    return max([torch.cuda.memory_reserved(device), *used[:1]]), total


class SpillWatch:
    """Looks now and then, and warns once."""

    def __init__(
        self,
        *devices: torch.device,
        read: Callable[[torch.device], tuple[int, int]] = held_and_total_bytes,
    ) -> None:
        """Watch devices; a processor has nothing to spill."""
        self._devices = [one for one in devices if one.type == "cuda"]
        self._read = read
        self._is_told = not self._devices

    def warning(self, step: int) -> Warned | None:
        """Return the warning the first time that it is due.

        Args:
            step: Steps done, from 1; the driver is asked after the first and then now and then.
        """
        if self._is_told or (step - 1) % _EVERY_STEPS:
            return None
        found = (self._read(one) for one in self._devices)
        held, total = max(found, key=lambda one: one[0] - one[1])
        if held <= total:
            return None
        self._is_told = True
        text = _(
            "The graphics card has {total:.1f} GiB, but {held:.1f} GiB are held: the driver uses "
            "the computer's own memory for the rest, which is many times slower. Close other "
            "programs, or choose a shorter longest row."
        )
        return Warned(
            code="memory_spilled", message=text.format(total=total / _GIB, held=held / _GIB)
        )
