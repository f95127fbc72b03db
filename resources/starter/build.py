# SPDX-License-Identifier: Apache-2.0
"""Builds the starter model: corpus, tokenizer, pretraining, model folder.

Run `python resources/starter/build.py --out resources/starter/model`. It needs no network, is
deterministic on one machine, and takes about half an hour on two CPU cores.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from pathlib import Path

import torch
from chat_tokenizer import END_OF_TEXT_ID, TURN_END_ID, save_tokenizer, train_tokenizer
from chats import draw_documents
from model_card import Measured, write_card
from pretrain import (
    ROW_TOKENS,
    Plan,
    Row,
    build_model,
    corpus_rows,
    held_out_perplexity,
    train,
)
from tokenizers import Tokenizer
from transformers import GenerationConfig, LlamaForCausalLM

TOKENIZER_DOCUMENTS = 60_000
QUICK_DOCUMENTS = 1000


def report(text: str) -> None:
    """Write one line of progress at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def count_tokens(tokenizer: Tokenizer, rows: list[Row]) -> list[int]:
    """Return how often each id of the vocabulary occurs in `rows`."""
    counts = [0] * tokenizer.get_vocab_size()
    for row in rows:
        for token in itertools.chain.from_iterable(row):
            counts[token] += 1
    return counts


def save_model(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write weights as bf16 safetensors, configuration and tokenizer to `folder`."""
    model.generation_config = GenerationConfig(
        do_sample=False,
        eos_token_id=[TURN_END_ID, END_OF_TEXT_ID],
        pad_token_id=END_OF_TEXT_ID,
    )
    model.bfloat16()
    model.save_pretrained(str(folder))
    save_tokenizer(tokenizer, folder)


def start(plan: Plan, *, tokenizer_documents: int) -> tuple[Tokenizer, LlamaForCausalLM]:
    """Return a trained tokenizer and an untrained model that fits it."""
    torch.set_num_threads(plan.threads)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(plan.seed)
    documents = draw_documents(random.Random(plan.seed), held_out=False)
    tokenizer = train_tokenizer(itertools.islice(documents, tokenizer_documents))
    model = build_model(tokenizer.get_vocab_size())
    report(f"{tokenizer.get_vocab_size():,} entries in the vocabulary")
    report(f"{model.num_parameters():,} parameters")
    return tokenizer, model


def build(out: Path, plan: Plan, *, tokenizer_documents: int) -> None:
    """Build the whole model folder at `out` and report held-out perplexity."""
    started = time.monotonic()
    tokenizer, model = start(plan, tokenizer_documents=tokenizer_documents)
    sample = corpus_rows(tokenizer, seed=plan.seed + 1, held_out=False)
    counts = count_tokens(tokenizer, list(itertools.islice(sample, plan.unigram_rows)))
    rows = corpus_rows(tokenizer, seed=plan.seed + 2, held_out=False)
    seen_tokens = train(model, rows, plan, report=report)
    minutes = (time.monotonic() - started) / 60
    held_out = corpus_rows(tokenizer, seed=plan.seed + 3, held_out=True)
    evaluated = list(itertools.islice(held_out, plan.held_out_rows))
    perplexity, unigram = held_out_perplexity(model, evaluated, counts)
    save_model(model, tokenizer, out)
    measured = Measured(
        parameters=model.num_parameters(),
        layers=model.config.num_hidden_layers,
        width=model.config.hidden_size,
        vocabulary=tokenizer.get_vocab_size(),
        row_tokens=ROW_TOKENS,
        tokens=seen_tokens / 1e6,
        steps=plan.steps,
        minutes=minutes,
        threads=plan.threads,
        perplexity=perplexity,
        unigram=unigram,
    )
    write_card(out, measured)
    report(f"held-out perplexity: model {perplexity:.2f}, unigram baseline {unigram:.1f}")
    report(f"built {out} in {minutes:.1f} minutes")


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description="Build the starter model of Burnish.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--steps", type=int, default=Plan().steps, help="optimizer steps")
    parser.add_argument("--quick", action="store_true", help="a few steps only, to test the script")
    options = parser.parse_args()
    if options.quick:
        plan = Plan(steps=2, warmup_steps=1, held_out_rows=4, unigram_rows=8, threads=1)
        build(options.out, plan, tokenizer_documents=QUICK_DOCUMENTS)
    else:
        build(options.out, Plan(steps=options.steps), tokenizer_documents=TOKENIZER_DOCUMENTS)


if __name__ == "__main__":
    main()
