# SPDX-License-Identifier: Apache-2.0
"""Reads tensors from safetensors files ahead of their use, on a thread of its own.

While one tensor is rounded on the device, the next ones come from the disk. At most `ALIVE` of them
are in memory at a time, whatever the size of the model. For a graphics card they are read into
pinned memory, from which copies run beside the computation. Files are read here, not mapped: what
is used once and then dropped is better not part of the process.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from gettext import gettext as _
from io import BufferedReader
from pathlib import Path
from types import TracebackType

import msgspec
import torch

from engine.errors import EngineError, FileMissing, FileUnreadable, ModelInvalid
from engine.store.modelfolder import TensorHeader

ALIVE = 3
"""Units in memory at once: the one in use, one that is ready, and one that is being read."""

WHOLE = ""
"""Name of the only part of a weight that is one tensor."""

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""Number formats by their name in a safetensors header."""

_BLOCK_BYTES = 8 << 20
"""Read at once; a stop is heeded between two blocks."""

_POLL_S = 0.1


class Unit(msgspec.Struct, frozen=True):
    """Tensors that are used together: one weight, or the parts of a packed one.

    Attributes:
        name: Of the weight.
        folder: Where its files are.
        header: Where it stands.
        tensors: Its parts by name, or the weight itself under `WHOLE`, while the unit is in use.
    """

    name: str
    folder: Path
    header: TensorHeader
    tensors: dict[str, torch.Tensor] = msgspec.field(default_factory=dict)

    @property
    def headers(self) -> dict[str, TensorHeader]:
        """Return where each of its tensors stands, in the order of the files."""
        parts = self.header.parts or {WHOLE: self.header}
        return dict(sorted(parts.items(), key=lambda one: (one[1].file, one[1].offsets)))

    @property
    def size_bytes(self) -> int:
        """Return how many bytes of the files it is."""
        return sum(one.offsets[1] - one.offsets[0] for one in self.headers.values())


