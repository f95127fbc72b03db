# SPDX-License-Identifier: Apache-2.0
"""Checks of answers: contradicting, echoed, all the same, or empty phrases.

Two texts are the same here when their words are, whatever their case, blanks and punctuation.
"""

from __future__ import annotations

from gettext import gettext as _
from typing import TYPE_CHECKING, cast

import msgspec

from engine.domain.dataset import Role, RowKind
from engine.domain.problem import Severity
from engine.quality.batch import ROLE_CODES, TurnBatch
from engine.quality.check import Check, CheckSettings
from engine.quality.found import Found
from engine.quality.shingles import mixed, words_of

if TYPE_CHECKING:
    from numpy import bool_, int64, uint64
    from numpy.typing import NDArray
    from pyarrow import Array

CONTRADICTING, ECHOED, MONOTONOUS, BOILERPLATE = (
    "contradicting", "echoed", "monotonous", "boilerplate",
)  # fmt: skip
LABELS = (CONTRADICTING, ECHOED, MONOTONOUS, BOILERPLATE)
MONOTONOUS_SHARE, MONOTONOUS_ROWS = 0.1, 20
"""One answer is too common from this share of the rows, and this many of them, on."""

PHRASES = (
    r"as an ai\b", r"as a (large )?language model", r"i'?m (just |only )?an ai\b",
    r"i am (just |only )?an ai\b", r"i (cannot|can't|am unable to) (assist|help) with that",
    r"my (knowledge|training) cut-?off", r"als (eine )?(ki|künstliche intelligenz|sprachmodell)\b",
    r"en tant qu'?(ia|intelligence artificielle|modèle de langage)",
    r"como (una? )?(ia|inteligencia artificial|modelo de lenguaje)\b",
    r"come (una )?(ia|intelligenza artificiale|modello linguistico)\b",
    r"como (uma )?(ia|inteligência artificial|modelo de linguagem)\b",
    r"jako (model językowy|sztuczna inteligencja)", r"als (een )?(ai|taalmodel)\b",
    r"作为一个?(人工智能|AI|语言模型)", r"言語モデルとして|AIとして",
)  # fmt: skip
"""What models say of themselves; RE2, ignoring case."""


