# SPDX-License-Identifier: Apache-2.0
"""How much memory a run will need, from the sizes of the model and the recipe alone.

The terms are those of the limit model of QLoRA, each a pure function here, in bytes:

    W  base weights: 4-bit with double quantisation, or whole     M  optimizer state
    E  embedding, head, norms and biases, never rounded           C  inputs of the layers
    A  adapter weights, their gradients, their copy in 16 bits    U  layers that keep everything
    B  the layer that is computed again, with its backward pass   D  matrices restored from 4 bits
    G  the output head, in chunks over the supervised tokens      K  driver, kernels, libraries
    V  a pass over held-out rows, where it can be longer than those of training

    peak = K + W + E + A + M + max(C + U + B + D, C + U + G, V, loading),   and the allocator's part

B and G never live together, and while the model is loaded there is no adapter yet. W, E, A, M and C
are exact. What a layer keeps per token (`u`) is counted, see engine.hardware.families: the low
estimate is what the backward pass keeps, the high one adds the gradients that flow through the
widest place. A measurement on the device itself (engine.hardware.calibration) replaces that range.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from engine.domain.model import ModelShape
from engine.domain.plan import MemoryNeed, MemoryTerm
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Dtype, Optimizer
from engine.errors import mark
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.calibration import Calibration, measured_tokens
from engine.hardware.families import Family, family, kept_scores, live_scores
from engine.hardware.gpu import Gpu
from engine.hardware.held import (
    MASTER_BYTES,
    adapter_bytes,
    cache_bytes,
    embedding_bytes,
    handed_bytes,
    head_bytes,
    input_bytes,
    linear_bytes,
    loading_bytes,
    moment_bytes,
    restored_bytes,
)
from engine.hardware.layer import flowing_per_token, layer_bytes, layers_bytes
from engine.hardware.reach import Reach, even_length

_CPU_STORE_SHARE = 0.25
"""On a processor nothing is computed again while storing it takes less of the free memory."""

_CUDA_CONTEXT_BYTES = (400 << 20) + (32 << 20)
"""Context and kernels, 300 to 500 MB, and the matrix library's workspace, 8 to 32 MB."""

_PROCESS_BYTES, _QUANTISER_BYTES = 430 << 20, 55 << 20
"""A Python process with the training libraries loaded and their kernels made, and what the library
of 4-bit weights adds to it; measured on Linux (benchmarks/RESULTS.md)."""

_ALLOCATOR_SHARE, _MEASURED_ALLOCATOR_SHARE = 0.05, 0.02
"""Fragmentation: 1 to 3 % with rows of one length; what was measured holds most of it already. On a
processor large tensors are pages of their own (engine.worker.surroundings)."""

_EXACT, _COUNTED = mark("exact"), mark("counted per token")
_NAMES = {
    "W": mark("Base weights"),
    "E": mark("Embedding and head"),
    "A": mark("Adapter and gradients"),
    "M": mark("Optimizer state"),
    "C": mark("Inputs of layers"),
    "U": mark("Layers kept whole"),
    "B": mark("Layer in work"),
    "D": mark("Restored matrices"),
    "G": mark("Output head"),
    "V": mark("Held-out checks"),
    "L": mark("Loading"),
    "K": mark("Driver and libraries"),
}


class MainMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The main memory of a computer, and what of it is free now."""

    total_bytes: int
    free_bytes: int


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What the recipe and the device decide of a run's memory.

    Attributes:
        item: Bytes per number of the computation.
        tokens: Tokens that go through the device together.
        sequence: The most of them that attend to each other.
        quantised: The base model is held in 4 bits.
        on_card: A graphics card computes.
        again: Layers that keep only their input, and are computed again.
        offload: These inputs wait in main memory.
        eight_bit: The optimizer's moments take one byte.
        adapter: What is trained.
        checked: Tokens of held-out rows that go through together; 0 where training has as many.
        answers: Held-out prompts are answered, for which keys and values of all layers are kept.
    """

    item: int
    tokens: int
    sequence: int
    quantised: bool
    on_card: bool
    again: int
    offload: bool
    eight_bit: bool
    adapter: AdapterForm
    checked: int = 0
    answers: bool = False


def estimate(
    shape: ModelShape,
    recipe: Recipe,
    *,
    quantised: bool,
    gpu: Gpu | None,
    host: MainMemory,
    model_type: str = "llama",
    calibration: Calibration | None = None,
    reach: Reach | None = None,
) -> MemoryNeed:
    """Return what a run will need on the graphics card, or in main memory where there is none.

    Args:
        shape: Sizes of the base model.
        recipe: The recipe.
        quantised: The base model is held in 4 bits.
        gpu: The card that the run will use, or None for the processor.
        host: Main memory.
        model_type: Family of the model.
        calibration: What was measured on this device, or None; then the run measures it.
        reach: What its rows come to; None takes as many tokens as the recipe allows.
    """
    kind = family(model_type)
    asked = recipe.micro_batch_size * recipe.max_length
    work = work_of(
        shape,
        recipe,
        kind,
        quantised=quantised,
        gpu=gpu,
        free_bytes=gpu.free_bytes if gpu else host.free_bytes,
        reach=reach,
        least_tokens=measured_tokens(asked)[1] if gpu and calibration is None else 0,
    )
    terms = Terms.of(shape, kind, work, calibration)
    return need_of(
        terms,
        work,
        calibration,
        other=gpu.used_bytes if gpu else host.total_bytes - host.free_bytes,
        capacity=gpu.total_bytes if gpu else host.total_bytes,
    )


