# SPDX-License-Identifier: Apache-2.0
"""Conversations of plain turns that stay in Arrow columns from their file to the dataset.

Whatever is in doubt takes the way of single records (shapes), which gives the same rows where both
apply. All of this lets go of the interpreter's lock but for the loop over the hashes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from engine.domain.content_hash import END, HASH_BYTES, digest
from engine.domain.dataset import Role
from engine.formats import field_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyarrow import Array, ListType, RecordBatch

ROLES = tuple(Role)
OPENAI = "openai_messages"
QUESTIONS = frozenset(field_names.QUESTIONS) - set(field_names.INSTRUCTIONS)
ANSWERS = frozenset(field_names.ANSWERS)
"""Where a record has one field of each of both and no other, they are a question and its answer."""

_USER, _ASSISTANT = ROLES.index(Role.USER), ROLES.index(Role.ASSISTANT)
_PAIR = f"{Role.USER.value}{Role.ASSISTANT.value}".encode()
_LIST = ord("[")
_CAP_BYTES = 1 << 30
"""Most text of one batch: Arrow counts the bytes of a column in 31 bits."""


class PlainRows(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations that hold nothing but plain turns, all of them fit for a dataset.

    Attributes:
        shape: How they were recognised, as `shapes.normalise` names it.
        lines: Where each stands in its file, int64 of shape (rows,).
        ends: Where in the turns each ends, with a 0 in front, int32 of shape (rows + 1,).
        roles: Indices into ROLES, int8 of shape (turns,).
        contents: Text of each turn.
        digests: Content hashes, HASH_BYTES each, one behind the other.
    """

    shape: str
    lines: NDArray[np.int64]
    ends: NDArray[np.int32]
    roles: NDArray[np.int8]
    contents: Array
    digests: bytes

    def __len__(self) -> int:
        return len(self.lines)

    def chosen(self, rows: NDArray[np.int64]) -> PlainRows:
        """Return some of the rows, in the order that is given."""
        import numpy as np
        import pyarrow as pa

        counts = np.diff(self.ends)[rows]
        ends = np.zeros(len(rows) + 1, np.int32)
        np.cumsum(counts, out=ends[1:])
        turns = np.arange(int(ends[-1])) + np.repeat(self.ends[rows] - ends[:-1], counts)
        hashes = np.frombuffer(self.digests, f"V{HASH_BYTES}")[rows]
        return PlainRows(
            shape=self.shape,
            lines=self.lines[rows],
            ends=ends,
            roles=self.roles[turns],
            contents=self.contents.take(pa.array(turns)),
            digests=hashes.tobytes(),
        )


def plain_rows_of(batch: RecordBatch, lines: NDArray[np.int64]) -> PlainRows | None:
    """Return the rows of a batch; None where any of them may be no plain conversation.

    Args:
        batch: Rows of a file, valid in full or of bytes that may be no UTF-8.
        lines: Where each of them stands.
    """
    names = batch.schema.names
    if not 0 < batch.nbytes < _CAP_BYTES:
        return None
    if names == ["messages"]:
        return _of_messages(batch.column(0), lines)
    if sides := sides_of(names):
        question, answer = (batch.column(names.index(one)) for one in sides)
        return _of_sides(sides, question, answer, lines)
    return None


def sides_of(names: list[str]) -> tuple[str, str] | None:
    """Return which field is the question and which the answer, where there is nothing else."""
    if len(names) != 2:
        return None
    question, answer = reversed(names) if names[0] in ANSWERS else names
    return (question, answer) if question in QUESTIONS and answer in ANSWERS else None


def _of_messages(messages: Array, lines: NDArray[np.int64]) -> PlainRows | None:
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    if messages.type not in _plain_types() or messages.null_count:
        return None
    turns = compute.list_flatten(messages)
    if turns.null_count:
        return None
    roles, contents = (compute.struct_field(turns, one) for one in ("role", "content"))
    if roles.null_count or contents.null_count:
        return None
    codes = compute.index_in(roles, value_set=pa.array([one.value for one in ROLES]))
    if codes.null_count:
        return None
    ends = np.zeros(len(messages) + 1, np.int32)
    np.cumsum(compute.list_value_length(messages).to_numpy(), out=ends[1:])
    return checked(OPENAI, lines, ends, codes.to_numpy().astype(np.int8), contents)


def _plain_types() -> list[ListType]:
    """Return the types of lists of messages that hold nothing but a role and a text."""
    import pyarrow as pa

    role, content = (pa.field(one, pa.string()) for one in ("role", "content"))
    return [pa.list_(pa.struct(fields)) for fields in ((role, content), (content, role))]


def _of_sides(
    sides: tuple[str, str], question: Array, answer: Array, lines: NDArray[np.int64]
) -> PlainRows | None:
    import numpy as np
    import pyarrow as pa

    if {question.type, answer.type} != {pa.string()} or question.null_count or answer.null_count:
        return None
    turns = np.arange(2 * len(lines), dtype=np.int32)
    places = turns // 2 + turns % 2 * np.int32(len(lines))
    contents = pa.concat_arrays([question, answer]).take(pa.array(places))
    return of_pairs(sides, contents, lines)