class ReadAhead:
    """Units in their order, read ahead; a context manager that leaves no thread and no file open.

    Attributes:
        digests: SHA-256 (hex) of each whole file that was read from its first byte to its last
            without a gap; complete when the last unit was handed out.
    """

    def __init__(
        self,
        units: Iterable[Unit],
        *,
        device: torch.device,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        hashed: bool = False,
    ) -> None:
        """Prepare; nothing is read before the block is entered.

        Args:
            units: What to read, in this order.
            device: Where the tensors go to.
            on_progress: Is told bytes handed out and bytes in all, also while a slow disk lets
                wait; may raise to end the reading.
            hashed: Compute `digests`; units must then be in the order of their files.
        """
        self.digests: dict[Path, str] = {}
        self._units = list(units)
        self._device = device
        self._on_progress = on_progress
        self._hashed = hashed
        self._slots = threading.Semaphore(ALIVE)
        self._ready: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._work: Future[None] | None = None

    def __enter__(self) -> ReadAhead:
        """Begin to read."""
        self._work = self._thread.submit(self._read_all)
        self._work.add_done_callback(lambda _work: self._ready.put(None))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the thread, wherever it is."""
        self._stopping.set()
        self._slots.release()
        self._thread.shutdown()

    def __iter__(self) -> Iterator[Unit]:
        """Yield every unit; its tensors are dropped when the next one is asked for.

        Raises:
            FileMissing: A file went away.
            FileUnreadable: The system or the disk does not let it be read.
            ModelInvalid: A file became shorter.
        """
        done, total = 0, sum(one.size_bytes for one in self._units)
        while (unit := self._wait(done, total)) is not None:
            yield unit
            if self._device.type == "cuda":
                # The copies run beside this thread; until they end, the unit is in memory.
                torch.cuda.current_stream(self._device).synchronize()
            unit.tensors.clear()
            self._slots.release()
            done += unit.size_bytes
            self._on_progress(done, total)

    def _wait(self, done: int, total: int) -> Unit | None:
        """Return the next unit, or None behind the last one; raise what the thread raised."""
        while True:
            try:
                unit = self._ready.get(timeout=_POLL_S)
            except queue.Empty:
                self._on_progress(done, total)
                continue
            if unit is None and self._work is not None:
                self._work.result()
            return unit

    def _read_all(self) -> None:
        files = _Files(is_hashed=self._hashed)
        try:
            for unit in self._units:
                self._slots.acquire()
                if self._stopping.is_set():
                    return
                for part, header in unit.headers.items():
                    stream = files.open(unit.folder / header.file)
                    found = self._read(stream, header)
                    if found is None:
                        return
                    unit.tensors[part] = found
                self._ready.put(unit)
            self.digests = files.finish()
        finally:
            files.close()

    def _read(self, stream: _HashedFile, header: TensorHeader) -> torch.Tensor | None:
        """Return one tensor, or None where a stop came first."""
        size = header.offsets[1] - header.offsets[0]
        buffer = torch.empty(size, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        content = buffer.numpy().data
        stream.seek(header.offsets[0])
        for start in range(0, size, _BLOCK_BYTES):
            if self._stopping.is_set():
                return None
            stream.fill(content[start : start + _BLOCK_BYTES])
        return buffer.view(DTYPES[header.dtype]).view(header.shape)


class _HashedFile:
    """One open file; where it is hashed, nothing of it may be passed over."""

    def __init__(self, path: Path, *, is_hashed: bool) -> None:
        self._path = path
        self._digest = hashlib.sha256() if is_hashed else None
        self._at = 0
        try:
            self._stream: BufferedReader = path.open("rb")
        except FileNotFoundError as error:
            raise FileMissing(_("{path} is gone.").format(path=path), detail=str(error)) from error
        except OSError as error:
            raise self._unreadable(error) from error

    def seek(self, place: int) -> None:
        """Go to a place; a hashed file is read up to it."""
        if self._digest is not None and place > self._at:
            self.fill(memoryview(bytearray(place - self._at)))
        elif place != self._at:
            self._digest = None
            self._stream.seek(place)
            self._at = place

    def fill(self, block: memoryview) -> None:
        """Read exactly a block."""
        filled = 0
        while filled < len(block):
            try:
                got = self._stream.readinto(block[filled:])
            except OSError as error:
                raise self._unreadable(error) from error
            if not got:
                raise ModelInvalid(
                    _("{path} became shorter while it was read.").format(path=self._path),
                    remedy=_("Get this file again, and leave the folder alone while it is read."),
                )
            filled += got
        self._at += len(block)
        if self._digest is not None:
            self._digest.update(block)

    def hexdigest(self) -> str | None:
        """Return the hash up to here, or None where a part was passed over or more follows."""
        is_whole = self._digest is not None and not self._stream.read(1)
        return self._digest.hexdigest() if is_whole and self._digest is not None else None

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def _unreadable(self, error: OSError) -> EngineError:
        return FileUnreadable(
            _("{path} cannot be read.").format(path=self._path), detail=str(error)
        )


class _Files:
    """Open files by path."""

    def __init__(self, *, is_hashed: bool) -> None:
        self._is_hashed = is_hashed
        self._open: dict[Path, _HashedFile] = {}

    def open(self, path: Path) -> _HashedFile:
        """Return the file, opened at its first use."""
        if path not in self._open:
            self._open[path] = _HashedFile(path, is_hashed=self._is_hashed)
        return self._open[path]

    def finish(self) -> dict[Path, str]:
        """Return the hashes of those that were read whole."""
        found = {path: one.hexdigest() for path, one in self._open.items()}
        return {path: digest for path, digest in found.items() if digest is not None}

    def close(self) -> None:
        """Close all."""
        for one in self._open.values():
            one.close()


def in_file_order(units: Sequence[Unit]) -> list[Unit]:
    """Return units in the order in which they stand in their files."""
    return sorted(units, key=_first_place)


def _first_place(unit: Unit) -> tuple[str, int]:
    return min((one.file, one.offsets[0]) for one in unit.headers.values())
