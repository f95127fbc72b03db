# SPDX-License-Identifier: Apache-2.0
"""Weights that a processor computes with where they stand in the system's cache of the file.

A dense model on a processor needs no copy of its weights: the file is mapped, privately, so that
nothing here can write to it, and its pages are shared with the cache and with other processes. The
price is that a change of the file would show in the model. So before anything that was computed is
committed, each file must be what it was when it was mapped. A file that is replaced as a whole, as
downloads do it, does no harm: what is mapped is still the old one.
"""

from __future__ import annotations

import errno
import mmap
import sys
from gettext import gettext as _
from pathlib import Path

import msgspec
import torch

from engine.errors import FileMissing, FileUnreadable, ModelChanged, ModelInvalid
from engine.store.modelfolder import TensorHeader
from engine.train.read_ahead import DTYPES

_POPULATE_READ = 22
"""MADV_POPULATE_READ of Linux 5.14, which the mmap module does not name: reads pages in now, and
says so where the disk fails, which a plain access would end the process for."""

_NOT_KNOWN = (errno.EINVAL, errno.ENOSYS)
"""What a system says that does not know it."""


def can_map(header: TensorHeader, *, dtype: torch.dtype) -> bool:
    """Return whether a tensor of a file can be computed with as it stands."""
    form = DTYPES.get(header.dtype)
    return not header.parts and form == dtype and not header.offsets[0] % dtype.itemsize


class MappedFiles:
    """The weight files of one model folder that are mapped."""

    def __init__(self, folder: Path) -> None:
        """Map nothing yet; `folder` is the model's."""
        self._folder = folder
        self._files: dict[str, _MappedFile] = {}

    def tensor(self, header: TensorHeader) -> torch.Tensor:
        """Return a tensor of a file without a copy.

        Raises:
            FileMissing: The file is gone.
            FileUnreadable: The system or the disk does not let it be read.
            ModelInvalid: It became shorter.
        """
        if header.file not in self._files:
            self._files[header.file] = _MappedFile(self._folder / header.file)
        content = self._files[header.file].content(*header.offsets)
        return content.view(DTYPES[header.dtype]).view(header.shape)

    def check_unchanged(self) -> None:
        """Check that every mapped file is as it was when it was mapped.

        Raises:
            ModelChanged: One was written to; what was computed since may be of other weights.
        """
        for one in self._files.values():
            one.check_unchanged()


class _FileState(msgspec.Struct, frozen=True):
    """What shows that a file was written to, and whether it is the same file at all."""

    identity: tuple[int, int]
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> _FileState:
        """Return the state of a file at a path."""
        found = path.stat()
        return cls((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)


class _MappedFile:
    """One file; it stays mapped as long as one of its tensors is in use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._state = _FileState.of(path)
            with path.open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        except FileNotFoundError as error:
            raise FileMissing(_("{path} is gone.").format(path=path), detail=str(error)) from error
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error
        self._bytes = torch.frombuffer(self._map, dtype=torch.uint8)

    def content(self, start: int, stop: int) -> torch.Tensor:
        """Return bytes of the file, read in from the disk."""
        if stop > len(self._bytes):
            raise ModelInvalid(
                _("{path} became shorter while it was read.").format(path=self._path),
                remedy=_("Get this file again, and leave the folder alone while it is read."),
            )
        if start < stop:
            self._read_in(start, stop)
        return self._bytes[start:stop]

    def _read_in(self, start: int, stop: int) -> None:
        first = start - start % mmap.PAGESIZE
        try:
            if sys.platform == "linux":
                self._map.madvise(_POPULATE_READ, first, stop - first)
                return
        except OSError as error:
            if error.errno not in _NOT_KNOWN:
                raise self._unreadable(error) from error
        int(self._bytes[start : stop : mmap.PAGESIZE].sum())

    def check_unchanged(self) -> None:
        """Raise where the file that is mapped was written to."""
        try:
            state = _FileState.of(self._path)
        except OSError:
            return  # Gone from its place, and whole in ours.
        if state.identity == self._state.identity and state != self._state:
            raise ModelChanged(
                _(
                    "{path} was written to while the model was in use. What was computed since "
                    "then was not kept."
                ).format(path=self._path),
                remedy=_("Put the old file back, and continue from the last checkpoint."),
            )

    def _unreadable(self, error: Exception) -> FileUnreadable:
        return FileUnreadable(
            _("{path} cannot be read.").format(path=self._path), detail=str(error)
        )
