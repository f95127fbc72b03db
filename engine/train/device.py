# SPDX-License-Identifier: Apache-2.0
"""Where and in which number format to compute, and how much memory there is for it."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable, Iterator
from gettext import gettext as _

import msgspec
import psutil
import torch

from engine.domain.decision import Decision
from engine.domain.recipe_choices import Device, Dtype
from engine.errors import DeviceUnavailable, NotEnoughMemory
from engine.train.spread import Spread

_DTYPES = {Dtype.BF16: torch.bfloat16, Dtype.FP32: torch.float32}
_GIB = 1 << 30
_MEMORY_WORDS = ("can't allocate memory", "out of memory", "alloc failed", "alloc_failed")
"""torch's allocator for processors, CUDA, torch's host allocator, and the status of cuBLAS."""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job computes.

    Attributes:
        device: The device.
        dtype: Number format of the computation.
        decisions: Both choices with their reasons.
        spread: Where the layers of the model go, if they are dealt out over several cards.
    """

    device: torch.device
    dtype: torch.dtype
    decisions: dict[str, Decision]
    spread: Spread | None = None

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """Return every device that computes, the first card first."""
        return (self.device,) if self.spread is None else self.spread.devices(self.device)


def choose_placement(device: Device, dtype: Dtype) -> Placement:
    """Choose device and number format, as far as they are left open.

    Raises:
        DeviceUnavailable: A graphics card is asked for and there is none.
    """
    where = _choose_device(device)
    form = _choose_dtype(dtype, where.value == "cuda")
    return Placement(
        device=torch.device(str(where.value)),
        dtype=_DTYPES[Dtype(form.value)],
        decisions={"device": where, "dtype": form},
    )


def _choose_device(asked: Device) -> Decision:
    has_card = torch.cuda.is_available()
    if asked is Device.CUDA and not has_card:
        raise DeviceUnavailable(
            _("The graphics card was asked for, but torch finds none that it can use.")
        )
    if asked is not Device.AUTO:
        return Decision(value=asked.value, reason=_("Asked for."), source="recipe")
    if has_card:
        name = torch.cuda.get_device_name()
        return Decision(
            value="cuda",
            reason=_("This computer has an {name}.").format(name=name),
            source="hardware",
        )
    reason = _("No graphics card was found that torch can use.")
    return Decision(value="cpu", reason=reason, source="hardware")


def _choose_dtype(asked: Dtype, is_card: bool) -> Decision:
    if asked is not Dtype.AUTO:
        return Decision(value=asked.value, reason=_("Asked for."), source="recipe")
    has_bf16 = _card_has_bf16() if is_card else _processor_has_bf16()
    if has_bf16:
        reason = _("The device computes in bf16 by itself, at half the memory of fp32.")
    elif is_card:
        reason = _("This graphics card has no bf16, and fp16 makes training unstable.")
    else:
        reason = _("This processor has no bf16 instructions, so fp32 is faster.")
    value = Dtype.BF16 if has_bf16 else Dtype.FP32
    return Decision(value=value.value, reason=reason, source="hardware")


def _card_has_bf16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _processor_has_bf16() -> bool:
    """Return whether the processor has AVX512-BF16 or AMX; torch tells it by private names only."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    found: list[Callable[[], bool] | None] = [getattr(torch.cpu, one, None) for one in probes]
    return any(probe() for probe in found if probe is not None)


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory held so far: of the device, or of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def free_memory_bytes(device: torch.device) -> int:
    """Return the memory that is free now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def _total_memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    return psutil.virtual_memory().total


@contextlib.contextmanager
def naming_memory_errors(device: torch.device) -> Iterator[None]:
    """Turn a failed allocation into a named error with numbers.

    Raises:
        NotEnoughMemory: The device or the computer ran out of memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise not_enough_memory(device, first_line(error)) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, by its type or by its words.

    torch has a type for its own allocator; libraries that allocate for themselves (cuBLAS, cuDNN,
    bitsandbytes) and the allocator of processors raise a plain RuntimeError.
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _MEMORY_WORDS)


def first_line(error: BaseException) -> str:
    """Return what an error says, shortly; Python's own says nothing but its name."""
    return str(error).partition("\n")[0] or type(error).__name__


def free_unused(device: torch.device) -> None:
    """Give back all memory that nothing refers to any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def not_enough_memory(
    device: torch.device, detail: str, *, remedy: str | None = None
) -> NotEnoughMemory:
    """Return the error that names the memory of a device with numbers.

    Args:
        device: Where memory ran out.
        detail: What the allocator said.
        remedy: The one change that would fit, or None where it is not known.
    """
    text = (
        _(
            "The graphics card ran out of memory: it has {total:.1f} GiB, the run held up to "
            "{peak:.1f} GiB, and {free:.1f} GiB were free at the end. Checkpoints are safe."
        )
        if device.type == "cuda"
        else _(
            "The computer ran out of memory: it has {total:.1f} GiB, the run held up to "
            "{peak:.1f} GiB, and {free:.1f} GiB were free at the end. Checkpoints are safe."
        )
    )
    device = _fullest(device)
    return NotEnoughMemory(
        text.format(
            total=_total_memory_bytes(device) / _GIB,
            peak=peak_memory_bytes(device) / _GIB,
            free=free_memory_bytes(device) / _GIB,
        ),
        remedy=remedy,
        detail=detail,
    )


def _fullest(device: torch.device) -> torch.device:
    """Return the card that has least free memory, of those that this process holds some of."""
    if device.type != "cuda":
        return device
    cards = [torch.device("cuda", one) for one in range(torch.cuda.device_count())]
    held = [one for one in cards if torch.cuda.memory_reserved(one)]
    return min(held, key=free_memory_bytes, default=device)


@contextlib.contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Make torch refuse operations whose result may differ from run to run, on a CPU.

    On a graphics card this is left alone: the fused attention kernels would be lost.
    """
    if device.type != "cpu":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
