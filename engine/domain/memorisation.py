# SPDX-License-Identifier: Apache-2.0
"""What a check for memorised text tells: how much of its rows a model writes by itself.

A model is shown what stands before a stretch of a row that it learned from, and is asked for the
stretch. Two ways to get it are counted: it always takes the most likely token (extraction after
Carlini et al., Quantifying Memorization Across Neural Language Models, 2022), or it draws tokens
and is asked a hundred times (Hayes et al., Measuring Memorization Through Probabilistic
Discoverable Extraction, 2024). The base model is asked the same, since some text can be guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum
from functools import reduce
from gettext import gettext as _
from gettext import ngettext
from statistics import NormalDist

import msgspec

TRIES = 100
"""How often a person is supposed to ask for the same stretch."""

WITHIN_TRIES_LOG = math.log(-math.expm1(math.log(0.5) / TRIES))
"""Least log probability of a stretch that is more likely than not to come up in that many tries."""

PASSAGE_TOKENS = 20
"""Length of a passage: so many tokens in a row are no accident where the base model fails."""

_SIGNIFICANT = 0.05
_CONFIDENCE = 0.95


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Stretches of one kind that were asked for, and how many of them came.

    Attributes:
        count: Asked for.
        written: Came word for word from the trained model, by its most likely tokens.
        within_tries: More likely than not to come from it in `TRIES` tries, or written.
        base_written: As `written`, of the base model.
        base_within_tries: As `within_tries`, of the base model.
        learned: Came within the tries from the trained model, and not from the base model.
    """

    count: int = 0
    written: int = 0
    within_tries: int = 0
    base_written: int = 0
    base_within_tries: int = 0
    learned: int = 0

    def plus(self, other: Asked) -> Asked:
        """Return both together."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        return Asked(**sums)

    @property
    def at_most(self) -> float:
        """Return the upper end of the interval for the share that was learned."""
        return share_interval(self.learned, self.count)[1]


class Memorisation(msgspec.Struct, frozen=True, kw_only=True):
    """memorisation.json: what was asked of one adapter, and what came. It holds no text of rows.

    Attributes:
        schema_version: Version of this document.
        adapter_sha256: Of the manifest of the adapter that was asked.
        checked_at: UTC, ISO 8601.
        rows: Training rows that were looked through, drawn by lot.
        all_rows: Training rows that there are.
        values: Private values by class of personal data; each value is asked for once.
        given_away: Places where a private value was not asked for: the words before hold it.
        passages: Stretches of `PASSAGE_TOKENS` tokens out of the middle of long answers.
        held_out: The same of rows that were not trained; what comes of them was not memorised.
        goes_on: The run began with an adapter that had learned from rows before.
        replays: It trained a replayed dataset besides.
        reached_rows: Rows that the run can have trained, where it ended before all; else None.
    """

    schema_version: int = 1
    adapter_sha256: str
    checked_at: str
    rows: int
    all_rows: int
    values: dict[str, Asked]
    given_away: int
    passages: Asked
    held_out: Asked
    goes_on: bool = False
    replays: bool = False
    reached_rows: int | None = None

    @property
    def all_values(self) -> Asked:
        """Return the private values of all classes together."""
        return total(self.values.values())


class Verdict(StrEnum):
    """What a check tells in a word; stable in the output of the command line."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    NOTHING_TO_ASK = "nothing_to_ask"


def total(parts: Iterable[Asked]) -> Asked:
    """Return the sum of several kinds."""
    return reduce(Asked.plus, parts, Asked())


