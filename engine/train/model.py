# SPDX-License-Identifier: Apache-2.0
"""A base model with its adapter, as the loop, the held-out check and the decoder use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from engine.domain.adapter import AdapterShape
from engine.train.attention import Segments
from engine.train.linear import TRAINED_PARTS, LowRankLinear
from engine.train.mapped import MappedFiles
from engine.train.offload import Offload
from engine.train.spread import Spread
from engine.train.varlen import VarlenKernel

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.modeling_layers import GradientCheckpointingLayer

_MULTIPLIES = ("hyperclovax",)
"""Families whose `logits_scaling` is a factor; for all others it is a divisor."""


class LanguageModel(msgspec.Struct, frozen=True, kw_only=True):
    """A causal language model of transformers whose decoder linears are ours.

    Attributes:
        net: The whole model.
        head: Its map from hidden states to logits.
        linears: Every decoder linear by its path, in the order of the model.
        adapter: Shape of the adapter, or None where there is none.
        dtype: Number format of the computation.
        device: Where it is; of several cards, where embeddings, head and loss are.
        is_transposed: The files hold the weights of the linears as [in, out], as GPT-2's do.
        varlen: The attention kernel for packed rows, or None where it cannot be used.
        mapped: The files that dense weights are used in where they stand; None for none.
        spread: Where its layers are, if they are on several cards.
    """

    net: PreTrainedModel
    head: nn.Module
    linears: dict[str, LowRankLinear]
    adapter: AdapterShape | None
    dtype: torch.dtype
    device: torch.device
    is_transposed: bool = False
    varlen: VarlenKernel | None = None
    mapped: MappedFiles | None = None
    spread: Spread | None = None

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """Return every device that holds a part of it, its own first."""
        return (self.device,) if self.spread is None else self.spread.devices(self.device)

    def check_unchanged(self) -> None:
        """Check that the base weights are still what was loaded; call it before a result is kept.

        Raises:
            ModelChanged: A file that they are used in was written to.
        """
        if self.mapped is not None:
            self.mapped.check_unchanged()

    @property
    def wants_even_lengths(self) -> bool:
        """Return whether packed rows should have few different lengths.

        In bf16 on a processor, torch multiplies by kernels that are made for one shape each and are
        never given back: some 20 MiB of them for each new length (benchmarks/RESULTS.md).
        """
        return self.device.type == "cpu" and self.dtype == torch.bfloat16

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return A, B and magnitudes of every layer by `<path>.lora_A` and so on."""
        return dict(self._parts())

    def _parts(self) -> Iterator[tuple[str, nn.Parameter]]:
        for path, linear in self.linears.items():
            for name in TRAINED_PARTS:
                values: nn.Parameter | None = getattr(linear, name)
                if values is not None:
                    yield f"{path}.{name}", values

    def rate_factors(self, ratio: float) -> dict[str, float]:
        """Return what the learning rate of each part is multiplied with (LoRA+).

        B learns `ratio` times as fast as A (Hayou et al. 2024, arXiv 2402.12354), and so do
        magnitudes, as in peft's `create_loraplus_optimizer`.
        """
        return {name: ratio for name in self.trainable() if not name.endswith(".lora_A")}

    @contextmanager
    def steady_adapter(self) -> Iterator[None]:
        """Cast A and B of every layer once for all passes inside; they must not change there.

        Outside, each pass casts for itself. So a cast never outlives what it was made from, however
        the adapter is changed: by an optimizer of any kind, or by a checkpoint.
        """
        try:
            for linear in self.linears.values():
                linear.hold_cast(self.dtype)
            yield
        finally:
            for linear in self.linears.values():
                linear.drop_cast()

    def hidden(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        *,
        segments: Segments | None = None,
        cache: Any = None,
    ) -> torch.Tensor:
        """Return the last hidden states [T, hidden] of one row.

        Args:
            ids: Token ids [1, T].
            positions: Position of each token in its own example [1, T].
            segments: Examples of the row; None means one.
            cache: Keys and values of the tokens before, or None.
        """
        out = self.net.base_model(
            input_ids=ids,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            segments=segments,
            varlen=self.varlen,
        )
        return out.last_hidden_state[0]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return logits [n, vocabulary] of hidden states [n, hidden].

        Granite divides them, Cohere and HyperCLOVA X multiply them, Gemma 2 squeezes them;
        transformers does the same after the head, and a model in which it does anything else is not
        loaded.
        """
        logits = self.head(hidden)
        factor = getattr(self.net.config, "logit_scale", None)
        if factor is not None:
            logits = logits * factor
        scaling = getattr(self.net.config, "logits_scaling", None)
        if scaling is not None:
            multiplies = self.net.config.model_type in _MULTIPLIES
            logits = logits * scaling if multiplies else logits / scaling
        softcap = getattr(self.net.config, "final_logit_softcapping", None)
        if softcap is not None:
            logits = torch.tanh(logits / softcap) * softcap
        return logits

    @property
    def stored_layers(self) -> int:
        """Return the number of layers that store all that they compute, but need not."""
        return sum(not one.gradient_checkpointing for one in self._layers())

    @property
    def offloads_inputs(self) -> bool:
        """Return whether the inputs of layers that are computed again wait in main memory."""
        ways = [vars(one).get("_gradient_checkpointing_func") for one in self._layers()]
        return any(isinstance(one, partial) and one.func is not checkpoint for one in ways)

    def _layers(self) -> list[GradientCheckpointingLayer]:
        from transformers.modeling_layers import GradientCheckpointingLayer

        return [one for one in self.net.modules() if isinstance(one, GradientCheckpointingLayer)]

    def recompute_activations(
        self, *, kept_layers: int = 0, offload: Offload | None = None
    ) -> None:
        """In training, keep only the input of each decoder layer, and compute the rest again.

        transformers' own switch would also ask for the gradient of the embeddings, which the
        reentrant form of checkpointing needs and this one does not. The 4-bit weights of a layer
        are restored once for its recomputation and its backward pass together, which takes the
        memory of one layer's restored weights.

        Args:
            kept_layers: The first so many layers keep everything all the same.
            offload: Where the inputs wait meanwhile; None leaves them on the device.
        """
        layers = self._layers()
        again = partial(checkpoint, use_reentrant=False)
        last = len(layers) - 1
        for number, layer in enumerate(layers):
            layer.gradient_checkpointing = number >= kept_layers
            if offload is not None:
                ends = {"is_first": number == kept_layers, "is_last": number == last}
                again = partial(offload.run, **ends)
            vars(layer)["_gradient_checkpointing_func"] = again
            for part in layer.modules():
                if isinstance(part, LowRankLinear):
                    part.keeps_restored = layer.gradient_checkpointing
