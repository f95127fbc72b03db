# SPDX-License-Identifier: Apache-2.0
"""How much memory a run will need, from the sizes of the model and the recipe alone.

The terms are those of the limit model of QLoRA, each a pure function here, in bytes:

    W  base weights: 4-bit with double quantisation, or whole     M  optimizer state
    E  embedding, head, norms and biases, never rounded           C  inputs of the layers
    A  adapter weights, their gradients, their copy in 16 bits    U  layers that keep everything
    B  the layer that is computed again, with its backward pass   D  matrices restored from 4 bits
    G  the output head, in chunks over the supervised tokens      K  driver, kernels, libraries

    peak = K + W + E + A + M + max(C + U + B + D, C + U + G, loading)    plus the allocator's margin

B and G never live together, and while the model is loaded there is no adapter yet. W, E, A, M and C
are exact. What a layer keeps per token (`u`) is counted, see engine.hardware.families: the low
estimate is what the backward pass keeps, the high one adds the gradients that flow through the
widest place. A measurement on the device itself (engine.hardware.calibration) replaces that range.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.model import ModelShape
from engine.domain.plan import MemoryNeed, MemoryTerm
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Dtype, Optimizer
from engine.errors import mark
from engine.hardware.adapter_form import AdapterForm
from engine.hardware.calibration import Calibration
from engine.hardware.families import (
    Family,
    adapted,
    family,
    kept_scores,
    live_scores,
    matrices,
    small_parameters,
)
from engine.hardware.gpu import Gpu

_NF4_BYTES = (4 + 8 / 64 + 32 / (64 * 256)) / 8
"""Bytes per weight: 4 bits, an 8-bit scale per 64 and a 32-bit scale per 64 x 256 of them
(Dettmers et al. 2023, arXiv 2305.14314, section 3)."""

_MASTER_BYTES, _GRADIENT_BYTES = 4, 4
_MOMENT_BYTES = 4 + 4
_SMALL_MOMENT_BYTES = 1 + 1 + 2 * 4 / 256
"""8-bit Adam: two moments of one byte, each with a 32-bit scale per 256 values (bitsandbytes)."""

_SMALLEST_8_BIT_VALUES = 4096
"""Tensors with fewer values keep 32-bit moments (bitsandbytes, `min_8bit_size`)."""

_HEAD_CHUNK_BYTES, _LOGIT_BYTES = 192 << 20, 12
"""As engine.train.loss: logits, their 32-bit copy, its softmax, and the gradient in 16 bits."""

_FEWEST_HEAD_ROWS, _MOST_HEAD_ROWS = 64, 4096
_LOADED_AT_ONCE = 2
"""Tensors that are on the device while one is rounded to 4 bits: as it came, and its copy."""

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

_SCALE_BYTES = 4 / 64
"""Per weight while a matrix is restored: its scales in 32 bits."""


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
    "L": mark("Loading"),
    "K": mark("Driver and libraries"),
}


@dataclass(frozen=True, kw_only=True)
class Work:
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


def estimate(
    shape: ModelShape,
    recipe: Recipe,
    *,
    quantised: bool,
    gpu: Gpu | None,
    host_total_bytes: int,
    host_free_bytes: int,
    model_type: str = "llama",
    calibration: Calibration | None = None,
) -> MemoryNeed:
    """Return what a run will need on the graphics card, or in main memory where there is none.

    Args:
        shape: Sizes of the base model.
        recipe: The recipe.
        quantised: The base model is held in 4 bits.
        gpu: The card that the run will use, or None for the processor.
        host_total_bytes: Main memory.
        host_free_bytes: Main memory that is free now.
        model_type: Family of the model.
        calibration: What was measured on this device, or None.
    """
    kind = family(model_type)
    free = gpu.free_bytes if gpu else host_free_bytes
    work = work_of(shape, recipe, kind, quantised=quantised, gpu=gpu, free_bytes=free)
    terms = Terms.of(shape, kind, work, calibration)
    return need_of(
        terms,
        work,
        calibration,
        other=gpu.used_bytes if gpu else host_total_bytes - host_free_bytes,
        capacity=gpu.total_bytes if gpu else host_total_bytes,
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
) -> Work:
    """Return what the recipe decides, with the choices that are left to Burnish."""
    item = item_bytes(recipe.dtype, gpu)
    tokens = recipe.micro_batch_size * recipe.max_length
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
        sequence=recipe.max_length,
        quantised=quantised,
        on_card=gpu is not None,
        again=again,
        offload=gpu is not None and recipe.activation_offload,
        eight_bit=recipe.optimizer is not Optimizer.ADAMW,
        adapter=AdapterForm.of(recipe),
    )


def item_bytes(dtype: Dtype, gpu: Gpu | None) -> int:
    """Return the bytes per number of the computation.

    Left to Burnish, a card of generation 8.0 or later computes in 2 bytes; for processors 4 are
    assumed, since those with bf16 need less, never more.
    """
    if dtype is not Dtype.AUTO:
        return 2 if dtype is Dtype.BF16 else 4
    return 2 if gpu is not None and gpu.compute_capability >= (8, 0) else 4


def adapter_parameters(shape: ModelShape, form: AdapterForm, kind: Family) -> int:
    """Return the number of weights that are trained."""
    return shape.layers * sum(form.tensors(shape, kind))


def linear_bytes(shape: ModelShape, *, quantised: bool, item: int) -> int:
    """Return W: the layers' matrices, in 4 bits or whole."""
    return int(shape.linear_parameters * (_NF4_BYTES if quantised else item))


