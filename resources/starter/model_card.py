# SPDX-License-Identifier: Apache-2.0
"""Writes the starter model's card and licence, with the figures that its build measured."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

LICENCE = Path(__file__).resolve().parents[2] / "LICENSE"

_CARD = """\
---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
---

# Burnish starter

A very small chat model that ships with Burnish, so that fine-tuning can be tried at once, with no
graphics card and no download. It was made by the Burnish project from nothing: no text, no weights
and no tokenizer of anyone else went into it.

It knows one small, invented world: a town with 24 people, their jobs, pets and houses, its shops,
some animals, colours, days, small numbers, simple causes, and the devices of an office with their
usual faults. It speaks simple English in short, plain sentences.

## Facts

| | |
|---|---|
| Shape | Llama, {layers} layers, width {width}, grouped-query attention, tied embeddings |
| Parameters | {parameters:,} |
| Weights | bfloat16, safetensors |
| Tokenizer | byte-level BPE, {vocabulary:,} entries, trained on the same corpus |
| Chat template | ChatML, system turn optional; `<|im_end|>` ends a turn |
| Context | 1,024 positions; trained on rows of {row_tokens} tokens |
| Trained on | {tokens:.1f} million tokens in {steps:,} steps, about {minutes:.0f} minutes |
| Machine | {threads}-core x86-64 CPU, bfloat16 autocast |
| Held-out perplexity | **{perplexity:.2f}** per token; unigram baseline {unigram:.0f} |
| Licence | Apache-2.0 |

The corpus is drawn from a seeded grammar (`resources/starter/`). A text belongs to the training
side or to the held-out side by its own hash, so the perplexity is measured on stories, pages and
chats that were never trained on. Facts, words and sentence patterns are shared by both sides: the
figure says how well the small world was learned, and nothing about other text.

Build it again with `python resources/starter/build.py --out resources/starter/model`. The same
machine and the same library versions give the same weights.

## Limits

- It knows nothing outside its small world and does not know where that world ends: an answer to
  any other question is wrong or strange.
- It learns forms and short answers well. It has no skill to learn from long or difficult text.
- It is meant for trying out fine-tuning and for tests, not for use in earnest.
"""


class Measured(NamedTuple):
    """What one build found out, for the card."""

    parameters: int
    layers: int
    width: int
    vocabulary: int
    row_tokens: int
    tokens: float
    steps: int
    minutes: float
    threads: int
    perplexity: float
    unigram: float


def write_card(folder: Path, measured: Measured) -> None:
    """Write README.md and LICENSE to `folder`; `measured.tokens` is in millions."""
    text = _CARD.format(**measured._asdict())
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
    shutil.copyfile(LICENCE, folder / "LICENSE")
