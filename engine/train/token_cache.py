# SPDX-License-Identifier: Apache-2.0
"""Rows as tokens, kept beside their dataset, so that a second run need not tokenise them again.

An entry is known by all that decides its content: the version of the dataset, the tokenizer and the
template of the model, the longest length, the code that encodes, and the date where the template
writes it. It goes with its dataset when that is removed. Losing an entry costs nothing but time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import jinja2
import msgspec
import numpy as np
import numpy.typing as npt
import tokenizers
from msgspec.structs import fields

import engine.chat
from engine.chat.packing import Members
from engine.errors import DiskFailed, DiskFull, DocumentDamaged, NotWritable, TargetExists
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.train.batches import Examples, Ids, Marks
from engine.train.sources import RowSource

KEPT_ENTRIES = 4
"""Entries of one dataset; the oldest go first."""

_SPARE_BYTES = 1 << 30
"""What the disk must have left behind an entry: the run has more to write than that."""
_LEFT_BEHIND_S = 86_400.0
"""No run writes an entry for a day: it was ended in the middle of it."""
_HARMLESS = (OSError, DiskFailed, DiskFull, NotWritable, TargetExists, DocumentDamaged)
"""What may keep an entry from being written or removed; the run goes on without it."""
_WORDS = "words.json"


class EncodedRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one split as tokens.

    Attributes:
        rows: How many rows there are.
        examples: Those without a problem.
        places: Row of each example [examples].
        truncated: Whether it was cut [examples].
        notes: What there is to know of it, a bit for each name in `note_names` [examples].
        problem_places: Rows with a problem.
        problems: Index in `problem_names` of what is wrong with each of them.
        note_names: Codes of notes, at most 32.
        problem_names: Codes of problems.
    """

    rows: int
    examples: Examples
    places: Members
    truncated: Marks
    notes: npt.NDArray[np.uint32]
    problem_places: Members
    problems: npt.NDArray[np.uint8]
    note_names: tuple[str, ...]
    problem_names: tuple[str, ...]

    def without(self, left_out: Marks) -> EncodedRows:
        """Return the rows without some of them, which keep their places."""
        keep = ~left_out[self.places]
        lengths = self.examples.lengths
        tokens = np.repeat(keep, lengths)
        is_told = ~left_out[self.problem_places]
        return EncodedRows(
            rows=self.rows,
            examples=Examples(
                ids=self.examples.ids[tokens],
                trained=self.examples.trained[tokens],
                edges=np.concatenate([[0], np.cumsum(lengths[keep])]).astype(np.int64),
            ),
            places=self.places[keep],
            truncated=self.truncated[keep],
            notes=self.notes[keep],
            problem_places=self.problem_places[is_told],
            problems=self.problems[is_told],
            note_names=self.note_names,
            problem_names=self.problem_names,
        )


class _Words(msgspec.Struct, frozen=True, kw_only=True):
    """words.json: what stands beside the arrays."""

    schema_version: int = 1
    rows: int
    note_names: tuple[str, ...]
    problem_names: tuple[str, ...]


