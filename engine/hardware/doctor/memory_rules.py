# SPDX-License-Identifier: Apache-2.0
"""Rules on main memory: its size, what is free, and the models that it has to hold."""

from __future__ import annotations

from gettext import gettext as _

from engine.hardware.doctor.snapshot import Finding, ModelRoom, Snapshot, gigabytes, warning

_GIGABYTE = 10**9
_LOW_MEMORY_BYTES = 6 * _GIGABYTE
_LITTLE_FREE_MEMORY_BYTES = 2 * _GIGABYTE
_USABLE_RATIO = 0.9
"""The system and the libraries need the rest."""


def memory(seen: Snapshot) -> list[Finding]:
    """Judge size and use of the main memory."""
    machine = seen.machine
    if machine.memory_total_bytes < _LOW_MEMORY_BYTES:
        return [
            warning(
                "memory_small",
                _("Little memory"),
                _(
                    "This computer has {total} GB of memory, enough for the starter model only."
                ).format(total=gigabytes(machine.memory_total_bytes)),
                _("Use a computer with 16 GB or more for models of a billion parameters."),
            )
        ]
    if machine.memory_free_bytes < _LITTLE_FREE_MEMORY_BYTES:
        return [
            warning(
                "memory_in_use",
                _("Memory in use"),
                _("Only {free} of {total} GB of memory are free.").format(
                    free=gigabytes(machine.memory_free_bytes),
                    total=gigabytes(machine.memory_total_bytes),
                ),
                _("Close other programs before you train."),
            )
        ]
    return []


def models(seen: Snapshot) -> list[Finding]:
    """Judge for each model whether its weights alone have room where they are computed with."""
    cards = sum(one.total_bytes for one in seen.machine.gpus)
    found = (_on_cards(one, cards) if cards else _on_processor(one, seen) for one in seen.models)
    return [one for one in found if one is not None]


def _on_cards(model: ModelRoom, cards: int) -> Finding | None:
    if model.least_bytes <= cards * _USABLE_RATIO:
        return None
    return warning(
        "model_larger_than_card",
        _("Model too large"),
        _(
            "{name} takes {need} GB even in 4 bits, and the graphics memory of this computer is "
            "{room} GB."
        ).format(name=model.name, need=gigabytes(model.least_bytes), room=gigabytes(cards)),
        _("Choose a smaller model."),
    )


def _on_processor(model: ModelRoom, seen: Snapshot) -> Finding | None:
    total = int(seen.machine.memory_total_bytes * _USABLE_RATIO)
    if model.least_bytes <= total:
        return None
    title = _("Model too large")
    values = {
        "name": model.name,
        "need": gigabytes(model.least_bytes),
        "total": gigabytes(seen.machine.memory_total_bytes),
        "swap": gigabytes(seen.swap_bytes),
    }
    if model.least_bytes <= total + seen.swap_bytes:
        message = _(
            "{name} takes {need} GB even in 4 bits. This computer has {total} GB of memory, so the "
            "rest would lie in swap, which makes a run many times slower."
        )
        remedy = _("Choose a smaller model.")
        return warning("model_in_swap", title, message.format(**values), remedy)
    message = _(
        "{name} takes {need} GB even in 4 bits. This computer has {total} GB of memory and {swap} "
        "GB of swap: the system would end the run."
    )
    remedy = _("Choose a smaller model, or a computer with more memory.")
    return warning("model_larger_than_memory", title, message.format(**values), remedy)
