# SPDX-License-Identifier: Apache-2.0
"""What is trained, for 8 families of templates and 12 conversations, as read over by a person.

`python -m tests.unit.chat.test_golden_masks` from the repository's folder writes the file anew;
then read what changed.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pytest

from engine.chat.tokenizer import ChatTokenizer, load_tokenizer
from engine.domain.dataset import ChatRow
from tests.builders.conversations import CONVERSATIONS, TEMPLATES, template_text
from tests.builders.model_folder import tiny_model_folder

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "masks.json"
CLOCK = datetime(2026, 11, 20, tzinfo=UTC)


def tokenizer_of(template: str, folder: Path) -> ChatTokenizer:
    end, bos = TEMPLATES[template]
    path = tiny_model_folder(folder, template=template_text(template), end_of_turn=end, bos=bos)
    return load_tokenizer(path, clock=CLOCK)


def stretches(tokenizer: ChatTokenizer, row: ChatRow) -> list[str]:
    """Return the problem, or the text in pieces: read ones begin with `-`, trained with `+`."""
    found = tokenizer.encode_row(row, max_length=10_000)
    if found.problem:
        return [f"! {found.problem}"]
    pairs = zip(found.ids, found.trained, strict=True)
    return [
        f"{'+' if is_trained else '-'} {tokenizer.decode([one for one, _trained in part])}"
        for is_trained, part in groupby(pairs, key=lambda pair: pair[1])
    ]


@pytest.mark.parametrize("template", TEMPLATES)
def test_trained_text_is_as_it_was_read_over(template: str, tmp_path: Path) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    tokenizer = tokenizer_of(template, tmp_path / "m")
    found = {name: stretches(tokenizer, row) for name, row in CONVERSATIONS.items()}
    assert found == golden[template]


def write_golden() -> None:
    """Write the golden file from what the code does now."""
    with tempfile.TemporaryDirectory() as folder:
        found = {
            template: {
                name: stretches(tokenizer_of(template, Path(folder) / template), row)
                for name, row in CONVERSATIONS.items()
            }
            for template in TEMPLATES
        }
    text = json.dumps(found, ensure_ascii=False, indent=1)
    GOLDEN.write_text(f"{text}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_golden()
