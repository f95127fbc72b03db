# SPDX-License-Identifier: Apache-2.0
"""Model folders that must be refused, each with the right error and a message that names it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from engine.store.modelfolder import inspect_model
from tests.builders.evil_model_folders import CASES, NEEDS_POSIX
from tests.builders.model_folder import tiny_model_folder


@pytest.mark.parametrize("name", CASES)
def test_evil_folder_is_refused_by_name(name: str, tmp_path: Path) -> None:
    if name in NEEDS_POSIX and sys.platform == "win32":
        pytest.skip("Windows has no pipes and devices in folders")
    error, wanted, change = CASES[name]
    path = tiny_model_folder(tmp_path / "model")
    change(path)
    with pytest.raises(error) as caught:
        inspect_model(path, model_id="m", name="Evil", added_at="2026-11-20T00:00:00.000Z")
    assert type(caught.value) is error
    assert re.search(wanted, caught.value.message), caught.value.message
    assert caught.value.remedy
