# SPDX-License-Identifier: Apache-2.0
"""Documents as blocks, and how they become rows: by section and length, or as questions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from engine.domain.chunking import Chunking, TokenCounts, estimated_tokens
from engine.domain.dataset import Reject, TextRow
from engine.formats.format import Block, Format, Record, Seen
from engine.formats.pieces import chunks_of

WHOLE_CHARACTERS = 32 << 20
"""Of a longer document the form of all of it is not looked at; it is cut as it is read."""

LEAST_QUESTIONS = 3
LEAST_SHARE = 0.8
"""Share of the headings with a text below that must be questions."""

_ASKED = re.compile(r"(?:Q|Question|Frage|F)\s*\d*\s*[:.)]\s*(.*)", re.S)
_ANSWERED = re.compile(r"(?:A|Answer|Antwort)\s*\d*\s*[:.)]\s*(.*)", re.S)
_END_OF_QUESTION = ("?", "？")  # the mark of Chinese and Japanese


def cut(used: Format, chunking: Chunking, count: TokenCounts = estimated_tokens) -> Format:
    """Return a format whose documents are cut so; any other format as it is."""
    blocks = used.blocks
    if blocks is None:
        return used

    def read(path: Path, seen: Seen) -> Iterator[Record | Reject]:
        """Yield the pieces of a document."""
        return document_records(blocks(path, seen), chunking, count)

    return msgspec.structs.replace(used, read=read)


def document_records(
    blocks: Iterable[Block | Reject],
    chunking: Chunking,
    count: TokenCounts = estimated_tokens,
) -> Iterator[Record | Reject]:
    """Yield what a document becomes: questions with answers, or texts."""
    source = iter(blocks)
    known: list[Block] = []
    room = WHOLE_CHARACTERS
    for one in source:
        if isinstance(one, Reject):
            yield one
            continue
        known.append(one)
        room -= len(one.text)
        if room < 0:
            break
    pairs = questions_of(known) if room >= 0 and chunking.finds_questions else []
    if pairs:
        for line, asked, answered in pairs:
            yield Record(line=line, value={"question": asked, "answer": answered})
        return
    rejects: list[Reject] = []
    for chunk in chunks_of(_all(known, source, rejects), chunking, count):
        yield Record(line=chunk.line, value=TextRow(text=chunk.text))
    yield from rejects


def _all(
    known: Sequence[Block], source: Iterator[Block | Reject], rejects: list[Reject]
) -> Iterator[Block]:
    yield from known
    for one in source:
        if isinstance(one, Reject):
            rejects.append(one)
        else:
            yield one


# --- questions -----------------------------------------------------------------------------------


def questions_of(blocks: Sequence[Block]) -> list[tuple[int, str, str]]:
    """Return line, question and answer where a whole document consists of them, else nothing."""
    return _marked_questions(blocks) or _asking_headings(blocks)


def _marked_questions(blocks: Sequence[Block]) -> list[tuple[int, str, str]]:
    """Return what stands behind `Q:` and `A:`; what comes before the first is an introduction."""
    pairs: list[tuple[int, list[str], list[str]]] = []
    for block in blocks:
        if block.level:
            continue
        question, answer = _ASKED.fullmatch(block.text), _ANSWERED.fullmatch(block.text)
        if question is not None:
            pairs.append((block.line, [question[1].strip()], []))
        elif pairs:
            _line, asked, answered = pairs[-1]
            # A further paragraph goes on with what came last.
            goes_on = answered if answer is not None or answered else asked
            goes_on.append(block.text if answer is None else answer[1].strip())
    found = [(line, _joined(asked), _joined(answered)) for line, asked, answered in pairs]
    is_whole = all(asked and answered for _line, asked, answered in found)
    return found if len(found) >= LEAST_QUESTIONS and is_whole else []


def _asking_headings(blocks: Sequence[Block]) -> list[tuple[int, str, str]]:
    """Return headings that ask, each with the text below it."""
    pairs: list[tuple[int, str, str]] = []
    heading: Block | None = None
    body: list[str] = []
    others = 0
    for block in (*blocks, Block(0, "", 1)):
        if not block.level:
            body.append(block.text)
            continue
        if heading is not None and body:
            if heading.text.endswith(_END_OF_QUESTION):
                pairs.append((heading.line, heading.text, _joined(body)))
            else:
                others += 1
        heading, body = block, []
    is_form = len(pairs) >= LEAST_QUESTIONS and len(pairs) >= LEAST_SHARE * (len(pairs) + others)
    return pairs if is_form else []


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(one for one in parts if one)
