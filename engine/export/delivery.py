# SPDX-License-Identifier: Apache-2.0
"""What all export targets share: the folder appears when it is proven, or not at all."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

from engine.domain.recipe import Recipe
from engine.errors import Cancelled
from engine.export.companions import base_name
from engine.export.comparison import Comparison
from engine.export.lora import LoraAdapter
from engine.export.model_card import CardFacts, card_text
from engine.export.options import ExportOptions
from engine.protocol.events import ExportVerified, Finished, Stopped
from engine.protocol.job import JobContext
from engine.store import atomicfs
from engine.store.documents import read_document
from engine.store.layout import Layout
from engine.store.modelfolder import licence

CARD = "README.md"

Build = Callable[[Path], Comparison]
"""Fills a folder, verifies it, and returns what the verification found."""


def deliver(
    context: JobContext, options: ExportOptions, adapter: LoraAdapter, build: Build
) -> None:
    """Build an export under a temporary name, and announce it once it is verified and committed.

    Raises:
        TargetExists: Something stands at the target; it was not touched.
        ExportNotEqual: The files do not answer as the trained model; none is kept.
        DiskFull: No room; nothing is kept.
    """
    try:
        with atomicfs.new_folder(options.out) as folder:
            comparison = build(folder)
            # A model that is still loaded may map its files, and Windows renames no mapped file.
            gc.collect()
            text = card_text(_facts(context, options, adapter, comparison))
            atomicfs.write_file(folder / CARD, text.encode(), durable=False)
    except Cancelled:
        context.emit(Stopped(step=0, checkpoint=""))
        return
    context.emit(
        ExportVerified(
            path=str(options.out),
            files=tuple(sorted(path.name for path in options.out.iterdir())),
            prompts=comparison.prompts,
            max_logit_difference=comparison.max_logit_difference,
            top1_agreement_ratio=comparison.top1_agreement_ratio,
            mean_kl=comparison.mean_kl,
        )
    )
    context.emit(Finished(result={"path": str(options.out), "target": options.target}))


def _facts(
    context: JobContext, options: ExportOptions, adapter: LoraAdapter, comparison: Comparison
) -> CardFacts:
    return CardFacts(
        target=options.target,
        base=base_name(options.model_path),
        licence=licence(options.model_path),
        method=_method(context, options),
        rank=adapter.shape.rank,
        scale=adapter.shape.scale,
        modules=tuple(sorted({module.rpartition(".")[2] for module in adapter.shapes})),
        comparison=comparison,
        data=options.data,
        descent=options.descent,
        step=options.adapter_step,
        is_best=options.adapter_is_best,
    )


def _method(context: JobContext, options: ExportOptions) -> str:
    recipe = Layout(context.workspace).job(options.run_id).recipe
    return read_document(recipe, Recipe).method
