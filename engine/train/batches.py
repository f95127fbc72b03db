# SPDX-License-Identifier: Apache-2.0
"""Examples as flat arrays, and the packed row that a micro-step sends through the model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt
import torch

from engine.chat.packing import Members
from engine.hardware.reach import even_length
from engine.train.attention import Segments
from engine.train.varlen import PackedEdges

Ids = npt.NDArray[np.int32]
Marks = npt.NDArray[np.bool_]


class Examples(msgspec.Struct, frozen=True, kw_only=True):
    """Tokenised rows, one behind the other.

    Attributes:
        ids: Token ids of all examples [tokens].
        trained: Whether each token carries loss [tokens].
        edges: Where each example begins, and the end of the last [examples + 1].
    """

    ids: Ids
    trained: Marks
    edges: Members

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.edges) - 1

    @property
    def lengths(self) -> Members:
        """Return the tokens of each example."""
        return np.diff(self.edges)

    @property
    def supervised(self) -> Members:
        """Return the supervised tokens of each example; the first token has nothing before it."""
        counted = self.trained.astype(np.int64)
        counted[self.edges[:-1]] = 0
        sums = np.concatenate([[0], np.cumsum(counted)])
        return sums[self.edges[1:]] - sums[self.edges[:-1]]


def data_hash(*splits: Examples) -> str:
    """Return a SHA-256 over all tokens, marks and edges of some splits."""
    digest = hashlib.sha256()
    for one in splits:
        for part, kind in ((one.edges, "<i8"), (one.ids, "<i4"), (one.trained, "|b1")):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(np.ascontiguousarray(part, dtype=kind).tobytes())
    return digest.hexdigest()


def join_examples(rows: Iterable[tuple[Ids | list[int], Marks | list[bool]]]) -> Examples:
    """Lay (ids, trained) of many examples one behind the other."""
    ids: list[Ids] = [np.empty(0, np.int32)]
    trained: list[Marks] = [np.empty(0, np.bool_)]
    lengths = [0]
    for tokens, marks in rows:
        ids.append(np.asarray(tokens, np.int32))
        trained.append(np.asarray(marks, np.bool_))
        lengths.append(len(tokens))
    return Examples(
        ids=np.concatenate(ids),
        trained=np.concatenate(trained),
        edges=np.cumsum(lengths, dtype=np.int64),
    )


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One packed row of T tokens on the device, with n supervised positions.

    Where it was filled up to an even length, the last segment is of no example.

    Attributes:
        ids: Token ids [1, T].
        positions: Position of each token in its own example [1, T].
        segments: Where examples begin and end.
        rows: Positions whose hidden state predicts a supervised token [n].
        targets: That token [n].
    """

    ids: torch.Tensor
    positions: torch.Tensor
    segments: Segments
    rows: torch.Tensor
    targets: torch.Tensor


def _segments(edges: Members, device: torch.device) -> Segments:
    packed = None
    if device.type == "cuda":
        cumulative = torch.from_numpy(edges.astype(np.int32)).to(device, non_blocking=True)
        packed = PackedEdges(cumulative=cumulative, longest=int(np.diff(edges).max()))
    return Segments(tuple(int(edge) for edge in edges), packed)


def make_batch(
    examples: Examples, members: Members, device: torch.device, *, is_evened: bool = False
) -> Batch:
    """Lay examples side by side; a token is predicted from the one before it in its example.

    Args:
        examples: All examples.
        members: Those of this row.
        device: Where it goes.
        is_evened: Fill the row up to an even length with a segment that nothing is learned from
            (see `LanguageModel.wants_even_lengths`).
    """
    spans = [(int(examples.edges[one]), int(examples.edges[one + 1])) for one in members]
    ids = np.concatenate([examples.ids[a:b] for a, b in spans]).astype(np.int64)
    trained = np.concatenate([examples.trained[a:b] for a, b in spans])
    lengths = [b - a for a, b in spans]
    edges = np.cumsum([0, *lengths])
    trained[edges[:-1]] = False
    targets_at = np.flatnonzero(trained)
    positions = np.concatenate([np.arange(length) for length in lengths])
    filling = even_length(len(ids)) - len(ids) if is_evened else 0
    if filling:
        ids, positions = (np.pad(one, (0, filling)) for one in (ids, positions))
        edges = np.append(edges, len(ids))

    def on_device(values: npt.NDArray[np.int64]) -> torch.Tensor:
        """Move one array."""
        return torch.from_numpy(values).to(device, non_blocking=True)

    return Batch(
        ids=on_device(ids)[None],
        positions=on_device(positions)[None],
        segments=_segments(edges, device),
        rows=on_device(targets_at - 1),
        targets=on_device(ids[targets_at]),
    )
