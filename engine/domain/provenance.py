# SPDX-License-Identifier: Apache-2.0
"""Where the rows of a dataset come from and what was done with them, for cards that leave here."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

import msgspec

from engine.domain.chunking import cutting_text
from engine.domain.dataset import DatasetInfo
from engine.domain.version import VersionInfo, action_text


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one version of a dataset; never a path.

    Attributes:
        name: Name of the dataset.
        kind: Kind of its rows.
        version: Number of the version.
        splits: Rows by split name.
        licence: The user's statement, may be empty.
        origin: The user's statement, may be empty.
        consent: The user's statement, may be empty.
        source_sha256: Hash of each source file.
        cutting: How documents among them were cut, each way once.
        way: What was done from the import to the version, oldest first, each with its time.
        use: What a training did with it, e.g. its weight; empty outside of one.
    """

    name: str
    kind: str
    version: int
    splits: dict[str, int]
    licence: str
    origin: str
    consent: str
    source_sha256: tuple[str, ...]
    way: tuple[str, ...]
    use: str = ""
    cutting: tuple[str, ...] = ()


def provenance_of(info: DatasetInfo, history: Sequence[VersionInfo], number: int) -> Provenance:
    """Return what is told of one version of a dataset.

    Args:
        info: The dataset.
        history: All its versions.
        number: Which of them.
    """
    by_number = {one.number: one for one in history}
    way: list[VersionInfo] = []
    parent = number
    while parent:
        way.insert(0, by_number[parent])
        parent = by_number[parent].parent
    return Provenance(
        name=info.name,
        kind=info.kind.value,
        version=number,
        splits=by_number[number].splits,
        licence=info.licence,
        origin=info.origin,
        consent=info.consent,
        source_sha256=tuple(one.sha256 for one in info.sources),
        cutting=tuple(
            dict.fromkeys(cutting_text(one.cutting) for one in info.sources if one.cutting)
        ),
        way=(*info.earlier, *(f"{action_text(one)}, {one.made_at}" for one in way)),
    )


def provenance_lines(provenance: Provenance) -> list[str]:
    """Return the same as lines of Markdown."""
    missing = _("not stated")
    return [
        *([_("- Use: {use}").format(use=provenance.use)] if provenance.use else []),
        _("- Licence: {licence}").format(licence=_line(provenance.licence) or missing),
        _("- Origin: {origin}").format(origin=_line(provenance.origin) or missing),
        _("- Consent: {consent}").format(consent=_line(provenance.consent) or missing),
        *(_("- Documents: {cutting}").format(cutting=_line(one)) for one in provenance.cutting),
        _("- Kind of rows: {kind}").format(kind=provenance.kind),
        *(f"- {split}: {count:,}" for split, count in provenance.splits.items()),
        _("- Version: {number}").format(number=provenance.version),
    ]


def history_lines(provenance: Provenance) -> list[str]:
    """Return what was done, as a numbered list of Markdown."""
    return [f"{number}. {_line(one)}" for number, one in enumerate(provenance.way, 1)]


def _line(text: str) -> str:
    """Return a text in one line, so that it stays in its place of a list."""
    return " ".join(text.split())
