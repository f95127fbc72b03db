# SPDX-License-Identifier: Apache-2.0
"""An adapter folder in peft's form, checked by our own code before anything of it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from gettext import gettext as _
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from engine.domain.adapter import AdapterShape, Pattern
from engine.errors import EngineError, FileMissing, StartUnusable, UnsafeWeights
from engine.store import atomicfs
from engine.store.layout import JobFolder
from engine.store.modelfolder_json import MEBIBYTE, read_object
from engine.store.modelfolder_weights import (
    WEIGHT_DTYPES,
    TensorHeader,
    read_file_headers,
    unsafe_files,
)

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"

CHECKPOINT_WEIGHTS = "adapter.safetensors"
"""Name of the adapter's numbers in a checkpoint; they are the same bytes as in its own folder."""

_CONFIG_LIMIT_BYTES = 4 * MEBIBYTE
_PREFIX = "base_model.model."
_A, _B, _LENGTHS = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"
_UNTOUCHED: tuple[object, ...] = (None, False, {}, [])

PLAIN_SETTINGS: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("peft_type", ("LORA",)),
    ("bias", ("none", None)),
    ("fan_in_fan_out", (None, False, True)),
    *(
        (name, _UNTOUCHED)
        for name in (
            "layer_replication",
            "lora_bias",
            "modules_to_save",
            "target_parameters",
            "trainable_token_indices",
            "use_bdlora",
            "use_qalora",
            "alora_invocation_tokens",
            "arrow_config",
            "kasa_config",
            "megatron_config",
            "monteclora_config",
            "velora_config",
        )
    ),
)
"""Settings of peft's LoraConfig that change the arithmetic, and the values that leave it plain."""


class AdapterFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter folder holds.

    Attributes:
        path: The folder.
        shape: Ranks, alphas and kind; its `targets` are not known without a model.
        base: What it says that it was trained on: the last part of a name or path; may be empty.
        sha256: Of its weights file.
        modules: Paths of the layers that it changes, in order.
        sizes: Outputs and inputs of each of them.
    """

    path: Path
    shape: AdapterShape
    base: str
    sha256: str
    modules: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]

    @property
    def weights(self) -> Path:
        """Return the file of its numbers."""
        return self.path / WEIGHTS

    def targets(self, weights: Iterable[str]) -> tuple[str, ...]:
        """Return ends of paths that hit its layers and no others of a model.

        Args:
            weights: Paths of all modules of the model.
        """
        last = {one.rpartition(".")[2] for one in self.modules}
        hit = {one for one in weights if one.rpartition(".")[2] in last}
        return tuple(sorted(last)) if hit == set(self.modules) else self.modules


def weights_in(run: JobFolder) -> Iterator[Path]:
    """Yield where the weights of a run stand: those of its adapter, and of its checkpoints."""
    yield run.adapter / WEIGHTS
    if run.checkpoints.is_dir():
        for one in sorted(run.checkpoints.glob("ck-*")):
            yield one / CHECKPOINT_WEIGHTS


def is_adapter_folder(path: Path) -> bool:
    """Return whether a folder looks like an adapter in peft's form, sound or not."""
    return (path / CONFIG).is_file()


def odd_settings(config: Mapping[str, Any]) -> list[str]:
    """Return the settings of an adapter_config.json that are not of a plain LoRA adapter."""
    return [name for name, values in PLAIN_SETTINGS if config.get(name) not in values]


def inspect_adapter(path: Path) -> AdapterFolder:
    """Read and check an adapter folder; nothing that can run code is opened.

    Raises:
        FileMissing: It has no configuration.
        UnsafeWeights: Its numbers come in a form that can run code.
        StartUnusable: It is no plain LoRA adapter, or is damaged.
        ModelInvalid: Its safetensors file is not sound.
    """
    if not (path / CONFIG).is_file():
        raise FileMissing(
            _("{path} is no adapter folder: {name} is missing.").format(path=path, name=CONFIG)
        )
    config = read_object(path / CONFIG, limit_bytes=_CONFIG_LIMIT_BYTES)
    odd = odd_settings(config)
    if odd:
        raise _unusable(path, _("it uses {names}").format(names=", ".join(odd)))
    if not (path / WEIGHTS).exists():
        raise _without_weights(path)
    shape = _shape(path, config)
    headers = read_file_headers(path / WEIGHTS)
    modules = _modules(path, headers, has_lengths=shape.use_dora)
    return AdapterFolder(
        path=path,
        shape=shape,
        base=_base_name(config.get("base_model_name_or_path")),
        sha256=atomicfs.sha256_of(path / WEIGHTS),
        modules=modules,
        sizes=tuple(_sizes(path, headers, one, shape) for one in modules),
    )


