# SPDX-License-Identifier: Apache-2.0
"""How documents will be cut, and what becomes of them, in words."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from gettext import ngettext

import msgspec

from engine.domain.chunking import ChunkPreview, DocumentPreview
from engine.domain.model import ModelInfo
from gui.viewmodels import numbers
from gui.viewmodels.import_requests import DocumentRequest

_MOST_NAMES = 20


def request_title(request: DocumentRequest) -> str:
    """Return what is asked."""
    return _("How documents become rows") if request.is_cut else _("One dataset or several")


def request_words(request: DocumentRequest) -> str:
    """Return which documents wait."""
    if len(request.paths) == 1:
        return request.paths[0].name
    count = len(request.paths)
    words = (
        ngettext("{count} document", "{count} documents", count)
        if request.is_cut
        else ngettext("{count} file or folder", "{count} files and folders", count)
    )
    return words.format(count=numbers.count(count))


def listed_names(request: DocumentRequest) -> tuple[str, ...]:
    """Return the names of the first files, and how many more there are."""
    names = tuple(one.name for one in request.paths[:_MOST_NAMES])
    more = len(request.paths) - len(names)
    if not more:
        return names
    said = ngettext("and {count} more", "and {count} more", more)
    return (*names, said.format(count=numbers.count(more)))


def counter_options(models: Sequence[ModelInfo]) -> tuple[tuple[str, str], ...]:
    """Return who can count tokens: each a key and words; an empty key estimates."""
    return (("", _("Estimate")), *((one.id, one.name) for one in models))


def counter_hint(model: ModelInfo | None) -> str:
    """Return how documents are cut, and what a token is."""
    where = _("Cut at headings, then between paragraphs, sentences, lines and words.")
    if model is None:
        what = _(
            "Lengths are estimated, a token for each 4 bytes. "
            "For exact ones choose the model that you will train."
        )
    else:
        what = _(
            "Lengths are exact tokens of {model}, as many as it reads when it is trained on a row."
        ).format(model=model.name)
    return f"{where} {what}"


def preview_words(found: DocumentPreview) -> str:
    """Return what the documents would become."""
    if not found.rows:
        return _("Nothing in these documents can be read as text.")
    rows = ngettext("{count} row", "{count} rows", found.rows).format(
        count=numbers.count(found.rows)
    )
    lengths = (
        _("{low} to {high} tokens each, half of them up to {median}")
        if found.is_exact
        else _("about {low} to {high} tokens each, half of them up to {median}")
    ).format(
        low=numbers.count(found.tokens_min),
        high=numbers.count(found.tokens_max),
        median=numbers.count(found.tokens_median),
    )
    part = f" {_('Of long documents only the first part was looked at.')}"
    end = f".{part if found.is_partial else ''}"
    if not found.questions:
        return f"{rows}, {lengths}{end}"
    asked = ngettext(
        "{count} question with its answer", "{count} questions with their answers", found.questions
    ).format(count=numbers.count(found.questions))
    return f"{rows}, {lengths}; {asked}{end}"


class PieceView(msgspec.Struct, frozen=True, kw_only=True):
    """A row that a document would become: where it is from, what it repeats, what is new in it."""

    title: str
    repeated: str
    text: str


def piece_view(piece: ChunkPreview, *, is_exact: bool) -> PieceView:
    """Return one row to read; `is_exact` says that its tokens were counted."""
    exact, rough = (
        _("{file}, {line} · {tokens} tokens"),
        _("{file}, {line} · about {tokens} tokens"),
    )
    repeated = piece.text[piece.overlap_start : piece.overlap_end]
    head = piece.text[: piece.overlap_start] if piece.overlap_end else ""
    return PieceView(
        title=(exact if is_exact else rough).format(
            file=piece.file,
            line=numbers.count(piece.line),
            tokens=numbers.count(piece.tokens),
        ),
        repeated=repeated,
        text=(head + piece.text[piece.overlap_end :].lstrip("\n")),
    )
