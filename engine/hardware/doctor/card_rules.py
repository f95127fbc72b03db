# SPDX-License-Identifier: Apache-2.0
"""Rules on graphics cards: the driver, the build of PyTorch, the age of a card, hidden cards."""

from __future__ import annotations

from gettext import gettext as _

from engine.domain.problem import Severity
from engine.hardware.doctor.snapshot import (
    Finding,
    LibraryFacts,
    Snapshot,
    gigabytes,
    note,
    warning,
)
from engine.hardware.gpu import Gpu
from engine.hardware.visible_cards import VARIABLE

_OLDEST_DRIVERS = {13: 580, 12: 525, 11: 450}
"""Oldest driver line that runs each line of CUDA (CUDA Toolkit release notes, table 2: minor
version compatibility)."""

_OLDEST_CAPABILITY, _OLDEST_OF_CUDA_13 = (7, 0), (7, 5)
"""CUDA 13 gave up everything before Turing (its release notes); what Burnish computes with asks
for tensor cores, which came with 7.0."""

_NEWEST_OF_CUDA_12, _BLACKWELL = (12, 8), (10, 0)
"""Blackwell cards need CUDA 12.8 (its release notes)."""

_BF16_CAPABILITY = (8, 0)
_LITTLE_CARD_BYTES = 6 * 10**9


def driver(seen: Snapshot) -> list[Finding]:
    """Judge whether the driver answers, and is new enough for a PyTorch that needs one."""
    machine = seen.machine
    if machine.driver_needs_restart:
        return [
            warning(
                "driver_needs_restart",
                _("Driver updated"),
                machine.gpu_reason,
                _("Restart the computer; until then training uses the processor."),
            )
        ]
    if not machine.gpus or _is_for_processor(seen.libraries):
        return []
    oldest = _oldest_driver(seen.libraries)
    version = machine.gpus[0].driver
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) >= oldest:
        return []
    return [
        warning(
            "driver_too_old",
            _("Driver too old"),
            _(
                "The NVIDIA driver {version} is too old for {torch}. Training would use the "
                "processor."
            ).format(version=version, torch=_torch_words(seen.libraries)),
            _("Install NVIDIA driver {oldest} or newer.").format(oldest=oldest),
        )
    ]


def build(seen: Snapshot) -> list[Finding]:
    """Judge whether PyTorch was built for graphics cards at all, where there is one."""
    libraries, used = seen.libraries, seen.machine.used_card
    if used is None or not _is_for_processor(libraries):
        return []
    if libraries.is_packaged:
        remedy = _("Add the training libraries for NVIDIA cards in the settings.")
    else:
        remedy = _("Run packaging/bootstrap.py on this computer, which chooses those for CUDA.")
    return [
        warning(
            "torch_for_processor",
            _("Libraries for the processor"),
            _(
                "{card} is not used: the training libraries (PyTorch {version}) are those for the "
                "processor."
            ).format(card=used.name, version=libraries.torch),
            remedy,
        )
    ]


def cards(seen: Snapshot) -> list[Finding]:
    """Judge the age and size of every card."""
    if not seen.machine.gpus and not seen.machine.driver_needs_restart:
        return [_none(seen.machine.gpu_reason)]
    return [one for gpu in seen.machine.gpus for one in _card(gpu, seen.libraries)]


def unused(seen: Snapshot) -> list[Finding]:
    """Judge why training would not use the card that runs take: first its age, then the rest."""
    used = seen.machine.used_card
    age = _generation(used, seen.libraries) if used is not None else None
    found = [*build(seen), *driver(seen)]
    if age is not None and age.severity is Severity.WARNING:
        return [age, *found]
    return found


