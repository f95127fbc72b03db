# SPDX-License-Identifier: Apache-2.0
"""What a run would train of a whole split: the sums over all of its rows."""

from __future__ import annotations

import msgspec


class RowGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that have something in common.

    Attributes:
        code: What: the code of a problem or a note, or `cut`.
        text: The same as a sentence.
        rows: How many.
        examples: The first of them, by their place in the split, from 0.
    """

    code: str
    text: str
    rows: int
    examples: tuple[int, ...] = ()


class RoleTokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that the turns of one role make.

    Attributes:
        role: The role; `text` for text rows, `template` for what the chat template adds.
        tokens: How many are read.
        trained_tokens: How many of them carry loss.
    """

    role: str
    tokens: int
    trained_tokens: int


class LengthBin(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows have a length in a range.

    Attributes:
        from_tokens: Shortest length of the range.
        to_tokens: Longest length of the range; 0 for no end.
        rows: Rows of such a length, before they are cut.
    """

    from_tokens: int
    to_tokens: int
    rows: int


class EndsOfTurn(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the tokens that close the answers.

    Attributes:
        trained: Answers whose closing token is trained.
        cut: Answers whose closing token is cut off, in rows that are trained or cut whole.
        off: Answers that are switched off by their weight.
        missing: Texts that the tokenizer has no closing token for.
    """

    trained: int = 0
    cut: int = 0
    off: int = 0
    missing: int = 0

    @property
    def ratio(self) -> float:
        """Return the share of the answers to be trained whose closing token is, 0 to 1."""
        wanted = self.trained + self.cut + self.missing
        return self.trained / wanted if wanted else 0.0


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """coverage.json: what would be trained of one split, by one model, up to one length.

    Attributes:
        schema_version: Version of this document.
        job_id: The job that counted.
        dataset_id: The dataset.
        dataset_version: Which version of it.
        split: Which split of it.
        model_id: The model.
        model_fingerprint: Which files of the model.
        max_length: Longer rows are cut at the end, tokens.
        made_at: UTC, ISO 8601.
        rows: All rows of the split.
        trained_rows: Rows of which something is trained.
        tokens: Tokens of these, after cutting.
        trained_tokens: How many of these carry loss.
        lost_tokens: Trained tokens that cutting takes away, of all rows.
        cut: Rows that are cut.
        left_out: Rows that are not trained, by the problem.
        notes: Rows that are trained, with something to know of them.
        ends: What becomes of the tokens that close the answers.
        roles: Tokens of the trained rows by role.
        lengths: All rows whose length is known, by length before cutting.
        longest_tokens: Length of the longest row before cutting.
        longest_row: Its place in the split, from 0; -1 where no length is known.
        median_tokens: Length that half of the rows do not exceed, before cutting.
    """

    schema_version: int = 1
    job_id: str
    dataset_id: str
    dataset_version: int
    split: str
    model_id: str
    model_fingerprint: str
    max_length: int
    made_at: str
    rows: int
    trained_rows: int
    tokens: int
    trained_tokens: int
    lost_tokens: int
    cut: RowGroup
    left_out: tuple[RowGroup, ...]
    notes: tuple[RowGroup, ...]
    ends: EndsOfTurn
    roles: tuple[RoleTokens, ...]
    lengths: tuple[LengthBin, ...]
    longest_tokens: int
    longest_row: int
    median_tokens: int

    @property
    def trained_ratio(self) -> float:
        """Return the share of the tokens that carries loss, 0 to 1."""
        return self.trained_tokens / self.tokens if self.tokens else 0.0


class PackedRow(msgspec.Struct, frozen=True, kw_only=True):
    """The packed sequence that holds a row in the first epoch of a run.

    Attributes:
        step: The step that sees it, from 1.
        rows: All rows in it by their place in the split, in the order in which they lie.
        lengths: Tokens of each.
        capacity: Tokens that the sequence can hold.
    """

    step: int
    rows: tuple[int, ...]
    lengths: tuple[int, ...]
    capacity: int
