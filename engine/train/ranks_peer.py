# SPDX-License-Identifier: Apache-2.0
"""A process that only computes for the worker of a run: it loads the model and answers questions.

It writes no event, no checkpoint and no adapter. Whatever goes wrong is answered in words, so that
the worker can end the run, or take a rung of its ladder, for all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from msgspec.structs import replace

from engine.domain.recipe import Recipe
from engine.errors import EngineError, unforeseen
from engine.protocol.events import Event
from engine.protocol.job import JobContext, PeerContext
from engine.store.documents import read_document
from engine.store.known_model import find_model
from engine.store.layout import JobFolder, Layout
from engine.train.base_weights import load_base
from engine.train.batches import Examples
from engine.train.device import (
    Placement,
    first_line,
    free_unused,
    is_out_of_memory,
    naming_memory_errors,
    repeatable,
)
from engine.train.heldout import sum_held_out
from engine.train.kernels import choose_kernels
from engine.train.load import with_adapter_of
from engine.train.microsteps import add_gradients, numbered
from engine.train.model import LanguageModel
from engine.train.offload import CardPassage, Offload
from engine.train.ranks_memory import SharedNumbers
from engine.train.ranks_words import (
    Answer,
    Check,
    Done,
    Failure,
    Leave,
    Load,
    OutOfMemory,
    Question,
    Step,
    read_question,
    write,
)
from engine.train.varlen import choose_kernel


def assist_run(context: PeerContext, *, quantised: bool) -> None:
    """Answer until the worker says that the run is over.

    Args:
        context: The surroundings of the process.
        quantised: Hold the base model in 4 bits.

    Raises:
        ProcessLost: The worker has ended.
    """
    peer = _Peer(context, quantised=quantised)
    while True:
        question, rows = read_question(context.line.receive())
        if isinstance(question, Leave):
            return
        answer = _answer(lambda ask=question, own=rows: peer.answer(ask, own))
        context.line.send(write(answer))
        # Behind the answer, where nothing holds the frames of an error and their tensors any more.
        peer.clear(is_short=isinstance(answer, OutOfMemory))


def _answer(work: Callable[[], Answer]) -> Answer:
    """Do some work; what fails is an answer too."""
    try:
        return work()
    except EngineError as error:
        return _in_words(error)
    except Exception as error:  # noqa: BLE001 - the top of the process: the worker must be told
        if is_out_of_memory(error):
            return OutOfMemory(detail=first_line(error))
        return _in_words(unforeseen(error))


def _in_words(error: EngineError) -> Failure:
    return Failure(code=error.code, message=error.message, remedy=error.remedy, detail=error.detail)


class _Peer:
    """What a peer holds: the model, the shared numbers, and how its layers are set up."""

    def __init__(self, context: PeerContext, *, quantised: bool) -> None:
        self._context = context
        self._quantised = quantised
        self._recipe = read_document(JobFolder(context.folder).recipe, Recipe)
        self._model: LanguageModel | None = None
        self._shared: SharedNumbers | None = None
        self._layers: tuple[int, bool] | None = None

    def answer(self, question: Question, rows: Examples | None) -> Answer:
        """Do what is asked.

        Args:
            question: What the worker asks.
            rows: The rows that came with it.
        """
        if isinstance(question, Load):
            return self._load(question)
        if self._model is None or self._shared is None or rows is None:
            raise ValueError(f"a {type(question).__name__} came too early")
        with repeatable(self._model.device):
            self._shared.take_weights()
            if isinstance(question, Step):
                return self._step(self._model, self._shared, question, rows)
            if isinstance(question, Check):
                return self._check(self._model, question, rows)
        raise ValueError(f"{type(question).__name__} is no question")

    def clear(self, *, is_short: bool) -> None:
        """Forget gradients; where memory ran out, give back all that is unused."""
        if self._model is None:
            return
        for values in self._model.trainable().values():
            values.grad = None
        if is_short:
            free_unused(self._model.device)

    def _load(self, asked: Load) -> Answer:
        dtype: torch.dtype = getattr(torch, asked.dtype)
        place = Placement(device=torch.device(asked.device), dtype=dtype, decisions={})
        context = _silent(self._context)
        info = find_model(
            Layout(context.workspace),
            self._recipe.model_id,
            fingerprint=context.info.text_option("model_fingerprint"),
        )
        with naming_memory_errors(place.device):
            base = load_base(context, info, place, quantised=self._quantised, keeps=False)
            kernel, _why = choose_kernel(place.device, place.dtype, head_width=info.shape.head_dim)
            model = replace(with_adapter_of(base.model, self._recipe), varlen=kernel)
        choose_kernels(model, is_wanted=self._recipe.use_kernels)
        self._model = model
        self._shared = SharedNumbers(Path(asked.path), model.trainable(), processes=asked.processes)
        return Done()

    def _step(
        self, model: LanguageModel, shared: SharedNumbers, asked: Step, rows: Examples
    ) -> Answer:
        self._set_up_layers(model, asked)
        if not asked.numbers:
            return Done()
        model.net.train()
        loss = add_gradients(
            model,
            rows,
            list(zip(asked.numbers, numbered(asked.counts), strict=True)),
            supervised=asked.supervised,
            step=asked.step,
            seed=self._recipe.seed,
        )
        shared.put_gradients(self._context.rank)
        return Done(loss=_finite(float(loss)), has_gradients=True)

    def _set_up_layers(self, model: LanguageModel, asked: Step) -> None:
        wanted = (asked.stored_layers, asked.offloads)
        if wanted == self._layers:
            return
        offload = Offload(CardPassage()) if asked.offloads else None
        model.recompute_activations(kept_layers=asked.stored_layers, offload=offload)
        self._layers = wanted

    def _check(self, model: LanguageModel, asked: Check, rows: Examples) -> Answer:
        found = sum_held_out(model, rows, numbered(asked.counts))
        return Done(loss=None if found is None else _finite(found.loss))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _silent(context: PeerContext) -> JobContext:
    """Return surroundings in which nothing is told and no stop is asked for."""

    def tell_nobody(event: Event) -> None:
        """Drop an event: the worker tells it."""
        del event

    return JobContext(
        workspace=context.workspace,
        folder=context.folder,
        info=context.info,
        attempt=1,
        emit=tell_nobody,
        stop_requested=lambda: False,
        now=context.now,
    )
