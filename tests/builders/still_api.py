# SPDX-License-Identifier: Apache-2.0
"""The facade of a workspace where jobs can be begun, but no worker starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from engine.api.facade import Api, open_api
from tests.builders.dataset_import import ImportRun, new_workspace
from tests.builders.model_folder import tiny_model_folder

ROWS = tuple(
    {"prompt": f"Question {number}", "completion": "word " * number} for number in range(1, 41)
)


def still_api(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    rows: Sequence[Mapping[str, object]] = ROWS,
) -> Api:
    """Make a workspace in a folder, with the dataset d1 of these rows, all to train, and a model.

    Its jobs do not start by themselves.
    """
    source = folder / "rows.jsonl"
    source.write_bytes(b"\n".join(msgspec.json.encode(one) for one in rows))
    ImportRun(new_workspace(folder / "w"), [source], name="Rows", eval_ratio=0.0).run()
    monkeypatch.setattr("engine.api.jobs.spawn", lambda _folder, **_more: None)
    opened = open_api(folder / "w")
    opened.models.add(tiny_model_folder(folder / "m"))
    return opened