def embedding_bytes(shape: ModelShape, kind: Family, *, item: int) -> int:
    """Return E: embedding, head (none where it is tied), norms and biases."""
    embeddings = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    return (embeddings + small_parameters(shape, kind) + shape.hidden) * item


def weight_bytes(
    shape: ModelShape, *, quantised: bool, item: int, kind: Family | None = None
) -> int:
    """Return what the frozen model takes: W + E."""
    others = embedding_bytes(shape, kind or family("llama"), item=item)
    return linear_bytes(shape, quantised=quantised, item=item) + others


def adapter_bytes(shape: ModelShape, kind: Family, *, form: AdapterForm, item: int) -> int:
    """Return A: adapter weights in 32 bits, their gradients, and their copy that is computed with.

    The copy is made once per step; where 32 bits are computed with, there is none.
    """
    copy = item if item < _MASTER_BYTES else 0
    return adapter_parameters(shape, form, kind) * (_MASTER_BYTES + _GRADIENT_BYTES + copy)


def moment_bytes(shape: ModelShape, kind: Family, *, form: AdapterForm, eight_bit: bool) -> int:
    """Return M: two moments per adapter weight; small tensors keep 32 bits."""
    each = sum(
        int(size * _SMALL_MOMENT_BYTES)
        if eight_bit and size >= _SMALLEST_8_BIT_VALUES
        else size * _MOMENT_BYTES
        for size in form.tensors(shape, kind)
    )
    return shape.layers * each


def input_bytes(shape: ModelShape, *, tokens: int, item: int, layers: int, offload: bool) -> int:
    """Return C: the inputs of the layers that are computed again; offloaded, two of them."""
    return (min(2, layers) if offload else layers) * tokens * shape.hidden * item


def kept_per_token(shape: ModelShape, kind: Family, *, item: int, form: AdapterForm) -> int:
    """Return what the backward pass of one layer keeps, in bytes per token.

    Attention keeps query, output, key and value; each norm its input in 32 bits and one number;
    each adapter its narrow product, and with trained lengths its output; the fused attention kernel
    one 32-bit number per head.
    """
    wide, narrow = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    each = adapted(shape, kind, form.targets)
    adapters = sum(form.ranks(shape, kind)) + (
        sum(after for _before, after in each) if form.dora else 0
    )
    inner = kind.mlp_kept * shape.intermediate
    computed = kind.hidden_kept * shape.hidden + 2 * wide + 2 * narrow + inner + adapters
    exact = kind.exact_hidden_kept * (shape.hidden + 1) + shape.heads
    query = {"": 0, "head": shape.heads + shape.kv_heads, "all": 2}[kind.query_norm]
    exact += query + (wide + narrow if kind.query_norm else 0)
    return item * computed + 4 * exact


def flowing_per_token(shape: ModelShape, kind: Family, *, item: int) -> int:
    """Return the gradients at the widest place of a layer's backward pass, bytes per token."""
    wide = shape.heads * shape.head_dim
    ups = 2 if kind.gated else 1
    return item * (2 * shape.hidden + max(ups * shape.intermediate, 3 * wide))