def hidden(seen: Snapshot) -> list[Finding]:
    """Judge what CUDA_VISIBLE_DEVICES hides, and whether its numbers are clear."""
    machine = seen.machine
    found: list[Finding] = []
    if machine.gpus_hidden:
        found.append(
            warning(
                "cards_hidden",
                _("Cards hidden"),
                _(
                    "{variable} hides {hidden} of {total} graphics cards from Burnish. Plans count "
                    "with the others only."
                ).format(
                    variable=VARIABLE,
                    hidden=machine.gpus_hidden,
                    total=machine.gpus_hidden + len(machine.gpus),
                ),
                _("Start Burnish without that variable to use them all."),
            )
        )
    if machine.gpu_order_is_unclear:
        found.append(
            warning(
                "card_order_unclear",
                _("Cards not told apart"),
                _(
                    "{variable} names cards by number, and CUDA counts cards of several kinds in "
                    "an order of its own. A plan may be for another card than the one that trains."
                ).format(variable=VARIABLE),
                _("Set CUDA_DEVICE_ORDER=PCI_BUS_ID beside it, or name the cards by their UUID."),
            )
        )
    return found


def _none(reason: str) -> Finding:
    return note(
        "no_graphics_card",
        _("No graphics card"),
        _(
            "{reason} Training uses the processor, which is slow for models of more than a few "
            "hundred million parameters."
        ).format(reason=reason),
        "",
    )


def _card(gpu: Gpu, libraries: LibraryFacts) -> list[Finding]:
    found = [_generation(gpu, libraries)]
    if gpu.total_bytes < _LITTLE_CARD_BYTES:
        found.append(
            note(
                "card_small",
                _("Small graphics card"),
                _(
                    "{name} has {total} GB of memory: enough for small models with short rows. The "
                    "plan of each run says what fits."
                ).format(name=gpu.name, total=gigabytes(gpu.total_bytes)),
                "",
            )
        )
    return [one for one in found if one is not None]


def _generation(gpu: Gpu, libraries: LibraryFacts) -> Finding | None:
    major, minor = _cuda(libraries)
    oldest = _OLDEST_OF_CUDA_13 if major >= 13 else _OLDEST_CAPABILITY
    values = {"name": gpu.name, "torch": _torch_words(libraries)}
    if gpu.compute_capability < oldest:
        return warning(
            "card_too_old",
            _("Card too old"),
            _("{name} is too old for {torch}.").format(**values),
            _("Set the device to cpu, or use a card of the RTX generations."),
        )
    if major and gpu.compute_capability >= _BLACKWELL and (major, minor) < _NEWEST_OF_CUDA_12:
        return warning(
            "card_too_new",
            _("Card too new"),
            _("{name} is newer than {torch} knows.").format(**values),
            _("Install training libraries for CUDA 12.8 or newer."),
        )
    if gpu.compute_capability >= _BF16_CAPABILITY:
        return None
    return note(
        "card_without_bf16",
        _("No bf16"),
        _("{name} has no bf16, so training uses fp32: exact, but slower and larger.").format(
            **values
        ),
        _("A card of the RTX 30 series or newer trains faster; nothing has to be set."),
    )


def _is_for_processor(libraries: LibraryFacts) -> bool:
    return bool(libraries.torch) and not libraries.cuda


def _cuda(libraries: LibraryFacts) -> tuple[int, int]:
    """Return the CUDA line of PyTorch as numbers; zeros where it has none or it is not known."""
    found = [int(one) for one in libraries.cuda.split(".") if one.isdecimal()]
    major, minor, *_rest = [*found, 0, 0]
    return major, minor


def _oldest_driver(libraries: LibraryFacts) -> int:
    named = _OLDEST_DRIVERS.get(_cuda(libraries)[0], _OLDEST_DRIVERS[12])
    return libraries.minimum_driver or named


def _torch_words(libraries: LibraryFacts) -> str:
    if not libraries.cuda:
        return _("the training libraries")
    return _("PyTorch {version} for CUDA {cuda}").format(
        version=libraries.torch.partition("+")[0], cuda=libraries.cuda
    )