def need_of(
    terms: Terms, work: Work, calibration: Calibration | None, *, other: int, capacity: int
) -> MemoryNeed:
    """Return what some terms come to on a device.

    Args:
        terms: What is held there.
        work: What the recipe decides.
        calibration: What was measured on the device, or None.
        other: What other programs hold of it.
        capacity: Its memory.
    """
    fixed = terms.weights + terms.embeddings + terms.adapter + terms.moments
    low, high = terms.peak(is_high=False), terms.peak(is_high=True)
    phase = terms.phase()
    head = terms.head if phase == "head" else 0
    return MemoryNeed(
        other=other,
        weights=terms.weights + terms.embeddings,
        adapter=terms.adapter,
        optimizer=terms.moments,
        activations_low=low - head,
        activations_high=high - head,
        reserve=int((fixed + high) * allocator_share(work, calibration)),
        capacity=capacity,
        head=head,
        context=terms.context,
        phase=phase,
        is_calibrated=calibration is not None,
        terms=terms.told(phase, work, calibration),
    )


def allocator_share(work: Work, calibration: Calibration | None) -> float:
    """Return the margin for the allocator, of all that is held."""
    is_tight = calibration is not None or not work.on_card
    return _MEASURED_ALLOCATOR_SHARE if is_tight else _ALLOCATOR_SHARE


def work_of(
    shape: ModelShape,
    recipe: Recipe,
    kind: Family,
    *,
    quantised: bool,
    gpu: Gpu | None,
    free_bytes: int,
    reach: Reach | None = None,
    least_tokens: int = 0,
) -> Work:
    """Return what the recipe decides, with the choices that are left to Burnish.

    Args:
        shape: Sizes of the base model.
        recipe: The recipe.
        kind: Family of the model.
        quantised: The base model is held in 4 bits.
        gpu: The card, or None for the processor.
        free_bytes: What is free there.
        reach: What the rows come to, where they were counted.
        least_tokens: A pass of so many tokens is made in any case.
    """
    item = item_bytes(recipe.dtype, gpu)
    asked, sequence = recipe.micro_batch_size * recipe.max_length, recipe.max_length
    tokens, checked = asked, 0
    if reach is not None:
        tokens = min(asked, max(reach.together(recipe), least_tokens))
        checked = recipe.max_length if reach.is_checked else 0
        sequence = min(sequence, max(reach.row(recipe), least_tokens))
    if gpu is None and item < MASTER_BYTES:  # see LanguageModel.wants_even_lengths
        tokens, checked = even_length(tokens), even_length(checked)
    everything = shape.layers * layer_bytes(
        shape, tokens=tokens, item=item, is_high=True, kind=kind, form=AdapterForm.of(recipe)
    )
    stores_all = gpu is None and everything < _CPU_STORE_SHARE * free_bytes
    again = max(0, shape.layers - recipe.uncheckpointed_layers)
    if stores_all or not recipe.gradient_checkpointing:
        again = 0
    return Work(
        item=item,
        tokens=tokens,
        sequence=sequence,
        quantised=quantised,
        on_card=gpu is not None,
        again=again,
        offload=gpu is not None and recipe.activation_offload,
        eight_bit=recipe.optimizer is not Optimizer.ADAMW,
        adapter=AdapterForm.of(recipe),
        checked=checked,
        answers=recipe.sample_rows > 0,
    )


def item_bytes(dtype: Dtype, gpu: Gpu | None) -> int:
    """Return the bytes per number of the computation.

    Left to Burnish, a card of generation 8.0 or later computes in 2 bytes; for processors 4 are
    assumed, since those with bf16 need less, never more.
    """
    if dtype is not Dtype.AUTO:
        return 2 if dtype is Dtype.BF16 else 4
    return 2 if gpu is not None and gpu.compute_capability >= (8, 0) else 4


