# SPDX-License-Identifier: Apache-2.0
"""Training runtimes that hold nothing but their manifest and an empty torch."""

from __future__ import annotations

import json
from pathlib import Path

from engine.launcher import runtime as runtimes
from engine.launcher.runtime import Runtime


def write_runtime(root: Path, **changes: object) -> Runtime:
    """Write a runtime that fits this Python, save for what is changed in its manifest."""
    (root / runtimes.PACKAGES / "torch").mkdir(parents=True)
    manifest: dict[str, object] = {
        "schema_version": runtimes.SCHEMA_VERSION,
        "id": "cpu-0123456789ab",
        "variant": "cpu",
        "python": runtimes.python_tag(),
        "platform": runtimes.platform_tag(),
        "torch": "2.13.0+cpu",
        "minimum_driver": 0,
        "lock": "",
        "packages": {"torch": "2.13.0+cpu"},
        "protocol": runtimes.PROTOCOL,
        "app": "0.1.0",
    }
    (root / runtimes.FILE_NAME).write_text(json.dumps(manifest | changes), encoding="utf-8")
    found = runtimes.read_runtime(root)
    assert found is not None
    return found
