# SPDX-License-Identifier: Apache-2.0
"""The 4-bit weights of a base model, kept on disk so that a second load need not compute them.

They are a fifth of what the 16-bit weights take, and loading them gives the same bits as rounding
anew. What decides those bits is the key; whoever finds another key, or other bytes than were
written, must not use them. Only the linears of the layers are kept: all else comes from the model's
own files.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from gettext import gettext as _
from importlib.metadata import version
from pathlib import Path

import filelock
import msgspec
import torch

from engine.errors import Cancelled, DiskFull, DocumentDamaged, EngineError, InUse
from engine.store import atomicfs
from engine.store.checksum import encode_document
from engine.store.documents import read_document
from engine.store.modelfolder import read_weights
from engine.store.modelfolder_packed import PACKED
from engine.store.modelfolder_weights import SINGLE, weight_files
from engine.store.safetensors_writer import TensorEntry, write_tensors
from engine.train.linear import LowRankLinear
from engine.train.nf4 import BLOCK_VALUES
from engine.train.nf4_parts import split_parts
from engine.train.read_ahead import DTYPES, Unit, in_file_order

_KEY, _CURRENT, _LOCK = "cache.json", "current", "writer.lock"
_CODES = {dtype: code for code, dtype in DTYPES.items()}
_NAMED_DTYPE = torch.bfloat16
"""The description of a packed weight names a format; nobody computes in it."""

KEPT_FREE_BYTES = 2 << 30
"""Room that the cache leaves on the disk, for checkpoints and results."""


class CacheKey(msgspec.Struct, frozen=True, kw_only=True):
    """cache.json: all that decides the bits of the weights.

    Attributes:
        schema_version: Version of this document.
        fingerprint: Of the model's folder; it holds config and safetensors headers.
        files: Size in bytes and time of the last change (ns) of each weight file.
        quantiser: Form and block sizes.
        libraries: Versions of those that do the rounding.
        device: What computed it: sums of scales end in other last digits elsewhere.
    """

    schema_version: int = 1
    fingerprint: str
    files: dict[str, tuple[int, int]]
    quantiser: str
    libraries: dict[str, str]
    device: str


def key_of(folder: Path, *, fingerprint: str, device: torch.device) -> CacheKey:
    """Return the key of a model's 4-bit weights as they would be computed now.

    Args:
        folder: The model's folder.
        fingerprint: Of the folder.
        device: Where they are rounded.
    """
    stats = {name: (folder / name).stat() for name in weight_files(folder)}
    return CacheKey(
        fingerprint=fingerprint,
        files={name: (one.st_size, one.st_mtime_ns) for name, one in stats.items()},
        quantiser=f"nf4, blocks of {BLOCK_VALUES}, scales in 8 bits in blocks of 256",
        libraries={name: version(name) for name in ("torch", "bitsandbytes")},
        device=_describe(device),
    )


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    # Large sums are split among the threads, so that their number decides the last digit.
    return f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


class Nf4Cache:
    """The kept weights of one model, for one key.

    Attributes:
        file: The safetensors file.
    """

    def __init__(self, folder: Path, key: CacheKey) -> None:
        """Work on a folder, which need not exist."""
        self._folder = folder
        self._current = folder / _CURRENT
        self._key = key
        self.file = self._current / SINGLE

    @property
    def exists(self) -> bool:
        """Return whether anything is kept, sound or not."""
        return self._current.exists()

    @property
    def size_bytes(self) -> int:
        """Return the size of the kept weights; 0 where another job has just removed them."""
        try:
            return self.file.stat().st_size
        except FileNotFoundError:
            return 0

    def units(self, linears: Mapping[str, LowRankLinear]) -> list[Unit]:
        """Return what is to be read for these linears, in the order of the file.

        Raises:
            DocumentDamaged: It was made under another key, or is not complete.
        """
        with as_damage():
            if read_document(self._current / _KEY, CacheKey) != self._key:
                raise DocumentDamaged(
                    _("They were made from other files, by another version or on another device.")
                )
            self._check_key_file()
            found = read_weights(self._current)
            wanted = {
                f"{path}.weight": (one.out_features, one.in_features)
                for path, one in linears.items()
            }
            if wanted != {name: one.shape for name, one in found.items() if one.parts}:
                raise DocumentDamaged(_("They are not those of all layers."))
        units = [Unit(name, self._current, found[name]) for name in wanted]
        return in_file_order(units)

    def _check_key_file(self) -> None:
        entry = atomicfs.read_manifest(self._current).files.get(_KEY)
        if entry is None or entry.sha256 != atomicfs.sha256_of(self._current / _KEY):
            raise DocumentDamaged(_("Their description is not what was written."))

    def verify(self, digests: Mapping[Path, str]) -> None:
        """Compare what was read with what was written.

        Args:
            digests: SHA-256 of whole files, by path.

        Raises:
            DocumentDamaged: It differs.
        """
        entry = atomicfs.read_manifest(self._current).files.get(SINGLE)
        if entry is None or digests.get(self.file) != entry.sha256:
            raise DocumentDamaged(_("They are not what was written."))

    def discard(self) -> None:
        """Remove what is kept.

        Raises:
            InUse: Another job is writing it.
            NotWritable: The disk refuses.
        """
        with self._writing():
            if self.exists:
                atomicfs.remove_folder(self._current)

    def write(
        self,
        linears: Mapping[str, LowRankLinear],
        *,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Keep the weights of a model that was loaded just now.

        Args:
            linears: All of its linears, in 4 bits.
            on_progress: Is told bytes written and bytes in all; may raise to end the writing.

        Raises:
            DiskFull: There is not enough room; nothing was written.
            InUse: Another job is writing it.
            NotWritable: The disk refuses.
        """
        entries = [_entry(name, values) for name, values in _parts_of(linears)]
        size = sum(one.size_bytes for one in entries)
        parts, done = _parts_of(linears), 0

        def blocks_of(entry: TensorEntry) -> list[memoryview]:
            """Return the next tensor, and count it."""
            nonlocal done
            done += entry.size_bytes
            on_progress(done, size)
            return [_content(next(parts)[1])]

        with self._writing():
            self._check_room(size)
            with atomicfs.new_folder(self._current, replace=True) as folder:
                write_tensors(folder / SINGLE, entries, blocks_of)
                atomicfs.write_file(folder / _KEY, encode_document(self._key), durable=False)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        atomicfs.make_folder(self._folder)
        try:
            with filelock.FileLock(self._folder / _LOCK, timeout=0, mode=0o600):
                atomicfs.sweep(self._folder)
                yield
        except filelock.Timeout as error:
            raise InUse(_("Another job is keeping the 4-bit weights just now.")) from error

    def _check_room(self, size: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < size + KEPT_FREE_BYTES:
            raise DiskFull(
                _("They take {size} MB, and the disk has {free} MB free.").format(
                    size=size >> 20, free=free >> 20
                )
            )


@contextlib.contextmanager
def as_damage() -> Iterator[None]:
    """Name whatever is wrong with kept files as damage: they can always be made anew."""
    try:
        yield
    except Cancelled:
        raise
    except EngineError as error:
        raise DocumentDamaged(error.message, detail=error.detail) from error


def _parts_of(linears: Mapping[str, LowRankLinear]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield name and value of every tensor in the file, those of a weight one behind the other."""
    for path, linear in linears.items():
        if linear.packed is None:
            raise ValueError(f"{path} is not in 4 bits")
        for part, values in split_parts(linear.packed, dtype=_NAMED_DTYPE).items():
            yield f"{path}.weight" if part == PACKED else f"{path}.weight.{part}", values


def _entry(name: str, values: torch.Tensor) -> TensorEntry:
    return TensorEntry(
        name=name,
        dtype=_CODES[values.dtype],
        shape=tuple(values.shape),
        size_bytes=values.numel() * values.element_size(),
    )


def _content(values: torch.Tensor) -> memoryview:
    return values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