def _checking_bytes(
    shape: ModelShape, kind: Family, work: Work, calibration: Calibration | None
) -> int:
    """Return V: a pass over held-out rows; what a backward pass would keep is more than it holds.

    Each layer gives back what it computed; answered prompts keep the keys and values of all.
    """
    alone = replace(work, tokens=work.checked, sequence=work.checked, again=1, checked=0)
    one = Terms.of(shape, kind, alone, calibration)
    kept = cache_bytes(shape, tokens=work.checked, item=work.item) if work.answers else 0
    return kept + max(one.block[1] + one.restored, one.head)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """All terms of one run, in bytes; what is uncertain as (low, high).

    Attributes:
        weights: W.
        embeddings: E.
        adapter: A.
        moments: M.
        inputs: C.
        kept: U.
        block: B.
        restored: D.
        head: G.
        loading: L.
        context: K.
        checking: V.
    """

    weights: int
    embeddings: int
    adapter: int
    moments: int
    inputs: int
    kept: int
    block: tuple[int, int]
    restored: int
    head: int
    loading: int
    context: int
    checking: int = 0

    @classmethod
    def of(
        cls, shape: ModelShape, kind: Family, work: Work, calibration: Calibration | None
    ) -> Terms:
        """Work out every term."""
        item, tokens, form = work.item, work.tokens, work.adapter
        process = _PROCESS_BYTES + (_QUANTISER_BYTES if work.quantised else 0)
        context = _CUDA_CONTEXT_BYTES if work.on_card else process
        scale = calibration.layer_scale if calibration else 1.0
        one = layer_bytes(shape, tokens=tokens, item=item, is_high=False, kind=kind, form=form)
        scores = live_scores(shape, kind, tokens=tokens, sequence=work.sequence)
        stored = shape.layers - work.again
        kept = layers_bytes(shape, tokens=tokens, item=item, kind=kind, form=form, stop=stored)
        kept += stored * kept_scores(shape, kind, tokens=tokens, sequence=work.sequence)
        flow = tokens * flowing_per_token(shape, kind, item=item)
        # The layer that is computed again; where none is, only its flowing gradients.
        held = one + scores if work.again else 0
        measured = int(scale * (held + flow)) + (0 if work.again else scores)
        return cls(
            weights=linear_bytes(shape, quantised=work.quantised, item=item),
            embeddings=embedding_bytes(shape, kind, item=item, on_card=work.on_card),
            adapter=adapter_bytes(shape, kind, form=form, item=item),
            moments=moment_bytes(shape, kind, form=form, eight_bit=work.eight_bit),
            inputs=input_bytes(
                shape, tokens=tokens, item=item, layers=work.again, offload=work.offload
            )
            + handed_bytes(shape, tokens=tokens, item=item),
            kept=kept,
            block=(measured if calibration else held, measured),
            restored=restored_bytes(shape, kind, item=item, shared=work.again > 0)
            if work.quantised
            else 0,
            head=head_bytes(shape, tokens=tokens, item=item),
            loading=loading_bytes(shape, kind, item=item) if work.quantised else 0,
            context=calibration.context_bytes or context if calibration else context,
            checking=_checking_bytes(shape, kind, work, calibration) if work.checked else 0,
        )

    def _phases(self, *, is_high: bool) -> dict[str, int]:
        """Return what each phase needs beside what is always there."""
        base = self.inputs + self.kept
        return {
            "layers": base + self.block[int(is_high)] + self.restored,
            "head": base + self.head,
            "checks": self.checking,
            # Adapter and optimizer come after it.
            "loading": self.loading - self.adapter - self.moments,
        }

    def peak(self, *, is_high: bool) -> int:
        """Return the working memory at the widest moment."""
        return max(self._phases(is_high=is_high).values())

    def phase(self) -> str:
        """Return the widest moment by the high estimate."""
        found = self._phases(is_high=True)
        return max(found, key=lambda one: found[one])

    def told(
        self, phase: str, work: Work, calibration: Calibration | None
    ) -> tuple[MemoryTerm, ...]:
        """Return every term, in words that whoever shows them translates."""
        layers, running = phase == "layers", phase != "loading"
        training = phase in {"layers", "head"}
        measured = mark("measured on this device") if calibration else _COUNTED
        form = mark("4 bits and their scales") if work.quantised else mark("whole numbers")
        rows = (
            ("W", self.weights, self.weights, True, form),
            ("E", self.embeddings, self.embeddings, True, _EXACT),
            ("A", self.adapter, self.adapter, running, _EXACT),
            ("M", self.moments, self.moments, running, _EXACT),
            ("C", self.inputs, self.inputs, training, _EXACT),
            ("U", self.kept, self.kept, training, _COUNTED),
            ("B", *self.block, layers, measured),
            ("D", self.restored, self.restored, layers, _EXACT),
            ("G", self.head, self.head, phase == "head", mark("at most, in chunks")),
            ("V", self.checking, self.checking, phase == "checks", mark("at most, in long rows")),
            ("L", self.loading, self.loading, not running, mark("the largest matrix")),
            ("K", self.context, self.context, True, mark("usual amount")),
        )
        return tuple(
            MemoryTerm(
                symbol=symbol,
                name=_NAMES[symbol],
                low=low,
                high=high,
                at_peak=there and high > 0,
                reason=why,
            )
            for symbol, low, high, there, why in rows
        )
