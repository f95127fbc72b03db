# SPDX-License-Identifier: Apache-2.0
"""NVIDIA graphics cards, as the driver's own library (NVML) tells of them; no CUDA is started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from gettext import gettext as _
from typing import TYPE_CHECKING

import msgspec

from engine.hardware.visible_cards import VARIABLE, is_order_unclear, visible_cards

if TYPE_CHECKING:
    import pynvml

_VERSION_MISMATCH = 18  # NVML_ERROR_LIB_RM_VERSION_MISMATCH, nvml.h


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """One graphics card.

    Attributes:
        name: As the driver names it.
        driver: Version of the driver.
        total_bytes: Its memory.
        free_bytes: Memory that is free now.
        used_bytes: Memory that programs hold now.
        temperature_c: Degrees Celsius, or None where the card does not tell.
        compute_capability: Generation, major and minor; (8, 0) and later compute in bf16.
        uuid: By which the driver tells equal cards apart; empty where it was not asked.
    """

    name: str
    driver: str
    total_bytes: int
    free_bytes: int
    used_bytes: int
    temperature_c: int | None
    compute_capability: tuple[int, int]
    uuid: str = ""


class GpuReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when the driver was asked.

    Attributes:
        gpus: The cards that may be computed with, in the driver's order, or in the one that
            `CUDA_VISIBLE_DEVICES` names them in.
        reason: Why there are none, one sentence; empty where there are some.
        needs_restart: The driver was updated while it was loaded.
        hidden: How many further cards that variable hides.
        order_is_unclear: It counts cards of several kinds in CUDA's own order.
    """

    gpus: tuple[Gpu, ...] = ()
    reason: str = ""
    needs_restart: bool = False
    hidden: int = 0
    order_is_unclear: bool = False


def read_gpus(environment: Mapping[str, str] = os.environ) -> GpuReport:
    """Ask the driver for its cards; a missing or broken driver is a report, never an error.

    Args:
        environment: Its `CUDA_VISIBLE_DEVICES` hides cards from everything that computes.
    """
    try:
        import pynvml
    except ImportError:
        return GpuReport(reason=_("The library that talks to NVIDIA drivers is not installed."))
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return _no_driver(error)
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        count = pynvml.nvmlDeviceGetCount()
        found = tuple(_read(number, driver) for number in range(count))
    except pynvml.NVMLError as error:
        return GpuReport(
            reason=_("The NVIDIA driver answers with an error: {error}.").format(error=error)
        )
    finally:
        pynvml.nvmlShutdown()
    return _seen(found, environment)


def _seen(found: tuple[Gpu, ...], environment: Mapping[str, str]) -> GpuReport:
    """Return what is left of the driver's cards after what the person hides."""
    if not found:
        return GpuReport(reason=_("The NVIDIA driver knows no graphics card."))
    gpus = visible_cards(found, environment)
    hides = _("{variable} hides every graphics card.").format(variable=VARIABLE)
    return GpuReport(
        gpus=gpus,
        reason="" if gpus else hides,
        hidden=len(found) - len(gpus),
        order_is_unclear=is_order_unclear(found, environment),
    )


def process_bytes(pid: int) -> int:
    """Return the memory that a process holds on all cards; 0 where the driver does not tell."""
    try:
        import pynvml
    except ImportError:
        return 0
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return 0
    try:
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(number)
            for number in range(pynvml.nvmlDeviceGetCount())
        ]
        found = [
            one.usedGpuMemory or 0
            for handle in handles
            for one in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
            if one.pid == pid
        ]
    except pynvml.NVMLError:
        return 0
    finally:
        pynvml.nvmlShutdown()
    return sum(found)


def _no_driver(error: pynvml.NVMLError) -> GpuReport:
    import pynvml

    if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
        return GpuReport(reason=_("No NVIDIA driver is installed."))
    if error.value == _VERSION_MISMATCH:
        return GpuReport(
            reason=_("The NVIDIA driver was updated while the computer was running."),
            needs_restart=True,
        )
    return GpuReport(reason=_("The NVIDIA driver does not answer: {error}.").format(error=error))


def _read(number: int, driver: str) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(number)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    capability = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    return Gpu(
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        driver=driver,
        total_bytes=memory.total,
        free_bytes=memory.free,
        used_bytes=memory.used,
        temperature_c=_temperature(handle),
        compute_capability=(capability[0], capability[1]),
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
    )


def _temperature(handle: pynvml.c_nvmlDevice_t) -> int | None:
    import pynvml

    try:
        return pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    """Return a text that older versions of the library give as bytes."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
