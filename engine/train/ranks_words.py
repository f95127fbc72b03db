# SPDX-License-Identifier: Apache-2.0
"""What the worker of a run and its peers say to each other.

The worker asks and each peer answers, in turns. A message is its words as JSON, and behind them
rows as plain arrays. Gradients and weights go through shared memory (`ranks_memory`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from engine.train.batches import Examples

# --- the worker asks --------------------------------------------------------------------------


class Load(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Load the model.

    Attributes:
        device: Kind of device.
        dtype: Number format of the computation.
        path: File of the shared numbers.
        processes: Processes in all.
    """

    device: str
    dtype: str
    path: str
    processes: int


class Step(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Take the weights, and make the gradients of some micro-steps.

    Attributes:
        step: Number of the step, from 1.
        numbers: Number of each micro-step within the step.
        counts: Examples of each micro-step, as they come in the rows.
        supervised: Supervised tokens of the whole step.
        stored_layers: The first so many layers keep what they computed.
        offloads: Inputs of the others wait in main memory.
    """

    step: int
    numbers: list[int]
    counts: list[int]
    supervised: int
    stored_layers: int
    offloads: bool


class Check(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Take the weights, and sum the loss of some held-out rows.

    Attributes:
        counts: Examples that go through the device together, as they come in the rows.
    """

    counts: list[int]


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The run is over."""


# --- a peer answers ---------------------------------------------------------------------------


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It is done.

    Attributes:
        loss: Summed loss, nats; None where it is not finite.
        has_gradients: Its row of the shared numbers holds gradients.
    """

    loss: float | None = 0.0
    has_gradients: bool = False


class OutOfMemory(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Memory ran out; nothing was changed."""

    detail: str


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It failed, in the words of an EngineError."""

    code: str
    message: str
    remedy: str
    detail: str


Question = Load | Step | Check | Leave
Answer = Done | OutOfMemory | Failure

_encode = msgspec.json.Encoder().encode
_questions = msgspec.json.Decoder(Question)
_answers = msgspec.json.Decoder(Answer)


def write(words: Question | Answer, rows: Examples | None = None) -> list[bytes]:
    """Return the parts of a message."""
    if rows is None:
        return [_encode(words)]
    arrays: Sequence[tuple[np.ndarray, str]] = (
        (rows.ids, "<i4"), (rows.trained, "|b1"), (rows.edges, "<i8"),
    )  # fmt: skip
    return [_encode(words), *(np.ascontiguousarray(one, kind).tobytes() for one, kind in arrays)]


def read_question(parts: Sequence[bytes]) -> tuple[Question, Examples | None]:
    """Return what the worker asks, and the rows behind it."""
    words = _questions.decode(parts[0])
    if len(parts) == 1:
        return words, None
    ids, trained, edges = (
        np.frombuffer(one, kind) for one, kind in zip(parts[1:], ("<i4", "|b1", "<i8"), strict=True)
    )
    return words, Examples(
        ids=ids.astype(np.int32), trained=trained.astype(np.bool_), edges=edges.astype(np.int64)
    )


def read_answer(parts: Sequence[bytes]) -> Answer:
    """Return what a peer answers."""
    return _answers.decode(parts[0])
