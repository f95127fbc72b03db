# SPDX-License-Identifier: Apache-2.0
"""Reports for help hold no rows, no names and no paths, and still say where it went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api.redaction import Redaction

REDACTION = Redaction(
    workspace=Path("/home/ada/work/space"), home=Path("/home/ada"), user="ada", computer="analyst-7"
)
LOG = """\
2026-11-21 10:00:00,123 INFO worker failed: unforeseen
2026-11-21 10:00:00,124 WARNING transformers.tokenization could not read: secret row text
Traceback (most recent call last):
  File "/home/ada/.local/engine/train/sft_qlora.py", line 12, in train
    row = parse("secret row text")
ValueError: secret row text
secret row text in the next line: of the error
Grimaldi: owes 900
2026-11-21 10:00:01,000 INFO engine.train opened /home/ada/work/space/jobs/1 on analyst-7 for Ada
"""


def test_log_keeps_kinds_and_places_and_drops_every_word_that_may_be_data() -> None:
    assert REDACTION.log(LOG.splitlines()) == [
        "2026-11-21 10:00:00,123 INFO worker failed: unforeseen",
        "2026-11-21 10:00:00,124 WARNING transformers.tokenization …",
        "Traceback (most recent call last):",
        "  sft_qlora.py:12 train",
        "ValueError",
        "2026-11-21 10:00:01,000 INFO engine.train opened WORKSPACE/jobs/1 on COMPUTER for USER",
        "(3 lines were left out)",
    ]


def test_row_that_begins_as_a_traceback_does_is_left_out() -> None:
    heads = [
        "Traceback (most recent call last):",
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    ]
    rows = [
        "During handling of the claim Grimaldi owed 900",
        "The above exception to the contract: Grimaldi pays nothing",
        "Traceback (most recent call last): Grimaldi",
    ]
    found = REDACTION.log([*heads, "ValueError: " + rows[0], *rows])
    assert found == [*heads, "ValueError", "(3 lines were left out)"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/home/ada/work/space/jobs", "WORKSPACE/jobs"),
        ("/home/ada/notes.txt", "HOME/notes.txt"),
        ("/home/grace/notes.txt", "HOME/notes.txt"),
        (r"C:\Users\Grace\notes.txt", r"HOME\notes.txt"),
        ("Ada on ANALYST-7", "USER on COMPUTER"),
        ("adapter of Canada", "adapter of Canada"),
    ],
)
def test_text_names_neither_person_nor_computer_nor_their_folders(text: str, wanted: str) -> None:
    assert REDACTION.text(text) == wanted


def test_names_too_short_to_be_told_apart_from_words_stay() -> None:
    short = Redaction(workspace=Path("/w"), home=Path("/h"), user="a", computer="")
    assert short.text("a run") == "a run"
