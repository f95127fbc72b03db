# SPDX-License-Identifier: Apache-2.0
"""Near copies: shingles and similarities against plain Python, recall and precision on a set."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.quality.check import CheckSettings
from engine.quality.near_copies import LEAKAGE, NEAR_COPIES
from engine.quality.runner import run_checks
from engine.quality.shingles import LARGEST_SKETCH, shingles_of, similarities

ALPHABET = "ab C1 9.,\n\u00e9\u4f60\u597d\U0001f600\u0416"


def words_of(text: str) -> list[str]:
    """Return the words of a text as the docstring of shingles defines them, byte by byte."""
    words: list[bytes] = []
    is_open = False
    for byte in text.lower().encode():
        is_word = byte >= 128 or chr(byte).isalnum()
        if not is_word:
            is_open = False
            continue
        if is_open and not 0xE3 <= byte <= 0xED:
            words[-1] += bytes([byte])
        else:
            words.append(bytes([byte]))
        is_open = True
    return [one.hex() for one in words]


def plain_shingles(texts: Sequence[str]) -> set[tuple[str, ...]]:
    """Return the shingles of one row."""
    words = [word for text in texts for word in words_of(text)]
    if len(words) < 3:
        return {tuple(words)} if words else set()
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)}


def jaccard(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    """Return shared by all different."""
    return len(one & other) / max(len(one | other), 1)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    st.lists(
        st.lists(st.text(ALPHABET, max_size=14), min_size=1, max_size=3), min_size=1, max_size=6
    )
)
def test_similarity_is_the_jaccard_index_of_word_triples(rows: list[list[str]]) -> None:
    texts = pa.array([text for row in rows for text in row], pa.string())
    owners = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    shingles = shingles_of(texts, owners, len(rows))
    plain = [plain_shingles(row) for row in rows]
    assert shingles.sizes.tolist() == [len(one) for one in plain]
    pairs = np.array(list(combinations(range(len(rows)), 2)), np.int64).reshape(-1, 2)
    found = similarities(shingles, pairs[:, 0], pairs[:, 1])
    expected = [jaccard(plain[one], plain[other]) for one, other in pairs.tolist()]
    assert found.tolist() == pytest.approx(expected)


def test_long_rows_are_compared_by_a_fair_sample() -> None:
    words = [f"w{one}" for one in range(4000)]
    other = words[:3600] + [f"x{one}" for one in range(400)]
    texts = pa.array([" ".join(words), " ".join(other)])
    shingles = shingles_of(texts, np.array([0, 1]), 2)
    assert shingles.sizes.tolist() == [LARGEST_SKETCH] * 2
    (found,) = similarities(shingles, np.array([0]), np.array([1])).tolist()
    assert found == pytest.approx(3598 / 4398, abs=0.08)


def batches_of(texts: Sequence[str], size: int = 500) -> list[pa.RecordBatch]:
    """Return texts as stored batches of text rows."""
    hashes = [f"{abs(hash_of(text)):032x}" for text in texts]
    return [
        pa.record_batch(
            {
                "text": pa.array(texts[start : start + size]),
                "row_hash": pa.array(hashes[start : start + size]),
            }
        )
        for start in range(0, len(texts), size)
    ]


def hash_of(text: str) -> int:
    """Return a number that depends on the text alone, in its upper digits."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest())


def near_groups(texts: Sequence[str]) -> dict[int, int]:
    """Return the group of each row that is in one."""
    batches = [(one, np.zeros(one.num_rows, np.bool_)) for one in batches_of(texts)]
    told: list[int] = []
    found = run_checks(batches, [NEAR_COPIES], CheckSettings(), on_rows=told.append)[NEAR_COPIES.id]
    assert told[-1] == len(texts)
    assert found.groups is not None
    return dict(zip(found.rows.tolist(), found.groups.tolist(), strict=True))


def edited(chance: random.Random, words: list[str], edits: int) -> list[str]:
    """Return words with some replaced."""
    copy = list(words)
    for _edit in range(edits):
        copy[chance.randrange(len(copy))] = f"new{chance.randrange(10**6)}"
    return copy


def test_recall_and_precision_at_the_threshold_are_at_least_95_percent() -> None:
    chance = random.Random(5)
    vocabulary = [f"word{one}" for one in range(3000)]
    rows: list[list[str]] = []
    for _row in range(1000):
        words = chance.choices(vocabulary, k=chance.randrange(20, 120))
        rows += [words, edited(chance, words, chance.randrange(1, 4))]
        rows.append(edited(chance, words, chance.randrange(4, 30)))
    chance.shuffle(rows)
    texts = [" ".join(one) for one in rows]
    groups = near_groups(texts)
    plain = [plain_shingles([one]) for one in texts]
    by_shingle: dict[tuple[str, ...], list[int]] = {}
    for number, one in enumerate(plain):
        for shingle in one:
            by_shingle.setdefault(shingle, []).append(number)
    sharing = {pair for rows_of in by_shingle.values() for pair in combinations(rows_of, 2)}
    true = {pair for pair in sharing if jaccard(plain[pair[0]], plain[pair[1]]) >= 0.8}
    assert len(true) > 400
    hit = [pair for pair in true if groups.get(pair[0], -1) == groups.get(pair[1], -2)]
    assert len(hit) / len(true) >= 0.95
    grouped = {number for pair in true for number in pair}
    assert len(grouped & set(groups)) / len(groups) >= 0.95


def test_exact_copies_are_no_near_copies() -> None:
    assert near_groups(["the very same text here"] * 5 + ["quite another text is here"]) == {}


def test_rows_without_words_are_in_no_group() -> None:
    assert near_groups(["", " ", "...", "?!"]) == {}


def test_groups_span_batches_and_name_their_first_row() -> None:
    texts = [f"{one} " + " ".join(f"w{one}x{at}" for at in range(30)) for one in range(1200)]
    texts[1100] = texts[3] + " indeed"
    texts[700] = texts[3] + " truly"
    assert near_groups(texts) == {3: 3, 700: 3, 1100: 3}


def test_groups_on_both_sides_are_leakage_exact_copies_too() -> None:
    base = [" ".join(f"w{one}x{at}" for at in range(30)) for one in range(6)]
    texts = [*base, base[0], base[1] + " indeed", base[2] + " truly", base[2]]
    held = [False] * 6 + [True, True, False, False]
    (batch,) = batches_of(texts)
    found = run_checks(
        [(batch, np.array(held))], [NEAR_COPIES, LEAKAGE], CheckSettings(), on_rows=lambda _: None
    )
    assert found[LEAKAGE.id].rows.tolist() == [0, 1, 6, 7]
    assert found[NEAR_COPIES.id].rows.tolist() == [2, 8]


def test_every_copy_of_a_leaked_row_is_leakage() -> None:
    base = " ".join(f"w{at}" for at in range(30))
    texts = [base, base, base + " indeed", base, "another text of its own"]
    held = [False, False, True, False, False]
    (batch,) = batches_of(texts)
    found = run_checks(
        [(batch, np.array(held))], [LEAKAGE], CheckSettings(), on_rows=lambda _: None
    )
    assert found[LEAKAGE.id].rows.tolist() == [0, 1, 2, 3]
