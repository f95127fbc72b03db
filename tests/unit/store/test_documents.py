# SPDX-License-Identifier: Apache-2.0
"""Documents: strict, and a changed byte is found."""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec
import pytest

from engine.errors import DocumentDamaged
from engine.store import renaming
from engine.store.documents import read_document, read_own_document, write_document


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Some document."""

    schema_version: int = 1
    name: str
    rows: int


CARD = Card(name="Tickets", rows=1200)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "card.json"
    write_document(found, CARD)
    return found


def test_document_reads_back(path: Path) -> None:
    assert read_document(path, Card) == CARD


def test_document_with_any_changed_bit_is_refused_or_the_same(path: Path) -> None:
    content = path.read_bytes()
    refused = 0
    for place in range(len(content) * 8):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            assert read_document(path, Card) == CARD
        except DocumentDamaged:
            refused += 1
    assert refused > 0.7 * len(content) * 8


def test_document_without_a_sum_is_read(path: Path) -> None:
    path.write_bytes(msgspec.json.encode(CARD))
    assert read_document(path, Card) == CARD


def test_document_of_another_kind_is_refused(path: Path) -> None:
    path.write_bytes(b'{"name": 3}')
    with pytest.raises(DocumentDamaged, match=r"card\.json"):
        read_document(path, Card)


@pytest.mark.parametrize(("patience_s", "is_read"), [(30.0, True), (0.0, False)])
def test_document_that_is_being_replaced_is_read_where_the_system_asks_for_patience(
    path: Path, monkeypatch: pytest.MonkeyPatch, patience_s: float, *, is_read: bool
) -> None:
    refusals = iter([PermissionError(errno.EACCES, "in use")] * 2)
    read = Path.read_bytes

    def refusing(source: Path) -> bytes:
        for error in refusals:
            raise error
        return read(source)

    monkeypatch.setattr(renaming, "PATIENCE_S", patience_s)
    monkeypatch.setattr(Path, "read_bytes", refusing)
    if is_read:
        assert read_document(path, Card) == CARD
    else:
        with pytest.raises(DocumentDamaged):
            read_document(path, Card)


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """Some document with an id."""

    id: str


def test_document_that_names_another_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a1b2" / "card.json"
    path.parent.mkdir()
    write_document(path, Owned(id="a1b2"))
    assert read_own_document(path, Owned).id == "a1b2"
    for other in ("a1b3", "/home", "..", ""):
        write_document(path, Owned(id=other))
        with pytest.raises(DocumentDamaged, match="another folder"):
            read_own_document(path, Owned)
