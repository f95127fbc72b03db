# SPDX-License-Identifier: Apache-2.0
"""Word and PDF files: what is read of them, and what is refused with its reason."""

from __future__ import annotations

import zipfile
from pathlib import Path

import docx
import pytest

from engine.api.documents import Documents
from engine.domain.chunking import Chunking
from engine.domain.dataset import DatasetInfo, Reject
from engine.errors import EngineError, FileEncrypted, FileUnreadable, WrongUsage
from engine.formats import docx as docx_format
from engine.formats import pdf as pdf_format
from engine.formats.format import Block
from engine.formats.pdf import paragraphs
from engine.formats.registry import best_match
from engine.store.documents import read_document
from engine.store.layout import Layout
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.documents import pdf


def ignore(_done: int) -> None:
    """Take no notice of progress."""


def word(path: Path) -> Path:
    document = docx.Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Printers", 1)
    document.add_paragraph("Load the paper. Close the tray.")
    document.add_paragraph("Press start", style="List Bullet")
    table = document.add_table(2, 2)
    for place, text in enumerate(("Name", "Room", "HX-200", "3")):
        table.cell(place // 2, place % 2).text = text
    document.add_heading("Scanners", 2)
    document.add_paragraph("Ünïcode — 漢字")
    document.save(str(path))
    return path


def test_word_document_keeps_headings_lists_and_tables(tmp_path: Path) -> None:
    path = word(tmp_path / "handbook.bin")
    assert best_match(path) is docx_format.FORMAT
    found = [one for one in docx_format.blocks(path, ignore) if isinstance(one, Block)]
    assert [(one.level, one.text) for one in found] == [
        (1, "Handbook"), (2, "Printers"), (0, "Load the paper. Close the tray."),
        (0, "- Press start"), (0, "Name | Room"), (0, "HX-200 | 3"), (3, "Scanners"),
        (0, "Ünïcode — 漢字"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [
        b"<w:document", b"", b"<a/>",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    ],
)  # fmt: skip
def test_damaged_word_document_is_refused(tmp_path: Path, document: bytes) -> None:
    whole = word(tmp_path / "whole.docx")
    path = tmp_path / "damaged.docx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = document if name == docx_format.DOCUMENT else source.read(name)
            target.writestr(name, content)
    with pytest.raises(FileUnreadable):
        list(docx_format.blocks(path, ignore))


def test_word_document_without_its_parts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(docx_format.DOCUMENT, "<w:document/>")
    with pytest.raises(FileUnreadable, match="damaged"):
        list(docx_format.blocks(path, ignore))


def test_huge_word_document_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "huge.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(docx_format.DOCUMENT, bytes(docx_format.CAP_BYTES + 1))
    with pytest.raises(EngineError):
        list(docx_format.blocks(path, ignore))


def test_pdf_is_read_page_by_page_and_scans_are_named(tmp_path: Path) -> None:
    path = tmp_path / "paper"
    long = "This is a long line of a paragraph that goes on and on to the right hand side"
    path.write_bytes(pdf([[long, "and ends here.", "Next one."], None, [], ["Last page."]]))
    assert best_match(path) is pdf_format.FORMAT
    found = list(pdf_format.blocks(path, ignore))
    texts = [(one.line, one.text) for one in found if isinstance(one, Block)]
    assert texts == [(1, f"{long} and ends here."), (1, "Next one."), (4, "Last page.")]
    (refused,) = [one for one in found if isinstance(one, Reject)]
    assert (refused.line, refused.reason) == (2, "scanned_page")


def test_pdf_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "locked.pdf"
    path.write_bytes(pdf([["secret"]], encrypted=True))
    with pytest.raises(FileEncrypted):
        list(pdf_format.blocks(path, ignore))


@pytest.mark.parametrize("content", [b"%PDF-1.4\n", b"%PDF-1.4\n" + b"\0\xff" * 999, b"%PDF-"])
def test_broken_pdf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pdf"
    path.write_bytes(content)
    with pytest.raises(FileUnreadable):
        list(pdf_format.blocks(path, ignore))


def test_cut_off_pdf_is_refused_or_read_but_never_breaks_off(tmp_path: Path) -> None:
    whole = pdf([["one"], ["two"]])
    path = tmp_path / "cut.pdf"
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        try:
            list(pdf_format.blocks(path, ignore))
        except FileUnreadable:
            continue


def test_paragraphs_join_lines_and_parted_words() -> None:
    text = "An exam-\r\nple of a line that is quite long\r\nends.\r\n\r\nNew one"
    assert list(paragraphs(text)) == [
        "An example of a line that is quite long ends.", "New one",
    ]  # fmt: skip


def test_documents_are_imported_as_texts_cut_as_asked(tmp_path: Path) -> None:
    word(tmp_path / "a.docx")
    (tmp_path / "b.pdf").write_bytes(pdf([["A page of text."]]))
    (tmp_path / "c.md").write_text("# One\n\n" + "Words of a text. " * 300, encoding="utf-8")
    (tmp_path / "d.md").write_text(
        "\n".join(f"## How {one}?\n\nSo {one}.\n" for one in range(4)), encoding="utf-8"
    )
    paths = [tmp_path / name for name in ("a.docx", "b.pdf", "c.md", "d.md")]
    layout = new_workspace(tmp_path / "w")
    chunking = Chunking(tokens=100, overlap_tokens=20)
    ImportRun(layout, paths, eval_ratio=0.0, chunking=chunking).run()
    info = read_document(layout.dataset("d1").info, DatasetInfo)
    assert info.kind == "text"
    assert info.rows > 12
    assert [one.format for one in info.sources] == ["docx", "pdf", "text", "text"]


def test_preview_is_what_the_import_makes(tmp_path: Path) -> None:
    path = word(tmp_path / "a.docx")
    documents = Documents(new_workspace(tmp_path / "w"))
    assert documents.are_documents([path])
    found = documents.preview([path], Chunking(tokens=32))
    assert found.rows == len(found.chunks) > 1
    assert found.tokens_max <= 32
    assert not found.is_exact
    layout = Layout(tmp_path / "w")
    ImportRun(layout, [path], eval_ratio=0.0, chunking=Chunking(tokens=32)).run()
    info = read_document(layout.dataset("d1").info, DatasetInfo)
    assert info.rows == found.rows
    with pytest.raises(WrongUsage):
        documents.preview([path], Chunking(tokens=1))


def test_text_of_questions_becomes_questions_also_by_an_ordinary_import(tmp_path: Path) -> None:
    path = tmp_path / "faq.txt"
    path.write_text("".join(f"Q: How {one}?\n\nA: So {one}.\n\n" for one in range(4)))
    layout = new_workspace(tmp_path / "w")
    ImportRun(layout, [path], eval_ratio=0.0).run()
    info = read_document(layout.dataset("d1").info, DatasetInfo)
    assert (info.kind, info.rows) == ("chat", 4)
    found = Documents(layout).preview([path], Chunking())
    assert (found.rows, found.questions) == (4, 4)
