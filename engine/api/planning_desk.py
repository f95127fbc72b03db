# SPDX-License-Identifier: Apache-2.0
"""The computer and the model that a plan is made for: every estimate of a plan is asked here."""

from __future__ import annotations

import msgspec

from engine.api import fitting
from engine.api.sharing import planned_processes, shared_memory
from engine.domain.model import ModelInfo, ModelShape
from engine.domain.plan import CardShare, Change, MemoryNeed
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Device, Dtype
from engine.hardware.calibration import Calibration, Measurements
from engine.hardware.cards import smallest_together
from engine.hardware.dealing import Burden, deal, tightest
from engine.hardware.gpu import Gpu
from engine.hardware.machine import MachineFacts
from engine.hardware.memory import MainMemory, estimate, item_bytes
from engine.hardware.reach import Reach
from engine.methods.registry import method

_SMALL_LENGTH, _SMALL_RANK = 1024, 16


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while the settings of a recipe do.

    Attributes:
        facts: The computer.
        model: The base model.
        gpu: The card that computes, the first of several; None for the processor.
        measured: What earlier runs measured.
        reach: What the rows come to; None where they were not counted.
    """

    facts: MachineFacts
    model: ModelInfo
    gpu: Gpu | None
    measured: Measurements
    reach: Reach | None = None

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        facts: MachineFacts,
        model: ModelInfo,
        measured: Measurements,
        reach: Reach | None = None,
    ) -> Desk:
        """Return the desk of a recipe."""
        gpu = None if recipe.device is Device.CPU else facts.used_card
        if gpu is not None and planned_processes(recipe, facts) > 1:
            gpu = smallest_together(facts.gpus)
        return cls(facts=facts, model=model, gpu=gpu, measured=measured, reach=reach)

    @property
    def device(self) -> str:
        """Return the name of what computes."""
        return self.gpu.name if self.gpu else self.facts.processor

    def need(self, recipe: Recipe, *, shape: ModelShape | None = None) -> MemoryNeed:
        """Return what a recipe needs here; of another model's sizes where they are given."""
        shares = self.cards(recipe, shape=shape)
        if shares:
            return tightest(shares)
        quantised = method(recipe.method).quantised
        found = estimate(
            shape or self.model.shape,
            self._with_number_format(recipe),
            quantised=quantised,
            gpu=self.gpu,
            host=MainMemory(
                total_bytes=self.facts.memory_total_bytes, free_bytes=self.facts.memory_free_bytes
            ),
            model_type=self.model.model_type,
            calibration=self._calibration(recipe, self.gpu) if self.gpu else None,
            # Another model has another tokenizer.
            reach=self.reach if shape is None else None,
        )
        if self.gpu is None and recipe.processes > 1:
            return shared_memory(found, recipe.processes)
        return found

    def cards(self, recipe: Recipe, *, shape: ModelShape | None = None) -> tuple[CardShare, ...]:
        """Return what each card holds, where the layers are dealt out over several; else none."""
        if self.gpu is None or len(self.facts.gpus) == 1:
            return ()
        burden = Burden(
            shape=shape or self.model.shape,
            model_type=self.model.model_type,
            recipe=recipe,
            quantised=method(recipe.method).quantised,
            calibration=lambda gpu: self._calibration(recipe, gpu),
        )
        found = deal(burden, self.facts.gpus)
        return found if len(found) > 1 else ()

    def _calibration(self, recipe: Recipe, gpu: Gpu) -> Calibration | None:
        return self.measured.on_card(
            gpu.name,
            gpu.driver,
            model_type=self.model.model_type,
            item=item_bytes(recipe.dtype, gpu),
            quantised=method(recipe.method).quantised,
        )

    def _with_number_format(self, recipe: Recipe) -> Recipe:
        """Return a recipe that says bf16 where the processor will choose it."""
        if self.gpu is None and recipe.dtype is Dtype.AUTO and self.facts.processor_has_bf16:
            return msgspec.structs.replace(recipe, dtype=Dtype.BF16)
        return recipe

    def fixes(self, recipe: Recipe) -> tuple[Change, ...]:
        """Return the changes that make a recipe fit, the least harmful first."""
        return fitting.fixes(
            recipe,
            self.need,
            layers=self.model.shape.layers,
            quantised=method(recipe.method).quantised,
        )

    def spare_use(self, recipe: Recipe) -> Change | None:
        """Return what makes a recipe faster with what is free; only a card has much to gain."""
        if self.gpu is None:
            return None
        return fitting.spare_use(recipe, self.need, layers=self.model.shape.layers)

    def smaller_model(self, recipe: Recipe) -> str:
        """Return the largest usual size of a model, in billions of weights, that fits here."""
        small = msgspec.structs.replace(
            recipe,
            method="sft_qlora",
            max_length=min(recipe.max_length, _SMALL_LENGTH),
            lora_rank=min(recipe.lora_rank, _SMALL_RANK),
            micro_batch_size=1,
            gradient_checkpointing=True,
        )
        return fitting.smaller_model(lambda shape: self.need(small, shape=shape))