def of_pairs(sides: tuple[str, str], contents: Array, lines: NDArray[np.int64]) -> PlainRows | None:
    """Return questions with their answers; None where any of them may be something else.

    Args:
        sides: Names of the field of the question and of that of the answer.
        contents: A question, its answer, a question ...
        lines: Where each question stands.
    """
    import numpy as np

    if (first_bytes(contents) == _LIST).any():
        # Tables hold lists of messages as JSON text.
        return None
    turns = np.arange(2 * len(lines) + 1, dtype=np.int32)
    roles = np.where(turns[:-1] % 2, _ASSISTANT, _USER).astype(np.int8)
    return checked("_".join(sides), lines, turns[::2], roles, contents)


def checked(
    shape: str,
    lines: NDArray[np.int64],
    ends: NDArray[np.int32],
    roles: NDArray[np.int8],
    contents: Array,
) -> PlainRows | None:
    """Return rows of these columns with their hashes; None where any is not fit for a dataset."""
    import numpy as np
    import pyarrow as pa

    try:
        contents.validate(full=True)
    except pa.ArrowInvalid:
        return None
    answers = np.zeros(len(roles) + 1, np.int64)
    np.cumsum(roles == _ASSISTANT, out=answers[1:])
    speaks = (roles == _USER) | (roles == _ASSISTANT)
    is_fit = (
        len(lines) > 0
        and (answers[ends[1:]] > answers[ends[:-1]]).all()
        and not _holds_nul(contents)
        and _are_filled(contents, speaks)
    )
    if not is_fit:
        return None
    digests = _digests(ends, roles, contents)
    return PlainRows(
        shape=shape, lines=lines, ends=ends, roles=roles, contents=contents, digests=digests
    )


def _offsets(texts: Array) -> NDArray[np.int32]:
    """Return where in the bytes of a column each text begins, and the last one ends."""
    import numpy as np

    buffer = texts.buffers()[1]
    if buffer is None or not len(texts):
        return np.zeros(1, np.int32)
    return np.frombuffer(memoryview(buffer), np.int32, len(texts) + 1, texts.offset * 4)


def _bytes(texts: Array) -> NDArray[np.uint8]:
    import numpy as np

    return np.frombuffer(memoryview(texts.buffers()[2] or b""), np.uint8)


def first_bytes(texts: Array) -> NDArray[np.uint8]:
    """Return the first byte of each text, 0 for an empty one, uint8 of shape (texts,)."""
    import numpy as np

    offsets, found = _offsets(texts), np.zeros(len(texts), np.uint8)
    is_filled = offsets[1:] > offsets[:-1]
    found[is_filled] = _bytes(texts)[offsets[:-1][is_filled]]
    return found


def _holds_nul(texts: Array) -> bool:
    offsets = _offsets(texts)
    part = _bytes(texts)[offsets[0] : offsets[-1]]
    return bool(len(part) and part.min() == 0)


def _are_filled(contents: Array, which: NDArray[np.bool_]) -> bool:
    """Return whether all of some texts hold more than blanks."""
    import numpy as np
    import pyarrow as pa

    # Lead bytes of blanks: ASCII, and U+0085, U+00A0, U+1680, U+2000 ..., U+3000.
    may_be_blank = np.zeros(256, np.bool_)
    may_be_blank[[*range(0x21), 0x7F, 0xC2, 0xE1, 0xE2, 0xE3]] = True
    doubtful = np.flatnonzero(which & may_be_blank[first_bytes(contents)])
    if not len(doubtful):
        return True
    texts: list[str] = contents.take(pa.array(doubtful)).to_pylist()
    return not any(one == "" or one.isspace() for one in texts)


def _digests(ends: NDArray[np.int32], roles: NDArray[np.int8], contents: Array) -> bytes:
    """Return the hash of each row, over the same bytes as `content_hash.canonical` has."""
    from pyarrow import compute

    joined = compute.binary_join_element_wise(role_names(roles), contents, "", END)
    text = memoryview(joined.buffers()[2] or b"")
    edges: list[int] = _offsets(joined)[ends].tolist()
    return b"".join([digest(text[start:end]) for start, end in pairwise(edges)])


def role_names(roles: NDArray[np.int8]) -> Array:
    """Return role codes as their names."""
    import numpy as np
    import pyarrow as pa

    count = len(roles)
    if (roles[::2] == _USER).all() and (roles[1::2] == _ASSISTANT).all():
        # As most are, and far faster than to look each of them up.
        user, both = len(Role.USER.value), len(_PAIR)
        ends = np.arange(count + 1, dtype=np.int32) // 2 * both
        ends[1::2] += user
        text = _PAIR * (count // 2 + 1)
        return pa.StringArray.from_buffers(count, pa.py_buffer(ends.data), pa.py_buffer(text))
    names = pa.array([one.value for one in ROLES])
    return pa.DictionaryArray.from_arrays(pa.array(roles), names).cast(pa.string())