def layer_bytes(
    shape: ModelShape,
    *,
    tokens: int,
    item: int,
    is_high: bool,
    kind: Family | None = None,
    form: AdapterForm | None = None,
) -> int:
    """Return u T: what the backward pass keeps of one layer; high: with the flowing gradients."""
    own = kind or family("llama")
    each = kept_per_token(shape, own, item=item, form=form or AdapterForm(rank=0))
    return tokens * (each + (flowing_per_token(shape, own, item=item) if is_high else 0))


def restored_bytes(shape: ModelShape, kind: Family, *, item: int, shared: bool) -> int:
    """Return D: matrices as they are computed with, and the scales of the largest in 32 bits.

    Args:
        shape: Sizes of the model.
        kind: Its family.
        item: Bytes per number of the computation.
        shared: The layer is computed again: all of its matrices are restored once for that and for
            its backward pass. Else one at a time.
    """
    sizes = [before * after for before, after in matrices(shape, kind)]
    return int((sum(sizes) if shared else max(sizes)) * item + max(sizes) * _SCALE_BYTES)


def head_bytes(shape: ModelShape, *, tokens: int, item: int) -> int:
    """Return G: one chunk of logits; hidden states of the supervised tokens, and their gradient."""
    rows = _HEAD_CHUNK_BYTES // (_LOGIT_BYTES * shape.vocabulary)
    rows = min(max(rows, _FEWEST_HEAD_ROWS), _MOST_HEAD_ROWS, tokens)
    return rows * shape.vocabulary * _LOGIT_BYTES + tokens * shape.hidden * 2 * item


def loading_bytes(shape: ModelShape, kind: Family, *, item: int) -> int:
    """Return what is held beside W and E while the largest matrix is rounded to 4 bits."""
    return _LOADED_AT_ONCE * _largest(shape, kind) * max(item, 2)


def _largest(shape: ModelShape, kind: Family) -> int:
    return max(before * after for before, after in matrices(shape, kind))


@dataclass(frozen=True, kw_only=True)
class Terms:
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
        kept = one + kept_scores(shape, kind, tokens=tokens, sequence=work.sequence)
        flow = tokens * flowing_per_token(shape, kind, item=item)
        # The layer that is computed again; where none is, only its flowing gradients.
        held = one + scores if work.again else 0
        measured = int(scale * (held + flow)) + (0 if work.again else scores)
        return cls(
            weights=linear_bytes(shape, quantised=work.quantised, item=item),
            embeddings=embedding_bytes(shape, kind, item=item),
            adapter=adapter_bytes(shape, kind, form=form, item=item),
            moments=moment_bytes(shape, kind, form=form, eight_bit=work.eight_bit),
            inputs=input_bytes(
                shape, tokens=tokens, item=item, layers=work.again, offload=work.offload
            ),
            kept=(shape.layers - work.again) * kept,
            block=(measured if calibration else held, measured),
            restored=restored_bytes(shape, kind, item=item, shared=work.again > 0)
            if work.quantised
            else 0,
            head=head_bytes(shape, tokens=tokens, item=item),
            loading=loading_bytes(shape, kind, item=item) if work.quantised else 0,
            context=calibration.context_bytes or context if calibration else context,
        )

    def _phases(self, *, is_high: bool) -> dict[str, int]:
        """Return what each phase needs beside what is always there."""
        base = self.inputs + self.kept
        return {
            "layers": base + self.block[int(is_high)] + self.restored,
            "head": base + self.head,
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
        measured = mark("measured on this device") if calibration else _COUNTED
        form = mark("4 bits and their scales") if work.quantised else mark("whole numbers")
        rows = (
            ("W", self.weights, self.weights, True, form),
            ("E", self.embeddings, self.embeddings, True, _EXACT),
            ("A", self.adapter, self.adapter, running, _EXACT),
            ("M", self.moments, self.moments, running, _EXACT),
            ("C", self.inputs, self.inputs, running, _EXACT),
            ("U", self.kept, self.kept, running, _COUNTED),
            ("B", *self.block, layers, measured),
            ("D", self.restored, self.restored, layers, _EXACT),
            ("G", self.head, self.head, phase == "head", mark("at most, in chunks")),
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
