# SPDX-License-Identifier: Apache-2.0
"""The locks of the training runtime, and how they are written."""

from __future__ import annotations

import re

import pytest
import runtime_lock

from tests.unit.packaging.locks import pins

LINE = re.compile(r"([a-z0-9.-]+)==(\S+) --hash=sha256:([0-9a-f]{64})  # (\S+\.whl)")


@pytest.mark.parametrize("variant", list(runtime_lock.VARIANTS))
def test_lock_pins_each_wheel_by_its_hash_and_as_the_constraints_do(variant: str) -> None:
    text = (runtime_lock.LOCKS / f"{variant}.lock").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in lines)
    wanted = pins(runtime_lock.CONSTRAINTS.read_text(encoding="utf-8"))
    locked = {name: one.partition("+")[0] for name, one in pins(text).items()}
    assert {name: one for name, one in locked.items() if wanted.get(name, one) != one} == {}
    assert {"torch", "transformers", "peft", "bitsandbytes", "datasets"} <= locked.keys()


def test_lock_text_names_the_wheels_of_a_report_in_order() -> None:
    report: dict[str, object] = {
        "install": [
            {
                "metadata": {"name": name, "version": "2.0+cpu"},
                "download_info": {
                    "url": f"https://example.org/{name}-2.0%2Bcpu-py3-none-any.whl",
                    "archive_info": {"hashes": {"sha256": "ab" * 32}},
                },
            }
            for name in ("Torch_Vision", "alpha")
        ]
    }
    text = runtime_lock.lock_text("cu130", report)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line.partition(" ")[0] for line in lines] == ["alpha==2.0+cpu", "torch-vision==2.0+cpu"]
    assert lines[1].endswith("  # Torch_Vision-2.0+cpu-py3-none-any.whl")
    assert "# minimum driver: 580" in text
