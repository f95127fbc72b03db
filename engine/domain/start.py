# SPDX-License-Identifier: Apache-2.0
"""A run that begins with an adapter that exists already, and what that adapter comes from."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from typing import Annotated

import msgspec

from engine.domain.provenance import Provenance

TAKEN_FIELDS = (
    "lora_rank",
    "lora_alpha",
    "lora_targets",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "use_dora",
)
"""Fields of a recipe that follow from the adapter: its numbers fit, or count, no other way."""

USUAL_REPLAY_RATIO = 0.1
"""Share of the former data in a pass, where nothing is said."""

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class HeldOutData(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset that the adapter was measured on: its held-out rows are never trained.

    Attributes:
        dataset_id: Which dataset.
        dataset_version: Which version of it.
    """

    dataset_id: str
    dataset_version: int = 1


class AdapterStart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The adapter that a run begins with, instead of a fresh one.

    Attributes:
        sha256: Of its weights file; the run keeps a copy of exactly that.
        name: Of the run that it comes from, or of the folder.
        run_id: That run; empty for a folder from outside.
        checkpoint: Name of the checkpoint that it was taken from; empty for a delivered adapter.
        step: Optimizer step of that run, or None where it is not known.
        targets: Ends of the paths of the adapted layers, where the recipe's `lora_targets` does
            not name just these; else empty.
        model_fingerprint: Identifies the files of the model that it was trained on; may be empty.
        weights_sha256: Of pieces of that model's weights; may be empty.
        held_out: What it was measured on, as far as it is here.
    """

    sha256: Digest
    name: str
    run_id: str = ""
    checkpoint: str = ""
    step: int | None = None
    targets: tuple[str, ...] = ()
    model_fingerprint: str = ""
    weights_sha256: str = ""
    held_out: tuple[HeldOutData, ...] = ()


class Ancestor(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter that another was made of, as it was known when that began.

    Attributes:
        name: Of its run, or of its folder.
        run_id: Its run; empty for a folder from outside.
        sha256: Of its weights file.
        checkpoint: The checkpoint that was taken; empty for a delivered adapter.
        step: Optimizer step of its run, or None where it is not known.
        base: What a folder from outside says that it was trained on; never a path.
        data: Where the rows came from that it was trained on.
    """

    name: str
    run_id: str = ""
    sha256: str
    checkpoint: str = ""
    step: int | None = None
    base: str = ""
    data: tuple[Provenance, ...] = ()


def start_words(start: AdapterStart | Ancestor) -> str:
    """Return which adapter that is, in words."""
    if not start.run_id:
        return _("the adapter folder {name}").format(name=start.name)
    if start.step is None:
        return _("the adapter of {name}").format(name=start.name)
    if start.checkpoint:
        return _("the checkpoint of step {step} of {name}").format(
            step=f"{start.step:,}", name=start.name
        )
    return _("the adapter of {name}, step {step}").format(step=f"{start.step:,}", name=start.name)


def descent_lines(descent: Sequence[Ancestor]) -> list[str]:
    """Return what a model was made of, oldest first, each in one line."""
    return [_ancestor_line(one) for one in descent]


def _ancestor_line(one: Ancestor) -> str:
    parts = [start_words(one)]
    if one.base:
        parts.append(_("made for {base}").format(base=one.base))
    if one.data:
        names = ", ".join(
            _("{name}, version {number}").format(name=data.name, number=data.version)
            for data in one.data
        )
        parts.append(_("trained on {names}").format(names=names))
    parts.append(f"SHA-256 {one.sha256}")
    return " ".join("; ".join(parts).split())