class TokenCache(msgspec.Struct, frozen=True, kw_only=True):
    """Finds and keeps the tokens of training rows.

    Attributes:
        model_fingerprint: Hash of tokenizer, template and configuration of the model.
        written_time: The time that the template writes; empty where it writes none.
        max_length: Longer rows are cut at the end, tokens.
    """

    model_fingerprint: str
    written_time: str
    max_length: int

    def read(self, source: RowSource) -> EncodedRows | None:
        """Return the kept tokens of all training rows of a dataset, mapped into memory.

        An entry that is damaged is removed.
        """
        folder = self._folder(source)
        if not folder.is_dir():
            return None
        try:
            atomicfs.verify_folder(folder)
            words = read_document(folder / _WORDS, _Words)
            arrays = {name: np.load(_file(folder, name), mmap_mode="r") for name in _ARRAYS}
        except (DocumentDamaged, OSError, ValueError):
            _remove(folder)
            return None
        with contextlib.suppress(OSError):  # on a disk that cannot be written to it grows old
            os.utime(folder)
        examples = Examples(**{name: arrays.pop(name) for name in _EXAMPLES})
        return EncodedRows(
            examples=examples,
            rows=words.rows,
            note_names=words.note_names,
            problem_names=words.problem_names,
            **arrays,
        )

    def write(self, source: RowSource, found: EncodedRows) -> None:
        """Keep the tokens of all training rows of a dataset, if there is room for them."""
        folder = self._folder(source)
        arrays = {
            name: getattr(found.examples if name in _EXAMPLES else found, name) for name in _ARRAYS
        }
        with contextlib.suppress(*_HARMLESS):
            atomicfs.make_folder(folder.parent)
            needed = sum(one.nbytes for one in arrays.values())
            if shutil.disk_usage(folder.parent).free < needed + _SPARE_BYTES:
                return
            with atomicfs.new_folder(folder) as building:
                for name, values in arrays.items():
                    with atomicfs.new_file(_file(building, name)) as stream:
                        np.save(stream, values, allow_pickle=False)
                words = _Words(
                    rows=found.rows,
                    note_names=found.note_names,
                    problem_names=found.problem_names,
                )
                write_document(building / _WORDS, words)
            _forget_oldest(folder.parent)

    def _folder(self, source: RowSource) -> Path:
        told = [
            self.model_fingerprint, self.written_time, self.max_length, source.version, _encoder()
        ]  # fmt: skip
        key = hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:32]
        return source.folder.tokens / key


_EXAMPLES = tuple(one.name for one in fields(Examples))
_KEEPING = ("examples.py", "token_cache.py")
_UNFINISHED = (atomicfs.TEMPORARY_PREFIX, atomicfs.TRASH_PREFIX)
_ARRAYS = (*_EXAMPLES, "places", "truncated", "notes", "problem_places", "problems")


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _encoder() -> list[str]:
    """Return what tells one state of the encoding code from another."""
    versions = [tokenizers.__version__, jinja2.__version__]
    sources = sorted(Path(engine.chat.__file__).parent.glob("*.py"))
    if not sources:  # an installed program holds them inside of itself
        stat = Path(sys.executable).stat()
        return [*versions, str(stat.st_size), str(stat.st_mtime_ns)]
    digest = hashlib.sha256()
    for one in (*sources, *(Path(__file__).with_name(name) for name in _KEEPING)):
        digest.update(one.read_bytes())
    return [*versions, digest.hexdigest()]


def _forget_oldest(folder: Path) -> None:
    """Remove all but the newest entries, and what writers left behind that were ended.

    What another run is writing just now is neither counted nor touched.
    """
    folders = (one for one in folder.iterdir() if one.is_dir())
    found = sorted(((one.stat().st_mtime, one) for one in folders), reverse=True)
    entries = [one for _changed, one in found if not one.name.startswith(_UNFINISHED)]
    old = max((changed for changed, _one in found), default=0.0) - _LEFT_BEHIND_S
    left = [one for changed, one in found if changed < old and one not in entries]
    for one in (*entries[KEPT_ENTRIES:], *left):
        _remove(one)


def _remove(folder: Path) -> None:
    # Mapped by another run on Windows it stays, and goes the next time.
    with contextlib.suppress(*_HARMLESS):
        atomicfs.remove_folder(folder)


def joined(parts: Sequence[EncodedRows]) -> Examples:
    """Return the examples of several datasets, one behind the other; one alone is not copied."""
    if len(parts) == 1:
        return parts[0].examples
    ids: list[Ids] = [one.examples.ids for one in parts]
    marks: list[Marks] = [one.examples.trained for one in parts]
    lengths: list[Members] = [one.examples.lengths for one in parts]
    return Examples(
        ids=np.concatenate(ids),
        trained=np.concatenate(marks),
        edges=np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64),
    )
