# SPDX-License-Identifier: Apache-2.0
"""The encoding of a file, told from its content."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from engine.formats import source
from engine.formats.encoding import (
    looks_like_text,
    text_encoding,
    text_parts,
    unicode_encoding,
)

TEXTS = [
    ("cp1252", "question,answer\nWas kostet der Käse?,Er kostet 3 € und schmeckt größtenteils.\n"),
    ("cp1252", "It’s a “nice” café – really\n"),
    ("latin-1", "question,answer\nCafé naïve,garçon déjà vu\n"),
    ("latin-1", "¿Qué hora es? Mañana será otro día, señor\n"),
    ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy\n"),
    ("cp1250", "Zażółć gęślą jaźń, proszę pana\n"),
    ("cp1251", "Привет, как дела? Спасибо, хорошо.\n"),
    ("koi8_r", "Привет, как дела? Спасибо, хорошо.\n"),
    ("cp1253", "Καλημέρα, τι κάνεις σήμερα;\n"),
    ("cp1254", "Günaydın, bugün nasılsınız? Şöyle böyle ığdır\n"),
    ("cp932", "こんにちは、お元気ですか。\n"),
    ("big5", "你好，你今天怎麼樣？\n"),
    ("utf-8", "Grüße, 你好\n"),
    ("utf-8-sig", "Grüße\n"),
    ("utf-16", "Grüße\n"),
    ("utf-16-le", "question,answer\n"),
    ("utf-16-be", "question,answer\n"),
]


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize(("encoding", "text"), TEXTS)
def test_text_encoding_reads_the_same_text(
    encoding: str, text: str, times: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((text * times).encode(encoding))
    found = text_encoding(path, path.read_bytes())
    assert path.read_bytes().decode(found).removeprefix("\ufeff") == text * times


def test_text_encoding_with_one_broken_byte_stays_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("é".encode() * 3 + b"\xff")
    assert text_encoding(path, path.read_bytes()) == "utf-8"


def test_text_encoding_with_a_late_legacy_character_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    text = "über größere Häuser\n"
    path.write_bytes(b"plain text\n" * 200_000 + text.encode("cp1252"))
    assert text.encode("cp1252").decode(text_encoding(path, path.read_bytes()[:1000])) == text


@pytest.mark.parametrize("block_bytes", [1, 7, 1000])
@pytest.mark.parametrize(("encoding", "text"), TEXTS)
def test_text_parts_are_the_text_wherever_it_ceases_to_be_ascii(
    encoding: str, text: str, block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", block_bytes)
    path = tmp_path / "a.csv"
    path.write_bytes(("plain text\n" * 9 + text).encode(encoding))
    head = path.read_bytes()
    parts = text_parts(path, head, lambda _done: None)
    whole = source.utf8_blocks(path, text_encoding(path, head), lambda _done: None)
    assert b"".join(parts) == b"".join(whole)


def test_text_parts_keep_a_mark_that_is_not_at_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "BLOCK_BYTES", 4)
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc\n" + codecs.BOM_UTF8 + b"d\n")
    assert b"".join(text_parts(path, b"abc\n", lambda _done: None)) == path.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_unicode_encoding_without_a_mark_is_told_by_zero_bytes(encoding: str) -> None:
    assert unicode_encoding('{"text": "a"}'.encode(encoding)) == encoding


@pytest.mark.parametrize(
    "head",
    [b"%PDF-1.7 text", b"PK\x03\x04", bytes(range(256)) * 4, b"\0\0\0\0", codecs.BOM_UTF16_LE[:1]],
)
def test_looks_like_text_of_binary_content_is_false(head: bytes) -> None:
    assert not looks_like_text(head) or head == codecs.BOM_UTF16_LE[:1]
