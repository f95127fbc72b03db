# SPDX-License-Identifier: Apache-2.0
"""Trains the starter model from nothing on the corpus of the small world, on the CPU."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import torch
from chat_tokenizer import END_OF_TEXT_ID, TURN_END_ID
from chats import draw_documents
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

Row: TypeAlias = list[list[int]]

ROW_TOKENS = 384
ROWS_PER_MICRO_STEP = 6
MICRO_STEPS = 2
POOL_DOCUMENTS = 64
IGNORED = -100
LOGIT_CHUNK = 512
PROGRESS_EVERY_STEPS = 20


class Plan(NamedTuple):
    """How long to train and how fast to learn."""

    steps: int = 900
    warmup_steps: int = 60
    muon_rate: float = 0.02
    adam_rate: float = 0.006
    held_out_rows: int = 128
    unigram_rows: int = 1000
    threads: int = 2
    seed: int = 20260701


def build_model(vocabulary_size: int) -> LlamaForCausalLM:
    """Return a fresh Llama-shaped model of about 4.5 million parameters."""
    config = LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=TURN_END_ID,
        pad_token_id=END_OF_TEXT_ID,
    )
    return LlamaForCausalLM(config)


class ChunkedLoss(torch.autograd.Function):
    """Mean cross-entropy whose logits exist for `LOGIT_CHUNK` positions at a time.

    The gradient is found in the forward pass, which is twice as fast on a CPU as keeping all
    logits of a micro-step in memory.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean loss in nats; `hidden` is (n, width), `weight` (vocabulary, width)."""
        narrow = weight.to(torch.bfloat16)
        hidden_gradient = torch.zeros_like(hidden, dtype=torch.float32)
        weight_gradient = torch.zeros_like(weight)
        total = torch.zeros(())
        for start in range(0, hidden.shape[0], LOGIT_CHUNK):
            part = slice(start, start + LOGIT_CHUNK)
            states, wanted = hidden[part].to(torch.bfloat16), targets[part]
            odds = torch.log_softmax((states @ narrow.T).float(), dim=-1)
            counted = (wanted != IGNORED).float()
            index = wanted.clamp(min=0)[:, None]
            total = total - (odds.gather(1, index)[:, 0] * counted).sum()
            odds.exp_().scatter_add_(1, index, -torch.ones_like(index, dtype=torch.float32))
            delta = (odds * counted[:, None]).to(torch.bfloat16)
            hidden_gradient[part] = (delta @ narrow).float()
            weight_gradient += (delta.T @ states).float()
        count = (targets != IGNORED).sum()
        ctx.save_for_backward(hidden_gradient / count, weight_gradient / count)
        return total / count

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> Any:
        """Return the gradients found in the forward pass, scaled."""
        hidden_gradient, weight_gradient = ctx.saved_tensors
        return outputs[0] * hidden_gradient, outputs[0] * weight_gradient, None


class Batch(NamedTuple):
    """Rows of documents as tensors: ids, positions and targets (rows, tokens), who sees whom."""

    inputs: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor
    sees: torch.Tensor


def pack_rows(documents: Iterator[str], tokenizer: Tokenizer) -> Iterator[Row]:
    """Yield rows of whole documents, best-fit, together at most `ROW_TOKENS` ids each."""
    pool: Row = []
    while True:
        texts = list(itertools.islice(documents, POOL_DOCUMENTS))
        pool += [[*encoding.ids, END_OF_TEXT_ID] for encoding in tokenizer.encode_batch_fast(texts)]
        pool = [ids for ids in pool if len(ids) <= ROW_TOKENS]
        while len(pool) >= POOL_DOCUMENTS // 2:
            row = [pool.pop(0)]
            room = ROW_TOKENS - len(row[0])
            while fitting := [ids for ids in pool if len(ids) <= room]:
                longest = max(fitting, key=len)
                pool.remove(longest)
                row.append(longest)
                room -= len(longest)
            yield row


def as_batch(rows: list[Row]) -> Batch:
    """Return `rows` as tensors; padding carries no loss, and no document sees another.

    Documents that see each other make copying far harder to learn: the model would have to find
    out first which of several notes an answer belongs to.
    """
    inputs = torch.full((len(rows), ROW_TOKENS), END_OF_TEXT_ID)
    positions = torch.zeros_like(inputs)
    targets = torch.full_like(inputs, IGNORED)
    owner = torch.full_like(inputs, -1)
    for index, row in enumerate(rows):
        start = 0
        for number, ids in enumerate(row):
            part = slice(start, start + len(ids))
            inputs[index, part] = torch.tensor(ids)
            positions[index, part] = torch.arange(len(ids))
            targets[index, start : part.stop - 1] = torch.tensor(ids[1:])
            owner[index, part] = number
            start = part.stop
    same = owner[:, :, None] == owner[:, None, :]
    return Batch(inputs, positions, targets, same.tril()[:, None])


def loss_of(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Return the mean next-token loss in nats."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(
            input_ids=batch.inputs,
            position_ids=batch.positions,
            attention_mask=batch.sees,
            use_cache=False,
        ).last_hidden_state
    flat = hidden.reshape(-1, hidden.shape[-1])
    return ChunkedLoss.apply(flat, model.lm_head.weight, batch.targets.reshape(-1))


def train(
    model: LlamaForCausalLM,
    rows: Iterator[Row],
    plan: Plan,
    *,
    report: Callable[[str], None],
) -> int:
    """Train `model` in place for `plan.steps` optimizer steps; return the tokens it saw."""
    optimizers = _optimizers(model, plan)
    started, seen_tokens, recent = time.monotonic(), 0, 0.0
    model.train()
    for step in range(1, plan.steps + 1):
        for _ in range(MICRO_STEPS):
            batch = as_batch(list(itertools.islice(rows, ROWS_PER_MICRO_STEP)))
            loss = loss_of(model, batch) / MICRO_STEPS
            loss.backward()
            recent += float(loss.detach())
            seen_tokens += int((batch.targets != IGNORED).sum())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        _take_step(optimizers, _rate_factor(step, plan))
        if step % PROGRESS_EVERY_STEPS == 0 or step == plan.steps:
            passed_s = time.monotonic() - started
            shown = (step - 1) % PROGRESS_EVERY_STEPS + 1
            left_min = passed_s / step * (plan.steps - step) / 60
            report(
                f"step {step}/{plan.steps}  loss {recent / shown:.3f}  "
                f"{seen_tokens / passed_s:.0f} tokens/s  {left_min:.1f} min left"
            )
            recent = 0.0
    return seen_tokens


def _optimizers(model: LlamaForCausalLM, plan: Plan) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the layers and AdamW for everything else."""
    named = list(model.named_parameters())
    matrices = [p for name, p in named if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in named if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=plan.muon_rate, weight_decay=0.02),
        torch.optim.AdamW(others, lr=plan.adam_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def _rate_factor(step: int, plan: Plan) -> float:
    """Return the share of the full learning rate: warm-up, then a straight line to zero."""
    if step <= plan.warmup_steps:
        return step / plan.warmup_steps
    return (plan.steps - step + 1) / (plan.steps - plan.warmup_steps)


def _take_step(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group.setdefault("full_lr", group["lr"])
            group["lr"] = group["full_lr"] * factor
        optimizer.step()
        optimizer.zero_grad()


def held_out_perplexity(
    model: LlamaForCausalLM, rows: list[Row], unigram: list[int]
) -> tuple[float, float]:
    """Return the perplexity of `model` and of a unigram model on the same `rows`.

    `unigram` holds how often each id was counted in training text (add-one smoothing).
    """
    total = sum(unigram) + len(unigram)
    model.eval()
    nats, baseline_nats, count = 0.0, 0.0, 0
    for start in range(0, len(rows), ROWS_PER_MICRO_STEP):
        part = rows[start : start + ROWS_PER_MICRO_STEP]
        wanted = [token for row in part for ids in row for token in ids[1:]]
        with torch.no_grad():
            nats += float(loss_of(model, as_batch(part))) * len(wanted)
        baseline_nats -= sum(math.log((unigram[token] + 1) / total) for token in wanted)
        count += len(wanted)
    return math.exp(nats / count), math.exp(baseline_nats / count)


def corpus_rows(tokenizer: Tokenizer, *, seed: int, held_out: bool) -> Iterator[Row]:
    """Yield packed rows without end from one side of the corpus."""
    documents = draw_documents(random.Random(seed), held_out=held_out)
    return pack_rows(documents, tokenizer)