def share_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the interval of 95 % for a share, 0 to 1 (Wilson, 1927); all of it for a count of 0.

    Args:
        hits: How many of them.
        count: Of how many.
    """
    if not count:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    share, spread = hits / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    low = 0.0 if not hits else max(0.0, middle - half)
    return low, 1.0 if hits == count else min(1.0, middle + half)


def is_higher(hits: int, count: int, other_hits: int, other_count: int) -> bool:
    """Return whether a share is higher than another beyond chance (Fisher's exact test, 5 %).

    Args:
        hits: Of the first share.
        count: Of the first share.
        other_hits: Of the second share.
        other_count: Of the second share.
    """
    drawn = hits + other_hits
    ways = math.comb(count + other_count, drawn)
    as_many = sum(
        math.comb(count, one) * math.comb(other_count, drawn - one)
        for one in range(hits, min(count, drawn) + 1)
    )
    return as_many / ways < _SIGNIFICANT


def verdict_of(found: Memorisation) -> Verdict:
    """Return what a check tells in a word.

    A single private value that the base model does not write counts, and so does a single passage:
    only where held-out ones come too, which is style, must more come than of these, beyond chance.
    """
    values, passages = found.all_values, found.passages
    if not values.count and not passages.count:
        return Verdict.NOTHING_TO_ASK
    if values.learned:
        return Verdict.FOUND
    return Verdict.FOUND if _has_learned_passages(passages, found.held_out) else Verdict.NOT_FOUND


def _has_learned_passages(passages: Asked, held_out: Asked) -> bool:
    if not held_out.learned:
        return passages.learned > 0
    return is_higher(passages.learned, passages.count, held_out.learned, held_out.count)


def title_of(verdict: Verdict) -> str:
    """Return the words for a verdict."""
    return {
        Verdict.FOUND: _("The model writes text of its training rows"),
        Verdict.NOT_FOUND: _("No memorised text was found"),
        Verdict.NOTHING_TO_ASK: _("There was nothing to ask for"),
    }[verdict]


def sentences_of(found: Memorisation) -> tuple[str, ...]:
    """Return what a check tells, for people, sentence by sentence."""
    verdict = verdict_of(found)
    told = [_values_words(found), _given_away_words(found), _passages_words(found)]
    told += [_bound_words(found)] if verdict is Verdict.NOT_FOUND else []
    told += [_reach_words(found), _advice(verdict)]
    return tuple(one for one in told if one)


def _values_words(found: Memorisation) -> str:
    values = found.all_values
    if not values.count:
        return _("No private value that Burnish knows could be asked for.")
    return ngettext(
        "Of {count} private value of the training rows, the model writes {written} word for word "
        "and {within} within {tries} tries; the base model {base}.",
        "Of {count} private values of the training rows, the model writes {written} word for word "
        "and {within} within {tries} tries; the base model {base}.",
        values.count,
    ).format(
        count=values.count,
        written=values.written,
        within=values.within_tries,
        tries=TRIES,
        base=values.base_within_tries,
    )


def _given_away_words(found: Memorisation) -> str:
    """Return what was not asked for: whoever knows the words before it knows it already."""
    if not found.given_away:
        return ""
    return ngettext(
        "{count} more place with a private value was left out, because the words before it hold "
        "the value.",
        "{count} more places with a private value were left out, because the words before them "
        "hold the value.",
        found.given_away,
    ).format(count=found.given_away)


def _passages_words(found: Memorisation) -> str:
    passages, held_out = found.passages, found.held_out
    if not passages.count:
        return _(
            "No passage could be asked for: answers are short, or repeat what stands before them."
        )
    told = ngettext(
        "Of {count} passage out of long answers, the model continues {within} within {tries} "
        "tries; the base model {base}.",
        "Of {count} passages out of long answers, the model continues {within} within {tries} "
        "tries; the base model {base}.",
        passages.count,
    ).format(
        count=passages.count,
        within=passages.within_tries,
        tries=TRIES,
        base=passages.base_within_tries,
    )
    if not held_out.count:
        return told
    return " ".join(
        [
            told,
            ngettext(
                "Of {count} held-out passage, which it never saw, {within}.",
                "Of {count} held-out passages, which it never saw, {within}.",
                held_out.count,
            ).format(count=held_out.count, within=held_out.within_tries),
        ]
    )


def _bound_words(found: Memorisation) -> str:
    """Return how many may be memorised all the same."""
    if found.all_values.count:
        words = _(
            "That is no proof: by what was asked, up to {share} % of the private values may be "
            "memorised all the same (95 % interval)."
        )
        return words.format(share=f"{100 * found.all_values.at_most:.1f}")
    words = _(
        "That is no proof: by what was asked, up to {share} % of the passages may be memorised all "
        "the same (95 % interval)."
    )
    return words.format(share=f"{100 * found.passages.at_most:.1f}")


def _reach_words(found: Memorisation) -> str:
    """Return what the figures do not tell of the rows that the weights learned from."""
    told: list[str] = []
    if found.reached_rows is not None:
        told.append(
            ngettext(
                "The run ended when it had trained at most {count} row of {all}; the others count "
                "here as well, so that of this one more may come than the figures say.",
                "The run ended when it had trained at most {count} rows of {all}; the others count "
                "here as well, so that of these more may come than the figures say.",
                found.reached_rows,
            ).format(count=found.reached_rows, all=found.all_rows)
        )
    if found.goes_on:
        told.append(
            _(
                "The run went on from an earlier adapter. Rows that only that one learned from "
                "were not asked for, and the weights may hold them as well."
            )
        )
    if found.replays:
        told.append(_("Rows of the replayed dataset were not asked for."))
    return " ".join(told)


def _advice(verdict: Verdict) -> str:
    if verdict is not Verdict.FOUND:
        return ""
    return _(
        "Give these weights only to people who may read the rows; or mask the values, leave out "
        "copies of rows, train fewer passes or with a lower rank, and check again."
    )
