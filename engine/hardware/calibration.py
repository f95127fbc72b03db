# SPDX-License-Identifier: Apache-2.0
"""What runs measured of this computer: the memory of a layer, and how fast tokens go through.

Both are facts of a device, a driver and the libraries' versions; where one of them changes, the
estimate is used again until it was measured anew. The document is a cache: without it the plan is
less exact, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec

from engine.errors import DocumentDamaged
from engine.store.documents import read_document, write_document

_LIBRARIES = ("torch", "transformers", "bitsandbytes")
_MOST_ENTRIES = 64
_FEWEST_TOKENS, _MOST_TOKENS = 2048, 16_384
_PLAUSIBLE = (0.3, 3.0)
"""A layer that measures more or less than this share of its count was measured in a disturbance."""


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a measurement depends on beside the model.

    Attributes:
        device: Name of the card, or of the processor.
        driver: Version of its driver, or empty.
        libraries: Versions of the training libraries.
    """

    device: str
    driver: str
    libraries: str


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How the memory of a layer in work compares with its count, on one device.

    Attributes:
        surroundings: Where it was measured.
        model_type: Family of the model.
        item: Bytes per number of the computation.
        quantised: The base model was held in 4 bits.
        layer_scale: Measured bytes per token over counted ones, gradients included.
        context_bytes: What driver and libraries hold, or 0 where the driver does not tell.
        measured_at: UTC, ISO 8601.
    """

    surroundings: Surroundings
    model_type: str
    item: int
    quantised: bool
    layer_scale: float
    context_bytes: int
    measured_at: str


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a run went.

    Attributes:
        device: Name of the card, or of the processor.
        fingerprint: Of the base model.
        method: Training method.
        tokens_per_s: Tokens per second of stepping.
        dataset_id: Its dataset.
        dataset_version: Version of it.
        max_length: Longest row.
        tokens_per_row: Mean length of its rows.
        measured_at: UTC, ISO 8601.
        processes: How many trained together.
    """

    device: str
    fingerprint: str
    method: str
    tokens_per_s: float
    dataset_id: str
    dataset_version: int
    max_length: int
    tokens_per_row: float
    measured_at: str
    processes: int = 1


class Measurements(msgspec.Struct, frozen=True, kw_only=True):
    """measurements.json: the newest of each kind, the newest last, a bounded number."""

    schema_version: int = 1
    calibrations: tuple[Calibration, ...] = ()
    speeds: tuple[Speed, ...] = ()

    def calibration(
        self, surroundings: Surroundings, *, model_type: str, item: int, quantised: bool
    ) -> Calibration | None:
        """Return what was measured for exactly this, or None."""
        key = (surroundings, model_type, item, quantised)
        return next((one for one in reversed(self.calibrations) if _calibrated(one) == key), None)

    def on_card(
        self, name: str, driver: str, *, model_type: str, item: int, quantised: bool
    ) -> Calibration | None:
        """Return what was measured on a card with the libraries that are installed, or None."""
        here = Surroundings(device=name, driver=driver, libraries=library_versions())
        return self.calibration(here, model_type=model_type, item=item, quantised=quantised)

    def of_processes(self, count: int) -> Measurements:
        """Return the same with the speeds of so many processes alone."""
        speeds = tuple(one for one in self.speeds if one.processes == count)
        return msgspec.structs.replace(self, speeds=speeds)

    def speed(self, device: str, *, fingerprint: str, method: str) -> Speed | None:
        """Return the newest speed of this model and method on this device, or None."""
        key = (device, fingerprint, method)
        found = (
            one for one in reversed(self.speeds) if (one.device, one.fingerprint, one.method) == key
        )
        return next(found, None)

    def row_tokens(self, fingerprint: str, *, dataset_id: str, dataset_version: int) -> float:
        """Return the mean length of a dataset's rows for this model; 0 where it is not known."""
        key = (fingerprint, dataset_id, dataset_version)
        found = (
            one.tokens_per_row
            for one in reversed(self.speeds)
            if (one.fingerprint, one.dataset_id, one.dataset_version) == key
        )
        return next(found, 0.0)


def _calibrated(one: Calibration) -> tuple[Surroundings, str, int, bool]:
    return one.surroundings, one.model_type, one.item, one.quantised


def _run_of(one: Speed) -> tuple[str, str, str, str, int, int]:
    rows = one.dataset_id, one.dataset_version
    return one.device, one.fingerprint, one.method, *rows, one.processes


def read_measurements(path: Path) -> Measurements:
    """Return what was measured; nothing where the document is missing, damaged or newer."""
    try:
        found = read_document(path, Measurements)
    except DocumentDamaged:
        return Measurements()
    return found if found.schema_version == 1 else Measurements()


def remember(
    path: Path, *, calibration: Calibration | None = None, speed: Speed | None = None
) -> None:
    """Add to the document; an older entry of the same is replaced, the oldest are dropped.

    Raises:
        DiskFull: No room; the old document is untouched.
    """
    old = read_measurements(path)
    calibrations, speeds = list(old.calibrations), list(old.speeds)
    if calibration is not None:
        calibrations = [one for one in calibrations if _calibrated(one) != _calibrated(calibration)]
        calibrations.append(calibration)
    if speed is not None:
        speeds = [one for one in speeds if _run_of(one) != _run_of(speed)] + [speed]
    new = Measurements(
        calibrations=tuple(calibrations[-_MOST_ENTRIES:]), speeds=tuple(speeds[-_MOST_ENTRIES:])
    )
    write_document(path, new)


def measured_tokens(asked: int) -> tuple[int, int]:
    """Return the tokens of the two passes that measure a device: a quarter and half of a row.

    Args:
        asked: Tokens that go through it together by the recipe.
    """
    tokens = min(max(asked, _FEWEST_TOKENS), _MOST_TOKENS)
    return tokens // 4, tokens // 2


def fit_layer(
    measure: Callable[[int], int],
    *,
    passes: tuple[int, int],
    input_bytes: int,
    layer_bytes: Callable[[int], int],
) -> float | None:
    """Measure a short and a longer pass, and compare the difference with its count.

    What does not grow with the tokens falls out of the difference. The count need not be linear:
    scores that are kept grow with the square of a sequence.

    Args:
        measure: Returns the peak, in bytes, of a pass over so many tokens.
        passes: Tokens of both, see `measured_tokens`.
        input_bytes: Per token, what the inputs of all layers take.
        layer_bytes: Of so many tokens, the count of the layer in work, gradients included.

    Returns:
        Measured over counted, or None where the result is not plausible.
    """
    few, many = passes
    grown = measure(many) - measure(few) - input_bytes * (many - few)
    scale = grown / (layer_bytes(many) - layer_bytes(few))
    low, high = _PLAUSIBLE
    return scale if low <= scale <= high else None


@cache
def library_versions() -> str:
    """Return the versions of the training libraries, without importing them."""
    return " ".join(f"{name} {_version(name)}" for name in _LIBRARIES)


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
