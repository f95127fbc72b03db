# SPDX-License-Identifier: Apache-2.0
"""Builds a base model from its folder: code of transformers, weights streamed one by one.

The model is made without memory, its decoder linears are replaced by ours, and each tensor is
rounded to 4 bits where that is wanted, and put in its place, while the next ones are read. Dense
weights on a processor are not read but mapped. Nothing that came with the model is run, and nothing
is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import torch
from msgspec.structs import replace
from torch import nn

from engine.domain.adapter import AdapterShape, LoraTargets, Pattern, key_for, read_pattern
from engine.domain.recipe import Recipe
from engine.errors import ArchitectureUnsupported, ModelInvalid
from engine.store import modelfolder
from engine.store.decoders import left_out_prefix
from engine.train import nf4
from engine.train.architecture import Skeleton, build_skeleton, decoder_layers
from engine.train.feeding import HOST, feed_from_memory, feeding_path
from engine.train.linear import LowRankLinear, adapter_seed
from engine.train.mapped import MappedFiles, can_map
from engine.train.model import LanguageModel
from engine.train.nf4_cache import Nf4Cache, as_damage
from engine.train.nf4_parts import join_parts
from engine.train.probe import check_trainable
from engine.train.read_ahead import WHOLE, ReadAhead, Unit, in_file_order
from engine.train.spread import Spread, connect
from engine.train.targets import ends_in, is_in_part, target_names

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_model(
    folder: Path,
    *,
    dtype: torch.dtype,
    device: torch.device,
    quantised: bool,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cache: Nf4Cache | None = None,
    spread: Spread | None = None,
) -> LanguageModel:
    """Load a base model, frozen and without an adapter.

    Args:
        folder: A model folder in the Hugging Face form; it is only read.
        dtype: Number format of the computation and of every weight that is not packed.
        device: Where to put it.
        quantised: Hold the decoder linears in 4 bits.
        on_progress: Is told bytes read and bytes in all.
        cache: Where the linears are read from, in 4 bits, instead of the folder.
        spread: Where each decoder layer goes, if not all of them go to the device.

    Raises:
        DocumentDamaged: The cache cannot be used; the folder can.
        ModelInvalid: Weights are missing, or of another shape than the configuration says.
        ArchitectureUnsupported: Its layers hold weights that are not plain linears, or its
            examples would see each other in a packed row.
    """
    skeleton = build_skeleton(modelfolder.safe_config(folder), dtype)
    net = skeleton.net
    where = _Places(net, device, spread)
    _remake_buffers(net, where)
    filler = _Filler(skeleton, folder, dtype=dtype, where=where, quantised=quantised)
    units = [one for one in _units(folder) if filler.has_place(one.name)]
    if cache is None:
        filler.place_all(units, on_progress)
    else:
        units = [one for one in units if not filler.holds_packed(one.name)]
        _place_with_cache(filler, units, cache, skeleton, on_progress)
    net.tie_weights(missing_keys=filler.missing, recompute_mapping=False)
    if filler.missing:
        raise _incomplete(sorted(filler.missing))
    net.requires_grad_(False)
    net.eval()
    feed_from_memory(net)
    if spread is not None:
        connect(decoder_layers(net)[1], device, spread)
    model = LanguageModel(
        net=net,
        head=skeleton.head,
        linears=skeleton.linears,
        adapter=None,
        dtype=dtype,
        device=device,
        is_transposed=skeleton.is_transposed,
        mapped=filler.mapped,
        spread=spread,
    )
    check_trainable(model)
    return model


class AdapterKind(TypedDict, total=False):
    """What an adapter may be beyond its rank and alpha.

    Attributes:
        use_rslora: The update counts alpha / sqrt(rank) instead of alpha / rank.
        use_dora: Rows have a trained length besides.
        rank_pattern: Ranks of single layers.
        alpha_pattern: Alphas of single layers.
    """

    use_rslora: bool
    use_dora: bool
    rank_pattern: Pattern
    alpha_pattern: Pattern


def with_adapter(
    model: LanguageModel,
    *,
    rank: int,
    alpha: float,
    dropout_ratio: float,
    seed: int,
    part: LoraTargets = LoraTargets.ALL,
    ends: Sequence[str] = (),
    **kind: Unpack[AdapterKind],
) -> LanguageModel:
    """Give decoder linears a fresh low-rank update; the answers do not change by it.

    Args:
        model: A model without an adapter.
        rank: Rows of A and columns of B.
        alpha: The update counts alpha / rank.
        dropout_ratio: Dropout on the input of A while training.
        seed: Of the random numbers in A.
        part: Which linears.
        ends: Only linears whose paths end so, in place of a part.
        kind: What else it is like.

    Raises:
        ArchitectureUnsupported: The model has no linear of that part or of a name in a pattern.
    """
    adapted = {
        path: one
        for path, one in model.linears.items()
        if (ends_in(path, ends) if ends else is_in_part(path, part))
    }
    if not adapted:
        raise ArchitectureUnsupported(
            _("This model has no linear layers of the part to adapt: {part}.").format(
                part=", ".join(ends) or part
            )
        )
    named = (*kind.get("rank_pattern", ()), *kind.get("alpha_pattern", ()))
    _check_named([key for key, _value in named], adapted)
    shape = AdapterShape(
        rank=rank,
        alpha=alpha,
        dropout_ratio=dropout_ratio,
        targets=target_names(adapted, model.linears.keys() - adapted.keys()),
        **kind,
    )
    for path, linear in adapted.items():
        own_seed, device = adapter_seed(seed, path), linear.weight.device
        linear.add_adapter(shape, seed=own_seed, device=device, path=path)
    return replace(model, adapter=shape)


def _check_named(keys: list[str], paths: Iterable[str]) -> None:
    """Check that every key of a pattern names a layer; peft leaves others out."""
    unused = [key for key in keys if not any(key_for([key], path) for path in paths)]
    if unused:
        raise ArchitectureUnsupported(
            _("No adapted layer of this model is named {names}.").format(names=", ".join(unused)),
            remedy=_("Correct the ranks or alphas of single layers: {paths}.").format(
                paths=", ".join(sorted({path.rpartition(".")[2] for path in paths}))
            ),
        )


def with_adapter_of(model: LanguageModel, recipe: Recipe) -> LanguageModel:
    """Give a model the fresh adapter that a recipe asks for.

    Raises:
        ArchitectureUnsupported: The model has no linear of the part to adapt, or of a name.
    """
    return with_adapter(
        model,
        rank=recipe.lora_rank,
        alpha=recipe.lora_alpha,
        dropout_ratio=recipe.lora_dropout,
        seed=recipe.seed,
        part=recipe.lora_targets,
        ends=recipe.start.targets if recipe.start else (),
        use_rslora=recipe.use_rslora,
        use_dora=recipe.use_dora,
        rank_pattern=read_pattern(recipe.rank_pattern),
        alpha_pattern=read_pattern(recipe.alpha_pattern),
    )


class _Places:
    """Says on which device each part of a model belongs."""

    def __init__(self, net: PreTrainedModel, home: torch.device, spread: Spread | None) -> None:
        self.home = home
        self._feeding = feeding_path(net)
        self._prefix = f"{decoder_layers(net)[0]}."
        self._layers = spread.layers if spread else ()

    def of(self, path: str) -> torch.device:
        """Return the device of a module or tensor by its path in the model."""
        if self.is_on_host(path):
            return HOST
        if not self._layers or not path.startswith(self._prefix):
            return self.home
        return self._layers[int(path.removeprefix(self._prefix).partition(".")[0])]

    def is_on_host(self, path: str) -> bool:
        """Return whether a module or tensor is in main memory, whatever computes."""
        return bool(self._feeding) and path.startswith(self._feeding)


def _remake_buffers(net: PreTrainedModel, where: _Places) -> None:
    """Compute the buffers (rotary frequencies, embedding scales); some the files hold besides.

    `_init_weights` is how transformers itself fills them after loading; weights are still without
    memory here, so that it changes nothing else.
    """
    for path, module in net.named_modules():
        names = [name for name, values in module.named_buffers(recurse=False) if values.is_meta]
        for name in names:
            empty = torch.empty_like(module.get_buffer(name), device=where.of(path))
            is_saved = name not in module._non_persistent_buffers_set
            module.register_buffer(name, empty, persistent=is_saved)
        if names:
            net._init_weights(module)
        for name in {"beta", "eps"} & set(names):
            # xIELU's constants, which transformers fills from the files alone.
            module.get_buffer(name).fill_(getattr(module, f"_{name}_scalar"))


def _units(folder: Path) -> list[Unit]:
    headers = modelfolder.read_weights(folder)
    prefix = left_out_prefix(headers)
    return in_file_order([Unit(f"{prefix}{name}", folder, one) for name, one in headers.items()])


def _place_with_cache(
    filler: _Filler,
    units: list[Unit],
    cache: Nf4Cache,
    skeleton: Skeleton,
    on_progress: Callable[[int, int], None],
) -> None:
    kept = cache.units(skeleton.linears)
    first, total = (sum(one.size_bytes for one in part) for part in (units, units + kept))

    def on_kept(done: int, _total: int) -> None:
        """Count the kept weights behind the others."""
        on_progress(first + done, total)

    filler.place_all(units, lambda done, _total: on_progress(done, total))
    with as_damage():
        cache.verify(filler.place_all(kept, on_kept, hashed=True))


class _Filler:
    """Puts tensors into a model that has no memory yet."""

    def __init__(
        self,
        skeleton: Skeleton,
        folder: Path,
        *,
        dtype: torch.dtype,
        where: _Places,
        quantised: bool,
    ) -> None:
        self.mapped = MappedFiles(folder)
        self._dtype = dtype
        self._where = where
        self._quantised = quantised
        self._places = {
            f"{path}.{name}" if path else name: (module, name)
            for path, module in skeleton.net.named_modules()
            for name, _values in module.named_parameters(recurse=False)
        }
        self.missing = set(self._places)
        # Constants that were computed already, which the files may hold otherwise.
        self._places |= {
            f"{path}.{name}": (module, name)
            for path, module in skeleton.net.named_modules()
            for name, _values in module.named_buffers(recurse=False)
            if name not in module._non_persistent_buffers_set
        }
        self._is_transposed = skeleton.is_transposed
        self._other_names = skeleton.other_names

    def has_place(self, name: str) -> bool:
        """Return whether a tensor belongs anywhere; one that does not is not even read.

        Stock transformers leaves the same ones out, and the window named them when the model was
        added (buffers that are computed today, heads for other tasks).
        """
        return self._place_of(name) in self._places

    def _place_of(self, name: str) -> str:
        """Return what a tensor of the files is called in the model."""
        module, _dot, last = name.rpartition(".")
        return f"{self._other_names.get(module, module)}.{last}"

    def place_all(
        self, units: list[Unit], on_progress: Callable[[int, int], None], *, hashed: bool = False
    ) -> dict[Path, str]:
        """Put each unit where it belongs; return the hashes of the files, if wanted."""
        total, done = sum(one.size_bytes for one in units), 0
        to_map = [one for one in units if self._maps(one)]
        for unit in to_map:
            unit.tensors[WHOLE] = self.mapped.tensor(unit.header)
            self.place(unit)
            done += unit.size_bytes
            on_progress(done, total)
        to_read = [one for one in units if not self._maps(one)]
        with ReadAhead(
            to_read,
            device=self._where.home,
            on_progress=lambda read, _total: on_progress(done + read, total),
            hashed=hashed,
        ) as reading:
            for unit in reading:
                self.place(unit)
        return reading.digests

    def _maps(self, unit: Unit) -> bool:
        """Return whether a weight is used where it stands in its file.

        Rounding to 4 bits reads each weight once, and a graphics card needs a copy.
        """
        place = self._place_of(unit.name)
        is_copied = self._quantised or self._where.home.type != "cpu"
        if is_copied and not self._where.is_on_host(place):
            return False
        module, _last = self._places[place]
        return can_map(unit.header, dtype=self._dtype) and not self._is_turned(module, unit)

    def holds_packed(self, name: str) -> bool:
        """Return whether a tensor that has a place is held in 4 bits."""
        module, last = self._places[self._place_of(name)]
        return self._quantised and last == "weight" and isinstance(module, LowRankLinear)

    def place(self, unit: Unit) -> None:
        """Put one weight where it belongs.

        Raises:
            ModelInvalid: Its place has another shape.
        """
        place = self._place_of(unit.name)
        module, last = self._places[place]
        wanted, found = getattr(module, last).shape, unit.header.shape
        if wanted != (found[::-1] if self._is_turned(module, unit) else found):
            raise ModelInvalid(
                _("{name} has the shape {found}, but the configuration asks for {wanted}.").format(
                    name=unit.name, found=tuple(found), wanted=tuple(wanted)
                )
            )
        self._fill(module, last, unit, self._where.of(place))
        self.missing.discard(place)

    def _is_turned(self, module: nn.Module, unit: Unit) -> bool:
        """Return whether the file holds a weight as [in, out]; packed ones are never held so."""
        is_ours = self._is_transposed and isinstance(module, LowRankLinear)
        return is_ours and not unit.header.parts

    def _fill(self, module: nn.Module, last: str, unit: Unit, device: torch.device) -> None:
        parts = {part: self._moved(values, device) for part, values in unit.tensors.items()}
        if self._is_turned(module, unit):
            parts[WHOLE] = parts[WHOLE].transpose(0, -1).contiguous()
        is_held_packed = self._quantised and last == "weight"
        linear = module if is_held_packed and isinstance(module, LowRankLinear) else None
        if unit.header.parts:
            packed = join_parts(parts, dtype=self._dtype)
            if linear is not None:
                linear.take_packed(packed, dtype=self._dtype)
                return
            parts[WHOLE] = nf4.restore(packed)
        elif linear is not None:
            linear.hold_packed(parts[WHOLE], dtype=self._dtype)
            return
        # Cast where it will be; what was read is ours, so that it may become the weight itself.
        own = parts[WHOLE].to(self._dtype)
        if last in module._buffers:
            module.register_buffer(last, own)
        else:
            module.register_parameter(last, nn.Parameter(own, requires_grad=False))

    def _moved(self, values: torch.Tensor, device: torch.device) -> torch.Tensor:
        # The reader waits for copies to the first card alone before it goes on.
        return values.to(device, non_blocking=device == self._where.home)


def _incomplete(names: list[str]) -> ModelInvalid:
    return ModelInvalid(
        ngettext(
            "{count} weight that the configuration asks for is not in the files: {names}.",
            "{count} weights that the configuration asks for are not in the files: {names}.",
            len(names),
        ).format(count=len(names), names=", ".join(names[:3]))
    )
