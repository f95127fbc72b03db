# SPDX-License-Identifier: Apache-2.0
"""Several processes train one run: the worker decides, the others compute parts of what it asks.

A peer knows no dataset, no optimizer, and no state of the run. It gets weights and rows, and gives
gradients and summed losses back. So everything that is decided is decided in one place, and what a
run is made of, its checkpoints, its adapter, its events, does not depend on how many compute it.
Losses and gradients are sums over supervised tokens, divided by their number in the whole step,
and added up in the order of the ranks, so that the same processes give the same bits.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import TypeVar

import torch

from engine.chat.packing import Members
from engine.errors import ProcessFailed, ProcessLost
from engine.protocol.job import PeerLine
from engine.train.batches import Examples
from engine.train.device import is_out_of_memory
from engine.train.heldout import HeldOutSum, sum_held_out
from engine.train.microsteps import MicroStep, add_gradients, taken_out
from engine.train.model import LanguageModel
from engine.train.ranks_memory import SharedNumbers, file_of_numbers, size_bytes
from engine.train.ranks_words import (
    Check,
    Done,
    Failure,
    Leave,
    Load,
    OutOfMemory,
    Step,
    read_answer,
    write,
)

Found = TypeVar("Found")


class Ranks:
    """The processes of a run, seen from its worker, which is rank 0."""

    def __init__(
        self, lines: Sequence[PeerLine], model: LanguageModel, shared: SharedNumbers
    ) -> None:
        """Work with peers that have loaded the model.

        Args:
            lines: One to each peer.
            model: The worker's own, with its adapter.
            shared: What they share.
        """
        self._lines = tuple(lines)
        self._model = model
        self._shared = shared

    @property
    def count(self) -> int:
        """Return the number of processes, the worker included."""
        return len(self._lines) + 1

    def leave(self) -> None:
        """Let every peer end; one that has ended already is no harm any more."""
        for line in self._lines:
            with contextlib.suppress(ProcessLost):
                line.send(write(Leave()))

    # --- steps ---------------------------------------------------------------------------------

    def add_gradients(
        self,
        examples: Examples,
        shares: Sequence[Sequence[MicroStep]],
        *,
        supervised: int,
        step: int,
        seed: int,
    ) -> torch.Tensor:
        """Leave the gradients of a whole step with the parameters; return its summed loss, nats.

        Args:
            examples: All examples of the run.
            shares: The micro-steps of each process.
            supervised: Supervised tokens of the whole step.
            step: Number of the step, from 1.
            seed: Of the dropout.

        Raises:
            MemoryError: Memory ran out in any of the processes; no update was made.
            ProcessFailed: One failed in another way.
            ProcessLost: One has ended.
        """
        self._shared.put_weights()
        messages: list[list[bytes]] = []
        for share in shares[1:]:
            rows, groups = taken_out(examples, [group for _number, group in share])
            words = Step(
                step=step,
                numbers=[number for number, _group in share],
                counts=[len(one) for one in groups],
                supervised=supervised,
                stored_layers=self._model.stored_layers,
                offloads=self._model.offloads_inputs,
            )
            messages.append(write(words, rows))
        self._ask(messages)
        total, answers = self._beside(
            lambda: add_gradients(
                self._model, examples, shares[0], supervised=supervised, step=step, seed=seed
            )
        )
        for rank, answer in enumerate(answers, 1):
            if answer.has_gradients:
                self._shared.add_gradients(rank)
            total = total + _loss_of(answer)
        return total

    def held_out(
        self, examples: Examples, bins: Sequence[Members], should_stop: Callable[[], bool]
    ) -> HeldOutSum | None:
        """Return the summed loss of held-out rows, or None where it was asked to stop.

        Args:
            examples: Held-out examples.
            bins: Those that go through the device together.
            should_stop: Asked before each packed row of the worker itself.

        Raises:
            MemoryError: Memory ran out in any of the processes.
            ProcessFailed: One failed in another way.
            ProcessLost: One has ended.
        """
        self._shared.put_weights()
        shares = [bins[rank :: self.count] for rank in range(self.count)]
        messages: list[list[bytes]] = []
        for share in shares[1:]:
            rows, groups = taken_out(examples, share)
            messages.append(write(Check(counts=[len(one) for one in groups]), rows))
        self._ask(messages)
        own, answers = self._beside(
            lambda: sum_held_out(self._model, examples, shares[0], should_stop)
        )
        if own is None:
            return None
        losses = [own.loss, *(_loss_of(one) for one in answers)]
        tokens = int(examples.supervised.sum())
        return HeldOutSum(loss=math.fsum(losses), supervised_tokens=tokens)

    # --- answers -------------------------------------------------------------------------------

    def _ask(self, messages: Sequence[Sequence[bytes]]) -> None:
        """Send each peer its question.

        All of them are ready before: where memory runs out over one, no peer was asked, and so none
        gives an answer that would be taken for that to the next question.
        """
        for line, message in zip(self._lines, messages, strict=True):
            line.send(message)

    def _beside(self, work: Callable[[], Found]) -> tuple[Found, list[Done]]:
        """Do the worker's own part while the peers do theirs; then take their answers.

        Where memory runs out here, they are taken all the same, so that the next question finds
        every peer waiting for it.

        Raises:
            MemoryError: Memory ran out in any of the processes.
        """
        try:
            found = work()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                self._answers()
            raise
        return found, [] if found is None else self._answers()

    def _answers(self) -> list[Done]:
        return _answers_of(self._lines)


def load_peers(lines: Sequence[PeerLine], model: LanguageModel, *, folder: Path) -> Ranks:
    """Let every peer load the model; return when all have it.

    Args:
        lines: One to each peer.
        model: The worker's own, with its adapter.
        folder: The job's own.

    Raises:
        ProcessFailed: A peer could not.
        ProcessLost: A peer has ended.
    """
    count = len(lines) + 1
    parameters = model.trainable()
    needed = size_bytes(parameters, processes=count)
    with file_of_numbers(folder, size_bytes=needed) as path:
        shared = SharedNumbers(path, parameters, processes=count)
        shared.reserve()
        words = Load(
            device=model.device.type,
            dtype=str(model.dtype).removeprefix("torch."),
            path=str(path),
            processes=count,
        )
        for line in lines:
            line.send(write(words))
        _answers_of(lines)
    return Ranks(lines, model, shared)


def _answers_of(lines: Sequence[PeerLine]) -> list[Done]:
    """Take one answer of every peer.

    Raises:
        MemoryError: Memory ran out in one of them.
        ProcessFailed: One failed in another way.
        ProcessLost: One has ended.
    """
    found = list(enumerate((read_answer(line.receive()) for line in lines), 2))
    for number, answer in found:
        if isinstance(answer, Failure):
            raise _failed(number, len(lines) + 1, answer)
    short = [(number, one) for number, one in found if isinstance(one, OutOfMemory)]
    for number, answer in short:
        raise MemoryError(f"process {number}: {answer.detail}")
    return [one for _number, one in found if isinstance(one, Done)]


def _failed(number: int, count: int, failure: Failure) -> ProcessFailed:
    text = _("Process {number} of {count} failed: {why}")
    return ProcessFailed(
        text.format(number=number, count=count, why=failure.message),
        remedy=failure.remedy,
        detail=f"{failure.code} {failure.detail}".strip(),
    )


def _loss_of(answer: Done) -> float:
    return math.nan if answer.loss is None else answer.loss
