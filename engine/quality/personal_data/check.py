# SPDX-License-Identifier: Apache-2.0
"""Checks for personal data: what has a form of its own, and what only words around it announce."""

from __future__ import annotations

from collections.abc import Iterator
from gettext import gettext as _
from typing import TYPE_CHECKING

from engine.domain.dataset import RowKind
from engine.domain.problem import Severity
from engine.quality.batch import TurnBatch
from engine.quality.check import Check
from engine.quality.personal_data.data_class import DataClass
from engine.quality.personal_data.finding import NAMES_AND_ADDRESSES, PERSONAL_DATA, spans_of
from engine.quality.personal_data.json_strings import strings_of
from engine.quality.row_local import Hits, RowLocalPass, matches, places

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray
    from pyarrow import Array


def pass_for(classes: tuple[DataClass, ...]) -> RowLocalPass:
    """Return a pass that looks for classes of personal data.

    One expression for all classes picks the candidates; only those are looked at class by class,
    and only what a class's own expression matches is read in Python.
    """
    labels = tuple(dict.fromkeys(one.name for one in classes))
    anything = "|".join(f"(?:{one.search})" for one in classes)

    def _look(batch: TurnBatch) -> list[Hits]:
        import numpy as np
        import pyarrow as pa

        found: list[list[int]] = [[] for _label in labels]
        for all_texts, rows in ((batch.texts, batch.rows), _strings_beside(batch)):
            candidates = places(matches(all_texts, anything))
            texts = all_texts.take(pa.array(candidates))
            for place, present in _present(texts, classes):
                row = int(rows[candidates[place]])
                for span in spans_of(texts[place].as_py(), present):
                    found[labels.index(span.label)].append(row)
        return [
            Hits(rows=np.array(rows, np.int64), label=label)
            for label, rows in enumerate(found)
            if rows
        ]

    return RowLocalPass(labels, _look)


def _strings_beside(batch: TurnBatch) -> tuple[Array, NDArray[int64]]:
    """Return the strings in names, ids, tool calls and tools of a batch, and the row of each."""
    import numpy as np
    import pyarrow as pa

    # Conversations of one source have the same tools, and often the same calls.
    texts: list[str] = batch.beside.to_pylist()
    strings = {one: strings_of(one) for one in set(texts)}
    told = [strings[one] for one in texts]
    counts = np.array([len(one) for one in told], np.int64)
    rows = np.repeat(batch.beside_rows, counts)
    return pa.array([one for every in told for one in every], pa.string()), rows


def _present(
    texts: Array, classes: tuple[DataClass, ...]
) -> Iterator[tuple[int, tuple[DataClass, ...]]]:
    """Yield each text by its place, with the classes that may be in it."""
    import numpy as np

    if not len(texts):
        return
    masks = np.stack([matches(texts, one.search) for one in classes], axis=1)
    for place in np.flatnonzero(np.count_nonzero(masks, axis=1)):
        present = zip(classes, masks[place], strict=True)
        yield int(place), tuple(one for one, is_there in present if is_there)


PERSONAL = Check(
    id="personal_data",
    title=lambda: _("Personal data and secrets"),
    why=lambda: _(
        "A model can repeat what it was trained on to anyone who asks. Found by form and check "
        "digit: e-mail addresses, phone numbers, bank accounts, cards, national numbers of nine "
        "countries, public internet addresses, keys and passwords (a US social security number "
        "by its form alone). Not found: what is spelled out or broken up, pictures, numbers in "
        "tool calls that are no text, health and other facts about people."
    ),
    severity=Severity.WARNING,
    kinds=tuple(RowKind),
    begin=lambda _settings: pass_for(PERSONAL_DATA),
    fix="mask_personal_data",
)

NAMES = Check(
    id="names_and_addresses",
    title=lambda: _("Names and addresses (uncertain)"),
    why=lambda: _(
        "Names and street addresses tell who a row is about. They are only found where words "
        "announce them, such as “Mr”, “my name is”, “Name:” or “Street”: most names are missed, "
        "and a person in a story counts too. Look at the rows before you mask them."
    ),
    severity=Severity.NOTE,
    kinds=tuple(RowKind),
    begin=lambda _settings: pass_for(NAMES_AND_ADDRESSES),
    fix="mask_names_and_addresses",
)
