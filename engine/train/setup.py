# SPDX-License-Identifier: Apache-2.0
"""Everything that a run has before its first step: rows, model, adapter, plan."""

from __future__ import annotations

from datetime import datetime
from gettext import gettext as _
from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.chat.packing import StepOrder, measure_fill
from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.decision import Decision
from engine.domain.mix import parts_of
from engine.domain.model import ModelInfo
from engine.domain.phase import Phase
from engine.domain.plan import steps_of
from engine.domain.randomness import seed_of
from engine.domain.recipe import Recipe
from engine.domain.recipe_choices import Optimizer
from engine.domain.start_account import start_decisions
from engine.hardware.calibration import read_measurements
from engine.protocol.events import PhaseChanged, Warned
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.known_model import find_model
from engine.store.layout import JobFolder, Layout
from engine.store.weights_sample import weights_sample
from engine.train.base_weights import load_base
from engine.train.batches import Examples, data_hash
from engine.train.cards import deal_out
from engine.train.device import Placement
from engine.train.examples import (
    EncodedSplit,
    encode_held_out_rows,
    encode_training_rows,
    note_warnings,
    skip_warnings,
    truncation_warning,
)
from engine.train.kernels import EAGER, choose_kernels
from engine.train.kernels_compile import compile_layers
from engine.train.load import with_adapter_of
from engine.train.measuring import calibrate_once
from engine.train.model import LanguageModel
from engine.train.moments8 import choose_optimizer
from engine.train.offload import CardPassage, Offload
from engine.train.optimizer import AdapterOptimizer
from engine.train.progress import row_progress
from engine.train.ranks import Ranks, load_peers
from engine.train.resolve import (
    choose_kept_layers,
    choose_mix,
    choose_offload,
    choose_processes,
    choose_recompute,
    resolve_plan,
)
from engine.train.samples import SamplePrompt, sample_prompts
from engine.train.sources import copy_warnings, sources_of, without_copies
from engine.train.start import check_same_base, take_start
from engine.train.stepping import Stepper
from engine.train.stop import heed_stop
from engine.train.token_cache import TokenCache
from engine.train.varlen import choose_kernel_of_all


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is ready to step.

    Attributes:
        context: Its surroundings.
        folder: Its paths.
        recipe: What was asked for.
        tokenizer: Of the base model.
        held_out: Held-out examples; may be none.
        samples: Held-out prompts.
        order: Which examples each step sees.
        stepper: Model, optimizer and examples.
        total_steps: Steps of the whole run.
        recipe_sha256: Hash of recipe.json.
        data_sha256: Hash of all tokenised examples.
        weights_sha256: Hash of pieces of the base model's weights.
        placement: Device and number format, in words of the recipe.
    """

    context: JobContext
    folder: JobFolder
    recipe: Recipe
    tokenizer: ChatTokenizer
    held_out: Examples
    samples: tuple[SamplePrompt, ...]
    order: StepOrder
    stepper: Stepper
    total_steps: int
    recipe_sha256: str
    data_sha256: str
    weights_sha256: str
    placement: str

    @property
    def model(self) -> LanguageModel:
        """Return the model that is trained."""
        return self.stepper.model


def prepare_run(
    context: JobContext, recipe: Recipe, placement: Placement, *, quantised: bool
) -> Run:
    """Read rows and model, and make every choice that is left.

    Raises:
        NothingToTrain: No row holds a token that would be trained.
        ModelChanged: The base model's files changed since it was added.
        ModelInvalid: Its weights do not fit its configuration.
        StartUnusable: The adapter that the recipe starts with is damaged, or does not fit.
        Cancelled: A stop was asked for on the way.
    """
    layout, folder = Layout(context.workspace), JobFolder(context.folder)
    info = find_model(
        layout, recipe.model_id, fingerprint=context.info.text_option("model_fingerprint")
    )
    # The time of the job's making, so that templates that write the date are the same in a resume.
    clock = datetime.fromisoformat(context.info.created_at)
    tokenizer = load_tokenizer(Path(info.path), clock=clock)
    train, held_out = _encode(context, layout, recipe, info, tokenizer)
    if not context.peers:
        placement = deal_out(
            placement,
            recipe,
            info,
            quantised=quantised,
            measured=read_measurements(layout.measurements),
        )
    base = load_base(context, info, placement, quantised=quantised)
    varlen, attention = choose_kernel_of_all(
        placement.devices, placement.dtype, head_width=info.shape.head_dim
    )
    model = replace(with_adapter_of(base.model, recipe), varlen=varlen)
    weights_sha256 = weights_sample(Path(info.path), info.files)
    if recipe.start is not None:
        check_same_base(recipe.start, weights_sha256=weights_sha256)
        take_start(model, folder, recipe.start)
    ranks = load_peers(context.peers, model, folder=context.folder) if context.peers else None
    optimizer = _choose_optimizer(context, recipe, placement)
    parts = parts_of(train.counts, [one.weight for one in recipe.datasets], replay=recipe.replay)
    order = StepOrder(
        parts=parts,
        effective_batch_size=recipe.effective_batch_size,
        seed=seed_of("order", recipe.seed),
    )
    run = Run(
        context=context,
        folder=folder,
        recipe=recipe,
        tokenizer=tokenizer,
        held_out=held_out.examples,
        samples=sample_prompts(held_out.rows, tokenizer, count=recipe.sample_rows),
        order=order,
        stepper=_stepper(recipe, model, train.examples, Optimizer(optimizer.value), ranks),
        total_steps=steps_of(
            rows=order.per_epoch,
            effective_batch_size=recipe.effective_batch_size,
            epochs=recipe.epochs,
            max_steps=recipe.max_steps,
        ),
        recipe_sha256=atomicfs.sha256_of(folder.recipe),
        data_sha256=data_hash(train.examples, held_out.examples),
        weights_sha256=weights_sha256,
        placement=", ".join(str(placement.decisions[one].value) for one in ("device", "dtype")),
    )
    chosen = {"optimizer": optimizer, "attention": attention} | base.decisions
    chosen |= start_decisions(recipe)
    _resolve(run, info, placement, train, held_out, chosen, quantised=quantised)
    return run


def _encode(
    context: JobContext, layout: Layout, recipe: Recipe, info: ModelInfo, tokenizer: ChatTokenizer
) -> tuple[EncodedSplit, EncodedSplit]:
    sources = sources_of(layout, recipe)
    if len(sources) > 1:
        context.emit(PhaseChanged(phase=Phase.COMPARING_ROWS))
        compared = sum(one.count + one.held_out_count for one in sources)
        sources = without_copies(sources, on_rows=row_progress(context, compared))
    told: list[Warned] = copy_warnings(sources)
    # What was measured before was read for that comparison alone.
    sources = tuple(one for one in sources if not one.is_former)
    context.emit(PhaseChanged(phase=Phase.READING_ROWS))
    train = encode_training_rows(
        sources,
        tokenizer,
        max_length=recipe.max_length,
        cache=TokenCache(
            model_fingerprint=info.fingerprint,
            written_time=context.info.created_at if tokenizer.writes_time else "",
            max_length=recipe.max_length,
        ),
        on_rows=row_progress(context, sum(one.count for one in sources)),
    )
    cut = truncation_warning(train.truncated, len(train.examples))
    told += [*skip_warnings(train.skipped), *note_warnings(train.noted)]
    for warning in (*told, *([cut] if cut else [])):
        context.emit(warning)
    held_out = encode_held_out_rows(
        sources,
        tokenizer,
        max_length=recipe.max_length,
        limit=recipe.eval_rows,
        on_rows=lambda _count: heed_stop(context),
    )
    return train, held_out


def _choose_optimizer(context: JobContext, recipe: Recipe, placement: Placement) -> Decision:
    found = choose_optimizer(recipe.optimizer, placement.device)
    if found.value != recipe.optimizer.value:
        text = _("The paged optimizer cannot be used, so the plain 8-bit one is. {why}")
        context.emit(Warned(code="paged_unavailable", message=text.format(why=found.reason)))
    return found


def _stepper(
    recipe: Recipe,
    model: LanguageModel,
    examples: Examples,
    optimizer: Optimizer,
    ranks: Ranks | None,
) -> Stepper:
    return Stepper(
        model=model,
        optimizer=AdapterOptimizer(
            model.trainable(),
            weight_decay=recipe.weight_decay,
            kind=optimizer,
            rate_factors=model.rate_factors(recipe.loraplus_lr_ratio),
        ),
        examples=examples,
        lengths=examples.lengths,
        supervised=examples.supervised,
        capacity=recipe.max_length,
        micro_batch_size=recipe.micro_batch_size,
        max_grad_norm=recipe.max_grad_norm,
        seed=recipe.seed,
        ranks=ranks,
    )


def _resolve(
    run: Run,
    info: ModelInfo,
    placement: Placement,
    train: EncodedSplit,
    held_out: EncodedSplit,
    chosen: dict[str, Decision],
    *,
    quantised: bool,
) -> None:
    recipe = run.recipe
    fill = measure_fill(
        run.order,
        run.stepper.lengths,
        capacity=recipe.max_length,
        micro_batch_size=recipe.micro_batch_size,
    )
    recompute = choose_recompute(recipe, info.shape, placement, longest_tokens=fill.longest_tokens)
    chosen = chosen | {"gradient_checkpointing": recompute}
    kept = int(choose_kept_layers(recipe, info.shape.layers).value or 0)
    measured = calibrate_once(
        run.context,
        run.model,
        info,
        recipe,
        quantised=quantised,
        recomputes=bool(recompute.value) and kept < info.shape.layers,
    )
    if measured is not None:
        chosen["layer_memory"] = measured
    chosen |= _store_and_recompute(run.model, recipe, info, placement, bool(recompute.value))
    if run.context.peers or recipe.processes > 1:
        chosen["processes"] = choose_processes(recipe, count=1 + len(run.context.peers))
    if len(run.order.parts) > 1:
        chosen["mix"] = choose_mix(run.order.parts)
    # Behind the measurement: a plan knows the memory without kernels, which is never less.
    chosen |= _speed_up(run)
    run.context.emit(
        resolve_plan(
            recipe,
            placement,
            quantised=quantised,
            chosen=chosen,
            train=train,
            held_out=held_out,
            fill=fill,
            total_steps=run.total_steps,
        )
    )


def _speed_up(run: Run) -> dict[str, Decision]:
    """Compile the layers where that is asked for, or else put kernels into them."""
    compiled: dict[str, Decision] = {}
    if run.recipe.compile_layers:
        found = compile_layers(run.model)
        compiled["compile_layers"] = found
        if found.value:
            reason = _("The layers are compiled, which fuses the same formulas.")
            return compiled | {"kernels": Decision(value=EAGER, reason=reason, source="recipe")}
        text = _("The layers are not compiled. {why}").format(why=found.reason)
        run.context.emit(Warned(code="compile_unavailable", message=text))
    return compiled | {"kernels": choose_kernels(run.model, is_wanted=run.recipe.use_kernels)}


def _store_and_recompute(
    model: LanguageModel,
    recipe: Recipe,
    info: ModelInfo,
    placement: Placement,
    recomputes: bool,
) -> dict[str, Decision]:
    """Set up which layers are computed again; return the choices that the recipe asks for."""
    chosen: dict[str, Decision] = {}
    kept = choose_kept_layers(recipe, info.shape.layers)
    if recomputes and recipe.uncheckpointed_layers:
        chosen["uncheckpointed_layers"] = kept
    recomputes = recomputes and int(kept.value or 0) < info.shape.layers
    offload = None
    if recipe.activation_offload:
        chosen["activation_offload"] = choose_offload(placement, recomputes=recomputes)
        if chosen["activation_offload"].value:
            offload = Offload(CardPassage())
    if recomputes:
        model.recompute_activations(kept_layers=int(kept.value or 0), offload=offload)
    return chosen
