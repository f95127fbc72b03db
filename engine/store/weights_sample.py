# SPDX-License-Identifier: Apache-2.0
"""A quick look at weights: enough to tell two models of one shape apart, without reading all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from gettext import gettext as _
from pathlib import Path

from engine.errors import FileMissing

_PIECES, _PIECE_BYTES = 8, 2**16


def weights_sample(folder: Path, files: Sequence[str]) -> str:
    """Return a SHA-256 over sizes and eight pieces of 64 KiB of each weight file, evenly spread.

    The fingerprint of a model reads no tensors, so that two fine-tunings of one model may share
    it; a training changes weights all over, which this sees.

    Raises:
        FileMissing: A file is gone or cannot be read.
    """
    digest = hashlib.sha256()
    for name in sorted(files):
        try:
            for piece in _pieces(folder / name):
                digest.update(piece)
        except OSError as error:
            raise FileMissing(
                _("{path} cannot be read.").format(path=folder / name), detail=str(error)
            ) from error
    return digest.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    yield f"{path.name}\0{size}\0".encode()
    last = max(0, size - _PIECE_BYTES)
    with path.open("rb") as stream:
        for piece in range(_PIECES):
            stream.seek(last * piece // (_PIECES - 1))
            yield stream.read(_PIECE_BYTES)
