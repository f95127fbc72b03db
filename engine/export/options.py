# SPDX-License-Identifier: Apache-2.0
"""What an export job was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import gettext as _
from pathlib import Path

import msgspec

from engine.domain.provenance import Provenance
from engine.domain.start import Ancestor
from engine.errors import FileMissing, WrongUsage


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of an export job.

    Attributes:
        run_id: The run whose weights are taken out.
        target: Id of the export target.
        out: Absolute path of the folder to make; missing or empty.
        source: Absolute path of the run's adapter in peft's own format.
        model_path: Absolute path of the base model's folder; it is only read.
        prompts: Texts that the weights are compared on; empty for built-in ones.
        data: What is told of the rows that were trained.
        descent: What the adapter was made of that the run began with, oldest first.
        adapter_step: Optimizer step that the adapter is of, or None where it is not known.
        adapter_is_best: It is that of the lowest held-out loss.
    """

    run_id: str
    target: str
    out: Path
    source: Path
    model_path: Path
    prompts: tuple[str, ...] = ()
    data: tuple[Provenance, ...] = ()
    descent: tuple[Ancestor, ...] = ()
    adapter_step: int | None = None
    adapter_is_best: bool = False


def read_options(values: Mapping[str, msgspec.Raw]) -> ExportOptions:
    """Read and check the options of a job.

    Raises:
        WrongUsage: A value is missing or of the wrong kind, or `out` lies inside what is read.
        FileMissing: The adapter or the base model is not there.
    """
    given = {name: msgspec.json.decode(value) for name, value in values.items()}
    try:
        options = msgspec.convert(given, ExportOptions, dec_hook=_to_path)
    except msgspec.ValidationError as error:
        raise WrongUsage(_("The export job is not complete."), detail=str(error)) from error
    for path in (options.source, options.model_path):
        if not path.is_dir():
            raise FileMissing(_("There is no folder {path}.").format(path=path))
        if options.out.resolve().is_relative_to(path.resolve()):
            raise WrongUsage(
                _("{out} lies inside {path}, which is never changed.").format(
                    out=options.out, path=path
                ),
                remedy=_("Choose a folder outside of it."),
            )
    return options


def _to_path(_kind: type, value: object) -> Path:
    """Read the one kind of value here that JSON has no form for."""
    if not isinstance(value, str) or not Path(value).is_absolute():
        raise ValueError(f"not an absolute path: {value}")
    return Path(value)