class _Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a batch, for each of its rows; 0 where there is no question or answer."""

    questions: NDArray[uint64]
    answers: NDArray[uint64]
    is_echo: NDArray[bool_]
    is_phrase: NDArray[bool_]


class AnswerPass:
    """One pass over questions and last answers."""

    def __init__(self, _settings: CheckSettings) -> None:
        """Begin the pass."""

    def see(self, batch: TurnBatch) -> object:
        """Return hashes of the question (all turns before the last answer) and of the answer."""
        import numpy as np

        rows = batch.rows - batch.first_row
        hashes = text_hashes(batch.texts)
        answers, questions = (np.zeros(batch.count, np.uint64) for _each in range(2))
        last_user = np.zeros(batch.count, np.uint64)
        is_answer = batch.roles == ROLE_CODES[Role.ASSISTANT]
        last = np.full(batch.count, -1, np.int64)
        np.maximum.at(last, rows[is_answer], np.flatnonzero(is_answer))
        has = last >= 0
        answers[has] = hashes[last[has]]
        before = np.arange(len(rows)) < last[rows]
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)
        kinds = (batch.roles.astype(np.int64) + 2 + 8 * place).astype(np.uint64)
        np.add.at(questions, rows[before], mixed(hashes[before] + kinds[before]))
        asked = before & (batch.roles == ROLE_CODES[Role.USER])
        users = np.full(batch.count, -1, np.int64)
        np.maximum.at(users, rows[asked], np.flatnonzero(asked))
        last_user[users >= 0] = hashes[users[users >= 0]]
        return _Answers(
            questions=questions,
            answers=answers,
            is_echo=(answers != 0) & (answers == last_user),
            is_phrase=_has_phrase(batch, rows),
        )

    def end(self, seen: list[object]) -> Found:
        """Return all findings, each kind with its label."""
        import numpy as np

        parts = cast("list[_Answers]", seen)
        if not parts:
            return Found(rows=np.zeros(0, np.int64), label_names=LABELS)
        questions = np.concatenate([one.questions for one in parts])
        answers = np.concatenate([one.answers for one in parts])
        groups = contradicting(questions, answers)
        masks = (
            groups >= 0,
            np.concatenate([one.is_echo for one in parts]),
            _monotonous(answers),
            np.concatenate([one.is_phrase for one in parts]),
        )
        rows = np.concatenate([np.flatnonzero(mask) for mask in masks])
        labels = np.repeat(np.arange(len(masks), dtype=np.int16), [mask.sum() for mask in masks])
        order = np.argsort(rows, kind="stable")
        rows, labels = rows[order], labels[order]
        own = np.where(labels == 0, groups[rows], -1)
        return Found(rows=rows, groups=own, labels=labels, label_names=LABELS)


def text_hashes(texts: Array) -> NDArray[uint64]:
    """Return a hash of the words of each text, 0 for a text without words."""
    import numpy as np

    words, owners = words_of(texts, np.arange(len(texts)))
    found = np.zeros(len(texts), np.uint64)
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sizes = np.diff(starts, append=len(owners))
    place = (np.arange(len(owners)) - np.repeat(starts, sizes)).astype(np.uint64)
    if len(starts):
        found[owners[starts]] = np.add.reduceat(mixed(words + place), starts)
    return found


def _has_phrase(batch: TurnBatch, rows: NDArray[int64]) -> NDArray[bool_]:
    """Return which rows hold a phrase in a turn of the assistant."""
    import numpy as np
    from pyarrow import compute

    expression = "|".join(f"(?:{one})" for one in PHRASES)
    hits = compute.match_substring_regex(batch.texts, expression, ignore_case=True)
    found = np.zeros(batch.count, np.bool_)
    is_answer = batch.roles == ROLE_CODES[Role.ASSISTANT]
    found[rows[hits.to_numpy(zero_copy_only=False) & is_answer]] = True
    return found


def contradicting(questions: NDArray[uint64], answers: NDArray[uint64]) -> NDArray[int64]:
    """Return for each row the first row of the same question, if they are answered differently.

    Args:
        questions: A hash for each row, uint64 of shape (rows,); 0 for none.
        answers: The same for its answer.

    Returns:
        int64 of shape (rows,), -1 where there is no contradiction.
    """
    import numpy as np

    has_both = (questions != 0) & (answers != 0)
    _keys, firsts, numbers = np.unique(questions, return_index=True, return_inverse=True)
    highest = np.zeros(len(firsts), np.uint64)
    lowest = np.full(len(firsts), np.iinfo(np.uint64).max, np.uint64)
    np.maximum.at(highest, numbers[has_both], answers[has_both])
    np.minimum.at(lowest, numbers[has_both], answers[has_both])
    is_in = has_both & (highest > lowest)[numbers]
    return np.where(is_in, firsts[numbers], -1).astype(np.int64)


def _monotonous(answers: NDArray[uint64]) -> NDArray[bool_]:
    """Return which rows have an answer that far too many have."""
    import numpy as np

    _keys, numbers, counts = np.unique(answers, return_inverse=True, return_counts=True)
    limit = max(MONOTONOUS_ROWS, MONOTONOUS_SHARE * len(answers))
    return (counts >= limit)[numbers] & (answers != 0)


CHECKS = (
    Check(
        id="contradicting_answers",
        title=lambda: _("Contradicting answers"),
        why=lambda: _("The same question is answered differently, so the model learns neither."),
        severity=Severity.WARNING,
        kinds=(RowKind.CHAT,),
        begin=AnswerPass,
        label=CONTRADICTING,
    ),
    Check(
        id="echoed_answers",
        title=lambda: _("Answers that repeat the question"),
        why=lambda: _("The model learns to say back what it was asked."),
        severity=Severity.WARNING,
        kinds=(RowKind.CHAT,),
        begin=AnswerPass,
        label=ECHOED,
    ),
    Check(
        id="monotonous_answers",
        title=lambda: _("One answer to very many questions"),
        why=lambda: _("The model may learn to give this answer always."),
        severity=Severity.NOTE,
        kinds=(RowKind.CHAT,),
        begin=AnswerPass,
        label=MONOTONOUS,
    ),
    Check(
        id="boilerplate_answers",
        title=lambda: _("Empty phrases of assistants"),
        why=lambda: _("Phrases such as “As an AI” are learned like everything else."),
        severity=Severity.WARNING,
        kinds=(RowKind.CHAT,),
        begin=AnswerPass,
        label=BOILERPLATE,
    ),
)
