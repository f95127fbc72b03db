# SPDX-License-Identifier: Apache-2.0
"""Mappings in memory, over samples that a test has made; by default every file is recognised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.api.mappings import FileGuess, Mappings, PreviewRow, Sample
from engine.domain.dataset import Mapping, Part, RowKind
from engine.domain.mapping import SavedMapping
from engine.domain.shape import ShapeGuess
from engine.errors import EngineError
from engine.formats.columns import columns_of, names_of
from engine.formats.format import Record
from engine.store.layout import Layout

PROPOSAL = Mapping(
    kind=RowKind.CHAT,
    parts=(
        Part(target="user", value="{prompt}"),
        Part(target="assistant", value="{completion}"),
    ),
)


def a_sample(
    records: Sequence[object] = (),
    *,
    proposal: Mapping = PROPOSAL,
    confidence: float = 1.0,
    reason: str = "The field prompt holds a question, completion its answer.",
    file: str = "a.jsonl",
) -> Sample:
    """Return a sample of one file."""
    guess = ShapeGuess(
        shape="prompt_completion" if confidence else "",
        kind=RowKind.CHAT if confidence else None,
        confidence=confidence,
        reason=reason,
        sampled=len(records),
        fitting=round(confidence * len(records)),
    )
    return Sample(
        files=(FileGuess(file=file, guess=guess),),
        columns=columns_of(records),
        names=names_of(records),
        proposal=proposal,
        records=tuple((file, Record(line=n, value=one)) for n, one in enumerate(records, start=1)),
    )


class FakeMappings:
    """Mappings; previews are made by the true code."""

    def __init__(self, layout: Layout) -> None:
        self._true = Mappings(layout)
        self.found = a_sample()
        self.error: EngineError | None = None
        self.all: list[SavedMapping] = []

    def sample(self, paths: Sequence[Path]) -> Sample:
        del paths
        if self.error is not None:
            raise self.error
        return self.found

    def matching(self, sample: Sample) -> list[SavedMapping]:
        del sample
        return self.all

    def preview(self, sample: Sample, mapping: Mapping) -> list[PreviewRow]:
        return self._true.preview(sample, mapping)

    def remove(self, name: str) -> SavedMapping:
        (gone,) = (one for one in self.all if one.name == name)
        self.all = [one for one in self.all if one is not gone]
        return gone

    def save(self, name: str, mapping: Mapping, columns: Sequence[str]) -> SavedMapping:
        saved = SavedMapping(name=name, mapping=mapping, columns=tuple(columns), saved_at="")
        self.all.append(saved)
        return saved
