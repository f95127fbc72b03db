# SPDX-License-Identifier: Apache-2.0
"""How fast rows become packed tokens with their loss mask, and how fast kept ones are there again.

Usage: python benchmarks/tokens_benchmark.py [--rows N] [--repeat N] [--check]

Makes seeded conversations whose words are as often as in a language (Zipf), trains a byte-level BPE
of 16,000 tokens on them, and encodes them as a run does, with one thread. "Cold" reads, renders,
tokenises, masks and packs; "warm" takes tokens that an earlier run kept, verifies and packs them.
With --check the exit status is 1 where a bar is missed: 600,000 tokens a second cold, 2 seconds for
100,000 rows warm, packed sequences of 4,096 tokens filled to 97 %.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from apart import say
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from engine.chat.packing import pack_bins
from engine.chat.template import ChatTemplate
from engine.chat.tokenizer import ChatTokenizer
from engine.domain.dataset import DatasetInfo, RowKind
from engine.formats.dataset_writer import DatasetWriter
from engine.store import atomicfs
from engine.store.documents import read_document, write_document
from engine.store.layout import Layout
from engine.store.ledger import Ledger
from engine.store.workspace import open_workspace
from engine.train.examples import EncodedSplit, encode_training_rows
from engine.train.sources import RowSource
from engine.train.token_cache import TokenCache
from tests.builders.conversations import chat

SEED, CAPACITY, WORDS, VOCABULARY = 7, 4096, 30_000, 16_000
LEAST_TOKENS_PER_S, MOST_WARM_S, LEAST_FILL = 600_000, 2.0, 0.97
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_texts(rows: int) -> list[tuple[str, str]]:
    """Return questions with answers, the same ones at every call; lengths are lognormal."""
    source = random.Random(SEED)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(source.choices(letters, k=source.randint(2, 11))) for _ in range(WORDS)]
    weights = [1 / (rank + 3) for rank in range(WORDS)]
    pool = source.choices(words, weights, k=1_000_000)

    def text(mean: int) -> str:
        """Return some words in a row of the pool."""
        count = max(3, int(source.lognormvariate(0, 0.7) * mean))
        start = source.randrange(len(pool) - count)
        return " ".join(pool[start : start + count]).capitalize() + "."

    return [(text(30), text(90)) for _ in range(rows)]


def make_tokenizer(texts: list[tuple[str, str]]) -> ChatTokenizer:
    """Train a byte-level BPE on some of the texts, with the template of ChatML."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    plain.train_from_iterator((side for pair in texts[:4000] for side in pair), trainer)
    names = {"eos_token": "<|im_end|>"}
    template = ChatTemplate(TEMPLATE, special_tokens=names, clock=datetime(2026, 1, 1, tzinfo=UTC))
    return ChatTokenizer(plain, template=template, special_tokens=names)


def make_dataset(layout: Layout, texts: list[tuple[str, str]]) -> RowSource:
    """Write the texts as a dataset of the workspace."""
    folder = layout.dataset("rows")
    with atomicfs.new_folder(folder.root) as building:
        with DatasetWriter(building / "rows", RowKind.CHAT, 0.0, Ledger()) as writer:
            for line, pair in enumerate(texts):
                writer.add(chat(*pair), 0, line)
            written = writer.finish()
        info = DatasetInfo(
            id="rows", name="rows", kind=RowKind.CHAT, rows=len(texts), rejects=0,
            duplicates=written.duplicates, splits=written.splits, eval_ratio=0.0,
            created_at="2026-01-01T00:00:00Z", sources=(),
        )  # fmt: skip
        write_document(building / "dataset.json", info)
    return RowSource(folder=folder, info=read_document(folder.info, DatasetInfo), version=1)


def timed(work: Callable[[], EncodedSplit]) -> tuple[float, float, float]:
    """Return wall and processor seconds of reading and packing, and the fill."""
    begun, busy = time.perf_counter(), time.process_time()
    split = work()
    lengths = [int(one) for one in split.examples.lengths]
    bins = pack_bins(lengths, CAPACITY)
    seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    return seconds, busy, sum(lengths) / (len(bins) * CAPACITY)


def main() -> int:
    """Run everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    say(f"{platform.machine()}, {psutil.cpu_count()} processors, load {psutil.getloadavg()}")
    texts = make_texts(given.rows)
    tokenizer = make_tokenizer(texts)
    cold: list[float] = []
    warm: list[float] = []
    with tempfile.TemporaryDirectory(prefix="burnish-benchmark-") as place:
        layout = open_workspace(Path(place) / "workspace", now=datetime.now(UTC))
        source = make_dataset(layout, texts)
        cache = TokenCache(model_fingerprint="benchmark", written_time="", max_length=CAPACITY)

        def read(keep: TokenCache | None) -> EncodedSplit:
            """Encode the rows, or take their kept tokens."""
            return encode_training_rows(
                [source], tokenizer, max_length=CAPACITY, cache=keep, on_rows=lambda _rows: None
            )

        tokens = int(read(cache).examples.edges[-1])
        fill = 0.0
        for _ in range(given.repeat):
            _seconds, busy, fill = timed(lambda: read(None))
            cold.append(tokens / busy)
        warm.extend(timed(lambda: read(cache))[0] for _ in range(given.repeat))
    characters = sum(len(one) + len(other) for one, other in texts)
    say(f"{given.rows:,} rows, {tokens:,} tokens, {characters / tokens:.2f} characters a token")
    say(f"cold: {statistics.median(cold):,.0f} tokens for each second of one core "
        f"({min(cold):,.0f} to {max(cold):,.0f})")  # fmt: skip
    say(f"warm: {statistics.median(warm):.2f} s ({min(warm):.2f} to {max(warm):.2f})")
    say(f"packed into {CAPACITY:,} tokens: filled to {fill:.2%}")
    most_s = MOST_WARM_S * given.rows / 100_000
    is_met = (
        statistics.median(cold) >= LEAST_TOKENS_PER_S
        and statistics.median(warm) <= most_s
        and fill >= LEAST_FILL
    )
    return 0 if is_met or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
