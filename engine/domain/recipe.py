# SPDX-License-Identifier: Apache-2.0
"""The recipe: the full, immutable description of a training.

Each field carries its limits, its plain name and its explanation, so that the form of the window,
the `--set` of the command line and the validation all follow from this one place.
"""

from __future__ import annotations

from enum import StrEnum
from gettext import gettext as _
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engine.domain.mix import MAIN_WEIGHT, MixedDataset, Replay
from engine.domain.problem import Problem, Severity


class Schedule(StrEnum):
    """How the learning rate moves after the warm-up."""

    COSINE = "cosine"
    LINEAR = "linear"
    CONSTANT = "constant"


class Dtype(StrEnum):
    """Number format of the computation; `auto` takes bf16 where the device has it."""

    AUTO = "auto"
    BF16 = "bf16"
    FP32 = "fp32"


class Device(StrEnum):
    """Where the run computes; `auto` takes the graphics card where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Optimizer(StrEnum):
    """How the numbers are held that AdamW keeps for each weight of the adapter."""

    ADAMW = "adamw"
    ADAMW_8BIT = "adamw_8bit"
    PAGED_ADAMW_8BIT = "paged_adamw_8bit"


class Group(StrEnum):
    """Sections of the settings form, in order."""

    LEARNING = "learning"
    ADAPTER = "adapter"
    ROWS = "rows"
    MEMORY = "memory"
    CHECKS = "checks"
    CHECKPOINTS = "checkpoints"
    REPEATABILITY = "repeatability"


def about(
    title: str,
    why: str,
    group: Group,
    unit: str = "",
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
) -> Meta:
    """Describe a field: plain name, one sentence, section, unit, and limits (`ge`, `gt`, `le`)."""
    extra = {"group": group.value, "unit": unit}
    if gt is not None:
        return Meta(title=title, description=why, extra=extra, gt=gt, le=le)
    return Meta(title=title, description=why, extra=extra, ge=ge, le=le)


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides the result of a run; written once, never edited.

    Product rule: one optimizer step sees `effective_batch_size` examples. They are packed best-fit
    into sequences of at most `max_length` tokens, of which `micro_batch_size` go through the device
    together; the number of micro-steps follows. The packing never changes the result of a step.

    A pass sees each row of `dataset_id` once, those of each dataset of `mix` as often as its weight
    says, and rows of `replay` up to its share. Held out are the `eval` rows of the former two.
    """

    schema_version: int = 1
    method: str = "sft_qlora"
    dataset_id: str
    dataset_version: int = 1
    model_id: str
    mix: tuple[MixedDataset, ...] = ()
    replay: Replay | None = None

    epochs: Annotated[
        float,
        about(
            "Passes over the data",
            "How often each row is seen. More can mean copying.",
            Group.LEARNING,
            "passes",
            gt=0,
            le=100,
        ),
    ] = 2.0
    max_steps: Annotated[
        int,
        about(
            "Step limit",
            "Ends the run after this many steps; 0 means no limit.",
            Group.LEARNING,
            "steps",
            ge=0,
            le=10_000_000,
        ),
    ] = 0
    learning_rate: Annotated[
        float,
        about(
            "Learning rate",
            "How big each step is. Too high makes it unstable.",
            Group.LEARNING,
            "",
            gt=0,
            le=1,
        ),
    ] = 2e-4
    schedule: Annotated[
        Schedule,
        about(
            "Learning rate curve", "How the learning rate falls after the warm-up.", Group.LEARNING
        ),
    ] = Schedule.COSINE
    warmup_ratio: Annotated[
        float,
        about(
            "Warm-up",
            "The part of the run in which the learning rate rises.",
            Group.LEARNING,
            "of the run",
            ge=0,
            le=0.5,
        ),
    ] = 0.05
    weight_decay: Annotated[
        float,
        about(
            "Weight decay",
            "Pulls the adapter towards zero a little at every step.",
            Group.LEARNING,
            "",
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
            "",
            gt=0,
            le=1000,
        ),
    ] = 1.0
    effective_batch_size: Annotated[
        int,
        about(
            "Rows per step",
            "Rows that are averaged for one step. More is steadier and slower.",
            Group.LEARNING,
            "rows",
            ge=1,
            le=4096,
        ),
    ] = 16
    lora_rank: Annotated[
        int,
        about(
            "Rank",
            "How much the adapter can hold. More needs more memory.",
            Group.ADAPTER,
            "",
            ge=1,
            le=512,
        ),
    ] = 16
    lora_alpha: Annotated[
        float,
        about(
            "Alpha",
            "How strongly the adapter counts: alpha divided by rank.",
            Group.ADAPTER,
            "",
            gt=0,
            le=4096,
        ),
    ] = 32.0
    lora_dropout: Annotated[
        float,
        about(
            "Dropout",
            "Leaves out a part of the input at random, against copying.",
            Group.ADAPTER,
            "",
            ge=0,
            le=0.9,
        ),
    ] = 0.0
    max_length: Annotated[
        int,
        about(
            "Longest row",
            "Longer rows are cut at the end. Longer needs more memory.",
            Group.ROWS,
            "tokens",
            ge=16,
            le=1_048_576,
        ),
    ] = 2048
    micro_batch_size: Annotated[
        int,
        about(
            "Sequences at once",
            "Packed sequences that go through the device together.",
            Group.MEMORY,
            "sequences",
            ge=1,
            le=256,
        ),
    ] = 1
    gradient_checkpointing: Annotated[
        bool,
        about(
            "Recompute instead of store",
            "Saves much memory and costs about a third more time.",
            Group.MEMORY,
        ),
    ] = True
    optimizer: Annotated[
        Optimizer,
        about(
            "Optimizer",
            "8 bits need a quarter of the optimizer's memory; paged moves it out when short.",
            Group.MEMORY,
        ),
    ] = Optimizer.ADAMW
    dtype: Annotated[
        Dtype,
        about("Number format", "bf16 is fast and small; fp32 is exact and slow.", Group.MEMORY),
    ] = Dtype.AUTO
    device: Annotated[
        Device,
        about("Device", "Graphics card or processor.", Group.MEMORY),
    ] = Device.AUTO
    eval_every_steps: Annotated[
        int,
        about(
            "Held-out check every",
            "0 checks only before the first and after the last step.",
            Group.CHECKS,
            "steps",
            ge=0,
            le=1_000_000,
        ),
    ] = 0
    eval_rows: Annotated[
        int,
        about(
            "Rows in a held-out check",
            "At most this many held-out rows are used.",
            Group.CHECKS,
            "rows",
            ge=1,
            le=1_000_000,
        ),
    ] = 512
    sample_rows: Annotated[
        int,
        about(
            "Sample answers",
            "Held-out prompts that are answered at every check.",
            Group.CHECKS,
            "prompts",
            ge=0,
            le=8,
        ),
    ] = 1
    checkpoint_every_steps: Annotated[
        int,
        about(
            "Checkpoint every (steps)",
            "0 leaves it to the time below.",
            Group.CHECKPOINTS,
            "steps",
            ge=0,
            le=1_000_000,
        ),
    ] = 0
    checkpoint_every_s: Annotated[
        float,
        about(
            "Checkpoint every (time)",
            "A crash loses at most this much; 0 turns it off.",
            Group.CHECKPOINTS,
            "seconds",
            ge=0,
            le=86_400,
        ),
    ] = 600.0
    keep_checkpoints: Annotated[
        int,
        about(
            "Checkpoints to keep",
            "Older ones are removed, but never the best.",
            Group.CHECKPOINTS,
            "",
            ge=1,
            le=100,
        ),
    ] = 3
    seed: Annotated[
        int,
        about(
            "Seed",
            "The same seed on the same computer gives the same result.",
            Group.REPEATABILITY,
            "",
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
        ids = [one.dataset_id for one in self.datasets]
        return (*ids, self.replay.dataset_id) if self.replay else tuple(ids)


class RecipeField(msgspec.Struct, frozen=True, kw_only=True):
    """What a form or a command line needs to know of one recipe field.

    Attributes:
        name: Key in the recipe and for `--set`.
        title: Plain name.
        why: One sentence.
        group: Section of the form.
        unit: Word behind the value, may be empty.
        type: `int`, `float`, `bool` or `choice`.
        choices: Values of a choice, else empty.
        low: Lowest value, or None.
        high: Highest value, or None.
        low_excluded: `low` itself is not allowed.
        default: Value when nothing is said.
    """

    name: str
    title: str
    why: str
    group: Group
    unit: str
    type: str
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    low_excluded: bool
    default: Any


def recipe_fields() -> tuple[RecipeField, ...]:
    """Return every field that a user may set, in the order of the form."""
    found: list[RecipeField] = []
    for field in msgspec.structs.fields(Recipe):
        meta = next(
            (one for one in getattr(field.type, "__metadata__", ()) if isinstance(one, Meta)), None
        )
        if meta is not None:
            found.append(_describe(field.name, field.type.__origin__, meta, field.default))
    return tuple(found)


def _describe(name: str, kind: type[Any], meta: Meta, default: Any) -> RecipeField:
    is_choice = issubclass(kind, StrEnum)
    extra = meta.extra or {}
    return RecipeField(
        name=name,
        title=_(meta.title or name),
        why=_(meta.description or ""),
        group=Group(extra["group"]),
        unit=_(extra["unit"]) if extra["unit"] else "",
        type="choice" if is_choice else kind.__name__,
        choices=tuple(one.value for one in kind) if is_choice else (),
        low=meta.gt if meta.gt is not None else meta.ge,
        high=meta.le,
        low_excluded=meta.gt is not None,
        default=default.value if is_choice else default,
    )


def problems_of(values: dict[str, Any]) -> list[Problem]:
    """Check values by name against the recipe's fields; return every problem at once.

    Unknown names, wrong types and values out of limits are errors. The result is empty when
    `msgspec.convert(values, Recipe)` would succeed for these names.
    """
    known = {field.name: field for field in msgspec.structs.fields(Recipe)}
    problems: list[Problem] = []
    for name, value in values.items():
        field = known.get(name)
        if field is None:
            problems.append(_unknown(name, tuple(known)))
            continue
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            problems.append(_impossible(name, value, str(error)))
    return problems


def _unknown(name: str, known: tuple[str, ...]) -> Problem:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return Problem(
        field=name,
        severity=Severity.ERROR,
        code="field_unknown",
        message=_("There is no setting named {name}.").format(name=name),
        remedy=_("Did you mean {near}?").format(near=near[0]) if near else "",
    )


def _impossible(name: str, value: object, why: str) -> Problem:
    return Problem(
        field=name,
        severity=Severity.ERROR,
        code="value_impossible",
        message=_("{name} cannot be {value}: {why}.").format(name=name, value=value, why=why),
        remedy=_("Give a value within the limits."),
    )


def from_text(name: str, text: str) -> Any:
    """Read a `--set name=text` value into the type of its field.

    Raises:
        ValueError: The text is not of that type.
    """
    field = next((one for one in recipe_fields() if one.name == name), None)
    if field is None or field.type == "choice":
        return text
    if field.type == "bool":
        return {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False}[
            text.strip().lower()
        ]
    return int(text) if field.type == "int" else float(text)
