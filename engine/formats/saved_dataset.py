# SPDX-License-Identifier: Apache-2.0
"""Folders that the library `datasets` made: which files hold rows, and which only describe them.

`Dataset.save_to_disk` writes data-*.arrow, state.json (which names them) and dataset_info.json; a
DatasetDict has such a folder for each split and dataset_dict.json above them. A cache folder holds
dataset_info.json beside Arrow files, and results of `map` as further Arrow files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.formats.source import read_head

STATE = "state.json"
SIDE_FILES = frozenset({STATE, "dataset_info.json", "dataset_infos.json", "dataset_dict.json"})
_ROW_SUFFIXES = frozenset({".arrow", ".parquet"})


class _DataFile(msgspec.Struct, frozen=True):
    filename: str


class _State(msgspec.Struct, frozen=True):
    data_files: tuple[_DataFile, ...] = msgspec.field(name="_data_files")


def stray_files(beside: Sequence[Path]) -> set[Path]:
    """Return which of all files of one folder hold no rows of the dataset that was saved there.

    Empty where no dataset was.
    """
    names = {path.name for path in beside}
    if "dataset_dict.json" in names:
        return {path for path in beside if path.name in SIDE_FILES}
    if names.isdisjoint(SIDE_FILES) or not any(path.suffix in _ROW_SUFFIXES for path in beside):
        return set()
    listed = _listed(next((path for path in beside if path.name == STATE), None))
    return {
        path
        for path in beside
        if path.name in SIDE_FILES
        or (listed and path.suffix == ".arrow" and path.name not in listed)
    }


def _listed(state: Path | None) -> frozenset[str]:
    """Return the names in a state.json; none where it is not one."""
    if state is None:
        return frozenset()
    try:
        found = msgspec.json.decode(read_head(state), type=_State)
    except msgspec.MsgspecError:
        return frozenset()
    return frozenset(one.filename for one in found.data_files)