def check_fits(adapter: AdapterFolder, name: str, sizes: Mapping[str, tuple[int, ...]]) -> None:
    """Check that a model has the layers that an adapter changes.

    Args:
        adapter: The adapter.
        name: Of the model, for people.
        sizes: Shape of each weight of the model by the path of its module.

    Raises:
        StartUnusable: A layer is missing, or is of another size.
    """
    for module, wanted in zip(adapter.modules, adapter.sizes, strict=True):
        found = sizes.get(module)
        if found is None or sorted(found) != sorted(wanted):
            base = adapter.base or _("another model")
            raise StartUnusable(
                _("{folder} does not fit {model}; it says that it was made for {base}.").format(
                    folder=adapter.path.name, model=name, base=base
                ),
                remedy=_("Choose the model that it was trained on."),
                detail=f"{module}: {wanted} against {found}",
            )


def _without_weights(path: Path) -> EngineError:
    unsafe = unsafe_files(path)
    if unsafe:
        return UnsafeWeights(
            _(
                "The folder holds weights only as {name}, a form that can run code when it is "
                "loaded. Nothing of it was opened."
            ).format(name=unsafe[0])
        )
    return FileMissing(
        _("{path} is no adapter folder: {name} is missing.").format(path=path, name=WEIGHTS)
    )


def _shape(path: Path, config: Mapping[str, Any]) -> AdapterShape:
    try:
        shape = AdapterShape(
            rank=msgspec.convert(config.get("r"), int),
            alpha=msgspec.convert(config.get("lora_alpha"), float),
            dropout_ratio=msgspec.convert(config.get("lora_dropout") or 0.0, float),
            targets=(),
            use_rslora=bool(config.get("use_rslora")),
            use_dora=bool(config.get("use_dora")),
            rank_pattern=_pattern(config.get("rank_pattern")),
            alpha_pattern=_pattern(config.get("alpha_pattern")),
        )
    except msgspec.ValidationError as error:
        raise _unusable(path, _("it does not say its rank and alpha"), str(error)) from error
    if shape.rank < 1 or shape.alpha <= 0:
        raise _unusable(path, _("it does not say its rank and alpha"))
    return shape


def _pattern(value: Any) -> Pattern:
    return tuple(msgspec.convert(value or {}, dict[str, float]).items())


def _modules(
    path: Path, headers: Mapping[str, TensorHeader], *, has_lengths: bool
) -> tuple[str, ...]:
    """Return the layers that have both an A and a B, and row lengths where there are any."""
    modules = sorted(
        name.removeprefix(_PREFIX).removesuffix(_A) for name in headers if name.endswith(_A)
    )
    ends = (_A, _B, _LENGTHS) if has_lengths else (_A, _B)
    odd = sorted({f"{_PREFIX}{one}{end}" for one in modules for end in ends} ^ headers.keys())
    if odd or not modules:
        reason = _("its tensors are not pairs of A and B of layers")
        raise _unusable(path, reason, ", ".join(odd[:8]))
    outside = [one for one in modules if not any(word.isdecimal() for word in one.split("."))]
    if outside:
        reason = _("it changes {name}, which is not inside a layer").format(name=outside[0])
        raise _unusable(path, reason)
    return tuple(modules)


def _sizes(
    path: Path, headers: Mapping[str, TensorHeader], module: str, shape: AdapterShape
) -> tuple[int, int]:
    a, b = headers[f"{_PREFIX}{module}{_A}"], headers[f"{_PREFIX}{module}{_B}"]
    rank = shape.rank_of(module)
    is_sound = len(a.shape) == len(b.shape) == 2 and a.shape[0] == b.shape[1] == rank
    if not is_sound or not {a.dtype, b.dtype} <= WEIGHT_DTYPES.keys():
        detail = f"{module}: B {b.shape} {b.dtype}, A {a.shape} {a.dtype}, r = {rank}"
        raise _unusable(path, _("its tensors do not have the rank that it states"), detail)
    return b.shape[0], a.shape[1]


def _base_name(value: Any) -> str:
    """Return the last part of the name or path of a base model; nothing of a private path."""
    if not isinstance(value, str):
        return ""
    return PurePosixPath(value.replace("\\", "/")).name[:200]


def _unusable(path: Path, reason: str, detail: str = "") -> StartUnusable:
    return StartUnusable(
        _("{folder} cannot be continued: {reason}.").format(folder=path.name, reason=reason),
        detail=detail,
    )
