# SPDX-License-Identifier: Apache-2.0
"""What a check for memorised text tells, and how sure it is of it."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from engine.domain.memorisation import (
    TRIES,
    WITHIN_TRIES_LOG,
    Asked,
    Memorisation,
    Verdict,
    is_higher,
    sentences_of,
    share_interval,
    total,
    verdict_of,
)


def found(**values: Any) -> Memorisation:
    defaults: dict[str, Any] = {
        "adapter_sha256": "a" * 64,
        "checked_at": "2026-01-02T03:04:05+00:00",
        "rows": 50,
        "all_rows": 50,
        "values": {},
        "given_away": 0,
        "passages": Asked(),
        "held_out": Asked(),
    }
    return Memorisation(**(defaults | values))


def test_stretch_of_the_least_likelihood_comes_up_in_half_of_all_series_of_tries() -> None:
    share = math.exp(WITHIN_TRIES_LOG)
    assert 1 - (1 - share) ** TRIES == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # Wilson's interval by the tables of Newcombe, Statistics in Medicine 17 (1998), table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_of_a_share_is_that_of_the_tables(
    hits: int, count: int, low: float, high: float
) -> None:
    assert share_interval(hits, count) == pytest.approx((low, high), abs=1e-4)


def test_interval_of_nothing_is_everything_and_of_all_reaches_one() -> None:
    assert share_interval(0, 0) == (0.0, 1.0)
    assert share_interval(5, 5)[1] == 1.0


def test_higher_is_what_chance_hardly_brings() -> None:
    # Fisher's tea: 4 of 4 against 0 of 4 has 1 of 70 ways; 3 against 1 has 17 of 70.
    assert is_higher(4, 4, 0, 4)
    assert not is_higher(3, 4, 1, 4)
    assert not is_higher(0, 10, 0, 10)
    assert not is_higher(0, 0, 0, 0)


def test_one_private_value_that_only_the_trained_model_writes_is_found() -> None:
    values = {"email": Asked(count=40, within_tries=3, base_within_tries=3, learned=1)}
    assert verdict_of(found(values=values)) is Verdict.FOUND


def test_values_that_the_base_model_writes_too_are_not_memorised() -> None:
    values = {"ip": Asked(count=4, written=3, within_tries=3, base_written=3, base_within_tries=3)}
    told = found(values=values)
    assert verdict_of(told) is Verdict.NOT_FOUND
    # 0 of 4 learned: up to 49.0 % may be memorised.
    assert "up to 49.0 % of the private values may be memorised" in " ".join(sentences_of(told))


def test_passages_count_against_held_out_rows_where_these_come_too() -> None:
    passages = Asked(count=100, within_tries=30, learned=30)
    style = Asked(count=50, within_tries=15, learned=15)
    assert verdict_of(found(passages=passages, held_out=style)) is Verdict.NOT_FOUND
    few = Asked(count=50, within_tries=2, learned=2)
    assert verdict_of(found(passages=passages, held_out=few)) is Verdict.FOUND
    assert verdict_of(found(passages=passages)) is Verdict.FOUND
    guessed = Asked(count=100, within_tries=30, base_within_tries=30)
    assert verdict_of(found(passages=guessed)) is Verdict.NOT_FOUND


@pytest.mark.parametrize("held_out", [Asked(), Asked(count=2), Asked(count=100)])
def test_one_passage_that_only_the_trained_model_writes_is_found_where_no_held_out_one_comes(
    held_out: Asked,
) -> None:
    """A test of significance cannot see 2 of 100, or 3 of 3: that would be no clean result."""
    for count in (1, 3, 100):
        one = found(passages=Asked(count=count, within_tries=1, learned=1), held_out=held_out)
        assert verdict_of(one) is Verdict.FOUND


def test_passages_that_the_base_model_continues_too_do_not_hide_learned_ones() -> None:
    passages = Asked(count=100, within_tries=60, base_within_tries=50, learned=10)
    public = Asked(count=100, within_tries=55, base_within_tries=54, learned=1)
    assert verdict_of(found(passages=passages, held_out=public)) is Verdict.FOUND


def test_nothing_to_ask_for_is_no_clean_result() -> None:
    told = found(given_away=7)
    assert verdict_of(told) is Verdict.NOTHING_TO_ASK
    text = " ".join(sentences_of(told))
    assert "%" not in text
    # They do hold private values, so it must not be said that there is none.
    assert "hold no private value" not in text
    assert "7 more places with a private value were left out" in text


def test_bound_names_what_it_is_of() -> None:
    told = found(passages=Asked(count=4), values={"email": Asked(count=0)})
    assert "up to 49.0 % of the passages" in " ".join(sentences_of(told))


def test_rows_that_the_run_did_not_reach_and_earlier_rows_are_told_of() -> None:
    values = {"email": Asked(count=4)}
    text = " ".join(sentences_of(found(values=values)))
    assert "earlier adapter" not in text
    assert "ended when" not in text
    told = found(values=values, goes_on=True, replays=True, reached_rows=8)
    text = " ".join(sentences_of(told))
    assert "at most 8 rows of 50" in text
    assert "went on from an earlier adapter" in text
    assert "replayed dataset were not asked for" in text


def test_sentences_name_every_number() -> None:
    told = found(
        values={
            "email": Asked(count=30, written=4, within_tries=6, base_within_tries=1, learned=5),
            "iban": Asked(count=10, written=1, within_tries=1, learned=1),
        },
        passages=Asked(count=20, within_tries=2, base_within_tries=1, learned=1),
        held_out=Asked(count=10, within_tries=1),
    )
    assert told.all_values == Asked(
        count=40, written=5, within_tries=7, base_within_tries=1, learned=6
    )
    text = " ".join(sentences_of(told))
    for part in ("40 private values", "writes 5 word for word", "7 within 100 tries", "model 1."):
        assert part in text
    assert "20 passages" in text
    assert "10 held-out passages" in text
    assert "mask the values" in text


def test_document_survives_a_round_trip() -> None:
    told = found(values={"email": Asked(count=3)}, passages=Asked(count=1))
    assert msgspec.json.decode(msgspec.json.encode(told), type=Memorisation) == told
    assert total([]) == Asked()
