# SPDX-License-Identifier: Apache-2.0
"""The recipe: the full, immutable description of a training.

Each field carries its limits, its plain name and its explanation, so that the form of the window,
the `--set` of the command line and the validation all follow from this one place.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.domain import recipe_adapter as adapter
from engine.domain.adapter import LoraTargets
from engine.domain.mix import MAIN_WEIGHT, MixedDataset, Replay
from engine.domain.recipe_checks import (
    DeliverBest,
    DivergenceGuard,
    EarlyStoppingPatience,
    EarlyStoppingThreshold,
    EvalEverySteps,
    EvalRows,
    SampleRows,
)
from engine.domain.recipe_choices import Device, Dtype, Optimizer, Schedule
from engine.domain.recipe_field import (
    NO_MEMORY,
    Group,
    RecipeField,
    about,
    describe,
)
from engine.domain.start import AdapterStart, HeldOutData


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides the result of a run; written once, never edited.

    Product rule: one optimizer step sees `effective_batch_size` examples. They are packed best-fit
    into sequences of at most `max_length` tokens, of which `micro_batch_size` go through the device
    together; the number of micro-steps follows. The packing never changes the result of a step.

    A pass sees each row of `dataset_id` once, those of each dataset of `mix` as often as its weight
    says, and rows of `replay` up to its share. Held out are the `eval` rows of the former two.

    With a `start` the adapter does not begin anew. The fields of its shape follow from it, and
    rows that it was measured on are not trained.
    """

    schema_version: int = 1
    method: str = "sft_qlora"
    dataset_id: str
    dataset_version: int = 1
    model_id: str
    mix: tuple[MixedDataset, ...] = ()
    replay: Replay | None = None
    start: AdapterStart | None = None

    epochs: Annotated[
        float,
        about(
            "Passes over the data",
            "How often each row is seen: more learns more, then copies; time grows with it.",
            Group.LEARNING,
            "passes",
            memory=NO_MEMORY,
            gt=0,
            le=100,
        ),
    ] = 2.0
    max_steps: Annotated[
        int,
        about(
            "Step limit",
            "Ends the run after this many steps, however much was learned; 0 means no limit.",
            Group.LEARNING,
            "steps",
            memory=NO_MEMORY,
            rare=True,
            ge=0,
            le=10_000_000,
        ),
    ] = 0
    learning_rate: Annotated[
        float,
        about(
            "Learning rate",
            "How big each step is: too low learns little, too high forgets or breaks down.",
            Group.LEARNING,
            memory=NO_MEMORY,
            gt=0,
            le=1,
        ),
    ] = 2e-4
    schedule: Annotated[
        Schedule,
        about(
            "Learning rate curve",
            "How the rate falls after the warm-up; a fall lets the last steps settle.",
            Group.LEARNING,
            memory=NO_MEMORY,
        ),
    ] = Schedule.COSINE
    warmup_ratio: Annotated[
        float,
        about(
            "Warm-up",
            "The part of the run in which the rate rises, so that the first steps do no harm.",
            Group.LEARNING,
            "of the run",
            memory=NO_MEMORY,
            rare=True,
            ge=0,
            le=0.5,
        ),
    ] = 0.05
    min_learning_rate_ratio: Annotated[
        float,
        about(
            "Lowest rate",
            "How far the rate falls, of its highest: above 0 the last steps go on learning.",
            Group.LEARNING,
            "of the rate",
            memory=NO_MEMORY,
            rare=True,
            ge=0,
            le=1,
        ),
    ] = 0.0
    weight_decay: Annotated[
        float,
        about(
            "Weight decay",
            "Pulls the adapter towards zero at every step, which holds back copying a little.",
            Group.LEARNING,
            memory=NO_MEMORY,
            rare=True,
            ge=0,
            le=1,
        ),
    ] = 0.0
    max_grad_norm: Annotated[
        float,
        about(
            "Gradient limit",
            "Longer gradients are cut to this length, so that one odd row cannot spoil the run.",
            Group.LEARNING,
            memory=NO_MEMORY,
            rare=True,
            gt=0,
            le=1000,
        ),
    ] = 1.0
    effective_batch_size: Annotated[
        int,
        about(
            "Rows per step",
            "Rows averaged for one step: more is steadier, but makes fewer steps of a pass.",
            Group.LEARNING,
            "rows",
            memory="No effect on memory: the rows go through in small parts.",
            ge=1,
            le=4096,
        ),
    ] = 16
    lora_rank: adapter.Rank = 16
    lora_alpha: adapter.Alpha = 32.0
    lora_dropout: adapter.Dropout = 0.0
    lora_targets: adapter.Targets = LoraTargets.ALL
    rank_pattern: adapter.RankPattern = ""
    alpha_pattern: adapter.AlphaPattern = ""
    use_rslora: adapter.UseRslora = False
    use_dora: adapter.UseDora = False
    loraplus_lr_ratio: Annotated[
        float,
        about(
            "Rate of B over A (LoRA+)",
            "Above 1 the second half of the adapter learns so many times faster; 1 is usual.",
            Group.ADAPTER,
            "times",
            memory=NO_MEMORY,
            rare=True,
            ge=1,
            le=64,
        ),
    ] = 1.0
    max_length: Annotated[
        int,
        about(
            "Longest row",
            "Longer rows are cut at the end, and what is cut is never learned.",
            Group.ROWS,
            "tokens",
            memory="Working memory grows in step with it: lower this one first.",
            ge=16,
            le=1_048_576,
        ),
    ] = 2048
    micro_batch_size: Annotated[
        int,
        about(
            "Sequences at once",
            "Sequences that go through the device together: faster on large cards, same result.",
            Group.MEMORY,
            "sequences",
            memory="Working memory grows in step with it.",
            ge=1,
            le=256,
        ),
    ] = 1
    gradient_checkpointing: Annotated[
        bool,
        about(
            "Recompute instead of store",
            "Computes parts again instead of storing them: about a third slower, same result.",
            Group.MEMORY,
            memory="Saves most of the working memory.",
        ),
    ] = True
    uncheckpointed_layers: Annotated[
        int,
        about(
            "Layers to store",
            "So many layers are stored all the same: faster, same result.",
            Group.MEMORY,
            "layers",
            memory="Each takes much of it, for cards with memory to spare.",
            rare=True,
            ge=0,
            le=1000,
        ),
    ] = 0
    activation_offload: Annotated[
        bool,
        about(
            "Keep layer inputs in main memory",
            "What recomputing begins with waits beside the card: hardly slower, same result.",
            Group.MEMORY,
            memory="Leaves room on the card for long rows.",
            rare=True,
        ),
    ] = False
    optimizer: Annotated[
        Optimizer,
        about(
            "Optimizer",
            "Holds what AdamW remembers of each weight in 32 or in 8 bits: same quality.",
            Group.MEMORY,
            memory="8 bits take a quarter; paged moves it out of the card when short.",
            rare=True,
        ),
    ] = Optimizer.ADAMW
    dtype: Annotated[
        Dtype,
        about(
            "Number format",
            "bf16 is fast; fp32 is exact and slow.",
            Group.MEMORY,
            memory="fp32 takes twice the working memory of bf16.",
            rare=True,
        ),
    ] = Dtype.AUTO
    device: Annotated[
        Device,
        about(
            "Device",
            "The graphics card is many times faster than the processor.",
            Group.MEMORY,
            memory="Decides whose memory is used.",
        ),
    ] = Device.AUTO
    processes: Annotated[
        int,
        about(
            "Cards at once",
            "So many cards of one kind share the rows of each step: faster, same result.",
            Group.MEMORY,
            "cards",
            memory="Each card holds the whole model.",
            rare=True,
            ge=1,
            le=16,
        ),
    ] = 1
    cards: Annotated[
        int,
        about(
            "Cards for one model",
            "Deals the layers out over so many cards, which take turns; 0 takes as few as fit.",
            Group.MEMORY,
            "cards",
            memory="Each card holds a part of the model.",
            rare=True,
            ge=0,
            le=16,
        ),
    ] = 0
    use_kernels: Annotated[
        bool,
        about(
            "Fast kernels",
            "Uses liger-kernel on a card where it is installed and gives the same result.",
            Group.MEMORY,
            memory="They need a little less of it.",
            rare=True,
        ),
    ] = True
    compile_layers: Annotated[
        bool,
        about(
            "Compile the layers",
            "Takes minutes first and is a little faster then, for runs of hours; same quality.",
            Group.MEMORY,
            memory="Needs about as much.",
            rare=True,
        ),
    ] = False
    eval_every_steps: EvalEverySteps = 0
    eval_rows: EvalRows = 512
    sample_rows: SampleRows = 1
    early_stopping_patience: EarlyStoppingPatience = 0
    early_stopping_threshold: EarlyStoppingThreshold = 0.0
    deliver_best: DeliverBest = False
    divergence_guard: DivergenceGuard = True
    checkpoint_every_steps: Annotated[
        int,
        about(
            "Checkpoint every (steps)",
            "How often the state is saved, besides the time below; 0 leaves it to the time.",
            Group.CHECKPOINTS,
            "steps",
            memory="No effect on memory; each takes room on the disk.",
            rare=True,
            ge=0,
            le=1_000_000,
        ),
    ] = 0
    checkpoint_every_s: Annotated[
        float,
        about(
            "Checkpoint every (time)",
            "A crash loses at most this much work; 0 turns it off.",
            Group.CHECKPOINTS,
            "seconds",
            memory="No effect on memory; each takes room on the disk.",
            ge=0,
            le=86_400,
        ),
    ] = 600.0
    keep_checkpoints: Annotated[
        int,
        about(
            "Checkpoints to keep",
            "Older ones are removed, but never the best; the result is the same.",
            Group.CHECKPOINTS,
            memory="No effect on memory; each takes room on the disk.",
            rare=True,
            ge=1,
            le=100,
        ),
    ] = 3
    seed: Annotated[
        int,
        about(
            "Seed",
            "The same seed on the same computer gives the same result; another mixes anew.",
            Group.REPEATABILITY,
            memory=NO_MEMORY,
            ge=0,
            le=2**31 - 1,
        ),
    ] = 0

    @property
    def datasets(self) -> tuple[MixedDataset, ...]:
        """Return every dataset of the task with its weight, the recipe's own first."""
        own = MixedDataset(
            dataset_id=self.dataset_id, dataset_version=self.dataset_version, weight=MAIN_WEIGHT
        )
        return (own, *self.mix)

    @property
    def dataset_ids(self) -> tuple[str, ...]:
        """Return the ids of all datasets that rows are read from, the replayed one last."""
        return tuple(one.dataset_id for one in self.trained_datasets)

    @property
    def trained_datasets(self) -> tuple[MixedDataset | Replay, ...]:
        """Return every dataset that rows are trained of, the replayed one last."""
        return (*self.datasets, self.replay) if self.replay else self.datasets

    @property
    def read_datasets(self) -> tuple[MixedDataset | Replay | HeldOutData, ...]:
        """Return every dataset that must be there; those that only hold rows out are last."""
        held_out = self.start.held_out if self.start else ()
        trained = {(one.dataset_id, one.dataset_version) for one in self.trained_datasets}
        others = (one for one in held_out if (one.dataset_id, one.dataset_version) not in trained)
        return (*self.trained_datasets, *others)


def recipe_fields() -> tuple[RecipeField, ...]:
    """Return every field that a user may set, in the order of the form."""
    found: list[RecipeField] = []
    for field in msgspec.structs.fields(Recipe):
        meta = next(
            (one for one in getattr(field.type, "__metadata__", ()) if isinstance(one, Meta)), None
        )
        if meta is not None:
            found.append(describe(field.name, field.type.__origin__, meta, field.default))
    return tuple(found)
