# SPDX-License-Identifier: Apache-2.0
"""The files around the rows, in the form that `datasets.load_from_disk` opens as a DatasetDict.

Form: datasets 5.2, `Dataset.save_to_disk` and `DatasetDict.save_to_disk`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from engine.domain.dataset import RowKind
from engine.store import atomicfs

DATA_FILE = "data-00000-of-00001.arrow"
TURN_FIELDS = {
    "role": "string",
    "content": "string",
    "tool_calls": "string",
    "weight": "float64",
    "name": "string",
    "tool_call_id": "string",
}
"""Fields of a turn in a column of conversations, each with its Arrow type.

An early Burnish wrote only the first four, so that who reads stored turns must not rely on the
others being there.
"""

_Json = dict[str, Any]


def data_file(rows: Path, split: str) -> Path:
    """Return the Arrow stream of one split inside the rows folder of a dataset."""
    return rows / split / DATA_FILE


def write_documents(rows: Path, kind: RowKind, fingerprints: dict[str, str]) -> None:
    """Write what stands beside the Arrow files, in a folder that is being built.

    Args:
        rows: The rows folder, with one folder for each split.
        kind: Kind of the rows, which settles their columns.
        fingerprints: For each split a text that differs where its rows differ.

    Raises:
        DiskFull: No room.
    """
    _write(rows / "dataset_dict.json", {"splits": list(fingerprints)})
    for split, fingerprint in fingerprints.items():
        _write(rows / split / "dataset_info.json", _info(kind))
        _write(rows / split / "state.json", _state(split, fingerprint))


def _write(path: Path, document: _Json) -> None:
    atomicfs.write_file(path, msgspec.json.format(msgspec.json.encode(document)), durable=False)


def _value(dtype: str) -> _Json:
    return {"dtype": dtype, "_type": "Value"}


def _turns() -> _Json:
    return {
        "feature": {name: _value(dtype) for name, dtype in TURN_FIELDS.items()},
        "_type": "List",
    }


def _features(kind: RowKind) -> _Json:
    content: dict[RowKind, _Json] = {
        RowKind.CHAT: {"messages": _turns(), "tools": _value("string")},
        RowKind.TEXT: {"text": _value("string")},
        RowKind.PREFERENCE: {"prompt": _turns(), "chosen": _turns(), "rejected": _turns()},
        RowKind.RATED: {"prompt": _turns(), "completion": _turns(), "is_liked": _value("bool")},
        RowKind.LABEL: {name: _value("string") for name in ("text", "image", "label")},
    }
    return {
        **content[kind],
        "fields": _value("string"),
        "row_hash": _value("string"),
        "source": _value("int32"),
        "line": _value("int64"),
    }


def _info(kind: RowKind) -> _Json:
    return {
        "citation": "",
        "description": "",
        "features": _features(kind),
        "homepage": "",
        "license": "",
    }


def _state(split: str, fingerprint: str) -> _Json:
    return {
        "_data_files": [{"filename": DATA_FILE}],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }
