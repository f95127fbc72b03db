# SPDX-License-Identifier: Apache-2.0
"""Going on with an adapter: of a run, of one of its checkpoints, or of a folder from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from gettext import gettext as _
from pathlib import Path
from typing import Any

import msgspec

from engine.api.beginning import Beginning, ancestor_of, find_start
from engine.api.models import Models
from engine.api.runs import Runs, RunView
from engine.domain.adapter import LoraTargets, Pattern
from engine.domain.checkpoint import CheckpointState
from engine.domain.dataset import DatasetInfo
from engine.domain.model import ModelInfo
from engine.domain.recipe import Recipe, recipe_fields
from engine.domain.recipe_values import problems_of
from engine.domain.start import (
    TAKEN_FIELDS,
    AdapterStart,
    Ancestor,
    HeldOutData,
)
from engine.errors import (
    DatasetNotFound,
    DocumentDamaged,
    EngineError,
    ModelNotFound,
    RecipeInvalid,
    RunNotFound,
    StartUnusable,
)
from engine.formats.versions import read_version
from engine.store import atomicfs
from engine.store.adapterfolder import (
    CHECKPOINT_WEIGHTS,
    WEIGHTS,
    AdapterFolder,
    check_fits,
    inspect_adapter,
    is_adapter_folder,
)
from engine.store.decoders import left_out_prefix
from engine.store.documents import read_document
from engine.store.layout import JobFolder, Layout
from engine.store.modelfolder_packed import read_weights

_CHECKPOINT_STATE = "state.json"
_PREFIX = "ck-"


class Continuing:
    """Finds adapters to go on with in one workspace, and makes recipes of new runs of them."""

    def __init__(self, layout: Layout, *, runs: Runs, models: Models) -> None:
        """Work on one workspace with its other services."""
        self._layout = layout
        self._runs = runs
        self._models = models

    def find(self, text: str) -> Beginning:
        """Return the adapter that a text names: `RUN`, `RUN@CHECKPOINT`, or a folder.

        A checkpoint is named by its folder or by its step.

        Raises:
            RunNotFound: There is neither such a run nor such a folder.
            StartUnusable: The adapter is not there, damaged, or no plain one.
        """
        try:
            return self.of_run(text)
        except RunNotFound as error:
            if is_adapter_folder(Path(text)):
                return self.of_folder(Path(text))
            run, at, checkpoint = text.rpartition("@")
            if not at:
                raise RunNotFound(
                    _("There is neither a run nor an adapter folder {name}.").format(name=text)
                ) from error
            return self.of_run(run, checkpoint)

    def of_run(self, key: str, checkpoint: str = "") -> Beginning:
        """Return the adapter of a run: the delivered one, else that of its newest checkpoint.

        Args:
            key: Id, beginning of an id, or name of the run.
            checkpoint: The checkpoint to take it from instead, by its folder's name or its step.

        Raises:
            RunNotFound: There is no such run.
            StartUnusable: It has no adapter, no such checkpoint, or what it has is damaged.
        """
        run = self._runs.get(key)
        folder = self._layout.job(run.id)
        if not checkpoint and run.has_adapter:
            return self._of_adapter(run, folder)
        name = _checkpoint_of(run, checkpoint)
        state = _read_state(folder.checkpoints / name, run)
        return self._begin(
            run,
            folder.checkpoints / name / CHECKPOINT_WEIGHTS,
            checkpoint=name,
            step=state.step,
        )

    def again(self, recipe: Recipe) -> Beginning | None:
        """Return what a recipe begins with, or None where it begins anew.

        Raises:
            StartUnusable: No run of this workspace has that adapter any more.
        """
        start = recipe.start
        if start is None:
            return None
        weights, descent = find_start(self._layout, start)
        values = msgspec.to_builtins(recipe)
        return Beginning(
            start=start,
            taken={name: values[name] for name in TAKEN_FIELDS},
            weights=weights,
            descent=descent,
            model_id=recipe.model_id,
            recipe=recipe,
        )

    def of_folder(self, path: Path) -> Beginning:
        """Return the adapter of a folder in peft's form, checked before anything of it is used.

        Raises:
            FileMissing: It is no adapter folder.
            UnsafeWeights: Its numbers come in a form that can run code.
            StartUnusable: It is no plain LoRA adapter, or is damaged.
        """
        found = inspect_adapter(path.resolve())
        taken = _taken_of(found)
        base = self._base_of(found)
        start = AdapterStart(
            sha256=found.sha256,
            name=found.path.name,
            targets=self._targets(found, base) if base else (),
            model_fingerprint=base.fingerprint if base else "",
        )
        ancestor = Ancestor(name=start.name, sha256=start.sha256, base=found.base)
        return Beginning(
            start=start,
            taken=taken,
            weights=found.weights,
            descent=(ancestor,),
            model_id=base.id if base else "",
            base=found.base,
        )

    def make_recipe(
        self,
        beginning: Beginning,
        *,
        dataset: str = "",
        model: str = "",
        method_id: str = "",
        preset: str = "",
        values: Mapping[str, Any] | None = None,
        mix: Mapping[str, float] | None = None,
        replay: tuple[str, float] | None = None,
    ) -> Recipe:
        """Return the recipe of a run that goes on with an adapter.

        Its settings are those of the run that the adapter comes from, unless a preset is named;
        the shape of the adapter is never another. The optimizer always begins anew.

        Args:
            beginning: The adapter.
            dataset: Id, unique beginning of an id, or name; empty takes the former dataset.
            model: The same for the model; empty takes the one that it was trained on.
            method_id: Training method; empty takes the former.
            preset: Id of a preset, or empty.
            values: Recipe fields by name.
            mix: Further datasets, each with how often a pass sees each of its rows.
            replay: A dataset, usually the former, and its share of the rows of a pass.

        Raises:
            DatasetNotFound: No such dataset, or none is named and none is known.
            ModelNotFound: No such model, or none is named and none is known.
            RecipeInvalid: Some values are not possible, or differ from the adapter's.
            StartUnusable: The adapter does not fit the model.
        """
        given = dict(values or {})
        _refuse_others(beginning, given)
        former = beginning.recipe
        before = {} if preset or former is None else _settings(former)
        base = self._model_for(beginning, model)
        found = self._runs.make_recipe(
            dataset=dataset or _former_dataset(former),
            model=base.id,
            method_id=method_id or (former.method if former else "sft_qlora"),
            preset=preset,
            values=before | given | beginning.taken,
            mix=mix,
            replay=replay,
        )
        return msgspec.structs.replace(found, start=self._start_on(beginning, base))

    # --- where adapters are --------------------------------------------------------------------

    def _of_adapter(self, run: RunView, folder: JobFolder) -> Beginning:
        try:
            atomicfs.verify_folder(folder.adapter)
        except DocumentDamaged as error:
            raise StartUnusable(
                _("The adapter of {name} is damaged: {why}").format(
                    name=run.job.info.name, why=error.message
                ),
                remedy=_("Choose one of its checkpoints instead."),
            ) from error
        return self._begin(run, folder.adapter / WEIGHTS, step=run.job.snapshot.adapter_step)

    def _begin(
        self, run: RunView, weights: Path, *, step: int | None, checkpoint: str = ""
    ) -> Beginning:
        former = run.recipe.start
        start = AdapterStart(
            sha256=atomicfs.sha256_of(weights),
            name=run.job.info.name,
            run_id=run.id,
            checkpoint=checkpoint,
            step=step,
            targets=former.targets if former else (),
            model_fingerprint=run.model_fingerprint,
            weights_sha256=_weights_sha256(self._layout.job(run.id), run),
            held_out=tuple(self._held_out_of(run.recipe)),
        )
        values = msgspec.to_builtins(run.recipe)
        return Beginning(
            start=start,
            taken={name: values[name] for name in TAKEN_FIELDS},
            weights=weights,
            descent=(*run.descent, ancestor_of(run.job.info, start)),
            model_id=self._model_of(run),
            recipe=run.recipe,
        )

    def _held_out_of(self, recipe: Recipe) -> Iterator[HeldOutData]:
        """Yield what a run was measured on, and what those before it were, as far as it is here."""
        former = recipe.start.held_out if recipe.start else ()
        named = [(one.dataset_id, one.dataset_version) for one in (*recipe.datasets, *former)]
        for dataset_id, version in dict.fromkeys(named):
            if _has_version(self._layout, dataset_id, version):
                yield HeldOutData(dataset_id=dataset_id, dataset_version=version)

    def _model_of(self, run: RunView) -> str:
        """Return the model here with the files that a run was trained on, or nothing."""
        models = sorted(self._models.list(), key=lambda one: one.id != run.recipe.model_id)
        fits = [one.id for one in models if one.fingerprint == run.model_fingerprint]
        return fits[0] if fits else ""

    # --- folders from outside ------------------------------------------------------------------

    def _base_of(self, found: AdapterFolder) -> ModelInfo | None:
        """Return the one model here that a folder says and fits, or None."""
        named = [one for one in self._models.list() if found.base and _is_named(one, found.base)]
        return named[0] if len(named) == 1 else None

    def _targets(self, found: AdapterFolder, base: ModelInfo) -> tuple[str, ...]:
        headers = read_weights(Path(base.path))
        prefix = left_out_prefix(headers)
        sizes = {
            f"{prefix}{name.removesuffix('.weight')}": one.shape
            for name, one in headers.items()
            if name.endswith(".weight")
        }
        check_fits(found, base.name, sizes)
        return found.targets(sizes)

    # --- recipes -------------------------------------------------------------------------------

    def _model_for(self, beginning: Beginning, model: str) -> ModelInfo:
        key = model or beginning.model_id
        if not key:
            base = beginning.base or _("its base model")
            raise ModelNotFound(
                _("The model that the adapter was trained on is not here: {base}.").format(
                    base=base
                ),
                remedy=_("Add that model, or name one that it fits."),
            )
        return self._models.get(key)

    def _start_on(self, beginning: Beginning, base: ModelInfo) -> AdapterStart:
        """Return the start for a model, whose layers an adapter from outside is compared with."""
        start = beginning.start
        if start.model_fingerprint:
            _check_same_model(start, base)
        if start.run_id or beginning.recipe is not None:
            return start
        targets = self._targets(inspect_adapter(beginning.weights.parent), base)
        return msgspec.structs.replace(start, targets=targets, model_fingerprint=base.fingerprint)


def _check_same_model(start: AdapterStart, base: ModelInfo) -> None:
    if start.model_fingerprint == base.fingerprint:
        return
    raise StartUnusable(
        _("{name} was trained on another model than {model}.").format(
            name=start.name, model=base.name
        ),
        remedy=_("Choose the model that it was trained on, with unchanged files."),
    )


def _is_named(model: ModelInfo, base: str) -> bool:
    names = (model.name, Path(model.path).name)
    return base.casefold() in [one.casefold() for one in names]


def _former_dataset(recipe: Recipe | None) -> str:
    if recipe is None:
        raise DatasetNotFound(
            _("The adapter comes from outside, so there is no former dataset."),
            remedy=_("Choose a dataset."),
        )
    return recipe.dataset_id


def _settings(recipe: Recipe) -> dict[str, Any]:
    values = msgspec.to_builtins(recipe)
    return {one.name: values[one.name] for one in recipe_fields()}


def _refuse_others(beginning: Beginning, given: Mapping[str, Any]) -> None:
    """Refuse values that the adapter's shape does not have.

    Raises:
        RecipeInvalid: There are some; all are named.
    """
    taken = beginning.taken
    odd = [name for name in TAKEN_FIELDS if name in given and given[name] != taken[name]]
    if odd:
        told = ", ".join(f"{name} = {taken[name]}" for name in odd)
        raise RecipeInvalid(
            _("The shape of an adapter that goes on stays as it is: {values}.").format(values=told),
            remedy=_("Leave these settings out, or begin with a fresh adapter."),
        )


def _taken_of(found: AdapterFolder) -> dict[str, Any]:
    """Return the recipe fields of an adapter from outside.

    Raises:
        StartUnusable: A recipe cannot say them.
    """
    shape = found.shape
    taken: dict[str, Any] = {
        "lora_rank": shape.rank,
        "lora_alpha": shape.alpha,
        "lora_targets": LoraTargets.ALL.value,
        "rank_pattern": _pattern_text(shape.rank_pattern),
        "alpha_pattern": _pattern_text(shape.alpha_pattern),
        "use_rslora": shape.use_rslora,
        "use_dora": shape.use_dora,
    }
    problems = problems_of(taken)
    if problems:
        raise StartUnusable(
            _("{folder} cannot be continued: {reason}.").format(
                folder=found.path.name, reason=" ".join(one.message for one in problems)
            )
        )
    return taken


def _pattern_text(pattern: Pattern) -> str:
    return ", ".join(f"{key}={value:g}" for key, value in pattern)


def _checkpoint_of(run: RunView, asked: str) -> str:
    """Return the name of the checkpoint that is asked for; the newest where none is.

    Raises:
        StartUnusable: There is none, or none of this name.
    """
    if not asked and run.checkpoints:
        return run.checkpoints[-1]
    for name in run.checkpoints:
        if asked and asked in (name, name.removeprefix(_PREFIX).lstrip("0")):
            return name
    if not run.checkpoints:
        raise StartUnusable(
            _("{name} has left neither an adapter nor a checkpoint.").format(name=run.job.info.name)
        )
    raise StartUnusable(
        _("{name} has no checkpoint {asked}; it has {names}.").format(
            name=run.job.info.name, asked=asked, names=", ".join(run.checkpoints)
        )
    )


def _read_state(folder: Path, run: RunView) -> CheckpointState:
    try:
        atomicfs.verify_folder(folder)
        return read_document(folder / _CHECKPOINT_STATE, CheckpointState)
    except DocumentDamaged as error:
        raise StartUnusable(
            _("The checkpoint {checkpoint} of {name} is damaged: {why}").format(
                checkpoint=folder.name, name=run.job.info.name, why=error.message
            )
        ) from error


def _weights_sha256(folder: JobFolder, run: RunView) -> str:
    """Return what a run knew its base model's weights by; empty where nothing tells it."""
    for name in reversed(run.checkpoints):
        try:
            state = read_document(folder.checkpoints / name / _CHECKPOINT_STATE, CheckpointState)
        except DocumentDamaged:
            continue
        return state.weights_sha256
    return run.recipe.start.weights_sha256 if run.recipe.start else ""


def _has_version(layout: Layout, dataset_id: str, version: int) -> bool:
    folder = layout.dataset(dataset_id)
    try:
        read_version(folder, read_document(folder.info, DatasetInfo), version)
    except EngineError:
        # It is gone, or damaged, or has no such version: then it can hold nothing out.
        return False
    return True
